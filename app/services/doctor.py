"""What can be wrong with an installation: each check says what it found, in words.

A check never changes anything. ``warning`` is for what will go wrong, ``fault`` for
what already is: each of both says what to do.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import ImportRow, LogEntryRow, LogTileRow, SealedKeyRow, SignerRow
from app.queries.cosigned import asks_for_witnesses, find_published_checkpoint
from app.queries.errors import NotFound
from app.queries.log import TILE_WIDTH, DatabaseTiles, find_checkpoint, get_head
from app.queries.witnesses import WitnessState, WitnessView, list_witnesses
from app.services.archive import WrongPolicy, policy_text
from app.services.errors import LogRolledBack
from app.services.genesis import TrustRoot, get_trust_root
from app.services.keys import KeyRing
from app.services.published import find_published
from ledger import (
    Frontier,
    LedgerError,
    Policy,
    Signer,
    Verifier,
    open_checkpoint,
    root_of,
)
from ledger.tiles import split_hashes

SIGNER_STALE = timedelta(seconds=30)
WITNESS_LATE = timedelta(seconds=60)
AHEAD = timedelta(minutes=10)
LOW_DISK_BYTES = 2 * 1024**3
NO_DISK_BYTES = 256 * 1024**2
OWNER_ONLY = 0o077
SHOWN = 3


class State(StrEnum):
    """How a check came out."""

    WELL = "well"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: Short name, for programs.
        state: How it came out.
        found: What was found, in a sentence.
        advice: What to do; empty when all is well.
    """

    check: str
    state: State
    found: str
    advice: str = ""


