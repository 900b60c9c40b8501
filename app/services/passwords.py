"""Passwords: what is refused, and how they are kept.

The rules are those of NIST SP 800-63B-4: 15 characters or more, any characters, no
composition rules, nothing that stands on a list or follows from the address.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.low_level import Type

from app.data import read_csv
from app.services.errors import FieldFault, Refused

MIN_LENGTH = 15
MAX_LENGTH = 1000
# 19 MiB and 28 ms a hash, as Flask-Security is told in app/config.py
MEMORY_KIB, PASSES, LANES = 19456, 2, 1
LONGEST_REPEAT = 6
MIN_DISTINCT = 5
# No look-alikes such as 0 and O, for passwords that are read out over a telephone
READABLE = "abcdefghijkmnpqrstuvwxyz23456789"


def normalise_password(password: str) -> str:
    """The form in which a password is hashed: NFKD, as Flask-Security does it."""
    return unicodedata.normalize("NFKD", password)


def find_password_faults(password: str, *known: str) -> list[str]:
    """What makes a password too easy: English sentences, none when it will do.

    Args:
        password: As typed.
        known: What a guesser knows: the address and the name of the person.
    """
    if len(password) < MIN_LENGTH:
        return [f"a password has {MIN_LENGTH} characters or more"]
    if len(password) > MAX_LENGTH:
        return [f"a password has at most {MAX_LENGTH} characters"]
    plain = _plain(password)
    if len(set(plain)) < MIN_DISTINCT or _repeats(plain):
        return ["the password repeats a few characters"]
    if plain in _blocklist():
        return ["the password is one of those that are guessed first"]
    rest = plain
    for word in ("remelt", "password", *_words(known)):
        rest = rest.replace(word, "")
    if len(rest) < LONGEST_REPEAT:
        return ["the password is little more than a name or an address"]
    return []


def hash_password(password: str, *known: str) -> str:
    """Check a password and give its argon2id hash.

    Raises:
        Refused: The password is too easy; names the field ``password``.
    """
    if faults := find_password_faults(password, *known):
        raise Refused([FieldFault(None, "password", fault) for fault in faults])
    hasher = PasswordHasher(
        time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
    )
    return hasher.hash(normalise_password(password))


def make_password() -> str:
    """A random password that can be read out: four groups of five, 100 bits."""
    groups = ("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


@cache
def _blocklist() -> frozenset[str]:
    return frozenset(_plain(row["password"]) for row in read_csv("password_blocks.csv"))


def _plain(text: str) -> str:
    """Letters and digits in one case: what is left when decoration is taken off."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _repeats(plain: str) -> bool:
    """Whether a short piece, said again and again, makes the whole."""
    return any(
        plain == (plain[:size] * len(plain))[: len(plain)]
        for size in range(1, LONGEST_REPEAT + 1)
    )


def _words(known: tuple[str, ...]) -> list[str]:
    """Words of three letters or more in what is known, the longest first."""
    found = {_plain(text) for text in known}
    for text in known:
        for separator in "@.-_ ":
            text = text.replace(separator, " ")  # noqa: PLW2901 - peeled, step by step
        found.update(_plain(word) for word in text.split())
    return sorted((word for word in found if len(word) > 2), key=len, reverse=True)  # noqa: PLR2004
