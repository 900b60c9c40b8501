"""The demonstration: a year of invented recyclers, loaded as they would hand it in.

What is loaded follows from a seed and from the moment of the load, which is kept in
``demonstration.json`` in the data directory, with the log-ins and the three labels. A
load that was interrupted goes on where it stopped; one that is complete is never
repeated.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FacilityRow, LotBalanceRow, LotRow, OrganisationRow
from app.queries.log import get_head
from app.queries.users import find_user
from app.services.access import Actor
from app.services.claim_composing import ClaimWish, issue_claim, withdraw_claim
from app.services.errors import Conflict
from app.services.facts import INSTANT, Fact
from app.services.genesis import get_trust_root
from app.services.importing import Check, Importer, import_file
from app.services.keys import KeyRing
from app.services.passwords import make_password
from app.services.recording import Doors, record
from app.services.registration import Registration, register_organisation
from app.services.rules import SHANGHAI
from app.services.users import add_user
from app.services.work import HELD
from app.simulation.calendar import months_later
from app.simulation.network import Chain
from app.simulation.output import Plan, Simulation
from labels.codes import code_from_bytes, code_sha256

STATE_FILE = "demonstration.json"
OWNER_ONLY = 0o600
SEED = 2026
LOTS = 3000
UNACCEPTED_DAYS = 10
LABEL_FORMAT = "a4_3x7"
VALID, WITHDRAWN, UNCLAIMED = "valid", "withdrawn", "unclaimed"
SHOWN = (VALID, WITHDRAWN, UNCLAIMED)
"""What a scan of each of the three labels shows."""
LABELLED, MOST_LABELLED = ("press", "wire", "alloy", "extruder", "lead"), 3
"""Whose products get labels and claims, in this order, and how many of each."""
WITHDRAWAL = "示例：磅单复核后撤回"
OPERATOR = Actor(0, None, None, frozenset({"registrar"}))
Progress = Callable[[int], None]


class LogInUse(Conflict):
    """The log holds other facts than those of a demonstration."""


@dataclass(frozen=True, slots=True)
class DemonstrationLink:
    """A label of the demonstration.

    Attributes:
        code: Of the label; its page is ``/v/<code>``.
        shows: ``valid``, ``withdrawn`` or ``unclaimed`` (a lot without a claim).
    """

    code: str
    shows: str


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody who can sign in to the demonstration.

    Attributes:
        email: Their address.
        name: Shown on pages.
        roles: As in ``access.ROLES``.
        facility: Role of the simulated facility whose organisation is theirs.
    """

    email: str
    name: str
    roles: tuple[str, ...]
    facility: str | None = None


