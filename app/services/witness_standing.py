"""What a witness weighs in the policy of the log."""

from __future__ import annotations

from enum import StrEnum

from app.queries.cosigned import asks_for_witnesses
from ledger import Policy


class Standing(StrEnum):
    """What happens to the quorum without a witness.

    ``required``: it cannot be met. ``counts``: others can stand in. ``optional``: it
    never needed the witness.
    """

    REQUIRED = "required"
    COUNTS = "counts"
    OPTIONAL = "optional"


def standings(policy: Policy | None) -> dict[str, Standing]:
    """What each witness of a policy weighs, by its name in the policy."""
    if policy is None:
        return {}
    names = {one.name for one in policy.witnesses}
    heard = _heard(policy) if asks_for_witnesses(policy) else set()
    found = {}
    for name in names:
        if name not in heard:
            found[name] = Standing.OPTIONAL
        elif policy.is_met(names - {name}):
            found[name] = Standing.COUNTS
        else:
            found[name] = Standing.REQUIRED
    return found


def _heard(policy: Policy) -> set[str]:
    """Names that the quorum asks, through its groups."""
    members = {one.name: one.members for one in policy.groups}
    found: set[str] = set()
    waiting = [policy.quorum]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += members.get(name, ())
    return found
