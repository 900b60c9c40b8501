"""The golden chain: every gram of facts 1 to 24, and the cuts of two returns."""

from __future__ import annotations

import pytest

from graph import read
from tests.golden import Chain, describe_taking, golden, lot_of

CHAIN_FACTS = 24


def test_every_gram_of_the_golden_chain_is_reproduced() -> None:
    chain = Chain()

    for item in golden()["facts"][:CHAIN_FACTS]:
        found = chain.apply(item)

        assert found == item["result"], f"fact {item['index']}: {item['note']}"


@pytest.mark.parametrize("number", range(len(golden()["cuts"]["takings"])))
def test_a_part_of_a_return_keeps_its_counted_and_uncounted_grams(number: int) -> None:
    cuts = golden()["cuts"]
    expected = cuts["takings"][number]
    lot = lot_of(cuts["lots"][expected["lot"]], expected["lot"])

    found = describe_taking(
        read(lot, [tuple(expected["stretch"])], internal_as_unknown=False)
    )

    for name in ("metal_g", "cells", "uncounted"):
        assert found[name] == expected[name]
    assert found["metal_marks"] == [expected["metal_marks"]]
