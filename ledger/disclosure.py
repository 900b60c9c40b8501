"""Salted digests: the construction of RFC 9901, section 4.2.

An entry holds the digest; the disclosure that it is a digest of is kept outside the
log and can be erased. The digest is over the encoded disclosure as it was issued, so
that string is what is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import NotCanonical

SALT_SIZE = 16
PARTS = 3


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A salted value.

    Attributes:
        name: Of the field.
        value: What the field says.
        text: base64url of the JSON array [salt, name, value].
        digest: base64url of SHA-256 of the text; what stands in the entry.
    """

    name: str
    value: str
    text: str
    digest: str


def disclose(name: str, value: str, salt: str | None = None) -> Disclosure:
    """Salt a value with 128 fresh random bits.

    Args:
        name: Of the field.
        value: What the field says.
        salt: For known answers only: whoever knows the salt can guess the value.

    Raises:
        NotCanonical: A text holds a lone surrogate.
    """
    salt = salt or _encode(secrets.token_bytes(SALT_SIZE))
    try:
        body = json.dumps([salt, name, value], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotCanonical("a text holds a lone surrogate") from None
    text = _encode(body)
    return Disclosure(name, value, text, digest_of(text))


def parse_disclosure(text: str) -> Disclosure:
    """The salted value that a disclosure text holds.

    Raises:
        NotCanonical: The text is no disclosure of a text value.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        body = base64.urlsafe_b64decode(padded)
        parts = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise _fault("the text is no disclosure") from None
    if _encode(body) != text:
        raise _fault("the text is not in its one spelling (base64url)")
    if (
        not isinstance(parts, list)
        or len(parts) != PARTS
        or not all(isinstance(part, str) for part in parts)
    ):
        raise _fault("a disclosure holds a salt, a name and a value")
    return Disclosure(parts[1], parts[2], text, digest_of(text))


def digest_of(text: str) -> str:
    """SHA-256 of a disclosure text, base64url without padding.

    >>> digest_of(
    ...     "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhh"
    ...     "bXBsZS5jb20iXQ"
    ... )
    'JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE'
    """
    return _encode(hashlib.sha256(text.encode("ascii")).digest())


def pad_digests(digests: Sequence[str], slots: int) -> list[str]:
    """The digests with random decoys up to a fixed number, sorted.

    So an entry does not tell which of its private fields are filled.

    Raises:
        NotCanonical: There are more digests than slots.
    """
    if len(digests) > slots:
        raise NotCanonical(
            f"{len(digests)} digests do not fit {slots} slots", code="disclosure.slots"
        )
    decoys = (secrets.token_bytes(32) for _ in range(slots - len(digests)))
    return sorted([*digests, *map(_encode, decoys)])


def _fault(found: str) -> NotCanonical:
    return NotCanonical(found, code="disclosure.malformed")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
