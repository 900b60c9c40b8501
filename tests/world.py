"""A small world of invented organisations over a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import session_makers
from app.schemas.facts import parse_data
from app.services.access import Actor
from app.services.checkpoints import sign_head
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact, parse_at
from app.services.genesis import TrustRoot, found_log, new_log_key
from app.services.keys import KeyRing
from app.services.posting import Receipt
from app.services.recording import Doors, record, record_as_registrar
from app.services.registration import Registration, register_organisation
from labels.codes import code_from_bytes, new_code
from ledger import Checkpoint, leaf_hash

NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
REGISTRAR = Actor(1, None, None, frozenset({"registrar"}))


def code_of(name: str) -> str:
    """A code that follows from a short name."""
    return code_from_bytes(leaf_hash(name.encode()))


class World:
    """Doors into a database with a founded log, and the facts of its organisations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writers, self._readers = session_makers(engine)
        self.doors = Doors(reading=self.reading, transaction=self.transaction)
        self.keyring = KeyRing(bytes(range(32)))
        self.log_key = new_log_key(None)
        self.now = NOW
        self.root: TrustRoot

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._writers.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._readers() as session:
            yield session

    def found(self) -> None:
        """Write entry 0."""
        with self.transaction() as session:
            self.root = found_log(session, self.keyring, self.log_key, self.now)

    def register(self, name: str, group: str | None = None) -> str:
        """An organisation with a key that the platform holds; gives its code."""
        data: dict[str, Any] = {
            "code": code_of(name),
            "name_zh": f"示例 {name}",
            "roles": ["recycler"],
        }
        if group is not None:
            data["control_group"] = code_of(group)
        register_organisation(
            self.doors,
            self.keyring,
            REGISTRAR,
            Registration(data=data, private={}),
            self.now,
        )
        return code_of(name)

    def facility(
        self,
        org: str,
        name: str,
        *,
        kind: str = "collection",
        province: str = "440000",
        boundary: str = "B",
        scales: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """A facility of an organisation; gives its code."""
        data: dict[str, Any] = {
            "code": code_of(name),
            "organisation": org,
            "kind": kind,
            "province": province,
            "name_zh": f"示例 {name}",
            "boundary": {"code": boundary, "text_zh": f"边界 {boundary}"},
            "scales": [dict(scale) for scale in scales],
        }
        self.state("facility.registered", org, data)
        return code_of(name)

    def fact(
        self,
        kind: str,
        org: str,
        data: Mapping[str, Any],
        *,
        at: str = "2026-03-01T08:00:00Z",
        fact_id: str | None = None,
        private: Mapping[str, str] | None = None,
    ) -> Fact:
        """A checked fact."""
        return Fact(
            id=fact_id or new_fact_id(self.now),
            type=kind,
            org=org,
            at=parse_at(at),
            data=parse_data(kind, dict(data)),
            private=private or {},
        )

    def state(
        self, kind: str, org: str, data: Mapping[str, Any], **more: Any
    ) -> Receipt:
        """Post one fact of an organisation."""
        return self.post([self.fact(kind, org, data, **more)])[0]

    def post(self, facts: Sequence[Fact]) -> list[Receipt]:
        """Post facts of one organisation."""
        actor = Actor(2, 0, facts[0].org, frozenset({"recycler", "manager"}))
        return record(self.doors, self.keyring, actor, facts, self.now)

    def post_as_registrar(self, facts: Sequence[Fact]) -> list[Receipt]:
        """Post facts that the registrar signs."""
        return record_as_registrar(self.doors, self.keyring, REGISTRAR, facts, self.now)

    def checkpoint(self) -> Checkpoint | None:
        """Sign the head."""
        with self.transaction() as session:
            return sign_head(session, self.log_key, self.root.origin, self.now)

    def sourced(
        self, org: str, facility: str, *, net_g: int = 10_000_000, **more: Any
    ) -> str:
        """A lot of clean post-consumer scrap; gives its code."""
        code = new_code()
        data = {
            "lot": code,
            "facility": facility,
            "material": "AL-SCRAP-MIXED",
            "source": "collected",
            "origin_class": "post_consumer",
            "weighing": {"net_g": net_g, "scale": "W1"},
            "metal": "Al",
            "content_ppm": 950_000,
            "content_basis": "declared",
        }
        self.state("lot.sourced", org, data | more)
        return code


def fact_id(number: int) -> str:
    """A fact id of version 7 that follows from a number."""
    value = 0x019CA6CD_5340_7000_8000_000000000000 | number
    return str(UUID(int=value))
