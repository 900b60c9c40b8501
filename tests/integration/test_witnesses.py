"""The log among its witnesses: slow, lying, silent, ahead, and honest ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text

from app.models import CosignatureRow
from app.queries.cosigned import (
    find_newest_over,
    find_published_checkpoint,
    find_published_covering,
)
from app.queries.witnesses import WitnessState, list_witnesses
from app.services.errors import LogRolledBack
from app.services.witness_client import DEADLINE_S, Outcome
from app.services.witness_rounds import Rounds, ask_all
from ledger import Policy, evaluate_policy, parse_add_checkpoint
from tests.witnesses import (
    Answer,
    Honest,
    at,
    cosigns,
    desk_of,
    honest,
    odd,
    policy_of,
    reply,
    says,
    signed_elsewhere,
    witness_key,
)
from tests.world import World


@pytest.fixture
def three(world: World, tmp_path: Path) -> Iterator[list[Honest]]:
    """Three honest witnesses of the log."""
    world.checkpoint()
    with ExitStack() as stack:
        yield [stack.enter_context(honest(tmp_path, n, world)) for n in (1, 2, 3)]


def grow(world: World, name: str) -> int:
    """Append and sign; gives the size."""
    world.register(name)
    signed = world.checkpoint()
    assert signed is not None
    return signed.size


def states(world: World, policy: Policy) -> list[str]:
    with world.reading() as session:
        return [one.state.value for one in list_witnesses(session, policy)]


def published(world: World, policy: Policy | None) -> tuple[int, str, tuple[str, ...]]:
    """Size, grade and witnesses of what is served."""
    with world.reading() as session:
        found = find_published_checkpoint(session, policy)
    if found is None:
        return 0, "", ()
    if policy is not None:
        # Whoever holds the policy sees the same in the note
        seen = evaluate_policy(policy, found.note)
        assert tuple(seen.witnessed) == found.witnesses
        assert (seen.checkpoint.size, seen.grade) == (found.size, found.grade)
    return found.size, found.grade, found.witnesses


def test_two_of_three_witnesses_make_a_checkpoint_witnessed(
    world: World, three: list[Honest]
) -> None:
    policy = policy_of(world, *at(*three[:2]), (witness_key(3), DEAD), quorum=2)

    ask_all(desk_of(world, policy))

    names = ("p-w1.example", "p-w2.example")
    assert published(world, policy) == (1, "witnessed", names)
    assert states(world, policy) == ["cosigned", "cosigned", "unreachable"]


DEAD = "http://127.0.0.1:9"


def test_without_its_quorum_the_log_goes_on_and_serves_what_was_witnessed(
    world: World, three: list[Honest]
) -> None:
    good = policy_of(world, *at(*three), quorum=2)
    ask_all(desk_of(world, good))
    bad = policy_of(
        world,
        *at(three[0]),
        (witness_key(2), DEAD),
        (witness_key(3), DEAD),
        quorum=2,
    )

    size = grow(world, "yard")
    ask_all(desk_of(world, bad))

    assert size > 1
    assert published(world, bad)[:2] == (1, "witnessed")
    with world.reading() as session:
        newest = find_newest_over(session, bad, size - 1)
        covering = find_published_covering(session, bad, size - 1)
    assert newest == covering
    assert newest is not None
    assert (newest.size, newest.grade) == (size, "logged")
    assert newest.witnesses == ("p-w1.example",)

    ask_all(desk_of(world, good))
    assert published(world, good)[:2] == (size, "witnessed")


def test_witnesses_that_nobody_must_have_are_asked_too(
    world: World, three: list[Honest]
) -> None:
    policy = policy_of(world, *at(*three), quorum=0)

    ask_all(desk_of(world, policy))

    assert [one.sizes for one in three] == [[1], [1], [1]]
    assert published(world, policy)[:2] == (1, "logged")
    assert len(published(world, policy)[2]) == 3


def test_a_witness_that_holds_another_size_is_asked_again_from_there(
    world: World, three: list[Honest]
) -> None:
    policy = policy_of(world, *at(three[0]))
    ask_all(desk_of(world, policy))
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM witness"))  # nobody knows what it holds
    size = grow(world, "yard")
    seen: list[int] = []

    def pass_on(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(parse_add_checkpoint(body).old_size)
        got = httpx.post(f"{three[0].url}/add-checkpoint", content=body)
        reply(handler, got.status_code, got.content)

    with odd(pass_on) as between:
        through = policy_of(world, (three[0].witness, between.url))
        ask_all(desk_of(world, through))
        assert seen == [0, 1]
        grow(world, "smelter")
        ask_all(desk_of(world, through))

    assert published(world, through)[0] > size
    # What it holds was kept: one request was enough
    assert seen == [0, 1, size]


def stalls(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    time.sleep(DEADLINE_S + 3)


def trickles(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """Never silent, never done."""
    try:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        for _piece in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        return


def test_a_witness_has_five_seconds_and_the_others_do_not_wait(
    world: World, three: list[Honest]
) -> None:
    with odd(stalls) as one, odd(trickles) as two:
        policy = policy_of(
            world,
            *at(three[0]),
            (witness_key(5), one.url),
            (witness_key(6), two.url),
            quorum=1,
        )
        began_s = time.monotonic()
        with rounds(world, policy):
            eventually(lambda: published(world, policy)[0] == 1, within_s=3)
            size = grow(world, "yard")
            eventually(lambda: published(world, policy)[0] == size, within_s=3)
            assert time.monotonic() - began_s < DEADLINE_S
            eventually(
                lambda: (
                    states(world, policy) == ["cosigned", "unreachable", "unreachable"]
                ),
                within_s=DEADLINE_S + 4,
            )


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (says(200, b""), WitnessState.GARBLED),
        (says(200, b"<html>welcome</html>\n"), WitnessState.GARBLED),
        (says(200, bytes(range(256)) * 4), WitnessState.GARBLED),
        (says(200, b"x" * 200_000), WitnessState.GARBLED),
        (says(200, b"\x1f\x8b\x08", Content_Encoding="gzip"), WitnessState.GARBLED),
        (says(409, b"many\n"), WitnessState.GARBLED),
        (says(409, b"0\n"), WitnessState.REFUSED),
        (says(400, b"no\n"), WitnessState.REFUSED),
        (says(403, b"\x1b[31mno\n"), WitnessState.REFUSED),
        (says(404, b"no\n"), WitnessState.REFUSED),
        (says(422, b"no\n"), WitnessState.REFUSED),
        (says(500, b"no\n"), WitnessState.UNREACHABLE),
        (says(302, b"", Location="http://127.0.0.1:9/"), WitnessState.UNREACHABLE),
    ],
)
def test_an_answer_that_is_none_is_noted_and_changes_nothing(
    world: World, answer: Answer, state: WitnessState
) -> None:
    world.checkpoint()
    with odd(answer) as it:
        policy = policy_of(world, (witness_key(1), it.url))
        ask_all(desk_of(world, policy))

    with world.reading() as session:
        [view] = list_witnesses(session, policy)
        assert session.scalars(select(CosignatureRow)).all() == []
    assert view.state is state
    assert view.error
    assert "\x1b" not in view.error
    assert published(world, policy) == (0, "", ())
    assert grow(world, "yard") > 1


def test_a_witness_that_lies_counts_for_nothing(world: World) -> None:
    world.checkpoint()
    now = world.now.timestamp()
    other = policy_note(world)
    liars = [
        cosigns(witness_key(1), at=now, over=other),
        cosigns(witness_key(2), at=now),
        cosigns(witness_key(1), at=now + 10**6),
        cosigns(witness_key(1), at=2**62),
    ]
    for lie in liars:
        with odd(lie) as it:
            policy = policy_of(world, (witness_key(1), it.url))
            ask_all(desk_of(world, policy))
        assert states(world, policy) == ["garbled"]
        assert published(world, policy) == (0, "", ())


def policy_note(world: World) -> bytes:
    """A checkpoint by the log's key over something else."""
    return parse_add_checkpoint(signed_elsewhere(world, 7, bytes(32))).note


