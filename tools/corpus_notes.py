"""Signatures, keys and notes of the shared corpus."""

from __future__ import annotations

import base64

from ledger import (
    SignatureLine,
    Signer,
    sign_note,
)
from ledger.note import format_vkey
from tests.small_log import LOG_KEY, ORIGIN, WITNESS, seed_of
from tools.corpus_case import Corpus
from tools.edwards import (
    BASE,
    EIGHTH,
    NEUTRAL,
    ORDER,
    PRIME,
    challenge,
    forge,
    secret_scalar,
)

MESSAGE = b"remelt"
OTHER_KEY = Signer.from_bytes("example.org/other", seed_of("other"))
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
NO_POINT = (2).to_bytes(32, "little")
SPACES = ("\u0085", "\u00a0", "\u1680", "\u2003", "\u2028", "\u202f", "\u3000")


def add_notes(corpus: Corpus) -> None:
    """Signatures on which implementations differ, keys' texts, and signed notes."""
    _add_signatures(corpus)
    _add_keys(corpus)
    _add_signed_notes(corpus)


def _add_signatures(corpus: Corpus) -> None:
    """Signatures on which implementations differ."""
    secret = secret_scalar(seed_of("hostile"))
    plain, mixed = (secret * BASE).encode(), (secret * BASE + EIGHTH).encode()
    nonce = 12345
    r = (nonce * BASE).encode()
    good = forge(secret, plain, r, nonce, MESSAGE)
    s = int.from_bytes(good[32:], "little")

    def add(name: str, must: str | None, key: bytes, signature: bytes) -> None:
        corpus.add(
            "signature",
            name,
            MESSAGE.decode(),
            must,
            public_key=key.hex(),
            signature=signature.hex(),
        )

    add("good", None, plain, good)
    add("of nothing", "signature.bad", plain, b"")
    add("63 bytes", "signature.bad", plain, good[:63])
    add("65 bytes", "signature.bad", plain, good + b"\x00")
    for at in range(0, 64, 5):
        hurt = bytearray(good)
        hurt[at] ^= 1
        add(f"byte {at} flipped", "signature.bad", plain, bytes(hurt))
    add("S + L", "signature.bad", plain, r + (s + ORDER).to_bytes(32, "little"))
    add("S = L", "signature.bad", plain, r + ORDER.to_bytes(32, "little"))
    add("S = 0", "signature.bad", plain, r + bytes(32))
    neutral = NEUTRAL.encode()
    add("R neutral", None, plain, forge(secret, plain, neutral, 0, MESSAGE))
    hostile = {
        "R neutral, x = -0": bytes([1]) + bytes(30) + b"\x80",
        "R neutral, y >= p": (PRIME + 1).to_bytes(32, "little"),
        "R of low order": EIGHTH.encode(),
        "R no point": NO_POINT,
    }
    for name, half in hostile.items():
        signature = forge(secret, plain, half, 0, MESSAGE)
        add(name, "signature.bad", plain, signature)
    add("R with a part of low order", "signature.bad", plain, _with_torsion(secret))
    for n in range(16):
        message = f"remelt {n}"
        signature = forge(secret, mixed, r, nonce, message.encode())
        corpus.add(
            "signature",
            f"key with a part of low order, message {n}",
            message,
            None if _divides_8(mixed, r, message) else "signature.bad",
            public_key=mixed.hex(),
            signature=signature.hex(),
        )
    add("key no point", "signature.bad", NO_POINT, good)
    add("another key", "signature.bad", OTHER_KEY.public_key, good)
    for encoded in LOW_ORDER:
        key, signature = bytes.fromhex(encoded), neutral + bytes(32)
        add(f"key {encoded[:4]}..{encoded[-2:]}", "key.weak", key, signature)


def _with_torsion(secret: int) -> bytes:
    key, half = (secret * BASE).encode(), (7 * BASE + EIGHTH).encode()
    return forge(secret, key, half, 7, MESSAGE)


def _divides_8(key: bytes, r: bytes, message: str) -> bool:
    """Whether the part of low order falls out: only then the signature verifies."""
    return challenge(r, key, message.encode()) % 8 == 0


