"""Entries, disclosures and policies of the shared corpus."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from ledger import (
    Signer,
    canonical_json,
    disclose,
    sign_entry,
    sign_note,
)
from tests.small_log import (
    YARD,
    envelope,
    signer_of,
)
from tools.corpus_case import Corpus

HEADER = "remelt/fact@v1\n"
NOT_CANONICAL = "entry.not_canonical"
ENVELOPE = "entry.envelope"
SIGNER = signer_of(YARD)
Fact = dict[str, Any]


def add_entries(corpus: Corpus) -> None:
    """Entries by one key, each signed as it stands: only its form is at fault."""
    fact = a_fact()
    entry = sign_entry(fact, [SIGNER]).decode()
    corpus.texts["entry"] = entry

    def add(what: str, made: str | bytes, must: str | None) -> None:
        corpus.add("entry", what, made, must, of="entry", vkey=SIGNER.vkey)

    def add_line(what: str, line: str, must: str | None = NOT_CANONICAL) -> None:
        add(what, signed(HEADER + line + "\n"), must)

    add("good", entry, None)
    line = canonical_json(fact).decode()
    for what, data in _good_data().items():
        add_line(what, canonical_json({**fact, "data": data}).decode(), None)
    for what, made in _other_spellings(line).items():
        add_line(what, made)
    for what, made in _other_data(line).items():
        add_line(what, made)
    for what, change in _envelopes().items():
        add_line(what, canonical_json(change(dict(fact))).decode(), ENVELOPE)
    add("another header", signed(f"remelt/fact@v2\n{line}\n"), "entry.header")
    add("no header", signed(f"{line}\n"), "entry.header")
    add("two lines", signed(f"{HEADER}{line}\n\n"), "entry.malformed")
    add("two facts", signed(f"{HEADER}{line}\n{line}\n"), "entry.malformed")
    add("no fact", signed(HEADER), NOT_CANONICAL)
    add("no note", HEADER + line + "\n", "note.malformed")
    long = {**fact, "data": {"text": "x" * 66_000}}
    add(
        "too long",
        signed(f"{HEADER}{canonical_json(long).decode()}\n"),
        "entry.too_long",
    )
    other, twice = signer_of(YARD, 2), [SIGNER, SIGNER]
    both = [SIGNER, other]
    text = f"{HEADER}{line}\n"
    add("signed twice by a key", sign_note(text, twice).decode(), "entry.signatures")
    add("not sorted", sign_note(text, both[::-1]).decode(), "entry.signatures")
    add("a signature too many", sign_note(text, both).decode(), "signature.unexpected")
    add("signed by another", sign_note(text, [other]).decode(), "signature.unexpected")
    add("a weight changed", entry.replace("12480000", "12480001"), "signature.bad")
    hurt = entry[:-4] + ("A" if entry[-4] != "A" else "B") + entry[-3:]
    add("the signature changed", hurt, "signature.bad")
    for at in range(20, len(entry.encode()) - 110, 37):
        bits = bytearray(entry.encode())
        bits[at] ^= 0x80
        add(f"the high bit of byte {at}", bytes(bits), "note.malformed")
    _add_disclosures(corpus)


def a_fact() -> Fact:
    """A fact of the kind that yards log most."""
    return envelope(
        "lot.sourced",
        YARD,
        {"lot": "L0T000000001", "note": "铜", "weighing": {"net_g": 12_480_000}},
        parents=["00" * 32, "11" * 32],
        sd=[disclose("ticket", "42", salt="c2FsdA").digest],
        seen={"size": 2, "root": "22" * 32},
    )


def signed(text: str, signer: Signer = SIGNER) -> str:
    """A note over a text, whatever it is."""
    return sign_note(text, [signer]).decode()


def nested(depth: int) -> Any:  # noqa: ANN401 - JSON
    """Lists in lists."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _good_data() -> dict[str, Fact]:
    return {
        "no data": {},
        "largest number": {"n": 2**53 - 1, "m": -(2**53 - 1), "z": 0},
        "32 levels": {"n": nested(30)},
        "characters that are escaped": {"t": 'a"b\\c/d'},
        "DEL and line separators": {"t": "\x7f\u2028\u2029"},
        "names that look like numbers": {"10": 1, "9": 2, "a": None},
        "a name of JavaScript": {"__proto__": {"admin": True}, "constructor": 1},
        "brackets in a text": {"t": "[{" * 40},
        "empty name": {"": ""},
        "truth": {"f": False, "n": None, "t": True},
    }


def _other_spellings(line: str) -> dict[str, str]:
    return {
        "a space after a colon": line.replace('":', '": ', 1),
        "a space in front": f" {line}",
        "a space behind": f"{line} ",
        "a byte order mark": f"\ufeff{line}",
        "a comma at the end": line[:-1] + ",}",
        "members in another order": line[:-1].replace('{"at"', '{"v":1,"at"', 1) + "}",
        "a name twice": '{"at":"2026-03-05T08:30:00Z",' + line[1:],
        "a name twice, deeper": line.replace('{"net_g"', '{"net_g":1,"net_g"'),
        "an escape for a letter": line.replace("lot.sourced", "l\\u006ft.sourced"),
        "an escape for Chinese": line.replace("铜", "\\u94dc"),
        "an escape in capitals": line.replace("铜", "\\u001F"),
        "an escaped slash": line.replace("铜", "\\/"),
        "an escape that is none": line.replace("铜", "\\x41"),
        "a lone surrogate": line.replace("铜", "\\ud800"),
        "two surrogates for a character": line.replace("铜", "\\ud842\\udfb7"),
        "a name that is escaped": line.replace('"lot":', '"l\\u006ft":'),
        "an array": f"[{line}]",
        "a text": '"text"',
        "a number": "5",
        "nothing": "null",
        "cut off": line[:-1],
        "more behind": f"{line}{{}}",
        "single quotes": line.replace('"', "'"),
        "a comment": f"{line}/**/",
    }


