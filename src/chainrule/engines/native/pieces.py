"""Large batches piece by piece: what is computed for a row stays in the cache, and needs memory for one piece only.

Sums over the rows of the batch become running sums over the pieces; what follows from them is done once, at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from chainrule.engines.native.phases import (
    Buffer,
    Load,
    Loop,
    Phase,
    Product,
    Reduction,
    Schedule,
    Statement,
    Store,
    View,
)
from chainrule.engines.native.views import Layout

PIECE_ROWS = 256
"""Rows of a piece: the values of a layer of 1,000 units take a megabyte."""

ROWS = "B"


@dataclass(frozen=True)
class Groups:
    """Phases of a step in pieces: once before them, for each of them, once after them."""

    before: tuple[Phase, ...]
    during: tuple[Phase, ...]
    after: tuple[Phase, ...]


def in_pieces(schedule: Schedule, layout: Layout, carried: Collection[str]) -> Groups | None:
    """The phases of a step taken apart, or ``None`` where a row needs to know what other rows give.

    Args:
        schedule: with memory for the rows of one piece.
        layout: how running sums are laid out.
        carried: buffers whose new values are written in the place of the old ones, which all rows read.
    """
    outputs = (o for o in schedule.outputs.values() if isinstance(o, View))
    ours = (v for v in schedule.inputs.values() if not v.buffer.user)
    if any(ROWS in view.buffer.shape for view in (*outputs, *ours)):
        return None
    before: list[Phase] = []
    during: list[Phase] = []
    after: list[Phase] = []
    in_place = set(carried)  # of these, everything reads the old values
    late: set[str] = set()
    for phase in schedule.phases:  # in the order of their making: what a phase reads was written before
        if not _sees_rows(phase):
            if _written([phase]) & in_place or late & {v.buffer.name for v in phase.reads()}:
                after.append(phase)
                late |= _written([phase]) - in_place
            else:
                before.append(phase)
        elif ROWS in phase.body.space:
            during.append(phase)
        else:
            parts = _summed(phase, layout)
            if parts is None:
                return None
            clear, add, rest = parts
            before.append(clear)
            during.append(add)
            after.append(rest)
            late |= _written([rest]) - in_place
    needed = {v.buffer.name for phase in (*before, *during) for v in phase.reads()}
    return None if needed & late else Groups(tuple(before), tuple(during), tuple(after))


def _written(phases: Iterable[Phase]) -> set[str]:
    return {v.buffer.name for phase in phases for v in phase.writes()}


def _sees_rows(phase: Phase) -> bool:
    inner = phase.inner
    shapes = [phase.body.space, *(v.shape for v in phase.reads())]
    if isinstance(inner, Reduction):
        shapes.append(inner.loop.space)
    return any(ROWS in shape for shape in shapes)


def _summed(phase: Phase, layout: Layout) -> tuple[Phase, Phase, Phase] | None:
    """A phase that sums over rows as three: clear the sums, add a piece, do what follows from the sums."""
    inner, space = phase.inner, phase.body.space
    if isinstance(inner, Product) and inner.contracted == ROWS:
        names = [inner.target]
    elif isinstance(inner, Reduction) and all(how == "sum" for _, how, _ in inner.results):
        names = [target for target, _, _ in inner.results]
    else:
        return None
    if any(ROWS in load.view.shape for load in phase.body.loads):
        return None
    views = {name: layout.whole(Buffer(f"{name}_sum", space)) for name in names}
    clear = Loop(space, stores=tuple(Store(view, 0.0) for view in views.values()))
    add = Loop(
        space,
        tuple(Load(f"{name}_before", view) for name, view in views.items()),
        tuple(Statement(f"{name}_after", "float", "add", (f"{name}_before", name)) for name in names),
        tuple(Store(view, f"{name}_after") for name, view in views.items()),
    )
    rest = replace(phase.body, loads=(*(Load(n, v) for n, v in views.items()), *phase.body.loads))
    return (
        Phase(f"clear {phase.name}", clear),
        replace(phase, body=add),
        Phase(phase.name, rest, None, phase.scalars),
    )
