"""The log and its witnesses: what is submitted, and what their answers mean.

Nothing here talks to the network (``app.services.witness_client`` does), and no
transaction stays open while anybody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, CosignatureRow, WitnessRow
from app.queries.log import DatabaseTiles, find_checkpoint
from app.queries.witnesses import WitnessState
from app.services.recording import Doors
from app.services.witness_client import Address, Outcome, Submission
from ledger import (
    LedgerError,
    Policy,
    PolicyWitness,
    SignatureLine,
    open_checkpoint,
    prove_consistency,
    root_from_tiles,
)

MOST_WRONG_CLOCK = timedelta(days=1)
STOPPING = (WitnessState.AHEAD, WitnessState.FORKED)


class WitnessDesk:
    """Keeps what the witnesses of one policy say; each call is one short transaction.

    Args:
        doors: Into the database.
        policy: Whose one log is ours.
        clock: The present.
    """

    def __init__(
        self, doors: Doors, policy: Policy, clock: Callable[[], datetime]
    ) -> None:
        self._doors, self._clock = doors, clock
        self.policy = policy
        self.log_key = policy.logs[0].key
        self.addresses = addresses_of(policy)

    def newest(self) -> Submission | None:
        """The newest signed checkpoint; None while there is none."""
        with self._doors.reading() as session:
            row = find_checkpoint(session)
        if row is None:
            return None
        return Submission(self.log_key.name, row.size, row.root, row.note)

    def prove(self, old: int, new: int) -> list[bytes]:
        """The consistency proof between two sizes."""
        with self._doors.reading() as session:
            return prove_consistency(DatabaseTiles(session), old, new)

    def start(self) -> dict[str, int]:
        """Forget witnesses that left the policy; give the sizes that the others hold.

        Returns:
            Name -> entries that the witness is known to have cosigned.
        """
        names = [one.name for one in self.policy.witnesses]
        with self._doors.transaction() as session:
            session.execute(delete(WitnessRow).where(WitnessRow.name.not_in(names)))
            rows = session.execute(select(WitnessRow.name, WitnessRow.size)).all()
        return {row.name: row.size or 0 for row in rows}

    def cosigners(self, size: int) -> set[str]:
        """Names of those whose line stands below the checkpoint of a size."""
        with self._doors.reading() as session:
            found = session.scalars(
                select(CosignatureRow.witness).where(CosignatureRow.size == size)
            )
            return set(found)

    def compare(self, shown: bytes) -> Outcome | None:
        """What it means that a witness shows this checkpoint.

        Returns:
            ``ahead`` or ``forked``; None where the checkpoint is not by the key of
            this log, or lies within the log.
        """
        try:
            seen = open_checkpoint(shown, [self.log_key], self.log_key.name)
        except LedgerError:
            return None
        with self._doors.reading() as session:
            newest = find_checkpoint(session)
            if newest is None or seen.size > newest.size:
                return Outcome(
                    WitnessState.AHEAD, seen.size, f"it shows {seen.size} entries"
                )
            if not seen.size or _root_at(session, seen.size) == seen.root:
                return None
        return Outcome(
            WitnessState.FORKED,
            seen.size,
            f"it shows another root at {seen.size} entries, signed by this log's key",
        )

    def keep(self, address: Address, size: int, outcome: Outcome) -> Outcome:
        """Store the cosignatures of an answer, and how each witness stands.

        Args:
            address: Who was asked.
            size: Of the checkpoint that was submitted; 0 where none was.
            outcome: How they answered.

        Returns:
            The outcome as it is seen here and now: who was ahead of what was
            submitted may not be ahead of what was signed meanwhile; of several
            witnesses that of one who has not cosigned, if any.
        """
        now = self._clock()
        worst = outcome
        with self._doors.transaction() as session:
            newest = find_checkpoint(session)
            signed = 0 if newest is None else newest.size
            if outcome.state is WitnessState.AHEAD and (outcome.size or 0) <= signed:
                outcome = replace(outcome, state=WitnessState.REFUSED)
            for one in address.witnesses:
                found = _of_one(one, outcome, now)
                line = found.lines.get(one.key.public_key)
                if line is not None:
                    _store_line(session, size, one.name, line)
                _store_state(session, one.name, found, signed, now)
                if found.state is not WitnessState.COSIGNED:
                    worst = found
        return worst


def addresses_of(policy: Policy) -> tuple[Address, ...]:
    """The witnesses by the address at which they are asked, in the policy's order."""
    found: dict[str, list[PolicyWitness]] = {}
    for one in policy.witnesses:
        if one.url is not None:
            found.setdefault(one.url.rstrip("/"), []).append(one)
    return tuple(Address(url, tuple(those)) for url, those in found.items())


def _root_at(session: Session, size: int) -> bytes:
    row = session.get(CheckpointRow, size)
    return root_from_tiles(DatabaseTiles(session), size) if row is None else row.root


def _of_one(witness: PolicyWitness, outcome: Outcome, now: datetime) -> Outcome:
    """The outcome for one witness of several that share an address."""
    if outcome.state is not WitnessState.COSIGNED:
        return outcome
    line = outcome.lines.get(witness.key.public_key)
    if line is None:
        return Outcome(WitnessState.GARBLED, None, "its line is missing")
    if abs(line[1] - now.timestamp()) > MOST_WRONG_CLOCK.total_seconds():
        return Outcome(
            WitnessState.GARBLED, None, f"its clock is wrong: {line[1]} POSIX seconds"
        )
    return outcome


def _store_line(
    session: Session, size: int, name: str, line: tuple[SignatureLine, int]
) -> None:
    if session.get(CosignatureRow, (size, name)) is None:
        session.add(
            CosignatureRow(
                size=size,
                witness=name,
                line=line[0].to_text(),
                cosigned_at=datetime.fromtimestamp(line[1], UTC),
            )
        )


def _store_state(
    session: Session, name: str, outcome: Outcome, signed: int, now: datetime
) -> None:
    row = session.get(WitnessRow, name)
    if row is None:
        row = WitnessRow(name=name, size=None, state=outcome.state, tried_at=now)
        session.add(row)
    contradicts = row.state == WitnessState.FORKED or (
        row.state == WitnessState.AHEAD and (row.size or 0) > signed
    )
    row.tried_at = now
    if contradicts and outcome.state not in (*STOPPING, WitnessState.COSIGNED):
        return  # silence takes back nothing
    row.state, row.error = outcome.state, outcome.error or None
    if outcome.size is not None:
        row.size = outcome.size