def well(check: str, found: str) -> Finding:
    """A check that came out well."""
    return Finding(check, State.WELL, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """Something that will go wrong."""
    return Finding(check, State.WARNING, found, advice)


def fault(check: str, found: str, advice: str) -> Finding:
    """Something that is wrong."""
    return Finding(check, State.FAULT, found, advice)


def check_log(session: Session, now: datetime) -> Iterator[Finding]:
    """Head, checkpoint, tiles and signer, each against the other.

    Args:
        session: One consistent view.
        now: The present.
    """
    head = get_head(session)
    try:
        trust = get_trust_root(session)
    except NotFound:
        yield fault("log", "the log has no first entry", "run 'remelt db upgrade'")
        return
    entries = session.scalar(select(func.count()).select_from(LogEntryRow)) or 0
    if entries == head.size:
        yield well("log", f"{entries} entries in log {trust.origin}")
    else:
        yield fault(
            "log",
            f"{entries} entries, but the head says {head.size}",
            "stop the server and restore the newest backup: 'remelt db restore'",
        )
    yield _check_checkpoint(session, trust, head.size, head.frontier)
    yield _check_tiles(session, head.size)
    yield _check_signer(session, head.size, now)
    yield _check_clock(session, now)


def _check_checkpoint(
    session: Session, trust: TrustRoot, size: int, frontier: bytes
) -> Finding:
    row = find_checkpoint(session)
    if row is None:
        return warning(
            "checkpoint",
            "no checkpoint was signed yet",
            "start 'remelt serve', or run 'remelt ledger checkpoint'",
        )
    if row.size > size:
        return fault(
            "checkpoint",
            f"a checkpoint over {row.size} entries was signed, the log has {size}",
            "an old copy was put back: restore the newest backup",
        )
    try:
        head_root = Frontier.load(size, frontier).root()
        key = Verifier.parse(trust.log_vkey)
        signed = open_checkpoint(row.note, [key], trust.origin)
    except LedgerError as error:
        return fault(
            "checkpoint",
            f"the head of the log or its newest checkpoint is broken: {error}",
            "run 'remelt ledger verify' and restore the newest backup",
        )
    root = head_root if row.size == size else row.root
    if (signed.size, signed.root) != (row.size, root):
        return fault(
            "checkpoint",
            f"the checkpoint at {row.size} has another root than the log",
            "run 'remelt ledger verify'; do not sign on until it agrees",
        )
    behind = size - row.size
    if behind:
        return warning(
            "checkpoint",
            f"signed up to {row.size}, {behind} entries wait",
            "see whether the signer runs: 'remelt serve'",
        )
    return well("checkpoint", f"signed up to the last of {size} entries")


def _check_tiles(session: Session, size: int) -> Finding:
    """The newest full tiles against their hashes; 'remelt ledger verify' reads all."""
    signed = find_checkpoint(session)
    covered = 0 if signed is None else signed.size
    missing = []
    level, full = 0, min(size, covered) // TILE_WIDTH
    tiles = DatabaseTiles(session)
    while full:
        row = session.get(LogTileRow, (level, full - 1))
        try:
            hashes = split_hashes(tiles.read_tile(level, full - 1, TILE_WIDTH))
            if row is None or row.root != root_of(hashes):
                missing.append(f"{level}/{full - 1}")
        except NotFound:
            missing.append(f"{level}/{full - 1}")
        level, full = level + 1, full // TILE_WIDTH
    if missing:
        return fault(
            "tiles",
            f"tiles are missing or differ from the log: {', '.join(missing)}",
            "run 'remelt ledger verify'; restore the newest backup if it differs",
        )
    return well("tiles", "the newest tile of each level agrees with the log")


def _check_signer(session: Session, size: int, now: datetime) -> Finding:
    row = session.scalar(select(SignerRow))
    if row is None:
        return warning("signer", "no signer ever ran", "start 'remelt serve'")
    age = now - row.alive_at
    if age > SIGNER_STALE:
        return warning(
            "signer",
            f"the signer last looked {_spoken(age)} ago, at {row.size} of {size}",
            "start 'remelt serve'; if it runs, look for 'refuses to sign' in its log",
        )
    return well("signer", f"the signer looked {_spoken(age)} ago")


def _check_clock(session: Session, now: datetime) -> Finding:
    """The newest entries cannot be of the future, unless this clock is behind."""
    newest = session.scalar(
        select(LogEntryRow.at).order_by(LogEntryRow.entry_index.desc()).limit(1)
    )
    if newest is not None and newest > now + AHEAD:
        return fault(
            "clock",
            f"the newest entry is {_spoken(newest - now)} ahead of this clock",
            "set the clock (NTP): facts would be refused as being in the future",
        )
    return well("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, not behind the newest entry")


def check_sealed_keys(session: Session, keyring: KeyRing) -> Finding:
    """Every key that is kept here opens with the key-encryption key."""
    closed = []
    count = 0
    for row in session.scalars(select(SealedKeyRow)):
        count += 1
        try:
            keyring.open(row.key_name, row.sealed)
        except (InvalidTag, ValueError):
            closed.append(row.key_name)
    if closed:
        return fault(
            "sealed keys",
            f"{len(closed)} of {count} keys cannot be opened: "
            f"{', '.join(closed[:SHOWN])}",
            "set REMELT_KEY_ENCRYPTION_KEY to the one that sealed them",
        )
    return well("sealed keys", f"all {count} keys kept here can be opened")


def check_log_key(path: Path, log_vkey: str | None) -> Finding:
    """The log key is here, only its owner reads it, and it is the log's.

    Args:
        path: Of the key file.
        log_vkey: The key that entry 0 names; None where there is no log.
    """
    if not path.exists():
        return fault(
            "log key",
            f"{path} is missing",
            "put it back from its own backup; without it nothing can be signed",
        )
    if path.stat().st_mode & OWNER_ONLY:
        return fault("log key", f"{path} is open to others", f"run: chmod 600 {path}")
    try:
        name, seed = path.read_text("ascii").split()
        vkey = Signer.from_bytes(name, bytes.fromhex(seed)).vkey
    except (LedgerError, ValueError, OSError):
        return fault(
            "log key", f"{path} holds no key", "put it back from its own backup"
        )
    if log_vkey is not None and vkey != log_vkey:
        return fault(
            "log key",
            f"{path} is the key of another log",
            "put the key back that belongs to this database, or name the database "
            "in REMELT_DATABASE_URL",
        )
    return well("log key", f"{path}, read by its owner only")


def check_published(session: Session, data_dir: Path) -> Finding:
    """The log contains every checkpoint that is known to have left this machine."""
    try:
        found = find_published(data_dir, get_trust_root(session).log_vkey)
        for one in found:
            one.check_against(session)
    except LogRolledBack as error:
        return fault(
            "published", str(error), "restore the newest backup before anything else"
        )
    return well("published", f"{len(found)} published checkpoints lie within the log")


def check_policy(
    session: Session, policy: Policy | None, now: datetime
) -> list[Finding]:
    """The policy is this log's, its witnesses answer, and its quorum is there.

    Args:
        session: One consistent view.
        policy: Of the data directory; None where there is none.
        now: The present.
    """
    if policy is None or not policy.witnesses:
        return [well("witnesses", "the policy names none: nobody vouches for the log")]
    try:
        policy_text(session, policy)
    except WrongPolicy as error:
        return [fault("witnesses", str(error), "remelt ledger policy prints the key")]
    found = [_check_witness(one) for one in list_witnesses(session, policy)]
    if asks_for_witnesses(policy):
        found.append(_check_quorum(session, policy, now))
    return found


def _check_witness(one: WitnessView) -> Finding:
    if one.state is WitnessState.COSIGNED:
        return well("witnesses", f"{one.name} has cosigned {one.size} entries")
    if one.state in (WitnessState.AHEAD, WitnessState.FORKED):
        return fault(
            "witnesses",
            f"{one.name} at {one.url} holds what this log lacks: {one.error}",
            "sign nothing: restore the newest backup, then 'remelt ledger recover'",
        )
    if one.state is WitnessState.UNASKED:
        return warning(
            "witnesses", f"{one.name} was never asked", "start 'remelt serve'"
        )
    return warning(
        "witnesses",
        f"{one.name} at {one.url} is {one.state}: {one.error}",
        "ask its operator; 'remelt ledger witnesses' tries it again",
    )


def _check_quorum(session: Session, policy: Policy, now: datetime) -> Finding:
    signed = find_checkpoint(session)
    found = find_published_checkpoint(session, policy)
    size = 0 if found is None else found.size
    if signed is None or size == signed.size or now - signed.signed_at < WITNESS_LATE:
        return well("quorum", f"{size} entries are witnessed")
    return warning(
        "quorum",
        f"{size} entries are witnessed, {signed.size - size} wait for {policy.quorum}",
        "facts are recorded meanwhile; see which witness above does not answer",
    )


def check_imports(session: Session, now: datetime) -> Finding:
    """No import waits for a worker that has gone."""
    stuck = session.scalar(
        select(func.count())
        .select_from(ImportRow)
        .where(ImportRow.state == "running", ImportRow.lease_until < now)
    )
    if stuck:
        return warning(
            "imports",
            f"{stuck} imports were left by their worker",
            "they go on when 'remelt serve' runs; importing again adds nothing twice",
        )
    return well("imports", "no import was left behind")


def check_disk(data_dir: Path) -> Finding:
    """There is room beside the database."""
    free = shutil.disk_usage(data_dir).free
    text = f"{free / 1024**3:.1f} GiB are free under {data_dir}"
    advice = "make room: the log only grows, and a full disk stops every append"
    if free < NO_DISK_BYTES:
        return fault("disk", text, advice)
    if free < LOW_DISK_BYTES:
        return warning("disk", text, advice)
    return well("disk", text)


def check_font(path: Path) -> Finding:
    """Labels and pictures have a face with Chinese in it."""
    if not path.is_file():
        return fault(
            "font",
            f"{path.name} is missing: labels cannot be set",
            "install the product again: the file belongs to it",
        )
    return well("font", f"{path.name} is here; no browser is needed")


def _spoken(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for length, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {name}"
    return f"{seconds} s"
