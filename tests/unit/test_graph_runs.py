"""What each kind of run takes, makes, loses and counts."""

from __future__ import annotations

import pytest

from graph import (
    RUN_RULES,
    DoesNotClose,
    InvalidRun,
    LotKind,
    OriginClass,
    RunKind,
    RunResult,
)
from tests.graph_lots import METAL_G, cells_of, lot_of_kind, output, run, total

PARTS = ("split", "repack")
MIXES = ("blend", "regrade")
MECHANICAL = ("sort", "dismantle", "shred", "decoat", "granulate", "break_battery")
MELTS = ("melt", "smelt", "convert", "fire_refine", "electrorefine", "distil")
FORMS = ("cast", "roll", "extrude", "draw", "forge", "machine")
KINDS = [kind.value for kind in LotKind]
COUNTED = ("metal", "intermediate", "product")
ALL_OF_IT = [("post_consumer", False, METAL_G)]


def counted(result: RunResult) -> list[tuple[str, bool, int]]:
    return [
        (one.origin_class.value, one.imported, one.metal_g) for one in result.supply
    ]


def made(result: RunResult) -> list[str]:
    return [lot.kind.value for lot, _ in result.lots_made]


def test_every_kind_of_run_stands_in_one_row_of_the_table() -> None:
    rows = (*PARTS, *MIXES, *MECHANICAL, *MELTS, *FORMS, "reclassify")

    assert sorted(rows) == sorted(kind.value for kind in RunKind) == sorted(RUN_RULES)


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("of", KINDS)
def test_a_part_is_of_the_kind_of_the_whole_whatever_it_was(kind: str, of: str) -> None:
    halves = [output(METAL_G // 2, of, code=code) for code in ("A", "B")]

    result = run(kind, [lot_of_kind(of)], halves)

    assert made(result) == [of, of]
    assert result.supply == ()
    assert total(*(lot.cells for lot, _ in result.lots_made)) == cells_of(post=METAL_G)


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("of", [one for one in KINDS if one != "return"])
def test_a_part_of_anything_else_is_no_return(kind: str, of: str) -> None:
    parts = [
        output(METAL_G * 7 // 10, of, code="A"),
        output(METAL_G * 3 // 10, of, code="B", role="return"),
    ]

    with pytest.raises(InvalidRun, match="is of kind return"):
        run(kind, [lot_of_kind(of)], parts)


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_is_of_the_material_of_the_whole(kind: str) -> None:
    with pytest.raises(InvalidRun, match="expected M"):
        run(kind, [lot_of_kind("scrap")], [output(METAL_G, "scrap", material="OTHER")])


@pytest.mark.parametrize("kind", [*PARTS, "reclassify"])
def test_these_take_one_lot(kind: str) -> None:
    lots = [lot_of_kind("return", "A"), lot_of_kind("return", "B")]

    with pytest.raises(InvalidRun, match="found 2 inputs"):
        run(kind, lots, [output(2 * METAL_G, "scrap")])


@pytest.mark.parametrize("kind", [*PARTS, "blend", "reclassify"])
def test_these_lose_nothing(kind: str) -> None:
    of, to = ("return", "scrap") if kind == "reclassify" else ("metal", "metal")

    with pytest.raises(InvalidRun, match="found losses of 1 g"):
        run(kind, [lot_of_kind(of)], [output(METAL_G - 1, to)])
    with pytest.raises((DoesNotClose, InvalidRun)):
        thinner = output(METAL_G - 10, to, net_g=METAL_G)
        run(kind, [lot_of_kind(of)], [thinner], metal_tolerance_g=9)


@pytest.mark.parametrize("kind", [*MECHANICAL, *MELTS, *FORMS, "regrade"])
def test_these_may_lose(kind: str) -> None:
    to = "scrap" if kind in (*MECHANICAL, "regrade") else "metal"

    result = run(kind, [lot_of_kind("scrap")], [output(METAL_G - 1000, to)])

    assert result.metal_loss_g == result.losses_g == 1000
    assert sum(result.metal_loss_cells) == 1000


def test_a_blend_is_of_one_metal_and_a_regrading_need_not_be() -> None:
    lots = [lot_of_kind("scrap", "A"), lot_of_kind("scrap", "B", metal="Cu")]
    mixture = [output(2 * METAL_G, "scrap")]

    with pytest.raises(InvalidRun, match="found the metals Al, Cu"):
        run("blend", lots, mixture)
    assert made(run("regrade", lots, mixture)) == ["scrap"]


@pytest.mark.parametrize("kind", MIXES)
@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("to", KINDS)
def test_mixing_changes_no_kind(kind: str, of: str, to: str) -> None:
    lots = [lot_of_kind(of, "A"), lot_of_kind(of, "B")]
    mixture = [output(2 * METAL_G, to)]

    if of in (to, "return"):
        assert made(run(kind, lots, mixture)) == [of]
        return
    with pytest.raises(InvalidRun, match="is of"):
        run(kind, lots, mixture)


@pytest.mark.parametrize("kind", MIXES)
@pytest.mark.parametrize("other", [one for one in KINDS if one != "scrap"])
def test_scrap_mixed_with_anything_else_is_a_return_and_stays_uncounted(
    kind: str, other: str
) -> None:
    lots = [
        lot_of_kind("scrap", "A"),
        lot_of_kind(other, "B", cells=cells_of(pre=METAL_G)),
    ]

    for to in KINDS:
        if to == "return":
            continue
        with pytest.raises(InvalidRun, match="is of"):
            run(kind, lots, [output(2 * METAL_G, to)])
    result = run(kind, lots, [output(2 * METAL_G, "scrap", role="return")])

    [(lot, _)] = result.lots_made
    assert lot.kind is LotKind.RETURN
    assert lot.uncounted == (0, 0, METAL_G, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("kind", MECHANICAL)
@pytest.mark.parametrize("of", [one for one in KINDS if one != "scrap"])
def test_mechanical_processing_takes_scrap_only(kind: str, of: str) -> None:
    with pytest.raises(InvalidRun, match="takes scrap"):
        run(kind, [lot_of_kind(of)], [output(METAL_G, "scrap")])


@pytest.mark.parametrize("kind", MECHANICAL)
@pytest.mark.parametrize("role", ["product", "by_product"])
def test_mechanical_processing_makes_scrap_and_residues_and_counts_nothing(
    kind: str, role: str
) -> None:
    parts = [
        output(700_000, "scrap"),
        output(100_000, "by_product", code="B", role="by_product"),
    ]
    result = run(kind, [lot_of_kind("scrap")], parts)

    assert made(result) == ["scrap", "by_product"]
    assert result.supply == ()
    for to in (*COUNTED, "primary", "addition"):
        with pytest.raises(InvalidRun, match=f"is of kind {to}"):
            run(kind, [lot_of_kind("scrap")], [output(METAL_G, to, role=role)])


@pytest.mark.parametrize("kind", MELTS)
@pytest.mark.parametrize("of", KINDS)
def test_melts_take_all_but_products_and_by_products(kind: str, of: str) -> None:
    lots, bar = [lot_of_kind(of)], [output(METAL_G, "metal")]

    if of in ("product", "by_product"):
        with pytest.raises(InvalidRun, match=f"is of kind {of}"):
            run(kind, lots, bar)
        return
    assert counted(run(kind, lots, bar)) == (ALL_OF_IT if of == "scrap" else [])


@pytest.mark.parametrize("kind", [*MELTS, "cast"])
@pytest.mark.parametrize("role", ["product", "by_product"])
def test_nothing_that_was_melted_is_scrap(kind: str, role: str) -> None:
    with pytest.raises(InvalidRun, match="scrap material"):
        run(kind, [lot_of_kind("scrap")], [output(METAL_G, "scrap", role=role)])
    assert made(
        run(kind, [lot_of_kind("scrap")], [output(METAL_G, "scrap", role="return")])
    ) == ["return"]


@pytest.mark.parametrize("kind", MELTS)
@pytest.mark.parametrize("to", ["by_product", "primary", "addition"])
def test_a_melt_makes_metal_intermediates_or_products(kind: str, to: str) -> None:
    with pytest.raises(InvalidRun, match=f"is of kind {to}"):
        run(kind, [lot_of_kind("scrap")], [output(METAL_G, to)])


@pytest.mark.parametrize("kind", FORMS)
def test_forming_takes_metal_products_and_scrap_and_counts_what_is_uncounted(
    kind: str,
) -> None:
    bar = [output(METAL_G, "product")]

    assert counted(run(kind, [lot_of_kind("scrap")], bar)) == ALL_OF_IT
    for of in ("metal", "product", "intermediate"):
        assert run(kind, [lot_of_kind(of)], bar).supply == ()
    with pytest.raises(InvalidRun, match="by_product"):
        run(kind, [lot_of_kind("by_product")], bar)


@pytest.mark.parametrize("kind", [*MELTS, *FORMS])
@pytest.mark.parametrize("role", ["product", "by_product"])
@pytest.mark.parametrize("to", ["metal", "product"])
def test_metal_counts_by_what_it_is_whatever_its_role(
    kind: str, role: str, to: str
) -> None:
    result = run(kind, [lot_of_kind("scrap")], [output(METAL_G, to, role=role)])

    assert counted(result) == ALL_OF_IT


def test_a_reclassified_lot_is_pre_consumer_domestic_scrap_all_of_it() -> None:
    mixture = cells_of(
        elv=1, elv_imported=2, post=3, pre_imported=4, internal=5, primary=6, unknown=7
    )

    result = run(
        "reclassify", [lot_of_kind("return", cells=mixture)], [output(28, "scrap")]
    )

    [(lot, _)] = result.lots_made
    assert (lot.kind, lot.cells) == (LotKind.SCRAP, cells_of(pre=28))
    assert lot.uncounted is None
    assert result.supply == ()


@pytest.mark.parametrize("of", [one for one in KINDS if one != "return"])
def test_only_returns_are_reclassified(of: str) -> None:
    with pytest.raises(InvalidRun, match="takes return"):
        run("reclassify", [lot_of_kind(of)], [output(METAL_G, "scrap")])


def test_reclassify_makes_one_lot_of_all_of_it() -> None:
    lots = [lot_of_kind("return")]
    halves = [output(METAL_G // 2, "scrap", code=code) for code in ("A", "B")]

    with pytest.raises(InvalidRun, match="makes one lot"):
        run("reclassify", lots, halves)
    with pytest.raises(InvalidRun, match="makes one lot"):
        run("reclassify", lots, [output(METAL_G, "scrap", role="return")])
    with pytest.raises(InvalidRun, match="expected all of the lot"):
        thinner = [output(METAL_G - 1, "scrap", net_g=METAL_G)]
        run("reclassify", lots, thinner, metal_tolerance_g=5)


def test_no_lot_stands_twice_in_a_run() -> None:
    lot = lot_of_kind("scrap")

    with pytest.raises(InvalidRun, match="lot IN stands twice"):
        run("melt", [lot, lot], [output(METAL_G)])
    with pytest.raises(InvalidRun, match="lot IN stands twice"):
        run("melt", [lot], [output(METAL_G, code="IN")])


def test_a_metal_that_did_not_go_in_does_not_come_out() -> None:
    aluminium, copper = lot_of_kind("scrap"), output(METAL_G, metal="Cu")

    with pytest.raises(InvalidRun, match="is of Cu, but only Al went in"):
        run("melt", [aluminium], [copper])
    mixed = lot_of_kind("scrap", metal="mixed")
    assert counted(run("melt", [mixed], [copper])) == ALL_OF_IT
    residue = output(METAL_G // 2, "by_product", role="by_product", metal="mixed")
    assert made(run("melt", [aluminium], [residue])) == ["by_product"]


def test_products_of_two_metals_are_two_runs() -> None:
    lots = [lot_of_kind("scrap", "A"), lot_of_kind("scrap", "B", metal="Cu")]
    both = [output(METAL_G), output(METAL_G, metal="Cu", code="CU")]

    with pytest.raises(InvalidRun, match="found products of the metals Al, Cu"):
        run("melt", lots, both)


def test_net_mass_closes_within_the_tolerance_and_not_a_gram_beyond() -> None:
    lots = [lot_of_kind("scrap")]

    for difference_g in (50, -50):
        bar = (
            [output(900_000, net_g=900_000 - difference_g)]
            if difference_g > 0
            else [output(900_000, net_g=900_050)]
        )
        result = run("melt", lots, bar, losses_g=100_000, net_tolerance_g=50)
        assert result.net_difference_g == difference_g
        with pytest.raises(DoesNotClose, match="unexplained"):
            run("melt", lots, bar, losses_g=100_000, net_tolerance_g=49)


def test_a_metal_gain_within_the_tolerance_joins_the_pool_as_unknown() -> None:
    lots = [lot_of_kind("scrap")]
    more = [output(METAL_G + 40)]

    result = run(
        "melt", lots, more, losses_g=0, net_tolerance_g=40, metal_tolerance_g=40
    )

    assert result.gain_unknown_g == 40
    assert result.pool_cells == cells_of(post=METAL_G, unknown=40)
    assert counted(result) == ALL_OF_IT
    with pytest.raises(DoesNotClose, match="40 g too much"):
        run("melt", lots, more, losses_g=0, net_tolerance_g=40, metal_tolerance_g=39)


def test_outputs_draw_on_the_pool_in_the_order_in_which_they_are_listed() -> None:
    pool = cells_of(post=3, primary=4)
    parts = [output(3, code="A"), output(3, code="B")]

    result = run("melt", [lot_of_kind("scrap", cells=pool)], parts)

    # up to mark 3: floor(3 * 3 / 7) = 1 recycled; up to 6: floor(3 * 6 / 7) = 2
    assert [lot.cells for lot, _ in result.lots_made] == [
        cells_of(post=1, primary=2),
        cells_of(post=1, primary=2),
    ]
    assert result.metal_loss_cells == cells_of(post=1)
    assert [stretch for _, stretch in result.lots_made] == [(0, 3), (3, 6)]


def test_a_gram_counts_once_however_often_it_goes_round() -> None:
    scrap = lot_of_kind("scrap", cells=cells_of(post=1000))
    first = run(
        "melt",
        [scrap],
        [output(700, code="BAR"), output(200, "return", code="SKULL", role="return")],
    )
    skull = first.lots_made[1][0]
    again = run(
        "melt",
        [skull],
        [output(150, code="BAR"), output(30, "return", code="S", role="return")],
    )
    rest = again.lots_made[1][0]
    last = run("melt", [rest], [output(30)])

    assert skull.uncounted == (0, 0, 200, 0, 0, 0, 0, 0)
    assert [sum(row[2] for row in counted(one)) for one in (first, again, last)] == [
        700,
        150,
        30,
    ]


def test_returns_of_metal_that_was_counted_count_no_more() -> None:
    bar = lot_of_kind("metal", cells=cells_of(post=1000))
    pressed = run(
        "extrude",
        [bar],
        [output(800, "product"), output(200, "return", code="CUT", role="return")],
    )
    offcut = pressed.lots_made[1][0]

    assert offcut.uncounted == (0,) * 8
    assert run("melt", [offcut], [output(200)]).supply == ()


def test_half_counted_metal_counts_by_its_share_and_the_rest_is_handed_on() -> None:
    # Q = 1000 of which S = 507 uncounted; P = 700, R = 250
    lots = [
        lot_of_kind("scrap", "A", cells=cells_of(post=507)),
        lot_of_kind("metal", "B", cells=cells_of(post=493)),
    ]
    parts = [output(700, code="BAR"), output(250, "return", code="S", role="return")]

    result = run("melt", lots, parts)

    assert counted(result) == [("post_consumer", False, 700 * 507 // 1000)]
    up_to_return = (700 + 250) * 507 // 1000
    assert result.lots_made[1][0].uncounted == (
        0,
        0,
        up_to_return - 354,
        0,
        0,
        0,
        0,
        0,
    )


def test_all_eight_cells_are_counted_and_primary_and_internal_never() -> None:
    scrap = lot_of_kind(
        "scrap",
        cells=cells_of(
            **{
                name: n
                for n, name in enumerate(
                    (
                        "elv",
                        "elv_imported",
                        "post",
                        "post_imported",
                        "pre",
                        "pre_imported",
                    ),
                    1,
                )
            },
            unknown=7,
            unknown_imported=8,
        ),
    )
    rest = lot_of_kind("return", "B", cells=cells_of(internal=50, primary=60))

    result = run("melt", [scrap, rest], [output(146)])

    assert counted(result) == [
        (OriginClass.POST_CONSUMER_ELV.value, False, 1),
        (OriginClass.POST_CONSUMER_ELV.value, True, 2),
        (OriginClass.POST_CONSUMER.value, False, 3),
        (OriginClass.POST_CONSUMER.value, True, 4),
        (OriginClass.PRE_CONSUMER.value, False, 5),
        (OriginClass.PRE_CONSUMER.value, True, 6),
        (OriginClass.UNKNOWN.value, False, 7),
        (OriginClass.UNKNOWN.value, True, 8),
    ]
