"""The order of phases, and where threads must wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.engines.native.phases import Move, Phase, Product, Reduction, Scatter, Split, View
from chainrule.engines.native.views import TILE_ROWS, squeezed
from chainrule.shapes import Size


def split(phase: Phase, lanes: int, tile_rows: int = 1, columns: int | None = None) -> Split:
    """The split of a phase.

    Rows of a batch are always split in the same units, so that a row stays with its thread.

    Args:
        phase: what is split.
        lanes: elements in a vector.
        tile_rows: units of the first axis, where that is neither rows of a batch nor elements side by side.
        columns: units of the columns, if the phase is split by them.
    """
    space = phase.body.space
    if columns is not None:
        return Split(space[1], columns, axis=1)
    if not space:
        return Split(None, 1)
    if space[0] == "B":
        return Split("B", TILE_ROWS)
    return Split(space[0], lanes if len(space) == 1 else tile_rows)


class Conflict(Exception):  # noqa: N818 - answered by lowering again
    """Memory cannot be written in place: something reads the old value too late."""

    def __init__(self, buffer: str) -> None:
        super().__init__(buffer)
        self.buffer = buffer


def in_order(
    phases: Sequence[Phase], splits: Sequence[Split], carried: Iterable[str]
) -> tuple[list[int], frozenset[int]]:
    """An order in which each phase reads what it should, and in which threads seldom wait.

    Args:
        phases: in the order of their making: a value that is read was written by an earlier phase.
        splits: how each is shared among threads.
        carried: buffers whose old values are read in this step and whose new ones are written in their place: what
            reads them comes before what writes them.

    Returns:
        The numbers of the phases in their order, and the places in it before which all threads must meet: where one
        would touch what another is still at.

    Raises:
        Conflict: where there is no such order.
    """
    in_place = frozenset(carried)
    for phase in phases:
        _check_own(phase, in_place)
    before = _constraints(phases, in_place)
    touched = [_touched(phase, s.axis) for phase, s in zip(phases, splits, strict=True)]
    order: list[int] = []
    meetings: set[int] = set()
    together: list[int] = []
    left = list(range(len(phases)))
    while left:
        done = set(order)
        ready = [i for i in left if before[i] <= done]
        if not ready:
            raise Conflict(min(v.buffer.name for i in left for v in phases[i].writes() if v.buffer.name in in_place))
        free = (i for i in ready if not any(_collide(touched[p], splits[p], touched[i], splits[i]) for p in together))
        chosen = next(free, None)
        if chosen is None:
            chosen, together = ready[0], []
            meetings.add(len(order))
        left.remove(chosen)
        order.append(chosen)
        together.append(chosen)
    return order, frozenset(meetings)


def _constraints(phases: Sequence[Phase], in_place: frozenset[str]) -> list[set[int]]:
    """For each phase, those that must come before it."""
    reads = [{v.buffer.name for v in p.reads()} for p in phases]
    writes = [{v.buffer.name for v in p.writes()} for p in phases]
    before: list[set[int]] = [set() for _ in phases]
    for later in range(len(phases)):
        for earlier in range(later):
            touched = writes[earlier] & (reads[later] | writes[later]) | reads[earlier] & writes[later]
            if touched - in_place:
                before[later].add(earlier)
            for name in touched & in_place:
                if name in writes[earlier] and name not in writes[later]:
                    before[earlier].add(later)
                else:
                    before[later].add(earlier)
    return before


def _check_own(phase: Phase, in_place: frozenset[str]) -> None:
    """A phase may read what it writes only element by element."""
    written = {v.buffer.name: v for v in phase.writes() if v.buffer.name in in_place}
    loads = {id(load.view) for load in phase.body.loads}
    for view in phase.reads():
        goal = written.get(view.buffer.name)
        if goal is None:
            continue
        if id(view) not in loads or (view.strides, view.offset, view.index) != (goal.strides, goal.offset, None):
            raise Conflict(view.buffer.name)


@dataclass(frozen=True)
class _Touch:
    """What a phase does to one buffer: whether it writes, and whether each thread stays in a part of its own."""

    writes: bool
    own: bool


def _touched(phase: Phase, axis: int) -> dict[str, _Touch]:
    """What a phase does to each buffer, by name."""
    found: dict[str, _Touch] = {}
    for view, writes, own in _accesses(phase, axis):
        before = found.get(view.buffer.name, _Touch(False, True))
        found[view.buffer.name] = _Touch(before.writes or writes, before.own and own)
    return found


def _collide(one: dict[str, _Touch], split_one: Split, other: dict[str, _Touch], split_other: Split) -> bool:
    """Whether a thread in one phase could touch what another thread is still at in the other."""
    same = split_one == split_other
    for name in one.keys() & other.keys():
        x, y = one[name], other[name]
        apart = same and (split_one.extent is None or (x.own and y.own))
        if (x.writes or y.writes) and not apart:
            return True
    return False


def _accesses(phase: Phase, axis: int) -> Iterable[tuple[View, bool, bool]]:
    """Each view with whether it is written, and whether a thread touches only the rows or columns that are its own."""
    space, inner = phase.body.space, phase.inner
    own = _own_column if axis else _own
    for load in phase.body.loads:
        yield from _looked(load.view, bool(space) and own(load.view, axis, space[axis]))
    for store in phase.body.stores:
        yield store.view, True, bool(space) and own(store.view, axis, space[axis])
    if isinstance(inner, Product):
        rows = len(inner.left.shape) == 2 and inner.left.shape[0] != 1 and bool(space)
        yield inner.left, False, not axis and rows and _own(inner.left, 0, space[0])
        yield inner.right, False, bool(axis) and _own_column(inner.right, -1, space[axis])
    elif isinstance(inner, Scatter):
        yield inner.target, True, False
        yield inner.source, False, False
        yield inner.index, False, False
    elif isinstance(inner, Move):
        yield inner.target, True, False
        yield inner.source, False, False
    elif isinstance(inner, Reduction):
        kept = [a for a in range(len(inner.loop.space)) if a not in inner.axes]
        for load in inner.loop.loads:
            yield from _looked(load.view, bool(kept) and _own(load.view, kept[0], space[0]))
        for store in inner.loop.stores:
            yield store.view, True, bool(kept) and _own(store.view, kept[0], space[0])


def _looked(view: View, own: bool) -> Iterable[tuple[View, bool, bool]]:
    yield view, False, own and view.index is None
    if view.index is not None:
        yield view.index, False, False


def _own(view: View, axis: int, extent: Size) -> bool:
    """Whether index i of an axis of the space touches row i of the buffer, and nothing else does."""
    buffer = squeezed(view.buffer.shape)
    if not buffer or buffer[0] != extent or view.offset or view.index is not None:
        return False
    return view.strides[axis] != 0 and view.strides[axis] == max(view.strides)


def _own_column(view: View, axis: int, extent: Size) -> bool:
    """Whether index i of an axis of the space touches column i of the buffer, and nothing else does."""
    buffer = squeezed(view.buffer.shape)
    return bool(buffer) and buffer[-1] == extent and not view.offset and view.index is None and view.strides[axis] == 1
