"""The ruler, places, closure, sourcing, transfers, shares and claims, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import (
    InvalidClaim,
    InvalidSource,
    InvalidTransfer,
    Lot,
    LotKind,
    NotEnoughMass,
    OriginClass,
    Position,
    Source,
    beyond_month,
    cells_at,
    check_untouched,
    check_yield,
    claim_stretch,
    claimable_load,
    free_stretches,
    hand_over,
    metal_tolerance_g,
    mpe_in_service_g,
    net_error_squared,
    net_tolerance_g,
    place,
    place_delivery,
    read,
    release,
    root_up,
    shares,
    source_lot,
    sourced_metal_g,
    unclaim,
)
from tests.graph_lots import cells_of, lot_of_kind

# --- the ruler: who gets the floor at each cut ---------------------------------


@pytest.mark.parametrize(
    ("cells", "at_one"),
    [
        # of two halves the first named gets floor(1 * 1 / 2) = 0 of the first gram
        (cells_of(post=1, primary=1), cells_of(primary=1)),
        (cells_of(post=1, pre=1), cells_of(pre=1)),
        (cells_of(elv=1, pre=1), cells_of(pre=1)),
        (cells_of(elv=1, post=1), cells_of(post=1)),
        (cells_of(primary=1, internal=1), cells_of(internal=1)),
        (cells_of(primary=1, unknown=1), cells_of(unknown=1)),
        (cells_of(internal=1, unknown=1), cells_of(unknown=1)),
        *(
            (cells_of(**{name: 1, f"{name}_imported": 1}), cells_of(**{name: 1}))
            for name in ("elv", "post", "pre", "internal", "primary", "unknown")
        ),
    ],
)
def test_at_each_cut_the_first_named_gets_the_floor(
    cells: tuple[int, ...], at_one: tuple[int, ...]
) -> None:
    assert cells_at(cells, 2, 1) == at_one


def test_the_cuts_go_from_recycled_to_imported() -> None:
    cells = cells_of(
        elv=11,
        elv_imported=13,
        post=17,
        post_imported=19,
        pre=23,
        pre_imported=29,
        internal=31,
        internal_imported=37,
        primary=41,
        primary_imported=43,
        unknown=47,
        unknown_imported=53,
    )
    total, mark = sum(cells), 200
    recycled = 112 * mark // total
    post = 60 * recycled // 112
    elv = 24 * post // 60
    other = mark - recycled
    primary = 84 * other // 252
    internal = 68 * (other - primary) // 168
    unknown = other - primary - internal

    found = cells_at(cells, total, mark)

    groups = (elv, post - elv, recycled - post, internal, primary, unknown)
    imported = (13, 19, 29, 37, 43, 53)
    wholes = (24, 36, 52, 68, 84, 100)
    for n, (group, part, whole) in enumerate(
        zip(groups, imported, wholes, strict=True)
    ):
        assert found[2 * n + 1] == part * group // whole
        assert found[2 * n] == group - part * group // whole


def test_metal_lies_along_the_net_marks_by_the_floor() -> None:
    lot = Lot("L", LotKind.SCRAP, "M", "Al", 10, 7, cells_of(post=7))

    taken = [
        read(lot, [(at, at + 1)], internal_as_unknown=False).metal_g for at in range(10)
    ]

    assert taken == [0, 1, 1, 0, 1, 1, 0, 1, 1, 1]


# --- places --------------------------------------------------------------------


def test_a_place_lies_behind_every_place_ever_given() -> None:
    first, position = place(Position(goes_on_g=100), 30)
    position = release(position, first)

    second, position = place(position, 50)

    assert (first, second) == (((0, 30),), ((30, 80),))
    assert free_stretches(position) == ((0, 30), (80, 100))


def test_what_does_not_fit_behind_goes_to_the_lowest_free_marks() -> None:
    position = Position(goes_on_g=100, placed_to_g=90, gaps=((10, 20), (40, 60)))

    stretches, after = place(position, 25)

    assert stretches == ((90, 100), (10, 20), (40, 45))
    assert free_stretches(after) == ((45, 60),)
    with pytest.raises(NotEnoughMass, match="only 15 g are left"):
        place(after, 16)


def test_marks_lost_in_transit_are_given_to_nobody() -> None:
    position = Position(goes_on_g=50, placed_to_g=60, gaps=((20, 60),))

    stretches, after = place(position, 30)

    assert stretches == ((20, 50),)
    assert free_stretches(after) == ()


def test_a_delivery_takes_claimed_marks_first_then_as_any_taking() -> None:
    position = Position(
        goes_on_g=100, placed_to_g=10, gaps=((0, 5),), claimed=((30, 40), (60, 70))
    )

    stretches, after = place_delivery(position, 95)

    assert stretches == ((30, 40), (60, 70), (70, 100), (0, 5), (10, 30), (40, 60))
    assert after.claimed == position.claimed


# --- closure -------------------------------------------------------------------


def test_a_scale_in_service_may_miss_one_two_or_three_divisions() -> None:
    e_g = 20_000
    for load_e, here, above in ((0, 1, 1), (500, 1, 2), (2000, 2, 3), (10_000, 3, 3)):
        assert mpe_in_service_g(load_e * e_g, e_g) == here * e_g
        assert mpe_in_service_g(load_e * e_g + 1, e_g) == above * e_g


def test_sixteen_tonnes_net_of_thirty_gross_are_known_to_57_kg() -> None:
    squared = net_error_squared(16_000_000, 20_000, 30_000_000, 14_000_000)
    assert root_up(squared) == 56_569
    heavy = net_error_squared(31_000_000, 20_000, 45_000_000, 14_000_000)
    assert heavy == 60_000**2 + 40_000**2


def test_errors_add_up_as_roots_of_sums_of_squares() -> None:
    assert net_tolerance_g([(100, 3), (100, 4)]) == root_up(2 * 9 + 2 * 16)
    # scale error of the metal, ceil(sqrt 2 e) x content + 1, and assay error + 1
    scale, assay = 15 * 50 // 100 + 1, 50 * 5000 // 1_000_000 + 1
    assert metal_tolerance_g([(100, 50, 10)], 5000) == root_up(scale**2 + assay**2)


@given(st.integers(0, 10**30))
def test_roots_are_rounded_up(total: int) -> None:
    root = root_up(total)
    assert root * root >= total
    assert root == 0 or (root - 1) ** 2 < total


def test_twenty_divisions_make_a_load() -> None:
    assert claimable_load(20 * 50, 50)
    assert not claimable_load(20 * 50 - 1, 50)


@pytest.mark.parametrize(
    ("sum_g", "change_g", "beyond"),
    [
        (5_000, 5_000, False),
        (5_001, 5_000, True),
        (-5_001, -1, True),
        (-5_001, 1, False),  # it makes it better
        (5_001, 0, False),
        (600, 600, False),
    ],
)
def test_differences_of_a_month_may_not_pass_half_a_per_cent(
    sum_g: int, change_g: int, beyond: bool
) -> None:
    found = beyond_month(sum_g, change_g, 1_000_000, rule_ppm=5000, floor_g=10)
    assert found is beyond
    assert not beyond_month(600, 600, 1000, rule_ppm=5000, floor_g=600)
    assert beyond_month(601, 601, 1000, rule_ppm=5000, floor_g=600)


def test_yields_are_found_outside_their_band_only() -> None:
    for out_g, found in ((849, True), (850, False), (990, False), (991, True)):
        assert (check_yield(1000, out_g, 850_000, 990_000) is not None) is found
    assert check_yield(0, 0, 850_000, 990_000) is None


# --- sourcing ------------------------------------------------------------------

SCRAP_CLASSES = {"post_consumer_elv", "post_consumer", "pre_consumer", "unknown"}
ALLOWED = {
    "collected": ({"scrap"}, SCRAP_CLASSES),
    "industrial": ({"scrap"}, SCRAP_CLASSES),
    "imported": (
        {"scrap", "metal", "intermediate", "primary"},
        SCRAP_CLASSES | {"primary"},
    ),
    "primary": ({"primary", "metal", "intermediate"}, {"primary"}),
    "addition": ({"addition"}, {"primary"}),
    "opening": (
        {kind.value for kind in LotKind} - {"addition"},
        {"internal", "primary", "unknown"},
    ),
}


def sourced(source: str, kind: str, origin: str | dict[str, int]) -> Lot:
    return source_lot(
        code="L",
        material="M",
        material_kind=LotKind(kind),
        metal="Al",
        net_g=12,
        metal_g=10,
        source=Source(source),
        origin=OriginClass(origin) if isinstance(origin, str) else origin,
    )


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize("kind", list(LotKind))
@pytest.mark.parametrize("origin", list(OriginClass))
def test_what_comes_in_has_a_source_a_kind_and_a_class_that_fit(
    source: Source, kind: LotKind, origin: OriginClass
) -> None:
    kinds, classes = ALLOWED[source]
    if kind not in kinds or origin not in classes:
        with pytest.raises(InvalidSource):
            sourced(source, kind, origin)
        return

    lot = sourced(source, kind, origin)

    cell = 2 * list(OriginClass).index(origin) + (source == "imported")
    assert lot.cells == tuple(10 if n == cell else 0 for n in range(12))
    opening = source == "opening"
    assert lot.kind == ("return" if opening else kind)
    assert lot.uncounted == ((0,) * 8 if opening else None)


def test_a_map_of_classes_adds_up_to_the_metal() -> None:
    mixed = sourced("imported", "scrap", {"post_consumer": 7, "unknown": 3})
    assert mixed.cells == cells_of(post_imported=7, unknown_imported=3)
    with pytest.raises(InvalidSource, match="add up to 9 g"):
        sourced("imported", "scrap", {"post_consumer": 7, "unknown": 2})
    with pytest.raises(InvalidSource, match="found origin class internal"):
        sourced("collected", "scrap", {"post_consumer": 7, "internal": 3})


def test_moisture_and_foreign_matter_are_off_before_content_is_read() -> None:
    found = sourced_metal_g(
        1_000_003, moisture_ppm=100_000, foreign_ppm=200_000, content_ppm=900_000
    )
    assert found == 1_000_003 * 700_000 * 900_000 // 10**12 == 630_001


# --- transfers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dispatched_g", "received_g", "goes_on_g"),
    [(90, 95, 90), (95, 90, 90), (120, 130, 100), (100, 100, 100)],
)
def test_the_smallest_of_three_weights_goes_on(
    dispatched_g: int, received_g: int, goes_on_g: int
) -> None:
    lot = lot_of_kind("scrap", cells=cells_of(post=100))

    found = hand_over(
        lot,
        Position(goes_on_g=100),
        dispatched_g=dispatched_g,
        received_g=received_g,
        tolerance_g=5,
        leaves_boundary=False,
    )

    assert found.position.goes_on_g == found.goes_on.net_g == goes_on_g
    assert found.lost.net_g == found.lost.metal_g == 100 - goes_on_g
    assert found.within_tolerance == (abs(dispatched_g - received_g) <= 5)


def test_six_grams_are_beyond_a_tolerance_of_five() -> None:
    lot = lot_of_kind("scrap", cells=cells_of(post=100))
    for received_g, within in ((95, True), (94, False)):
        found = hand_over(
            lot,
            Position(goes_on_g=100),
            dispatched_g=100,
            received_g=received_g,
            tolerance_g=5,
            leaves_boundary=False,
        )
        assert found.within_tolerance is within


def test_what_left_its_boundary_once_stays_unknown() -> None:
    lot = lot_of_kind("return", cells=cells_of(internal=100))
    left = Position(goes_on_g=100, internal_as_unknown=True)

    found = hand_over(
        lot,
        left,
        dispatched_g=100,
        received_g=100,
        tolerance_g=0,
        leaves_boundary=False,
    )

    assert found.goes_on.cells == cells_of(unknown=100)


def test_only_a_lot_of_which_nothing_is_taken_or_claimed_travels() -> None:
    stretches, taken = place(Position(goes_on_g=100), 10)

    with pytest.raises(InvalidTransfer, match="split off"):
        check_untouched(taken)
    with pytest.raises(InvalidTransfer, match="claimed"):
        check_untouched(Position(goes_on_g=100, claimed=((0, 10),)))
    check_untouched(release(taken, stretches))


# --- shares and claims -----------------------------------------------------------


def test_shares_are_rounded_down_and_the_upper_end_up() -> None:
    found = shares(cells_of(elv=1, post=1, pre=1, internal=1, unknown=1, primary=2))

    assert found is not None
    assert found.share_ppm == 3_000_000 // 7
    assert (found.elv_ppm, found.post_ppm, found.pre_ppm) == (1_000_000 // 7,) * 3
    assert found.upper_ppm == 5_000_000 // 7 + 1
    assert shares(cells_of()) is None


def claimable(cells: tuple[int, ...], stretch: tuple[int, int], **more: object) -> None:
    lot = lot_of_kind("metal", cells=cells)
    claim_stretch(lot, Position(goes_on_g=lot.net_g, **more), stretch)  # type: ignore[arg-type]


def test_a_claim_needs_ten_kilogrammes_of_metal() -> None:
    claimable(cells_of(post=50_000), (0, 10_000))
    with pytest.raises(InvalidClaim, match="found 9999 g"):
        claimable(cells_of(post=50_000), (0, 9_999))


@pytest.mark.parametrize("stretch", [(5, 5), (9, 3), (-1, 20_000)])
def test_a_claim_covers_something(stretch: tuple[int, int]) -> None:
    with pytest.raises(InvalidClaim, match="not empty"):
        claimable(cells_of(post=50_000), stretch)


def test_no_mark_is_claimed_twice_and_none_that_is_gone() -> None:
    half = cells_of(post=50_000)
    with pytest.raises(InvalidClaim, match="claimed already"):
        claimable(half, (0, 20_000), claimed=((19_999, 30_000),))
    with pytest.raises(InvalidClaim, match="taken, or is not here"):
        claimable(half, (0, 20_000), placed_to_g=1)
    with pytest.raises(InvalidClaim, match="taken, or is not here"):
        claim_stretch(
            lot_of_kind("metal", cells=half), Position(goes_on_g=40_000), (0, 40_001)
        )
    claimable(half, (20_000, 40_000), claimed=((0, 20_000),), placed_to_g=0)


def test_segregated_is_what_is_of_one_class_domestic_or_imported() -> None:
    position = Position(goes_on_g=50_000)
    for cells, segregated in (
        (cells_of(pre=20_000, pre_imported=30_000), True),
        (cells_of(pre=49_999, post=1), False),
        (cells_of(pre=49_999, primary=1), False),
    ):
        found = claim_stretch(lot_of_kind("metal", cells=cells), position, (0, 50_000))
        assert found.segregated is segregated


def test_a_claim_reads_internal_metal_as_unknown_outside() -> None:
    lot = lot_of_kind("metal", cells=cells_of(pre=40_000, internal=10_000))
    outside = Position(goes_on_g=50_000, internal_as_unknown=True)

    found = claim_stretch(lot, outside, (0, 50_000))

    assert found.taking.cells == cells_of(pre=40_000, unknown=10_000)
    assert (found.shares.share_ppm, found.shares.upper_ppm) == (800_000, 1_000_000)
    assert unclaim(found.position, (0, 50_000)).claimed == ()
