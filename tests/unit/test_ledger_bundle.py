"""A bundle is checked whole: what is changed in it, anywhere, is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    BundleReport,
    LeafTiles,
    LedgerError,
    MalformedBundle,
    Policy,
    PolicyLog,
    disclose,
    format_bundle,
    load_bundle,
    parse_bundle,
    parse_policy,
    prove_inclusion,
    verify_bundle,
)
from tests.small_log import (
    GENESIS,
    LOG_KEY,
    POLICY,
    REGISTRAR,
    SMELTER,
    YARD,
    SmallLog,
    claim_bundle,
    signer_of,
)

KNOWN = Path(__file__).parent.parent / "known_answers" / "ledger_bundle.json"
NAMES = [
    "policy",
    "checkpoint",
    "entries",
    "genesis",
    "inclusion",
    "keys",
    "parents",
    "seen",
    "disclosures",
    "subject",
]
Document = dict[str, Any]


def report_of(document: Document) -> BundleReport:
    return verify_bundle(document, POLICY, genesis=GENESIS)


def failed(document: Document) -> set[str]:
    return {check.name for check in report_of(document).checks if not check.passed}


def test_a_full_bundle_passes_every_check_and_tells_its_facts() -> None:
    report = report_of(claim_bundle("full"))

    assert report.passed, report.checks
    assert [check.name for check in report.checks] == NAMES
    assert [fact.index for fact in report.facts] == list(range(9))
    lot = report.facts[5]
    assert lot.fact["type"] == "lot.sourced"
    assert lot.private == {"ticket": "示例磅单 42"}
    assert (lot.key_name, lot.held_by) == (signer_of(YARD).name, "organisation")
    assert report.outcome is not None
    assert report.outcome.grade == "witnessed"


def test_a_public_bundle_passes_and_hides_the_evidence() -> None:
    document = claim_bundle("public")
    report = report_of(document)

    assert report.passed, report.checks
    assert [fact.index for fact in report.facts] == [0, 1, 2, 3, 4, 7, 8]
    assert "L0T000000001" not in json.dumps(document)


def test_the_known_bundle_passes() -> None:
    known = json.loads(KNOWN.read_text(encoding="utf-8"))

    report = verify_bundle(
        known["bundle"], parse_policy(known["policy"]), genesis=known["genesis"]
    )

    assert report.passed, report.checks


def test_a_bundle_is_read_back_from_the_document_that_it_writes() -> None:
    for kind in ("full", "public"):
        document = claim_bundle(kind)
        data = json.dumps(document, ensure_ascii=False).encode()

        assert format_bundle(parse_bundle(load_bundle(data))) == document


def leaves_of(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts and numbers of a document stand."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves_of(member, (*path, name))
    elif isinstance(value, list):
        for position, member in enumerate(value):
            yield from leaves_of(member, (*path, position))
    else:
        yield path


def change(document: Document, path: tuple[Any, ...], new: object) -> Document:
    made = copy.deepcopy(document)
    at: Any = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return made


def is_noticed(document: Document) -> bool:
    try:
        return not report_of(document).passed
    except MalformedBundle:
        return True


@pytest.mark.parametrize("kind", ["full", "public"])
def test_every_changed_value_is_noticed(kind: str) -> None:
    document = claim_bundle(kind)
    unnoticed = []

    for path in leaves_of(document):
        value: Any = document
        for step in path:
            value = value[step]
        if isinstance(value, int):
            changes: list[object] = [value + 1, value - 1, str(value), None, True]
        else:
            middle = len(value) // 2
            changes = [
                "",
                value + "\n",
                value[:-1],
                value[1:],
                value.swapcase(),
                value[:middle] + chr(ord(value[middle]) ^ 1) + value[middle + 1 :],
                None,
                5,
            ]
        for new in changes:
            if new != value and is_noticed(change(document, path, new)) is False:
                unnoticed.append((path, new))

    # A final empty line of the policy says nothing: it is the same policy
    assert [path for path, _ in unnoticed if path != ("policy",)] == []
    assert all(parse_policy(str(new)) == POLICY for _, new in unnoticed)


def test_every_changed_letter_of_a_text_is_noticed() -> None:
    document = claim_bundle("full")
    entry = document["entries"][5]
    texts: dict[tuple[Any, ...], str] = {
        ("checkpoint",): document["checkpoint"],
        ("policy",): document["policy"],
        ("genesis",): document["genesis"],
        ("entries", 5, "note"): entry["note"],
        ("entries", 5, "leaf"): entry["leaf"],
    }

    for path, text in texts.items():
        for at in range(len(text)):
            hurt = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
            assert is_noticed(change(document, path, hurt)), (path, at)


@pytest.mark.parametrize(
    "member",
    ["format", "kind", "subject", "policy", "genesis", "checkpoint", "entries"],
)
def test_every_member_is_needed_and_none_is_added(member: str) -> None:
    document = claim_bundle()

    with pytest.raises(MalformedBundle, match=f"{member} is missing"):
        parse_bundle({k: v for k, v in document.items() if k != member})
    with pytest.raises(MalformedBundle, match="more is unknown"):
        parse_bundle({**document, "more": 1})
    with pytest.raises(MalformedBundle):
        parse_bundle({**document, member: None})


def test_every_entry_is_needed() -> None:
    document = claim_bundle("full")

    for position in range(len(document["entries"])):
        cut = copy.deepcopy(document)
        del cut["entries"][position]
        assert is_noticed(cut), position


def test_entries_stand_in_log_order_and_once() -> None:
    document = claim_bundle()
    entries = document["entries"]

    for wrong in (entries[::-1], [entries[0], *entries]):
        with pytest.raises(MalformedBundle, match="log order"):
            parse_bundle({**document, "entries": wrong})


Edit = Callable[[Document], None]


def set_in(*path: Any) -> Edit:
    def edit(document: Document) -> None:
        at: Any = document
        for step in path[:-2]:
            at = at[step]
        at[path[-2]] = path[-1]

    return edit


def drop(*path: Any) -> Edit:
    def edit(document: Document) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return edit


def swap_proofs(document: Document) -> None:
    one, other = document["entries"][3], document["entries"][4]
    one["proof"], other["proof"] = other["proof"], one["proof"]


def drop_witness(document: Document) -> None:
    document["checkpoint"] = document["checkpoint"].rsplit("— ", 1)[0]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (set_in("policy", f"log {LOG_KEY.vkey}\nquorum none\n"), {"policy"}),
        (set_in("policy", "no policy"), {"policy"}),
        (set_in("genesis", "00" * 32), {"genesis"}),
        (drop_witness, {"checkpoint", "inclusion"}),
        (swap_proofs, {"inclusion"}),
        (set_in("subject", {"claim": "0THER0000001"}), {"subject"}),
        (set_in("subject", {"label_sha256": "00" * 32}), {"subject"}),
        (set_in("subject", {"lot": "0THER0000001"}), {"subject"}),
        (set_in("entries", 5, "disclosures", ["x"]), {"disclosures"}),
        (
            set_in("entries", 5, "disclosures", [disclose("ticket", "43").text]),
            {"disclosures"},
        ),
    ],
)
def test_a_fault_is_named_by_its_check(edit: Edit, expected: set[str]) -> None:
    document = claim_bundle("full")
    edit(document)

    assert failed(document) == expected


def test_an_entry_without_note_makes_a_full_bundle_incomplete() -> None:
    document = claim_bundle("full")
    drop("entries", 5, "note")(document)
    drop("entries", 5, "disclosures")(document)

    assert failed(document) == {"entries"}


def test_a_disclosure_is_shown_once() -> None:
    document = claim_bundle("full")
    document["entries"][5]["disclosures"] *= 2

    assert failed(document) == {"disclosures"}


@pytest.mark.parametrize(
    "subject", [{"claim": "CLA1M0000001"}, {"lot": "L0T000000001"}]
)
def test_a_bundle_may_be_about_a_claim_or_a_lot_alone(subject: dict[str, str]) -> None:
    assert failed({**claim_bundle("full"), "subject": subject}) == set()


def test_a_label_and_a_claim_must_belong_together() -> None:
    document = claim_bundle("full")

    assert failed({**document, "subject": {**document["subject"], "lot": "X"}}) == {
        "subject"
    }


def test_another_log_is_not_believed() -> None:
    document = claim_bundle()
    other = Policy((PolicyLog(REGISTRAR.vkey),))

    report = verify_bundle(document, other, genesis=None)

    wrong = {check.name for check in report.checks if not check.passed}
    assert wrong == {"policy", "checkpoint", "genesis", "inclusion"}


def test_a_genesis_that_nobody_named_is_said_to_be_unchecked() -> None:
    report = verify_bundle(claim_bundle(), POLICY, genesis=None)

    details = {check.name: check.detail for check in report.checks}
    assert report.passed
    assert "you named no genesis" in details["genesis"]
    assert not verify_bundle(claim_bundle(), POLICY, genesis="00" * 32).passed


def bundle_of(log: SmallLog, *, leave_out: set[int] | None = None) -> Document:
    """A full bundle of a log, perhaps without some of its entries."""
    tiles, size = LeafTiles(log.leaves), len(log.notes)
    document = claim_bundle("full")
    document["checkpoint"] = log.checkpoint().decode()
    document["subject"] = {"lot": "L0T000000001"}
    document["entries"] = [
        {
            "index": index,
            "leaf": log.leaves[index].hex(),
            "proof": [one.hex() for one in prove_inclusion(tiles, index, size)],
            "note": note.decode(),
            "disclosures": [],
        }
        for index, note in enumerate(log.notes)
        if index not in (leave_out or set())
    ]
    return document


def yard_log(**more: Any) -> SmallLog:
    log = SmallLog()
    log.register(YARD)
    log.add(
        "lot.sourced",
        YARD,
        {"lot": "L0T000000001"},
        more.pop("signer", signer_of(YARD)),
        **more,
    )
    return log


def test_a_bundle_of_another_log_of_the_same_keys_passes() -> None:
    assert failed(bundle_of(yard_log())) == set()


@pytest.mark.parametrize("missing", [1, 2])
def test_without_the_registrations_a_signature_is_worth_nothing(missing: int) -> None:
    assert failed(bundle_of(yard_log(), leave_out={missing})) == {"keys"}


def test_a_fact_signed_by_a_key_of_another_is_found() -> None:
    assert failed(bundle_of(yard_log(signer=REGISTRAR))) == {"keys"}
    assert failed(bundle_of(yard_log(signer=signer_of(SMELTER)))) == {"keys"}


def test_a_parent_that_is_missing_or_comes_later_is_found() -> None:
    log = SmallLog()
    log.register(YARD)
    later = yard_log()
    log.add(
        "lot.sourced",
        YARD,
        {"lot": "L0T000000001"},
        signer_of(YARD),
        parents=[later.leaves[3].hex()],
    )

    assert failed(bundle_of(log)) == {"parents"}


def test_a_signer_cannot_have_seen_more_entries_than_there_were() -> None:
    seen = {"size": 3, "root": "00" * 32}

    assert failed(bundle_of(yard_log(seen=seen))) == set()
    assert failed(bundle_of(yard_log(seen={**seen, "size": 4}))) == {"seen"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_a_file_that_is_no_json_object_is_no_bundle(data: bytes) -> None:
    with pytest.raises(MalformedBundle):
        load_bundle(data)


@pytest.mark.parametrize(
    "edit",
    [
        set_in("format", "remelt/bundle@v2"),
        set_in("kind", "secret"),
        set_in("kind", ["full"]),
        set_in("subject", {}),
        set_in("subject", {"claim": 5}),
        set_in("subject", {"other": "x"}),
        set_in("subject", []),
        set_in("entries", {}),
        set_in("entries", 0, []),
        set_in("entries", 0, "index", True),
        set_in("entries", 0, "index", -1),
        set_in("entries", 0, "index", "0"),
        set_in("entries", 0, "index", 2**53),
        set_in("entries", 0, "leaf", "00"),
        set_in("entries", 0, "leaf", "A" * 64),
        set_in("entries", 0, "proof", "00"),
        set_in("entries", 0, "proof", ["00" * 32] * 64),
        set_in("entries", 0, "proof", ["00"]),
        set_in("entries", 0, "note", None),
        set_in("entries", 0, "note", "\ud800"),
        set_in("entries", 0, "disclosures", None),
        set_in("entries", 0, "disclosures", [None]),
        set_in("entries", 0, "more", 1),
        set_in("checkpoint", "\ud800"),
        drop("entries", 0, "leaf"),
        drop("entries", 0, "note"),
    ],
)
def test_what_is_no_bundle_is_refused(edit: Edit) -> None:
    document = claim_bundle("full")
    edit(document)

    with pytest.raises(MalformedBundle):
        verify_bundle(document, POLICY, genesis=GENESIS)


def test_a_malformed_bundle_is_an_error_of_the_ledger() -> None:
    with pytest.raises(LedgerError):
        parse_bundle({})
