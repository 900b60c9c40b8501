"""Points of edwards25519, for signatures that no honest signer makes (RFC 8032, 5.1).

Only ``tools.corpus`` uses it, to make hostile keys and signatures. It is slow and leaks
what it computes with: nothing here is for signing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_1 = pow(2, (PRIME - 1) // 4, PRIME)


@dataclass(frozen=True, slots=True)
class Point:
    """An affine point of the curve -x^2 + y^2 = 1 + d x^2 y^2."""

    x: int
    y: int

    def __add__(self, other: Point) -> Point:
        product = D * self.x * other.x * self.y * other.y % PRIME
        x = (self.x * other.y + other.x * self.y) * pow(1 + product, -1, PRIME)
        y = (self.y * other.y + self.x * other.x) * pow(1 - product, -1, PRIME)
        return Point(x % PRIME, y % PRIME)

    def __rmul__(self, factor: int) -> Point:
        found, double = NEUTRAL, self
        while factor:
            if factor & 1:
                found = found + double
            double, factor = double + double, factor >> 1
        return found

    def encode(self) -> bytes:
        """32 bytes: y, and the lowest bit of x in the highest bit."""
        return (self.y | (self.x & 1) << 255).to_bytes(32, "little")


def decode(encoded: bytes) -> Point | None:
    """The point that 32 bytes stand for; None where there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % PRIME
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * ROOT_OF_MINUS_1 % PRIME
    if x * x % PRIME != square:
        return None
    return Point(x if x & 1 == sign else -x % PRIME, y)


NEUTRAL = Point(0, 1)
_BASE_BYTES = (4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little")
_BASE = decode(_BASE_BYTES)
assert _BASE is not None  # noqa: S101 - a constant of the curve
BASE = _BASE
_EIGHTH = decode(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
)
assert _EIGHTH is not None  # noqa: S101 - a constant of the curve
EIGHTH = _EIGHTH
"""A point of order 8."""


def secret_scalar(seed: bytes) -> int:
    """The number behind a seed of 32 bytes."""
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & ~7 & (2**254 - 1) | 2**254


def challenge(r: bytes, public_key: bytes, message: bytes) -> int:
    """SHA-512(R || A || M) modulo the order of the base point."""
    digest = hashlib.sha512(r + public_key + message).digest()
    return int.from_bytes(digest, "little") % ORDER


def forge(
    secret: int, public_key: bytes, r: bytes, nonce: int, message: bytes
) -> bytes:
    """A signature with these bytes for R, whatever point they stand for.

    Args:
        secret: The part of the key that is a multiple of the base point.
        public_key: As it will be told to verifiers.
        r: First half of the signature.
        nonce: The part of R that is a multiple of the base point.
        message: What is signed.
    """
    s = (nonce + challenge(r, public_key, message) * secret) % ORDER
    return r + s.to_bytes(32, "little")
