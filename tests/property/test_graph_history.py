"""Whatever happens to metal: no gram is lost, made, taken twice or counted twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from graph import (
    COUNTED_KINDS,
    NO_CELLS,
    NO_UNCOUNTED,
    RUN_RULES,
    UNCOUNTED_CELLS,
    Cells,
    Lot,
    LotKind,
    NotEnoughMass,
    OriginClass,
    Output,
    OutputRole,
    Position,
    RunKind,
    Stretch,
    Taking,
    Uncounted,
    as_unknown,
    free_stretches,
    hand_over,
    is_untouched,
    place,
    place_delivery,
    pool_run,
    read,
    release,
)
from graph.ruler import add

COUNTED_ORDER = (
    OriginClass.POST_CONSUMER_ELV,
    OriginClass.POST_CONSUMER,
    OriginClass.PRE_CONSUMER,
    OriginClass.UNKNOWN,
)
ANY_TOLERANCE_G = 10**15
PROCESSES = (
    (RunKind.SHRED, LotKind.SCRAP),
    (RunKind.BLEND, LotKind.SCRAP),
    (RunKind.MELT, LotKind.METAL),
    (RunKind.FIRE_REFINE, LotKind.INTERMEDIATE),
    (RunKind.EXTRUDE, LotKind.PRODUCT),
)
masses = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 10**9))


@dataclass
class Held:
    """A lot where it is."""

    lot: Lot
    position: Position

    def left(self) -> Taking:
        return self.of(free_stretches(self.position))

    def of(self, stretches: tuple[Stretch, ...]) -> Taking:
        outside = self.position.internal_as_unknown
        return read(self.lot, stretches, internal_as_unknown=outside)


@dataclass
class Run:
    """What can be taken back, and all that it did."""

    taken: list[tuple[str, tuple[Stretch, ...]]]
    made: list[str]
    gain_g: int
    lost: Cells
    lost_uncounted: Uncounted
    counted: Uncounted
    reclassified: tuple[Cells, Cells, Uncounted] | None = None


@dataclass
class Sums:
    """Cells, and uncounted grams beside them."""

    cells: Cells = NO_CELLS
    uncounted: Uncounted = NO_UNCOUNTED

    def add(self, cells: Cells, uncounted: Uncounted = NO_UNCOUNTED) -> None:
        self.cells = add(self.cells, cells)
        self.uncounted = add(self.uncounted, uncounted)


def uncounted_of(lot: Lot) -> Uncounted:
    return read(lot, [(0, lot.net_g)], internal_as_unknown=False).uncounted


@dataclass
class Books:
    """Everything that came in, went out and was lost outside of runs."""

    came: Sums = field(default_factory=Sums)
    went: Sums = field(default_factory=Sums)


class History(RuleBasedStateMachine):
    """Lots come in, are processed, travel, leave; runs are taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Held] = {}
        self.runs: list[Run] = []
        self.books = Books()
        self.number = 0

    def code(self) -> str:
        self.number += 1
        return f"L{self.number}"

    def pick(self, data: st.DataObject, *kinds: LotKind) -> list[str]:
        found = [
            code
            for code, one in self.held.items()
            if (not kinds or one.lot.kind in kinds) and free_stretches(one.position)
        ]
        if not found:
            return []
        return data.draw(
            st.lists(st.sampled_from(found), min_size=1, max_size=3, unique=True)
        )

    @rule(
        cells=st.tuples(*[masses] * 12).filter(any),
        dirt_g=masses,
        kind=st.sampled_from([LotKind.SCRAP] * 3 + [LotKind.PRIMARY, LotKind.RETURN]),
    )
    def source(self, cells: Cells, dirt_g: int, kind: LotKind) -> None:
        metal_g = sum(cells)
        uncounted = NO_UNCOUNTED if kind is LotKind.RETURN else None
        lot = Lot(
            self.code(), kind, "M", "Al", metal_g + dirt_g, metal_g, cells, uncounted
        )
        self.held[lot.code] = Held(lot, Position(goes_on_g=lot.net_g))
        self.books.came.add(cells, uncounted_of(lot))

    @rule(data=st.data(), process=st.sampled_from(PROCESSES))
    def process(self, data: st.DataObject, process: tuple[RunKind, LotKind]) -> None:
        kind, makes = process
        allowed = RUN_RULES[kind].inputs
        if kind is RunKind.BLEND:
            allowed = frozenset({LotKind.SCRAP})
        codes = self.pick(data, *allowed)
        if not codes:
            return
        takings = self.take(data, codes)
        metal_g = sum(taking.metal_g for _, taking in takings)
        left_g = metal_g + (
            0 if kind is RunKind.BLEND else data.draw(st.integers(0, 3))
        )
        outputs = []
        for role in data.draw(
            st.lists(
                st.sampled_from(
                    [OutputRole.PRODUCT, OutputRole.RETURN, OutputRole.BY_PRODUCT]
                ),
                min_size=1,
                max_size=4,
            )
        ):
            part_g = data.draw(st.integers(0, left_g))
            left_g -= part_g
            by_product = role is OutputRole.BY_PRODUCT
            outputs.append(
                self.output(LotKind.BY_PRODUCT if by_product else makes, part_g, role)
            )
        self.pool(kind, takings, outputs)

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        codes = self.pick(data)[:1]
        if not codes:
            return
        takings = self.take(data, codes)
        metal_g, lot = takings[0][1].metal_g, takings[0][1].lot
        cut_g = data.draw(st.integers(0, metal_g))
        outputs = [
            self.output(lot.kind, part_g, OutputRole.PRODUCT)
            for part_g in (cut_g, metal_g - cut_g)
        ]
        self.pool(RunKind.SPLIT, takings, outputs)

    @rule(data=st.data())
    def reclassify(self, data: st.DataObject) -> None:
        for code in self.pick(data, LotKind.RETURN)[:1]:
            held = self.held[code]
            stretches, held.position = place(held.position, held.left().net_g)
            taking = held.of(stretches)
            whole = Output(
                lot=self.code(),
                material="M",
                material_kind=LotKind.SCRAP,
                metal="Al",
                net_g=taking.net_g,
                metal_g=taking.metal_g,
                role=OutputRole.PRODUCT,
            )
            self.pool(RunKind.RECLASSIFY, [(stretches, taking)], [whole])

    @rule(data=st.data(), leaves=st.booleans())
    def travel(self, data: st.DataObject, leaves: bool) -> None:
        for code in self.pick(data)[:1]:
            held = self.held[code]
            if not is_untouched(held.position):
                continue
            book_g = held.position.goes_on_g
            before = held.left()
            found = hand_over(
                held.lot,
                held.position,
                dispatched_g=data.draw(st.integers(max(1, book_g // 2), book_g + 5)),
                received_g=data.draw(st.integers(max(1, book_g // 2), book_g + 5)),
                tolerance_g=0,
                leaves_boundary=leaves,
            )
            held.position = found.position
            arrived = held.left()
            # what was internal inside is unknown outside: the same gram, another name
            inside = read(
                held.lot, free_stretches(found.position), internal_as_unknown=False
            )
            assert arrived.cells in (inside.cells, as_unknown(inside.cells))
            assert arrived.metal_g + found.lost.metal_g == before.metal_g
            self.books.went.add(found.lost.cells, found.lost.uncounted)
            self.rename(before.cells, add(arrived.cells, found.lost.cells))

    def rename(self, before: Cells, after: Cells) -> None:
        self.books.went.add(before)
        self.books.came.add(after)

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        for code in self.pick(data)[:1]:
            held = self.held[code]
            net_g = data.draw(st.integers(1, held.left().net_g))
            stretches, held.position = place_delivery(held.position, net_g)
            taking = held.of(stretches)
            self.books.went.add(taking.cells, taking.uncounted)

    @rule(data=st.data())
    def take_too_much(self, data: st.DataObject) -> None:
        for code in self.pick(data)[:1]:
            held = self.held[code]
            try:
                place(held.position, held.left().net_g + 1)
            except NotEnoughMass:
                continue
            raise AssertionError(f"{code} gave more than it holds")

    @precondition(lambda self: self.runs)
    @rule()
    def take_back_the_last_run(self) -> None:
        last = self.runs[-1]
        if any(not is_untouched(self.held[code].position) for code in last.made):
            return
        if any(
            self.held[code].position.goes_on_g != self.held[code].lot.net_g
            or self.held[code].position.internal_as_unknown
            for code in last.made
        ):
            return
        self.runs.pop()
        for code in last.made:
            del self.held[code]
        for code, stretches in last.taken:
            held = self.held[code]
            held.position = release(held.position, stretches)

    def take(
        self, data: st.DataObject, codes: list[str]
    ) -> list[tuple[tuple[Stretch, ...], Taking]]:
        takings = []
        for code in codes:
            held = self.held[code]
            net_g = data.draw(st.integers(1, held.left().net_g))
            stretches, held.position = place(held.position, net_g)
            takings.append((stretches, held.of(stretches)))
        return takings

    def output(self, kind: LotKind, metal_g: int, role: OutputRole) -> Output:
        return Output(
            lot=self.code(),
            material="M",
            material_kind=kind,
            metal="Al",
            net_g=metal_g + 1,
            metal_g=metal_g,
            role=role,
        )

    def pool(
        self,
        kind: RunKind,
        takings: list[tuple[tuple[Stretch, ...], Taking]],
        outputs: list[Output],
    ) -> None:
        result = pool_run(
            kind,
            [taking for _, taking in takings],
            outputs,
            losses_g=0,
            net_tolerance_g=ANY_TOLERANCE_G,
            metal_tolerance_g=ANY_TOLERANCE_G,
        )
        counted = [0] * 8
        for row in result.supply:
            counted[2 * COUNTED_ORDER.index(row.origin_class) + row.imported] += (
                row.metal_g
            )
        kept = NO_UNCOUNTED
        for lot, _ in result.lots_made:
            self.held[lot.code] = Held(lot, Position(goes_on_g=lot.net_g))
            kept = add(kept, uncounted_of(lot))
        lost = tuple(
            came - one - also
            for came, one, also in zip(result.uncounted_in, counted, kept, strict=True)
        )
        reclassified = None
        if kind is RunKind.RECLASSIFY:
            [(lot, _)] = result.lots_made
            reclassified = (result.pool_cells, lot.cells, uncounted_of(lot))
            lost = result.uncounted_in
        else:
            # A gain joins the pool as unknown, domestic, and waits to be counted too
            gained = tuple(result.gain_unknown_g if n == 6 else 0 for n in range(8))
            assert min(add(lost, gained)) >= 0
        self.runs.append(
            Run(
                taken=[(taking.lot.code, stretches) for stretches, taking in takings],
                made=[lot.code for lot, _ in result.lots_made],
                gain_g=result.gain_unknown_g,
                lost=result.metal_loss_cells,
                lost_uncounted=lost,
                counted=tuple(counted),
                reclassified=reclassified,
            )
        )

    @invariant()
    def every_gram_of_every_cell_is_somewhere(self) -> None:
        came, went = Sums(self.books.came.cells), Sums(self.books.went.cells)
        for run in self.runs:
            came.add(tuple(run.gain_g if n == 10 else 0 for n in range(12)))
            went.add(run.lost)
            if run.reclassified is not None:
                went.add(run.reclassified[0])
                came.add(run.reclassified[1])
        for held in self.held.values():
            left = held.left()
            assert min(left.cells) >= 0
            assert sum(left.cells) == left.metal_g <= left.net_g
            went.add(left.cells)
        assert came.cells == went.cells

    @invariant()
    def every_uncounted_gram_is_counted_once_or_still_waits(self) -> None:
        came, went = list(self.books.came.uncounted), list(self.books.went.uncounted)
        for run in self.runs:
            went = [
                a + b + c
                for a, b, c in zip(went, run.counted, run.lost_uncounted, strict=True)
            ]
            if run.reclassified is not None:
                came = [a + b for a, b in zip(came, run.reclassified[2], strict=True)]
        waiting = NO_UNCOUNTED
        for held in self.held.values():
            left = held.left()
            assert min(left.uncounted) >= 0
            for n, cell in enumerate(UNCOUNTED_CELLS):
                assert left.uncounted[n] <= left.cells[cell]
            if held.lot.kind in COUNTED_KINDS:
                assert not any(left.uncounted)
            waiting = add(waiting, left.uncounted)
        # Unknown metal also comes of internal that left its boundary as scrap
        assert came[:6] == [a + b for a, b in zip(went, waiting, strict=True)][:6]


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