def test_witnesses_behind_one_address_are_asked_once(world: World) -> None:
    world.checkpoint()
    keys = witness_key(1), witness_key(2)
    with odd(cosigns(*keys, at=world.now.timestamp())) as it:
        policy = policy_of(world, (keys[0], it.url), (keys[1], f"{it.url}/"))
        ask_all(desk_of(world, policy))

        assert len(it.bodies) == 1
    assert published(world, policy)[:2] == (1, "witnessed")


def test_one_of_two_behind_an_address_that_does_not_cosign_is_named(
    world: World,
) -> None:
    world.checkpoint()
    with odd(cosigns(witness_key(1), at=world.now.timestamp())) as it:
        policy = policy_of(world, (witness_key(1), it.url), (witness_key(2), it.url))
        ask_all(desk_of(world, policy))

    assert states(world, policy) == ["cosigned", "garbled"]
    assert published(world, policy) == (0, "", ())


def test_a_witness_that_is_ahead_stops_the_signing(
    world: World, three: list[Honest]
) -> None:
    policy = policy_of(world, *at(*three), quorum=1)
    body = signed_elsewhere(world, 50, bytes(32))
    assert httpx.post(f"{three[1].url}/add-checkpoint", content=body).is_success

    ask_all(desk_of(world, policy))

    assert states(world, policy) == ["cosigned", "ahead", "cosigned"]
    with pytest.raises(LogRolledBack, match=r"p-w2\.example has cosigned 50 entries"):
        grow(world, "yard")
    # Entries are taken on; silence of the witness takes nothing back
    silent = policy_of(world, *at(three[0]), (witness_key(2), DEAD), quorum=1)
    ask_all(desk_of(world, silent))
    with pytest.raises(LogRolledBack):
        grow(world, "yard 2")
    # Only the operator, who takes it out of the policy, or a log that has caught up
    without = policy_of(world, *at(three[0]))
    ask_all(desk_of(world, without))
    assert grow(world, "yard 3") > 1


