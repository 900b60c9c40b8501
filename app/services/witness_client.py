"""One conversation with one witness over HTTP: C2SP tlog-witness, the log's side.

Nothing here touches the database. Whatever the other side does, it ends within
``DEADLINE_S``: slow and endless answers too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx

from app.queries.witnesses import WitnessState
from ledger import (
    AddCheckpoint,
    BadSignature,
    LedgerError,
    PolicyWitness,
    SignatureLine,
    format_add_checkpoint,
    monitoring_path,
    parse_cosignatures,
    parse_size,
    pick_cosignatures,
)
from ledger.witnessing import ADD_CHECKPOINT, MAX_ANSWER

DEADLINE_S = 5.0
MOST_TOLD = 200
OK, UNKNOWN, CONFLICT, UNPROVEN = 200, 404, 409, 422
REFUSALS = {
    400: "it could not read the request",
    403: "it does not trust the key of this log",
    UNKNOWN: "it does not know this log",
    UNPROVEN: "it holds a tree from which this checkpoint does not follow",
}

Prover = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""(old size, new size) -> consistency proof."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one witness or more are asked: one request for all of them.

    Attributes:
        url: Prefix of submission and of monitoring, without a slash at its end.
        witnesses: Of the policy.
    """

    url: str
    witnesses: tuple[PolicyWitness, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint on its way to the witnesses."""

    origin: str
    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a witness has answered.

    Attributes:
        state: In one word.
        size: What the witness holds, as far as it said.
        error: What went wrong, for the operator; empty where nothing did.
        lines: Public key -> cosignature line and its time in POSIX seconds.
    """

    state: WitnessState
    size: int | None = None
    error: str = ""
    lines: dict[bytes, tuple[SignatureLine, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes

    def told(self) -> str:
        """What the other side said, made harmless for a log and a terminal."""
        text = self.body[:MOST_TOLD].decode("utf-8", "replace").strip()
        return f"status {self.status}: {text!r}"


class _Garbled(Exception):
    """The answer is none that a witness gives."""


async def submit(
    client: httpx.AsyncClient,
    address: Address,
    submission: Submission,
    held: int,
    prove: Prover,
) -> Outcome:
    """Send a checkpoint; where the witness holds another size, once more from there.

    Args:
        client: Follows no redirects.
        address: Whom to ask.
        submission: What to cosign.
        held: The size that the witness is believed to hold; 0 where nobody knows.
        prove: Gives the consistency proof from a size.
    """
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await _submit(client, address, submission, held, prove)
    except TimeoutError:
        return Outcome(
            WitnessState.UNREACHABLE, None, f"no answer within {DEADLINE_S:g} s"
        )
    except httpx.HTTPError as error:
        return Outcome(
            WitnessState.UNREACHABLE, None, f"{type(error).__name__}: {error}"
        )
    except _Garbled as error:
        return Outcome(WitnessState.GARBLED, None, str(error))


async def _submit(
    client: httpx.AsyncClient,
    address: Address,
    submission: Submission,
    held: int,
    prove: Prover,
) -> Outcome:
    old = min(held, submission.size)
    answer = await _add_checkpoint(client, address, submission, old, prove)
    if answer.status == CONFLICT:
        told = _size(answer)
        if told > submission.size or told == old:
            return _conflict(told, submission)
        old = told
        answer = await _add_checkpoint(client, address, submission, old, prove)
        if answer.status == CONFLICT:
            return _conflict(_size(answer), submission)
    if answer.status == OK:
        return _cosigned(answer, address, submission)
    if answer.status not in REFUSALS:
        return Outcome(WitnessState.UNREACHABLE, None, answer.told())
    why = f"{REFUSALS[answer.status]} ({answer.told()})"
    return Outcome(WitnessState.REFUSED, None, why)


async def _add_checkpoint(
    client: httpx.AsyncClient,
    address: Address,
    submission: Submission,
    old: int,
    prove: Prover,
) -> _Answer:
    proof = await prove(old, submission.size) if 0 < old < submission.size else ()
    request = AddCheckpoint(old, tuple(proof), submission.note)
    body = format_add_checkpoint(request)
    return await _exchange(client, "POST", address.url + ADD_CHECKPOINT, body)


def _size(answer: _Answer) -> int:
    try:
        return parse_size(answer.body)
    except LedgerError:
        raise _Garbled(answer.told()) from None


def _conflict(told: int, submission: Submission) -> Outcome:
    if told > submission.size:
        return Outcome(WitnessState.AHEAD, told, f"it holds {told} entries")
    # It holds the very size that was named, or changes it as it is asked
    return Outcome(
        WitnessState.REFUSED, told, f"status {CONFLICT} again, at size {told}"
    )


def _cosigned(answer: _Answer, address: Address, submission: Submission) -> Outcome:
    keys = [one.key for one in address.witnesses]
    try:
        lines = pick_cosignatures(
            parse_cosignatures(answer.body), keys, submission.note
        )
    except BadSignature as error:
        raise _Garbled(str(error)) from None
    except LedgerError:
        raise _Garbled(answer.told()) from None
    if not lines:
        raise _Garbled("it answers with lines of other keys only")
    return Outcome(WitnessState.COSIGNED, submission.size, "", lines)


async def find_shown(
    client: httpx.AsyncClient, address: Address, origin: str
) -> bytes | None:
    """The newest checkpoint that a witness shows to monitors; nothing is verified.

    Empty where it has cosigned none; None where it cannot be asked within
    ``DEADLINE_S``, or shows nothing to monitors.
    """
    try:
        async with asyncio.timeout(DEADLINE_S):
            answer = await _exchange(
                client, "GET", address.url + monitoring_path(origin)
            )
    except (TimeoutError, httpx.HTTPError, _Garbled):
        return None
    if answer.status == UNKNOWN:
        return b""
    return answer.body if answer.status == OK else None


async def _exchange(
    client: httpx.AsyncClient, method: str, url: str, body: bytes | None = None
) -> _Answer:
    """One request; an answer that is longer than any witness's is not read on."""
    async with client.stream(method, url, content=body) as response:
        received = b""
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > MAX_ANSWER:
                raise _Garbled(f"an answer of more than {MAX_ANSWER} bytes")
        return _Answer(response.status_code, received)


def open_client() -> httpx.AsyncClient:
    """A client that keeps connections, follows nothing and unpacks nothing."""
    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=DEADLINE_S,
        headers={
            "Accept-Encoding": "identity",
            "Content-Type": "text/plain; charset=utf-8",
            "User-Agent": "remelt",
        },
    )
