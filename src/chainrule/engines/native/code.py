"""From a program to machine code: every step of the way, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.driver import Clock, Driver
from chainrule.engines.native.emit import Module
from chainrule.engines.native.expand import expand
from chainrule.engines.native.forks import FreshLock
from chainrule.engines.native.jit import Machine, compile_text
from chainrule.engines.native.lower import Lowered, lower
from chainrule.engines.native.memory import Memory
from chainrule.engines.native.order import Conflict, in_order, split
from chainrule.engines.native.phases import Phase, Product, Schedule, Split
from chainrule.engines.native.pieces import PIECE_ROWS, Groups, in_pieces
from chainrule.engines.native.rewrites import derivatives_from_outputs
from chainrule.engines.native.target import Target
from chainrule.engines.native.tiles import by_columns, tile_of
from chainrule.engines.native.tiles import registers as registers_of
from chainrule.engines.native.transposes import is_transpose
from chainrule.engines.native.views import Layout
from chainrule.engines.regions import Region, split_regions
from chainrule.program import Program

PIECES_FROM = 4 * PIECE_ROWS
"""Batches of so many rows are computed in pieces, where that is possible."""

KEPT = 8
"""Programs whose code is kept, of each kind: the members of an ensemble are trained with the same."""

MAKING = FreshLock()
"""Held while code is made: threads that want the same program wait for the one that was first."""


@dataclass(frozen=True)
class Code:
    """A program as phases, with its memory and its code for one machine."""

    schedule: Schedule
    regions: tuple[Region, ...]
    memory: Memory
    target: Target
    module: Module

    @property
    def machine(self) -> Machine:
        """The machine code, compiled when first wanted."""
        with MAKING:
            return self._machine

    @cached_property
    def _machine(self) -> Machine:
        return compile_text(self.module.text, self.target)


def generate(
    program: Program, precision: str, target: Target, *, rows: int | None, user: Iterable[str] = (), timed: bool = False
) -> Code:
    """The phases and the LLVM text of a training step.

    Args:
        program: the step.
        precision: of its floats.
        target: the machine.
        rows: how many rows ``B`` stands for at most; ``None`` where the program has no such size.
        user: inputs that are read in the caller's memory.
        timed: whether each phase counts its cycles.
    """
    with MAKING:
        return _step(program, precision, target, rows, tuple(user), timed)


@lru_cache(maxsize=KEPT)
def _step(
    program: Program, precision: str, target: Target, rows: int | None, user: tuple[str, ...], timed: bool
) -> Code:
    apart, regions = split_regions(program)
    carried = carried_outputs(apart)
    lower_step = partial(lower, carried=carried, user=user)
    return _generated(apart, regions, precision, target, carried, lower_step, Clock(), rows, timed=timed)


def generate_call(
    program: Program, precision: str, target: Target, *, rows: int | None, user: Iterable[str] = ()
) -> Code:
    """The phases and the LLVM text of a program that runs once.

    Its outputs lie in the arena, and so do inputs that are not the ``user``'s.
    """
    with MAKING:
        return _call(program, precision, target, rows, tuple(user))


@lru_cache(maxsize=KEPT)
def _call(program: Program, precision: str, target: Target, rows: int | None, user: tuple[str, ...]) -> Code:
    lower_call = partial(lower, carried={}, in_memory=True, user=user)
    return _generated(program, (), precision, target, {}, lower_call, Clock(()), rows)


def _generated(
    program: Program,
    regions: tuple[Region, ...],
    precision: str,
    target: Target,
    carried: Mapping[str, str],
    lowering: Callable[..., Lowered],
    clock: Clock,
    rows: int | None,
    *,
    timed: bool = False,
) -> Code:
    form = Form.filling(precision, target.vector_bytes)
    primitives = derivatives_from_outputs(expand(program))
    lower_primitives = partial(lowering, primitives, form=form)
    schedule, layout = _scheduled(lower_primitives, carried, rows, registers_of(target))
    memory = Memory(schedule.buffers(), layout, form)
    module = Driver(schedule, memory, target, clock, timed=timed).write()
    return Code(schedule, regions, memory, target, module)


def _scheduled(
    lowering: Callable[..., Lowered], carried: Mapping[str, str], rows: int | None, registers: int
) -> tuple[Schedule, Layout]:
    """Phases in order, with splits and barriers; results that cannot be written in place are copied at the end."""
    aside: set[str] = set()
    while True:
        lowered = lowering(rows=rows, aside=frozenset(aside))
        try:
            schedule = _ordered(lowered, carried, registers)
        except Conflict as conflict:
            aside |= {label for label, name in carried.items() if name == conflict.buffer}
            continue
        if rows is None or rows < PIECES_FROM:
            return schedule, lowered.layout
        small = lowering(rows=PIECE_ROWS, aside=frozenset(aside))
        groups = in_pieces(small.schedule, small.layout, carried.values())
        if groups is None:
            return schedule, lowered.layout
        return _ordered_pieces(small, groups, carried, registers), small.layout


def _ordered(lowered: Lowered, carried: Mapping[str, str], registers: int) -> Schedule:
    phases = lowered.schedule.phases
    splits = [_split(p, lowered.layout, registers) for p in phases]
    order, meetings = in_order(phases, splits, carried.values())
    return replace(
        lowered.schedule,
        phases=tuple(phases[i] for i in order),
        splits=tuple(splits[i] for i in order),
        barriers=meetings,
    )


def _ordered_pieces(lowered: Lowered, groups: Groups, carried: Mapping[str, str], registers: int) -> Schedule:
    """Each group in its order, all threads meeting between them."""
    parts = [
        _ordered(replace(lowered, schedule=replace(lowered.schedule, phases=group)), carried, registers)
        for group in (groups.before, groups.during, groups.after)
    ]
    phases: list[Phase] = []
    splits: list[Split] = []
    meetings: set[int] = set()
    for part in parts:
        meetings |= {len(phases), *(len(phases) + place for place in part.barriers)}
        phases += part.phases
        splits += part.splits
    first = len(groups.before)
    pieces = (first, first + len(groups.during))
    return replace(
        lowered.schedule,
        phases=tuple(phases),
        splits=tuple(splits),
        barriers=frozenset(meetings),
        pieces=pieces,
    )


def _split(phase: Phase, layout: Layout, registers: int) -> Split:
    """How a phase is shared: products in whole tiles of rows."""
    if isinstance(phase.inner, Product) and phase.inner.along == "columns":
        tile = tile_of(phase, layout, registers)
        columns = tile.vectors * layout.lanes if by_columns(phase, layout) else None
        return split(phase, layout.lanes, tile.rows, columns)
    return split(phase, layout.lanes, layout.lanes if is_transpose(phase) else 1)


def carried_outputs(program: Program) -> Mapping[str, str]:
    """For each output ``new_v``, the input ``v`` whose next value it is."""
    inputs = {v.name for v in program.inputs}
    return {label: label[4:] for label, _ in program.outputs if label.startswith("new_") and label[4:] in inputs}