def test_an_old_copy_that_has_signed_nothing_is_recognised_by_its_witness(
    world: World, tmp_path: Path
) -> None:
    with honest(tmp_path, 1, world) as one:
        body = signed_elsewhere(world, 50, bytes(32))
        assert httpx.post(f"{one.url}/add-checkpoint", content=body).is_success
        policy = policy_of(world, (one.witness, one.url))

        ask_all(desk_of(world, policy))

    assert states(world, policy) == ["ahead"]
    with pytest.raises(LogRolledBack, match="50"):
        world.checkpoint()


def test_before_the_first_checkpoint_a_witness_that_holds_nothing_is_no_worry(
    world: World, tmp_path: Path
) -> None:
    with honest(tmp_path, 1, world) as one:
        policy = policy_of(world, (one.witness, one.url), (witness_key(2), DEAD))
        told = ask_all(desk_of(world, policy))

    assert {url: outcome.state.value for url, outcome in told.items()} == {
        DEAD: "unreachable"
    }
    assert world.checkpoint() is not None


def test_a_restored_log_that_has_grown_past_its_witness_is_recognised(
    world: World, tmp_path: Path
) -> None:
    with honest(tmp_path, 1, world) as one:
        body = signed_elsewhere(world, 2, bytes(32))
        assert httpx.post(f"{one.url}/add-checkpoint", content=body).is_success
        grow(world, "yard")
        policy = policy_of(world, (one.witness, one.url))

        ask_all(desk_of(world, policy))

    assert states(world, policy) == ["forked"]
    with pytest.raises(LogRolledBack, match=r"p-w1\.example holds another history"):
        grow(world, "smelter")


def test_who_is_ahead_of_what_was_sent_but_not_of_what_was_signed_is_not_ahead(
    world: World, three: list[Honest]
) -> None:
    """Another server on the same database may have submitted a newer checkpoint."""
    desk = desk_of(world, policy_of(world, *at(three[0])))
    [address] = desk.addresses
    sent = desk.newest()
    assert sent is not None
    size = grow(world, "yard")

    kept = desk.keep(address, sent.size, Outcome(WitnessState.AHEAD, size, "409"))

    assert kept.state is WitnessState.REFUSED
    assert states(world, desk.policy) == ["refused"]
    assert grow(world, "smelter") > size


@contextmanager
def rounds(world: World, policy: Policy) -> Iterator[None]:
    """The loop of the signer process, beside the test."""
    stop = threading.Event()
    thread = threading.Thread(target=Rounds(desk_of(world, policy)).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(DEADLINE_S + 5)
        assert not thread.is_alive()


def eventually(holds: Callable[[], bool], *, within_s: float) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def test_slow_witnesses_meet_on_the_same_checkpoint(
    world: World, three: list[Honest]
) -> None:
    three[0].delay_s, three[1].delay_s = 0.5, 0.8
    policy = policy_of(world, *at(*three))
    with rounds(world, policy):
        for number in range(12):
            grow(world, f"yard {number}")
            time.sleep(0.25)
        with world.reading() as session:
            assert find_published_checkpoint(session, policy) is not None


def test_a_witness_that_comes_back_gets_the_newest_checkpoint(
    world: World, three: list[Honest]
) -> None:
    down = threading.Event()
    down.set()

    def flaky(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if down.is_set():
            reply(handler, 503, b"closed\n")
            return
        got = httpx.post(f"{three[0].url}/add-checkpoint", content=body)
        reply(handler, got.status_code, got.content)

    with odd(flaky) as it:
        policy = policy_of(world, (three[0].witness, it.url))
        with rounds(world, policy):
            eventually(lambda: states(world, policy) == ["unreachable"], within_s=5)
            size = grow(world, "yard")
            down.clear()
            eventually(
                lambda: published(world, policy)[:2] == (size, "witnessed"),
                within_s=10,
            )


def test_a_round_holds_nothing_that_an_append_needs(
    world: World, three: list[Honest]
) -> None:
    with odd(stalls) as it:
        policy = policy_of(world, (witness_key(1), it.url))
        with rounds(world, policy):
            eventually(lambda: bool(it.bodies), within_s=5)
            began_s = time.monotonic()
            size = grow(world, "yard")
            taken_s = time.monotonic() - began_s
            assert states(world, policy) == ["unasked"]  # it is still being asked

    assert size > 1
    assert taken_s < 1
