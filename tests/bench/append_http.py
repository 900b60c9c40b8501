"""Append over HTTP: one fact a request, beside a request that records nothing.

Both are authenticated by a token, have the same size and come from the same client
over the same kept-alive connections; the plain one is turned down once it is parsed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from app.db import open_engine
from app.models import OrganisationRow
from app.services.tokens import make_token
from app.services.users import add_user
from ledger import format_policy
from tests.bench.append import facts_of, world_over
from tests.bench.rows import Bench, Row
from tests.bench.serving import KeptConnection, serving_all
from tests.witnesses import at, honest, policy_of
from tests.world import World

CONNECTIONS = 4
REQUESTS, REQUESTS_SMALL, WARM_UP = 2_000, 400, 100
DELAY_S = 0.5


def rows(bench: Bench) -> Iterator[Row]:
    """Requests a second on both databases, without witness and with a slow one."""
    count = REQUESTS_SMALL if bench.small else REQUESTS
    for name, url in bench.databases():
        engine = open_engine(url)
        world, org, site = world_over(engine)
        token = _token(world, org)
        facts = [
            {"id": one.id, "type": one.type, "at": one.at_text, "data": dict(one.data)}
            for one in facts_of(world, org, site, 2 * (count + WARM_UP))
        ]
        bodies = [json.dumps({"facts": [one]}).encode() for one in facts]
        engine.dispose()
        empty = b'{"facts": []}'.ljust(len(bodies[0]))
        folder = bench.folder / name
        with serving_all(url, folder, world.log_key) as port:
            _posted(port, token, bodies[:WARM_UP], 201)
            _posted(port, token, [empty] * WARM_UP, 422)
            bare = _posted(port, token, [empty] * count, 422)
            ours = _posted(port, token, bodies[WARM_UP : WARM_UP + count], 201)
        yield Row(
            f"append over HTTP, one fact a request ({name})",
            bare,
            ours,
            "requests/s",
            ">= 0.5",
            f"{CONNECTIONS} connections; bare: the same without a fact",
        )
        with _witnessed(world, folder), serving_all(url, folder, world.log_key) as port:
            _posted(port, token, bodies[WARM_UP + count : -count], 201)
            slow = _posted(port, token, bodies[-count:], 201)
        yield Row(
            f"the same under a policy, its witness {DELAY_S} s late ({name})",
            ours,
            slow,
            "requests/s",
            "1",
            "bare: the row above, which asks no witness",
        )


@contextmanager
def _witnessed(world: World, folder: Path) -> Iterator[None]:
    """A witness whose cosignature the server's policy asks for, and which is slow."""
    with honest(folder, 1, world) as witness:
        witness.at, witness.delay_s = time.time(), DELAY_S
        (folder / "policy").write_text(format_policy(policy_of(world, *at(witness))))
        yield
        if not witness.sizes:
            raise RuntimeError("the witness was not asked")


def _token(world: World, org: str) -> str:
    now = datetime.now(UTC)
    with world.transaction() as session:
        key = session.scalar(
            select(OrganisationRow.id).where(OrganisationRow.code == org)
        )
        user = add_user(
            session,
            email="bench@example.org",
            name="示例 bench",
            password="four lorries before noon",
            roles=["recycler"],
            organisation_id=key,
            now=now,
        )
        return make_token(
            session,
            user.id,
            name="bench",
            scopes=["record"],
            expires_at=now + timedelta(days=1),
            now=now,
        )[1]


def _posted(port: int, token: str, bodies: Sequence[bytes], status: int) -> float:
    """Requests a second."""
    connections = [KeptConnection(port) for _ in range(CONNECTIONS)]
    head = (
        "POST /api/v1/entries HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    )
    start = time.perf_counter()
    for n in range(0, len(bodies), CONNECTIONS):
        some = bodies[n : n + CONNECTIONS]
        for connection, body in zip(connections, some, strict=False):
            length = f"Content-Length: {len(body)}\r\n\r\n"
            connection.ask((head + length).encode() + body)
        for connection, _ in zip(connections, some, strict=False):
            found, text = connection.answer()
            if found != status:
                raise RuntimeError(f"{found}: {text[:300]!r}")
    return len(bodies) / (time.perf_counter() - start)
