"""Shapes whose sizes are numbers or names, and the rules by which they fit together.

A size is an integer (``784``) or a name (``"B"``, the rows of a batch) that gets its value when data
arrives. Two named sizes agree only if they are the same name; nothing here knows NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, TypeAlias

from chainrule.errors import ShapeError

Size: TypeAlias = int | str
Shape: TypeAlias = tuple[Size, ...]
DType: TypeAlias = Literal["float", "int", "bool"]


def show_shape(shape: Sequence[Size]) -> str:
    """The shape as Python writes a tuple, names without quotes.

    >>> show_shape(("B", 8)), show_shape((3,)), show_shape(())
    ('(B, 8)', '(3,)', '()')
    """
    if len(shape) == 1:
        return f"({shape[0]},)"
    return "(" + ", ".join(map(str, shape)) + ")"


def as_shape(shape: object) -> Shape:
    """Check and normalise what a user gives as a shape: a size, or a sequence of sizes."""
    sizes: tuple[object, ...] = (shape,) if isinstance(shape, int | str) else tuple(shape)  # type: ignore[arg-type]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | str):
            raise ShapeError(f"a size is a whole number or a name, not {size!r} (in the shape {shape!r})")
        if isinstance(size, int) and size < 0:
            raise ShapeError(f"a size cannot be negative: {size} (in the shape {shape!r})")
        if isinstance(size, str) and not size.isidentifier():
            raise ShapeError(f"the name of a size must be an identifier, not {size!r}")
    return sizes  # type: ignore[return-value]


def broadcast(*shapes: Shape) -> Shape:
    """The shape that NumPy's broadcasting gives; a size 1 stretches to any other.

    >>> broadcast(("B", 8), (8,))
    ('B', 8)
    """
    rank = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result: list[Size] = []
    for axis in range(rank):
        sizes = {shape[axis] for shape in padded} - {1}
        if len(sizes) > 1:
            listed = " and ".join(show_shape(shape) for shape in shapes)
            raise ShapeError(f"shapes {listed} do not fit: sizes {' and '.join(sorted(map(str, sizes)))} differ")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def matmul(left: Shape, right: Shape) -> Shape:
    """The shape of a matrix product; leading axes broadcast.

    >>> matmul(("B", 4), (4, 8))
    ('B', 8)
    """
    if len(left) < 2 or len(right) < 2:
        raise ShapeError(f"a matrix product needs two axes on both sides, not {show_shape(left)} @ {show_shape(right)}")
    if left[-1] != right[-2]:
        raise ShapeError(
            f"the matrix product {show_shape(left)} @ {show_shape(right)} does not fit: "
            f"{left[-1]} columns meet {right[-2]} rows"
        )
    return (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])


def normalise_axes(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """The axes that ``axis`` names, counted from the front, in order; ``None`` means all.

    >>> normalise_axes(-1, 3), normalise_axes(None, 2)
    ((2,), (0, 1))
    """
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -rank <= a < rank:
            raise ShapeError(f"axis {a} does not exist in a value with {rank} axes")
    result = tuple(sorted(a % rank for a in axes))
    if len(set(result)) < len(result):
        raise ShapeError(f"an axis is named twice in {axis!r}")
    return result


def reduce_axes(shape: Shape, axis: int | tuple[int, ...] | None, keepdims: bool) -> Shape:
    """The shape after a reduction over ``axis``."""
    axes = normalise_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def split_product(sizes: Sequence[Size]) -> tuple[int, tuple[str, ...]]:
    """A product of sizes as a number and the sorted names that multiply it."""
    return prod(s for s in sizes if isinstance(s, int)), tuple(sorted(s for s in sizes if isinstance(s, str)))


def reshape(old: Shape, new: Shape) -> Shape:
    """Check that ``new`` holds as many elements as ``old``, whatever the named sizes are."""
    if split_product(old) != split_product(new):
        raise ShapeError(f"cannot reshape {show_shape(old)} into {show_shape(new)}: the number of elements differs")
    return new


Bounds: TypeAlias = tuple[tuple[int, int] | None, ...]
"""For each axis, what part of it is taken: (start, stop), or None for all."""


def parse_index(shape: Shape, key: object) -> tuple[Bounds, Shape]:
    """Read ``x[key]`` for a value of ``shape``: the bounds taken, and the shape left after whole numbers drop axes.

    >>> parse_index(("B", 5), (slice(None), 3))
    ((None, (3, 4)), ('B',))
    """
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > len(shape):
        raise ShapeError(f"{len(parts)} indices for a value of shape {show_shape(shape)}")
    bounds: list[tuple[int, int] | None] = []
    kept: list[Size] = []
    for part, size in zip((*parts, *[slice(None)] * (len(shape) - len(parts))), shape, strict=True):
        if part == slice(None):
            bounds.append(None)
            kept.append(size)
            continue
        if isinstance(size, str):
            raise ShapeError(f"the axis {size} can only be taken whole, with ':', since its size is not known yet")
        if isinstance(part, int) and not -size <= part < size:
            raise ShapeError(f"the index {part} is outside an axis of size {size}")
        if isinstance(part, int):
            bounds.append((part % size, part % size + 1))
        elif isinstance(part, slice) and part.step in (None, 1):
            start, stop, _ = part.indices(size)
            bounds.append((start, max(start, stop)))
            kept.append(max(start, stop) - start)
        else:
            raise ShapeError(f"an axis is indexed by a whole number or a slice without a step, not by {part!r}")
    return tuple(bounds), tuple(kept)


def take_bounds(shape: Shape, bounds: Bounds) -> Shape:
    """The shape of the part that ``bounds`` takes."""
    if len(bounds) != len(shape):
        raise ShapeError(f"{len(bounds)} bounds for a value of shape {show_shape(shape)}")
    return tuple(size if b is None else b[1] - b[0] for size, b in zip(shape, bounds, strict=True))


def bind(name: str, expected: Shape, actual: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Match the ``actual`` shape of data with the ``expected`` one; named sizes met are put into ``sizes``."""
    fits = len(expected) == len(actual)
    if fits:
        for want, have in zip(expected, actual, strict=True):
            fits &= (sizes.setdefault(want, have) if isinstance(want, str) else want) == have
    if not fits:
        known = ", ".join(f"{s} = {sizes[s]}" for s in expected if isinstance(s, str) and s in sizes)
        where = f" with {known}" if known else ""
        raise ShapeError(f"{name} has shape {show_shape(actual)}, but {show_shape(expected)}{where} is needed")


def concrete(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape with each name replaced by its value."""
    return tuple(sizes[s] if isinstance(s, str) else s for s in shape)


def count(shape: Shape, sizes: Mapping[str, int]) -> int:
    """The number of elements."""
    return prod(concrete(shape, sizes))
