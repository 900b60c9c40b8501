"""``remelt ledger witnesses``: ask those of the policy, and say how they stand."""

from __future__ import annotations

import json
import sys

import click
from flask.cli import with_appcontext

from app.db import reading
from app.publishing import log_policy
from app.queries.cosigned import asks_for_witnesses, find_published_checkpoint
from app.queries.log import find_checkpoint
from app.queries.witnesses import WitnessView, find_contradicting, list_witnesses
from app.security import doors, now
from app.services.archive import policy_text
from app.services.witness_rounds import ask_all
from app.services.witnessing import WitnessDesk


@click.command("witnesses")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def witnesses(as_json: bool) -> None:
    """Ask every witness once about the newest checkpoint; say how each stands.

    'remelt serve' does so by itself, after each checkpoint.

    Exit status: 1 where the newest checkpoint lacks its quorum, or a witness holds
    what this log lacks.
    """
    policy = log_policy()
    if policy is None or not policy.witnesses:
        raise click.ClickException("the policy names no witness")
    with reading() as session:
        policy_text(session, policy)  # of another log, nobody is asked
    ask_all(WitnessDesk(doors(), policy, now))
    with reading() as session:
        found = list_witnesses(session, policy)
        row = find_checkpoint(session)
        signed = 0 if row is None else row.size
        believed = find_published_checkpoint(session, policy)
        contradicted = find_contradicting(session, signed) is not None
    witnessed = 0 if believed is None else believed.size
    met = not asks_for_witnesses(policy) or (witnessed == signed and signed > 0)
    if as_json:
        told = {
            "signed_size": signed,
            "witnessed_size": witnessed,
            "quorum_met": met,
            "witnesses": [_as_json(one) for one in found],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for one in found:
            size = "-" if one.size is None else one.size
            click.echo(f"{one.state:<12} {size:>12}  {one.name}  {one.url}")
            if one.error:
                click.echo(f"             {one.error}")
        click.echo(f"signed {signed}, quorum {policy.quorum}: witnessed {witnessed}")
    if contradicted or not met:
        sys.exit(1)


def _as_json(one: WitnessView) -> dict[str, object]:
    tried_at = None if one.tried_at is None else one.tried_at.isoformat()
    return one._asdict() | {"tried_at": tried_at}