LOG_INS = (
    LogIn("yard@example.com", "示例回收站", ("recycler",), "yard_a"),
    LogIn("centre@example.com", "示例配送中心", ("recycler",), "centre_a"),
    LogIn("casthouse@example.com", "示例铝棒厂", ("recycler", "manager"), "billet"),
    LogIn("copper@example.com", "示例铜冶炼厂", ("recycler", "manager"), "anode"),
    LogIn("wire@example.com", "示例铜线厂", ("recycler", "manager"), "wire"),
    LogIn("auditor@example.com", "示例审计员", ("auditor",)),
    LogIn("statistician@example.com", "示例统计员", ("statistician",)),
    LogIn("registrar@example.com", "示例登记员", ("registrar",)),
)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What is known of a demonstration that was loaded, or is being loaded.

    Attributes:
        genesis: Leaf hash of the log that it is in, hexadecimal.
        moment: When the load began, as entries have it.
        lots: How many lots it has, about.
        password: Of all its log-ins.
        complete: Whether the load has ended.
        links: Its labels.
    """

    genesis: str
    moment: str
    lots: int
    password: str = field(repr=False)
    complete: bool = False
    links: tuple[DemonstrationLink, ...] = ()

    @property
    def now(self) -> datetime:
        """When the load began, aware UTC."""
        return datetime.strptime(self.moment, INSTANT).replace(tzinfo=UTC)

    @property
    def plan(self) -> Plan:
        """Twelve months and the days of this one, up to yesterday."""
        today = self.now.astimezone(SHANGHAI).date()
        first = months_later(date(today.year, today.month, 1), -12)
        return Plan(self.lots, SEED, first, today - timedelta(days=1), UNACCEPTED_DAYS)


@dataclass(frozen=True, slots=True)
class Loader:
    """What a load needs.

    Attributes:
        doors: Into the database.
        keyring: Keeps the keys of the organisations.
        check: Closed schema of a fact.
        data_dir: Where the state is kept.
        progress: Told how many files are in.
    """

    doors: Doors
    keyring: KeyRing
    check: Check
    data_dir: Path
    progress: Progress = lambda files: None


def demonstration_links(data_dir: Path) -> tuple[DemonstrationLink, ...]:
    """The labels that the home page links; none outside a loaded demonstration."""
    found = find_demonstration(data_dir)
    return found.links if found is not None and found.complete else ()


def find_demonstration(data_dir: Path) -> Demonstration | None:
    """The demonstration of a data directory; None where there is none."""
    try:
        text = (data_dir / STATE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    found = json.loads(text)
    links = tuple(DemonstrationLink(**link) for link in found.pop("links"))
    return Demonstration(**found, links=links)


def load_demonstration(
    loader: Loader, now: datetime, *, lots: int = LOTS, production: bool = False
) -> tuple[Demonstration, bool]:
    """Load the demonstration, or go on with a load that was interrupted.

    Args:
        loader: What it needs.
        now: The present.
        lots: How many lots, about.
        production: Whether these are the settings of production.

    Returns:
        The demonstration, and whether anything was loaded.

    Raises:
        LogInUse: The log holds something else.
        Conflict: In production, or the data directory is that of another log.
    """
    if production:
        raise Conflict("the demonstration is not loaded in production")
    found = _begin(loader, now, lots)
    if found.complete:
        return found, False
    simulation = Simulation(found.plan)
    [chain] = simulation.chains()
    actors = _register(loader, chain, found)
    _import(loader, simulation, actors, found)
    _add_users(loader, chain, actors, found)
    links = _label(loader, chain, actors, found)
    found = replace(found, complete=True, links=links)
    _keep(loader.data_dir, found)
    return found, True


def _begin(loader: Loader, now: datetime, lots: int) -> Demonstration:
    with loader.doors.reading() as session:
        genesis = get_trust_root(session).leaf_hash
        size = get_head(session).size
    found = find_demonstration(loader.data_dir)
    if found is not None:
        if found.genesis != genesis:
            raise Conflict(
                "{file} belongs to another log: is it the wrong database?",
                file=loader.data_dir / STATE_FILE,
            )
        return found
    if size > 1:
        raise LogInUse(
            "the log holds other facts: the demonstration needs a log of its own"
        )
    found = Demonstration(
        genesis=genesis,
        moment=now.strftime(INSTANT),
        lots=lots,
        password=make_password(),
    )
    _keep(loader.data_dir, found)
    return found


def _keep(data_dir: Path, found: Demonstration) -> None:
    """Write the state so that it is there as a whole or not at all."""
    path = data_dir / f"{STATE_FILE}.new"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(asdict(found), stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    path.replace(data_dir / STATE_FILE)


def _register(loader: Loader, chain: Chain, found: Demonstration) -> dict[str, Actor]:
    """Organisations and facilities that are not there yet; who acts for each."""
    opened_at = datetime.combine(found.plan.first, datetime.min.time(), SHANGHAI)
    opened_at = opened_at.astimezone(UTC)
    with loader.doors.reading() as session:
        known = set(session.scalars(select(OrganisationRow.code)))
        sites = set(session.scalars(select(FacilityRow.code)))
    for data in chain.organisations:
        if data["code"] not in known:
            registration = Registration(data=data, private={})
            register_organisation(
                loader.doors, loader.keyring, OPERATOR, registration, opened_at
            )
    actors = _actors(loader, chain)
    for data in chain.registrations:
        if data["code"] not in sites:
            _state(
                loader,
                actors[data["organisation"]],
                "facility.registered",
                data,
                opened_at,
                found,
            )
    return actors


def _actors(loader: Loader, chain: Chain) -> dict[str, Actor]:
    """Somebody who may do everything for each organisation."""
    wanted = [one["code"] for one in chain.organisations]
    with loader.doors.reading() as session:
        rows = session.execute(
            select(OrganisationRow.id, OrganisationRow.code).where(
                OrganisationRow.code.in_(wanted)
            )
        ).all()
    roles = frozenset({"recycler", "manager"})
    return {row.code: Actor(0, row.id, row.code, roles) for row in rows}


def _state(
    loader: Loader,
    actor: Actor,
    kind: str,
    data: Mapping[str, Any],
    at: datetime,
    found: Demonstration,
) -> None:
    """State one fact; the same one again adds nothing."""
    text = json.dumps([kind, data], sort_keys=True)
    item = {
        "id": _fact_id(found, text),
        "type": kind,
        "at": at.strftime(INSTANT),
        "data": dict(data),
    }
    fact: Fact = loader.check(item, actor.organisation_code or "")
    record(loader.doors, loader.keyring, actor, [fact], found.now)


def _fact_id(found: Demonstration, what: str) -> str:
    """A UUID of version 7 that is the same each time: the load's moment and a hash."""
    digest = hashlib.sha256(f"{found.genesis}/{what}".encode()).digest()
    value = int.from_bytes(digest[:10], "big")
    value |= int(found.now.timestamp() * 1000) << 80
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0b11 << 62) | 0b10 << 62))


