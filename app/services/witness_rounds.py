"""Bring each checkpoint to all witnesses, without anybody waiting for them.

All witnesses are asked at once. They are asked about the same checkpoint until its
quorum is there or each has had its turn, so that several slow ones meet on one size;
then about the newest. A witness that fails rests, longer each time.
"""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import dataclass

import httpx
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.queries.errors import ExpectedError
from app.queries.witnesses import WitnessState
from app.services.witness_client import (
    Address,
    Outcome,
    Submission,
    find_shown,
    open_client,
    submit,
)
from app.services.witnessing import STOPPING, WitnessDesk
from ledger import LedgerError

log = structlog.get_logger("remelt.witnesses")
PERIOD_S = 0.2
FIRST_REST_S = 1.0
NOTHING_SHOWN = "it does not say what it holds"
LONGEST_REST_S = 60.0


@dataclass(slots=True)
class _Turn:
    """Where one address stands.

    Attributes:
        held: Entries that it is believed to hold; 0 where nobody knows.
        tried: Size that it was last asked about, and has answered or failed.
        cosigned: Size that it last cosigned.
        failures: In a row.
        resting: It has failed and is not asked for a while.
    """

    address: Address
    held: int = 0
    tried: int = 0
    cosigned: int = 0
    failures: int = 0
    resting: bool = False


async def ask(
    client: httpx.AsyncClient,
    desk: WitnessDesk,
    address: Address,
    submission: Submission | None,
    held: int,
) -> Outcome | None:
    """Ask the witnesses at one address once, and keep what they say.

    Args:
        client: Of ``open_client``.
        desk: Keeps the answer.
        address: Whom to ask.
        submission: What to cosign; None where nothing was signed yet: then only what
            they show to monitors is looked at.
        held: Entries that they are believed to hold.

    Returns:
        The outcome as it was kept; None where there was nothing to say.
    """
    outcome: Outcome | None = None
    if submission is not None:

        async def prove(old: int, new: int) -> list[bytes]:
            return await asyncio.to_thread(desk.prove, old, new)

        outcome = await submit(client, address, submission, held, prove)
    if outcome is None or outcome.state is WitnessState.REFUSED:
        shown = await find_shown(client, address, desk.log_key.name)
        if shown is not None:
            outcome = await asyncio.to_thread(desk.compare, shown) or outcome
        elif outcome is None:
            outcome = Outcome(WitnessState.UNREACHABLE, None, NOTHING_SHOWN)
    if outcome is None:
        return None
    size = 0 if submission is None else submission.size
    return await asyncio.to_thread(desk.keep, address, size, outcome)


def ask_all(desk: WitnessDesk) -> dict[str, Outcome]:
    """Ask every witness once about the newest checkpoint, all at the same time.

    Returns:
        Address -> outcome, of those who had something to say.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: An answer could not be kept.
    """
    held = desk.start()
    submission = desk.newest()

    async def one_round() -> list[Outcome | None]:
        async with open_client() as client:
            return await asyncio.gather(
                *(
                    ask(client, desk, one, submission, _held(held, one))
                    for one in desk.addresses
                )
            )

    outcomes = asyncio.run(one_round())
    return {
        address.url: outcome
        for address, outcome in zip(desk.addresses, outcomes, strict=True)
        if outcome is not None
    }


def _held(held: dict[str, int], address: Address) -> int:
    """One tree stands behind an address: what the most is known of it."""
    return max(held.get(one.name, 0) for one in address.witnesses)


class Rounds:
    """The loop of the signer process that follows the checkpoints.

    Args:
        desk: Knows the witnesses, and keeps what they say.
    """

    def __init__(self, desk: WitnessDesk) -> None:
        self._desk = desk
        self._target: Submission | None = None
        self._turns: list[_Turn] = []

    def run(self, stop: threading.Event) -> None:
        """Ask for as long as nobody says stop."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        held = await asyncio.to_thread(self._desk.start)
        self._turns = [_Turn(one, _held(held, one)) for one in self._desk.addresses]
        async with open_client() as client:
            tasks = [asyncio.create_task(self._follow(client, t)) for t in self._turns]
            try:
                while not stop.is_set():
                    await self._look()
                    await asyncio.sleep(PERIOD_S)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        """Go on to the newest checkpoint, once this one has had its round."""
        try:
            newest = await asyncio.to_thread(self._desk.newest)
        except SQLAlchemyError as error:
            log.warning("cannot read the newest checkpoint", reason=str(error))
            return
        current = self._target
        if newest is None or (current is not None and newest.size <= current.size):
            return
        if current is None or self._had_round(current):
            self._target = newest

    def _had_round(self, current: Submission) -> bool:
        cosigned = {
            one.name
            for turn in self._turns
            if turn.cosigned == current.size
            for one in turn.address.witnesses
        }
        return self._desk.policy.is_met(cosigned) or all(
            turn.resting or turn.tried == current.size for turn in self._turns
        )

    async def _follow(self, client: httpx.AsyncClient, turn: _Turn) -> None:
        """Ask one address about whatever is the target."""
        while True:
            target = self._target
            if target is None or turn.cosigned == target.size:
                await asyncio.sleep(PERIOD_S)
                continue
            try:
                outcome = await ask(client, self._desk, turn.address, target, turn.held)
            except (SQLAlchemyError, ExpectedError, LedgerError, OSError) as error:
                log.error(
                    "cannot ask a witness", url=turn.address.url, reason=str(error)
                )
                outcome = None
            except Exception:
                log.exception("a witness broke the round", url=turn.address.url)
                outcome = None
            await self._take(turn, target, outcome)

    async def _take(
        self, turn: _Turn, target: Submission, outcome: Outcome | None
    ) -> None:
        turn.tried = target.size
        if outcome is not None and outcome.size is not None:
            turn.held = outcome.size
        if outcome is not None and outcome.state is WitnessState.COSIGNED:
            turn.cosigned, turn.failures = target.size, 0
            return
        turn.failures += 1
        if outcome is not None:
            say = log.error if outcome.state in STOPPING else log.warning
            say(
                "a witness does not cosign",
                url=turn.address.url,
                state=outcome.state.value,
                reason=outcome.error,
            )
        rest_s = min(FIRST_REST_S * 2 ** (turn.failures - 1), LONGEST_REST_S)
        turn.resting = True
        # Not all logs of a witness that was down come back at the same moment
        await asyncio.sleep(rest_s * random.uniform(0.8, 1.2))  # noqa: S311
        turn.resting = False
