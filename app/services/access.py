"""Who acts, and what they may do: the matrix of rights is ``app/data/rights.csv``.

A row of the matrix allows or denies one action to one role, towards things of the own
organisation, of a counterparty, of others, or towards any. Nothing that stands in no
row is allowed. Facts are recorded under the name of their type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from app.data import read_csv
from app.services.errors import Forbidden

Relation = Literal["own", "counterparty", "other"]

RELATIONS: tuple[Relation, ...] = get_args(Relation)
ROLES = ("recycler", "manager", "auditor", "mirror", "statistician", "registrar")
SCOPES = ("read", "record", "claim", "statistics", "administer")
"""What a token can be limited to; each action belongs to one scope."""

ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Rights:
    """The matrix, ready to be asked.

    Attributes:
        allowed: (action, role, relation) of everything that is allowed.
        scope_of: The scope of each action that a token can carry; an action without
            one needs a person who is signed in.
    """

    allowed: frozenset[tuple[str, str, Relation]]
    scope_of: dict[str, str | None]


@cache
def rights() -> Rights:
    """The matrix of rights, read once.

    Raises:
        ValueError: The file names an unknown role, relation, answer or scope.
    """
    allowed: set[tuple[str, str, Relation]] = set()
    scope_of: dict[str, str | None] = {}
    for row in read_csv("rights.csv"):
        action, role, relation = row["action"], row["role"], row["relation"]
        scope = row["scope"] or None
        if role not in (*ROLES, ANYONE) or scope not in (*SCOPES, None):
            raise ValueError(f"rights.csv: unknown role or scope in {row}")
        if relation not in (*RELATIONS, "any") or row["allowed"] not in ("yes", "no"):
            raise ValueError(f"rights.csv: unknown relation or answer in {row}")
        if scope_of.setdefault(action, scope) != scope:
            raise ValueError(f"rights.csv: {action} has two scopes")
        if row["allowed"] == "yes":
            allowed.update(
                (action, role, one) for one in RELATIONS if relation in (one, "any")
            )
    return Rights(frozenset(allowed), scope_of)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program behind a request.

    Attributes:
        user_id: Whose request it is.
        organisation_id: Row of the organisation they belong to; None for those who
            belong to none.
        organisation_code: Its code.
        roles: Names of their roles.
        scopes: What the token allows; None for a person who is signed in.
    """

    user_id: int
    organisation_id: int | None
    organisation_code: str | None
    roles: frozenset[str]
    scopes: frozenset[str] | None = None

    def may(self, action: str, relation: Relation = "own") -> bool:
        """Whether a role of the actor allows this, and the token (if any) too.

        Raises:
            KeyError: The matrix has no such action: a slip in the code.
        """
        scope = rights().scope_of[action]
        if self.scopes is not None and scope not in self.scopes:
            return False
        allowed = rights().allowed
        return any((action, role, relation) in allowed for role in self.roles)

    def require(self, action: str, relation: Relation = "own") -> None:
        """Insist on a right.

        Raises:
            Forbidden: No role of the actor, or not the token, allows this.
            KeyError: The matrix has no such action: a slip in the code.
        """
        if self.may(action, relation):
            return
        scope = rights().scope_of[action]
        if self.scopes is not None and scope not in self.scopes:
            raise Forbidden(
                "the token does not have the scope {scope}, which {action} needs",
                scope=scope or "of a person signed in",
                action=action,
            )
        raise Forbidden(
            "none of your roles allows {action} here ({relation})",
            action=action,
            relation=relation,
        )

    def relation_to(self, organisation_id: int | None) -> Relation:
        """How the actor stands to what an organisation owns: own or other.

        Whether it is a counterparty follows from transfers; the caller knows.
        """
        own = self.organisation_id is not None
        return "own" if own and organisation_id == self.organisation_id else "other"
