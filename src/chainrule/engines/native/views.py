"""Where arrays lie in memory, and arrays that are seen in another order without being moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from chainrule.engines.native.phases import Buffer, View
from chainrule.shapes import Bounds, Shape, Size

WIDE = 256
"""Rows of so many elements get an odd number of vectors, so that those of a column do not meet in one cache set."""


TILE_ROWS = 16
"""Memory for rows of a batch comes in multiples of this: kernels may compute rows past the last one."""


class Layout:
    """The rules by which buffers are laid out: rows begin at whole vectors.

    Args:
        lanes: floats in a vector.
        rows: how many rows ``B`` has at most.
    """

    def __init__(self, lanes: int, rows: int | None) -> None:
        self.lanes, self.rows = lanes, rows

    def size(self, size: Size) -> int:
        """The number that a size stands for."""
        if isinstance(size, int):
            return size
        assert self.rows is not None
        return self.rows

    def padded(self, count: int) -> int:
        """Elements from one row to the next, for rows of ``count``."""
        vectors = -(-count // self.lanes)
        if count >= WIDE and vectors % 2 == 0:
            vectors += 1
        return vectors * self.lanes

    def strides(self, buffer: Buffer) -> tuple[int, ...]:
        """Elements from one index of an axis to the next, 0 for axes of one element."""
        sizes = [self.size(s) for s in buffer.shape]
        own = [s for s in sizes if s != 1]
        if own and not buffer.user:
            own[-1] = self.padded(own[-1]) if len(own) > 1 else own[-1]
        result, step = [], 1
        for s in reversed(sizes):
            result.append(0 if s == 1 else step)
            step *= 1 if s == 1 else own.pop()
        return tuple(reversed(result))

    def elements(self, buffer: Buffer) -> int:
        """Elements that the buffer takes, padding included."""
        sizes = [self.size(s) for s in buffer.shape if s != 1]
        if buffer.user or not sizes:
            return max(1, prod(sizes))
        if len(sizes) == 1:
            return -(-sizes[0] // self.lanes) * self.lanes
        if squeezed(buffer.shape)[0] == "B":  # kernels work on whole tiles of rows
            sizes[0] = -(-sizes[0] // TILE_ROWS) * TILE_ROWS
        return prod(sizes[:-1]) * self.padded(sizes[-1])

    def whole(self, buffer: Buffer) -> View:
        """All of a buffer."""
        return View(buffer, buffer.shape, self.strides(buffer))

    def owns_padding(self, view: View) -> bool:
        """Whether whole vectors may be written at the ends of its rows."""
        return not view.buffer.user and view.offset == 0 and squeezed(view.shape) == squeezed(view.buffer.shape)


def squeezed(shape: Shape) -> Shape:
    """The axes of more than one element."""
    return tuple(s for s in shape if s != 1)


def transposed(view: View, axes: Sequence[int] | None) -> View:
    """The axes in another order, reversed by default."""
    order = tuple(axes) if axes is not None else tuple(range(len(view.shape)))[::-1]
    return replace(view, shape=tuple(view.shape[a] for a in order), strides=tuple(view.strides[a] for a in order))


def sliced(view: View, bounds: Bounds) -> View:
    """A part of each axis."""
    offset, shape = view.offset, []
    for size, stride, bound in zip(view.shape, view.strides, bounds, strict=True):
        offset += bound[0] * stride if bound else 0
        shape.append(bound[1] - bound[0] if bound else size)
    strides = tuple(0 if s == 1 else stride for s, stride in zip(shape, view.strides, strict=True))
    return replace(view, shape=tuple(shape), strides=strides, offset=offset)


def broadcast(view: View, shape: Shape) -> View:
    """The view stretched to a shape."""
    missing = len(shape) - len(view.shape)
    strides = [0] * missing + [
        stride if size == wanted else 0
        for size, stride, wanted in zip(view.shape, view.strides, shape[missing:], strict=True)
    ]
    return replace(view, shape=shape, strides=tuple(strides))


def reshaped(view: View, shape: Shape) -> View | None:
    """The view with axes split, or axes of one element put in or left out; ``None`` where elements must move."""
    axes = [(size, stride) for size, stride in zip(view.shape, view.strides, strict=True) if size != 1]
    strides: list[int] = []
    group: list[Size] = []
    for size in shape:
        if size == 1:
            strides.append(0)
            continue
        group.append(size)
        strides.append(0)
        if not axes:
            return None
        whole, step = axes[0]
        if group == [whole] or (all(isinstance(s, int) for s in group) and _product(group) == whole):
            for back, inner in enumerate(reversed(group)):
                place = _place(shape, len(strides) - 1, back)
                strides[place] = step
                step *= inner if isinstance(inner, int) else 1
            axes.pop(0)
            group = []
    return None if axes or group else replace(view, shape=tuple(shape), strides=tuple(strides))


def _product(sizes: Sequence[Size]) -> int:
    return prod(s for s in sizes if isinstance(s, int))


def _place(shape: Shape, last: int, back: int) -> int:
    """The ``back``-th axis of more than one element before the axis ``last``."""
    own = [axis for axis in range(last + 1) if shape[axis] != 1]
    return own[-1 - back]