def _other_data(line: str) -> dict[str, str]:
    grams = "12480000"
    made = {
        f"the number {text}": line.replace(grams, text)
        for text in (
            "12480000.0",
            "1.5",
            "1e3",
            "1E3",
            "-0",
            "+1",
            "01",
            ".5",
            "1.",
            "0x1",
            "NaN",
            "Infinity",
            "-Infinity",
            "9007199254740992",
            "-9007199254740992",
            "12345678901234567890",
            "1e400",
            "１",
        )
    }
    made["a name beyond ASCII"] = line.replace('"net_g"', '"净重"')
    made["33 levels"] = line.replace(grams, "[" * 31 + "]" * 31)
    made["500 levels"] = line.replace(grams, "[" * 499 + "]" * 499)
    made["True"] = line.replace(grams, "True")
    made["undefined"] = line.replace(grams, "undefined")
    return made


def _envelopes() -> dict[str, Callable[[Fact], Fact]]:
    def put(member: str, value: Any) -> Callable[[Fact], Fact]:  # noqa: ANN401
        return lambda fact: {**fact, member: value}

    def drop(member: str) -> Callable[[Fact], Fact]:
        return lambda fact: {k: v for k, v in fact.items() if k != member}

    made = {f"without {name}": drop(name) for name in sorted(a_fact())}
    made |= {
        f"{name} null": put(name, None) for name in sorted(a_fact()) if name != "seen"
    }
    made["a member more"] = put("log_index", 1)
    values: dict[str, Sequence[Any]] = {
        "at": (
            "2026-02-29T08:30:00Z",
            "2026-13-01T08:30:00Z",
            "2026-00-01T08:30:00Z",
            "2026-01-00T08:30:00Z",
            "2026-04-31T08:30:00Z",
            "0000-01-01T08:30:00Z",
            "1900-02-29T08:30:00Z",
            "2026-03-05T24:00:00Z",
            "2026-03-05T08:60:00Z",
            "2026-03-05T23:59:60Z",
            "2026-03-05 08:30:00Z",
            "2026-03-05T08:30:00z",
            "2026-03-05T08:30:00+00:00",
            "2026-03-05T08:30:00.000Z",
            "2026-3-5T08:30:00Z",
            "２026-03-05T08:30:00Z",
            1772700000,
        ),
        "id": (
            "019CA6CD-5340-7001-8001-000000000001",
            "019ca6cd-5340-4001-8001-000000000001",
            "019ca6cd-5340-7001-0001-000000000001",
            "019ca6cd53407001800100000000001",
            " 019ca6cd-5340-7001-8001-000000000001",
        ),
        "type": (
            "lot",
            "Lot.sourced",
            "lot.sourced.",
            "lot.sourced2",
            "lot-sourced",
            "",
        ),
        "v": (0, -1, "1", True),
        "org": ("", "yard", "YARD 1", "YARD/1", "铜", "A" * 65),
        "data": ([], "text", 5),
        "sd": (
            {},
            ["short"],
            ["A" * 44],
            ["A" * 42 + "="],
            ["B" * 43, "A" * 43],
            ["A" * 43] * 2,
            [5],
        ),
        "parents": (
            ["11" * 32, "00" * 32],
            ["00" * 32] * 2,
            ["AA" * 32],
            ["0"],
            [None],
        ),
        "seen": (
            {},
            {"size": 0, "root": "00" * 32},
            {"size": "2", "root": "00" * 32},
            {"size": True, "root": "00" * 32},
            {"size": 2, "root": "0"},
            {"size": 2, "root": "00" * 32, "more": 1},
            [2, "00" * 32],
            False,
        ),
    }
    for name, wrong in values.items():
        for number, value in enumerate(wrong, 1):
            made[f"{name}, wrong {number}"] = put(name, value)
    return made


def _add_disclosures(corpus: Corpus) -> None:
    def encode(text: str | bytes) -> str:
        data = text.encode() if isinstance(text, str) else text
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    good = '["c2FsdA", "ticket", "示例磅单 42"]'
    whole = encode(good)
    for what, text in {
        "good": whole,
        "without spaces": encode(good.replace(", ", ",")),
        "with more space": encode(f" {good}\n"),
        "escapes": encode(r'["c2FsdA", "ticket", "\u94dc\ud800"]'),
        "known": "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhhbXBs"
        "ZS5jb20iXQ",
    }.items():
        corpus.add("disclosure", what, text, None)
    for what, text in {
        "empty": "",
        "padded": whole + "=",
        "standard alphabet": encode('["~~~", "???", ">>>"]').replace("-", "+"),
        "another letter": "*" + whole[1:],
        "Chinese": "铜" + whole,
        "a digit too many": whole + "A",
        "two parts": encode('["a", "b"]'),
        "four parts": encode('["a", "b", "c", "d"]'),
        "a number for a value": encode('["a", "b", 5]'),
        "a fraction for a value": encode('["a", "b", 1.5]'),
        "nothing for a value": encode('["a", "b", null]'),
        "an object": encode('{"salt": "a"}'),
        "a text": encode('"abc"'),
        "no JSON": encode("[a, b, c]"),
        "a byte order mark": encode("\ufeff" + good),
        "no UTF-8": encode(b'["a", "b", "\xff"]'),
        "a control character": encode('["a", "b", "\x01"]'),
        "cut off": encode(good[:-1]),
        "more behind": encode(good + "[]"),
    }.items():
        corpus.add("disclosure", what, text, "disclosure.malformed")
