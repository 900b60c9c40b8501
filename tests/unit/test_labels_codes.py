"""Codes: every slip of a finger is caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labels.codes import (
    ALPHABET,
    BadCode,
    check_character,
    code_from_bytes,
    format_code,
    new_code,
    parse_code,
)

CODES = [code_from_bytes(bytes([n] * 3 + [255 - n] * 4)) for n in range(0, 256, 15)]


@pytest.mark.parametrize("code", CODES)
def test_every_single_wrong_character_is_caught(code: str) -> None:
    for place in range(12):
        for character in ALPHABET:
            if character == code[place]:
                continue
            with pytest.raises(BadCode):
                parse_code(code[:place] + character + code[place + 1 :])


@pytest.mark.parametrize("place", range(11))
def test_every_swap_of_neighbours_is_caught(place: int) -> None:
    for left in ALPHABET:
        for right in ALPHABET:
            if left == right:
                continue
            body = list("7K3M9QWX2HT")
            code: list[str]
            if place < 10:
                body[place], body[place + 1] = left, right
                code = [*body, check_character("".join(body))]
            else:
                body[10] = left
                check = check_character("".join(body))
                if check == left:
                    continue
                code = [*body, check]
            code[place], code[place + 1] = code[place + 1], code[place]
            with pytest.raises(BadCode):
                parse_code("".join(code))


@pytest.mark.parametrize(
    "write",
    [
        str.lower,
        format_code,
        lambda code: format_code(code).lower(),
        lambda code: f" {code} ",
        lambda code: code.replace("1", "l").replace("0", "o"),
        lambda code: code.replace("1", "I").replace("0", "O"),
    ],
)
def test_a_code_reads_the_same_however_it_is_written(
    write: Callable[[str], str],
) -> None:
    for code in CODES:
        assert parse_code(write(code)) == code


@pytest.mark.parametrize(
    "text", ["", "0", "7K3M-9QWX-2HT", "U" * 12, "中" * 12, "0" * 13]
)
def test_what_is_no_code_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadCode, match="found"):
        parse_code(text)


def test_new_codes_are_valid_and_differ() -> None:
    made = {new_code() for _ in range(1000)}

    assert len(made) == 1000
    assert {parse_code(code) for code in made} == made