def _new_code(found: Demonstration, what: str) -> str:
    digest = hashlib.sha256(f"{found.genesis}/{found.password}/{what}".encode())
    return code_from_bytes(digest.digest())


def _import(
    loader: Loader,
    simulation: Simulation,
    actors: Mapping[str, Actor],
    found: Demonstration,
) -> None:
    for count, file in enumerate(simulation.files(), 1):
        importer = Importer(
            loader.doors,
            loader.keyring,
            actors[file.organisation],
            loader.check,
            found.now,
        )
        result = import_file(importer, file.sheet.template, io.BytesIO(file.content))
        if not result.recorded or result.left_to_others:
            raise AssertionError(
                f"{file.path}: {[str(fault) for fault in result.faults[:3]]}"
            )
        loader.progress(count)


def _add_users(
    loader: Loader,
    chain: Chain,
    actors: Mapping[str, Actor],
    found: Demonstration,
) -> None:
    with loader.doors.transaction() as session:
        for one in LOG_INS:
            if find_user(session, one.email) is not None:
                continue
            actor = None
            if one.facility is not None:
                actor = actors[chain.facilities[one.facility].organisation]
            add_user(
                session,
                email=one.email,
                name=one.name,
                password=found.password,
                roles=one.roles,
                organisation_id=None if actor is None else actor.organisation_id,
                now=found.now,
            )


def _label(
    loader: Loader, chain: Chain, actors: Mapping[str, Actor], found: Demonstration
) -> tuple[DemonstrationLink, ...]:
    """Three labels: of a claim, of a claim that is withdrawn, of a lot; more claims."""
    with loader.doors.reading() as session:
        lots = [
            (actors[site.organisation], lot)
            for site in (chain.facilities[role] for role in LABELLED)
            for lot in _newest_products(session, site.code)
        ]
    if len(lots) < len(SHOWN):
        raise Conflict("too few lots are left to label: load more of them")
    links = []
    for shows, (actor, lot) in zip(SHOWN, lots, strict=False):
        about = {"lot": lot}
        if shows != UNCLAIMED:
            about = {"claim": _claim_lot(loader, actor, lot, found)}
        code = _new_code(found, f"label/{lot}")
        data = about | {
            "codes_sha256": [code_sha256(code).hex()],
            "format": LABEL_FORMAT,
        }
        _state(loader, actor, "label.issued", data, found.now, found)
        if shows == WITHDRAWN:
            withdraw_claim(
                loader.doors,
                loader.keyring,
                actor,
                claim=about["claim"],
                reason=WITHDRAWAL,
                fact_id=_fact_id(found, f"withdrawal/{lot}"),
                now=found.now,
            )
        links.append(DemonstrationLink(code, shows))
    for actor, lot in lots[len(SHOWN) :]:
        _claim_lot(loader, actor, lot, found)
    return tuple(links)


def _claim_lot(loader: Loader, actor: Actor, lot: str, found: Demonstration) -> str:
    claim = _new_code(found, f"claim/{lot}")
    wish = ClaimWish(fact_id=_fact_id(found, f"claim/{lot}"), lot=lot, claim=claim)
    issue_claim(loader.doors, loader.keyring, actor, wish, found.now)
    return claim


def _newest_products(session: Session, facility: str) -> Sequence[str]:
    """Codes of the newest untouched products that a facility has and could claim."""
    return session.scalars(
        select(LotRow.code)
        .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
        .join(FacilityRow, FacilityRow.id == LotBalanceRow.facility_id)
        .where(
            FacilityRow.code == facility,
            LotRow.facility_id == FacilityRow.id,
            LotRow.kind.in_(("product", "metal")),
            LotBalanceRow.state == HELD,
            LotBalanceRow.placed_to_g == 0,
            LotBalanceRow.claim_block.is_(None),
        )
        .order_by(LotRow.id.desc())
        .limit(MOST_LABELLED)
    ).all()