def _add_keys(corpus: Corpus) -> None:
    vkey = LOG_KEY.vkey
    corpus.texts["vkey"] = vkey
    name, number, encoded = vkey.split("+", 2)

    def add(what: str, text: str, must: str | None = "key.malformed") -> None:
        corpus.add("vkey", what, text, must, of="vkey")

    add("good", vkey, None)
    for what, text in {
        "empty": "",
        "without key": f"{name}+{number}",
        "without name": f"+{number}+{encoded}",
        "ID in upper case": f"{name}+{number.upper()}+{encoded}",
        "another ID": f"{name}+{'0' * 8}+{encoded}",
        "another name": f"x{vkey}",
        "space in the name": vkey.replace("/", " "),
        "unpadded": vkey + "=",
        "31 bytes": f"{name}+{number}+{base64.b64encode(bytes([1] * 32)).decode()}",
        "no base64": f"{name}+{number}+****",
        "base64url": f"{name}+{number}+{encoded[:-2]}-_",
        "newline at the end": vkey + "\n",
        "a witness's": WITNESS.vkey,
        "type 2": format_vkey(name, LOG_KEY.public_key, b"\x02"),
    }.items():
        add(what, text)
    for space in SPACES:
        add(
            f"U+{ord(space):04X} in the name",
            format_vkey(f"example{space}org", LOG_KEY.public_key),
        )
    for weak in LOW_ORDER:
        add(
            f"weak {weak[:4]}..{weak[-2:]}",
            format_vkey(name, bytes.fromhex(weak)),
            "key.weak",
        )


def _add_signed_notes(corpus: Corpus) -> None:
    """Notes under two known keys."""
    text = "first line\n\nthe note has an empty line, and 铜\n"
    note = sign_note(text, [LOG_KEY, OTHER_KEY]).decode()
    corpus.texts["note"] = note
    vkeys = [LOG_KEY.vkey, OTHER_KEY.vkey]
    *_, first, second = note.splitlines(keepends=True)
    body = note.removesuffix(first + second)

    def add(what: str, made: str | bytes, must: str | None = "note.malformed") -> None:
        corpus.add("note", what, made, must, of="note", vkeys=vkeys)

    unknown = SignatureLine("example.net/x", b"abcd", b"something else").to_text()
    add("good", note, None)
    add("one of two signatures", body + first, None)
    add("the other of two signatures", body + second, None)
    add("a known line twice", body + first * 2, None)
    add("in another order", body + second + first, None)
    add("with a line of a stranger", note + unknown, None)
    add("with 98 lines of strangers", note + unknown * 98, None)
    add("with 99 lines of strangers", note + unknown * 99)
    for what, made in _broken_notes(body, first, second).items():
        add(what, made)
    add("a text without signatures of known keys", body + unknown, "signature.missing")
    short = SignatureLine(ORIGIN, LOG_KEY.verifier.key_id, b"\x00").to_text()
    add("a known key's short signature", body + short + second, "signature.bad")
    for at in range(0, len(text.encode()) - 1, 6):
        hurt = bytearray(note.encode())
        hurt[at] ^= 1
        is_text = hurt[at] >= 0x20 or hurt[at] == 0x0A  # noqa: PLR2004
        add(f"byte {at} of the text flipped", bytes(hurt), _flipped(hurt, is_text))
    hurt_line = first.replace(first.split(" ")[2][8:12], "AAAA")
    add("a known key's bad signature", body + hurt_line + second, "signature.bad")
    add("signed under another name", note.replace(ORIGIN, "x"), None)
    add("only under another name", body + f"— x {first.split(' ')[2]}", _MISSING)


_MISSING = "signature.missing"


def _flipped(note: bytearray, is_text: bool) -> str:
    try:
        note.decode()
    except UnicodeDecodeError:
        return "note.malformed"
    return "signature.bad" if is_text else "note.malformed"


def _broken_notes(body: str, first: str, second: str) -> dict[str, str | bytes]:
    encoded = first.split(" ")[2].strip()
    return {
        "empty": "",
        "a newline": "\n",
        "no signature": body,
        "no empty line": body[:-1].replace("\n\n", "\n") + first + second,
        "no newline at the end": body + (first + second)[:-1],
        "an empty line at the end": body + first + second + "\n",
        "a line of text below": body + first + second + "more\n",
        "a carriage return": body.replace("first", "fi\rrst") + first + second,
        "a tab": body.replace("first", "fi\trst") + first + second,
        "a NUL": body.replace("first", "fi\0rst") + first + second,
        "no UTF-8": (body + first).encode() + b"\xff\n",
        "a surrogate in UTF-8": b"\xed\xa0\x80" + (body + first + second).encode(),
        "an overlong character": b"\xc0\x80" + (body + first + second).encode(),
        "a hyphen for the dash": body + first.replace("—", "-") + second,
        "no space after the dash": body + first.replace("— ", "—") + second,
        "two spaces": body + first.replace("— ", "—  ") + second,
        "no name": body + f"—  {encoded}\n" + second,
        "no signature in a line": body + f"— {ORIGIN}\n" + second,
        "a plus in the name": body + f"— a+b {encoded}\n" + second,
        "a wide space in the name": body + f"— a\u3000b {encoded}\n" + second,
        "only a key ID": body + f"— {ORIGIN} AAAAAA==\n" + second,
        "unpadded base64": body + first.replace("=", "") + second,
        "base64 in a second spelling": body + f"— {ORIGIN} AAAAAAB=\n" + second,
        "base64url": body + f"— {ORIGIN} AAAA_-AA\n" + second,
        "nothing behind the dash": body + "— \n",
    }
