"""What a witness answers to each request, and what a log believes of each answer."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    AddCheckpoint,
    BadSignature,
    Checkpoint,
    LeafTiles,
    LedgerError,
    MalformedMessage,
    SignatureLine,
    Signer,
    Witness,
    WitnessedTree,
    WitnessRefusal,
    add_lines,
    extend_tree,
    format_add_checkpoint,
    leaf_hash,
    monitoring_path,
    open_add_checkpoint,
    parse_add_checkpoint,
    parse_cosignatures,
    parse_size,
    pick_cosignatures,
    prove_consistency,
    root_of,
    sign_checkpoint,
)
from ledger.tree import EMPTY_ROOT
from ledger.witnessing import MAX_PROOF, MAX_REQUEST, NO_TREE

LOG = Signer.from_bytes("example.org/log", bytes(32))
NEXT_KEY = Signer.from_bytes("example.org/log", bytes([1]) * 32)
STRANGER = Signer.from_bytes("example.org/log", bytes([2]) * 32)
LOGS = {LOG.name: (LOG.verifier,)}
WITNESS = Witness.from_bytes("w.example", bytes([3]) * 32)
LEAVES = [leaf_hash(bytes([n])) for n in range(9)]
TIME = 1_795_000_000


def checkpoint(size: int, *, root: bytes | None = None, signer: Signer = LOG) -> bytes:
    made = Checkpoint(LOG.name, size, root or root_of(LEAVES[:size]))
    return sign_checkpoint(made, [signer])


def request(old: int, new: int, note: bytes | None = None) -> AddCheckpoint:
    proof = prove_consistency(LeafTiles(LEAVES), old, new) if 0 < old <= new else []
    return AddCheckpoint(old, tuple(proof), note or checkpoint(new))


def held(size: int) -> WitnessedTree:
    return WitnessedTree(size, root_of(LEAVES[:size])) if size else NO_TREE


def answer(body: bytes, holds: WitnessedTree) -> tuple[int, WitnessedTree | int | None]:
    """Status, and what is stored or the size that is told."""
    try:
        return 200, extend_tree(holds, open_add_checkpoint(body, LOGS))
    except WitnessRefusal as refusal:
        return refusal.status, refusal.size


@pytest.mark.parametrize("old", range(9))
@pytest.mark.parametrize("new", range(10))
def test_a_witness_goes_from_what_it_holds_to_any_larger_tree(
    old: int, new: int
) -> None:
    body = format_add_checkpoint(request(old, new))

    found = answer(body, held(old))

    assert found == ((200, held(new)) if new >= old else (400, None))


def test_a_request_is_written_as_the_specification_says() -> None:
    one = request(3, 5)

    lines = format_add_checkpoint(one).decode().split("\n")

    assert lines[0] == "old 3"
    assert [base64.b64decode(line) for line in lines[1 : len(one.proof) + 1]] == list(
        one.proof
    )
    assert "\n".join(lines[len(one.proof) + 1 :]) == "\n" + one.note.decode()


def test_the_same_checkpoint_again_is_cosigned_afresh() -> None:
    body = format_add_checkpoint(request(5, 5))

    assert answer(body, held(5)) == (200, held(5))


def test_another_root_at_the_size_held_is_refused() -> None:
    forked = checkpoint(5, root=bytes(32))

    assert answer(format_add_checkpoint(AddCheckpoint(5, (), forked)), held(5)) == (
        422,
        None,
    )


@pytest.mark.parametrize(("old", "holds"), [(0, 5), (3, 5), (5, 0), (5, 3), (5, 6)])
def test_another_size_than_the_one_held_is_told(old: int, holds: int) -> None:
    body = format_add_checkpoint(request(old, 8))

    assert answer(body, held(holds)) == (409, holds)


def test_the_size_is_told_in_a_body_of_its_own_type() -> None:
    refusal = WitnessRefusal(409, "the size held here is 20852014", 20852014)

    assert (refusal.content_type, refusal.body) == ("text/x.tlog.size", b"20852014\n")
    assert WitnessRefusal(404, "unknown").body == b"unknown\n"


def test_a_proof_that_proves_nothing_is_refused() -> None:
    good = request(3, 8)
    wrong = [
        AddCheckpoint(3, good.proof[:-1], good.note),
        AddCheckpoint(3, (*good.proof, bytes(32)), good.note),
        AddCheckpoint(3, (bytes(32), *good.proof[1:]), good.note),
        AddCheckpoint(3, (), good.note),
        AddCheckpoint(3, good.proof, checkpoint(8, root=bytes(32))),
    ]

    for one in wrong:
        assert answer(format_add_checkpoint(one), held(3)) == (422, None)


def test_a_proof_from_nothing_is_refused() -> None:
    one = AddCheckpoint(0, (bytes(32),), checkpoint(8))

    assert answer(format_add_checkpoint(one), NO_TREE) == (422, None)


def test_an_empty_tree_has_one_root() -> None:
    good, bad = checkpoint(0, root=EMPTY_ROOT), checkpoint(0, root=bytes(32))

    assert answer(format_add_checkpoint(AddCheckpoint(0, (), good)), NO_TREE) == (
        200,
        NO_TREE,
    )
    assert answer(format_add_checkpoint(AddCheckpoint(0, (), bad)), NO_TREE) == (
        422,
        None,
    )


def test_a_log_that_nobody_named_is_unknown() -> None:
    other = Signer.from_bytes("example.org/other", bytes([4]) * 32)
    note = sign_checkpoint(Checkpoint(other.name, 0, EMPTY_ROOT), [other])

    assert answer(format_add_checkpoint(AddCheckpoint(0, (), note)), NO_TREE) == (
        404,
        None,
    )


def test_a_checkpoint_by_a_strange_key_is_forbidden() -> None:
    note = checkpoint(5, signer=STRANGER)

    assert answer(format_add_checkpoint(AddCheckpoint(0, (), note)), NO_TREE) == (
        403,
        None,
    )


def test_one_bad_line_by_a_trusted_key_condemns_the_checkpoint() -> None:
    both = {LOG.name: (LOG.verifier, NEXT_KEY.verifier)}
    bad = SignatureLine(LOG.name, NEXT_KEY.verifier.key_id, bytes(64))
    note = add_lines(checkpoint(5), [bad])

    with pytest.raises(WitnessRefusal) as refused:
        open_add_checkpoint(format_add_checkpoint(AddCheckpoint(0, (), note)), both)

    assert refused.value.status == 403
    # of a key that is not trusted here, the same line is passed over
    assert answer(format_add_checkpoint(AddCheckpoint(0, (), note)), NO_TREE)[0] == 200


def test_lines_of_others_are_not_kept_with_the_checkpoint() -> None:
    note = checkpoint(5)
    cluttered = add_lines(note, [WITNESS.cosign(note, TIME)])
    body = format_add_checkpoint(AddCheckpoint(0, (), cluttered))

    assert open_add_checkpoint(body, LOGS).note == note


NOTE = checkpoint(5)
HASH = base64.b64encode(bytes(32))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 0\n" + NOTE,
        b"\n\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old  1\n\n" + NOTE,
        b"OLD 1\n\n" + NOTE,
        b"old 1\r\n\r\n" + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        b"old 1 \n\n" + NOTE,
        b"old 1\n" + HASH[:-4] + b"\n\n" + NOTE,
        b"old 1\n" + HASH + b" \n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(33)) + b"\n\n" + NOTE,
        b"old 1\n" + HASH[:-2] + b"B=\n\n" + NOTE,
        b"old 1\n\xff\n\n" + NOTE,
        b"old 1\n" + (HASH + b"\n") * (MAX_PROOF + 1) + b"\n" + NOTE,
        b"old 0\n\n" + NOTE[:-1],
        b"old 0\n\nno checkpoint\n\n" + NOTE.split(b"\n\n")[1],
        b"old 0\n\n" + b"x" * MAX_REQUEST,
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_add_checkpoint(body)
    assert answer(body, NO_TREE) == (400, None)


@given(st.binary(max_size=300))
def test_garbage_breaks_no_reader(garbage: bytes) -> None:
    for read in (parse_add_checkpoint, parse_cosignatures, parse_size):
        try:
            read(garbage)
        except LedgerError as error:
            assert isinstance(error, MalformedMessage)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32)))
def test_a_request_reads_back_as_it_was_written(old: int, proof: list[bytes]) -> None:
    one = AddCheckpoint(old, tuple(proof[:MAX_PROOF]), NOTE)

    assert parse_add_checkpoint(format_add_checkpoint(one)) == one


@pytest.mark.parametrize("size", [0, 1, 20852014, 2**63 - 1])
def test_a_size_has_one_spelling(size: int) -> None:
    assert parse_size(f"{size}\n".encode()) == size
    for wrong in (f"{size}", f"0{size}\n", f" {size}\n", f"{size}\n\n", f"-{size}\n"):
        with pytest.raises(MalformedMessage):
            parse_size(wrong.encode())


def test_a_size_beyond_any_log_is_none() -> None:
    with pytest.raises(MalformedMessage):
        parse_size(b"9223372036854775808\n")


def test_cosignatures_of_the_witnesses_asked_are_picked() -> None:
    second = Witness.from_bytes("w2.example", bytes([5]) * 32)
    other = Witness.from_bytes("w3.example", bytes([6]) * 32)
    lines = [one.cosign(NOTE, TIME) for one in (WITNESS, other, second)]
    body = "".join(line.to_text() for line in lines).encode()

    found = pick_cosignatures(parse_cosignatures(body), [WITNESS.key, second.key], NOTE)

    assert found == {
        WITNESS.key.public_key: (lines[0], TIME),
        second.key.public_key: (lines[2], TIME),
    }


def test_of_two_lines_by_one_witness_the_later_counts() -> None:
    lines = [WITNESS.cosign(NOTE, TIME + late) for late in (0, 9, 4)]

    found = pick_cosignatures(lines, [WITNESS.key], NOTE)

    assert found[WITNESS.key.public_key] == (lines[1], TIME + 9)


def test_a_witness_that_lies_is_found_out() -> None:
    honest = WITNESS.cosign(NOTE, TIME)
    of_another = WITNESS.cosign(checkpoint(4), TIME)
    other_time = SignatureLine(
        honest.name,
        honest.key_id,
        (TIME + 1).to_bytes(8, "big") + honest.signature[8:],
    )

    for line in (of_another, other_time):
        with pytest.raises(BadSignature):
            pick_cosignatures([honest, line], [WITNESS.key], NOTE)


def test_another_key_under_the_name_of_a_witness_counts_for_nothing() -> None:
    impostor = Witness.from_bytes(WITNESS.key.name, bytes([7]) * 32)

    assert pick_cosignatures([impostor.cosign(NOTE, TIME)], [WITNESS.key], NOTE) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"ok\n",
        NOTE,
        WITNESS.cosign(NOTE, TIME).to_text().encode()[:-1],
        WITNESS.cosign(NOTE, TIME).to_text().encode() + b"\n",
        WITNESS.cosign(NOTE, TIME).to_text().encode() * 101,
        b"\xff\n",
        b"x" * 70_000,
    ],
)
def test_what_are_no_signature_lines_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_cosignatures(body)


def test_the_monitoring_path_names_the_log_by_its_hash() -> None:
    digest = hashlib.sha256(b"example.org/log").hexdigest()

    assert monitoring_path("example.org/log") == f"/{digest}/checkpoint"
