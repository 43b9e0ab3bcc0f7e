"""How operations on whole arrays are spelled in plain Python: as functions of :mod:`chainrule.export.python.lists`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from chainrule.program import Equation, Var
from chainrule.shapes import Shape, normalise_axes

if TYPE_CHECKING:
    from chainrule.export.python.statements import Writer


def flat(shape: Shape) -> tuple[int, ...]:
    """The shape for one row: named sizes are 1."""
    return tuple(size if isinstance(size, int) else 1 for size in shape)


def strides_of(shape: Sequence[int]) -> list[int]:
    """How far apart the elements of each axis lie in a flat list."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def stretched(shape: tuple[int, ...], axes: int) -> list[int]:
    """The strides of an array that is read with more axes, and repeated along those of size 1."""
    own = (1,) * (axes - len(shape)) + shape
    return [0 if size == 1 else stride for size, stride in zip(own, strides_of(own), strict=True)]


Write: TypeAlias = Callable[["Writer", Equation], str]


def _number_if_one(text: str, equation: Equation) -> str:
    return f"{text}[0]" if prod(flat(equation.target.shape)) == 1 else text


def _matmul(writer: Writer, equation: Equation) -> str:
    left, right = equation.arguments
    assert isinstance(left, Var)
    assert isinstance(right, Var)
    x, y, out = flat(left.shape), flat(right.shape), flat(equation.target.shape)
    sizes = f"{x[-2]}, {x[-1]}, {y[-1]}"
    if prod(out[:-2]) == 1:
        return _number_if_one(f"matmul({writer.list(left)}, {writer.list(right)}, {sizes})", equation)
    parts = ", ".join(_matrices(writer, v, out[:-2]) for v in (left, right))
    return f"matmuls({parts}, {sizes})"


def _matrices(writer: Writer, var: Var, batch: tuple[int, ...]) -> str:
    """The matrices of an array one by one, repeated where it has fewer axes."""
    shape = flat(var.shape)
    strides = stretched(shape, len(batch) + 2)[:-2]
    size, name = prod(shape[-2:]), writer.list(var)
    return f"[{name}[i : i + {size}] for i in places({batch}, {strides}, 0)]"


def _moved(writer: Writer, equation: Equation, strides: Sequence[int], start: int = 0) -> str:
    """A view of the argument, in the shape of the result."""
    (x,) = equation.arguments
    assert isinstance(x, Var)
    shape = flat(equation.target.shape)
    needed = [0 if size == 1 else stride for size, stride in zip(shape, strides, strict=True)]
    natural = [0 if size == 1 else stride for size, stride in zip(shape, strides_of(shape), strict=True)]
    if needed == natural and prod(shape) > 1:
        whole = start == 0 and prod(shape) == prod(flat(x.shape))
        return writer.atom(x) if whole else f"{writer.atom(x)}[{start}:{start + prod(shape)}]"
    if prod(shape) == 1:
        return writer.atom(x) if prod(flat(x.shape)) == 1 else f"{writer.atom(x)}[{start}]"
    return f"view({writer.list(x)}, {shape}, {needed}, {start})"


def _transpose(writer: Writer, equation: Equation) -> str:
    (x,) = equation.arguments
    assert isinstance(x, Var)
    strides = strides_of(flat(x.shape))
    axes = dict(equation.attributes)["axes"] or tuple(range(len(strides)))[::-1]
    return _moved(writer, equation, [strides[axis] for axis in axes])


def _broadcast_to(writer: Writer, equation: Equation) -> str:
    (x,) = equation.arguments
    own = flat(x.shape) if isinstance(x, Var) else ()
    if prod(own) == 1:
        return _number_if_one(f"[{writer.atom(x)}] * {prod(flat(equation.target.shape))}", equation)
    return _moved(writer, equation, stretched(own, len(equation.target.shape)))


def _slice(writer: Writer, equation: Equation) -> str:
    (x,) = equation.arguments
    assert isinstance(x, Var)
    strides, bounds = strides_of(flat(x.shape)), dict(equation.attributes)["bounds"]
    start = sum(b[0] * stride for b, stride in zip(bounds, strides, strict=True) if b is not None)
    return _moved(writer, equation, strides, start)


def _pad(writer: Writer, equation: Equation) -> str:
    (x,) = equation.arguments
    assert isinstance(x, Var)
    shape = flat(equation.target.shape)
    strides, widths = strides_of(shape), dict(equation.attributes)["widths"]
    start = sum(before * stride for (before, _), stride in zip(widths, strides, strict=True))
    return f"put({writer.list(x)}, {prod(shape)}, {flat(x.shape)}, {strides}, {start})"


def _reshape(writer: Writer, equation: Equation) -> str:
    return writer.atom(equation.arguments[0])


def _concatenate(writer: Writer, equation: Equation) -> str:
    (axis,) = normalise_axes(dict(equation.attributes)["axis"], len(equation.target.shape))
    times = prod(flat(equation.target.shape)[:axis])
    counts = [prod(flat(a.shape)) if isinstance(a, Var) else 1 for a in equation.arguments]
    if times == 1:
        parts = [
            (writer.atom(a) if n == 1 else f"*{writer.atom(a)}")
            for a, n in zip(equation.arguments, counts, strict=True)
        ]
        return _number_if_one(f"[{', '.join(parts)}]", equation)
    return f"beside([{', '.join(map(writer.list, equation.arguments))}], {times})"


def _take(writer: Writer, equation: Equation) -> str:
    table, indices = equation.arguments
    assert isinstance(table, Var)
    text = f"take({writer.list(table)}, {writer.list(indices)}, {prod(flat(table.shape)[1:])})"
    return _number_if_one(text, equation)


def _one_hot(writer: Writer, equation: Equation) -> str:
    text = f"one_hot({writer.list(equation.arguments[0])}, {dict(equation.attributes)['size']})"
    return _number_if_one(text, equation)


def _reduction(name: str) -> Write:
    def write(writer: Writer, equation: Equation) -> str:
        (x,) = equation.arguments
        shape = list(flat(x.shape)) if isinstance(x, Var) else []
        text, axes = writer.list(x), normalise_axes(dict(equation.attributes)["axis"], len(shape))
        if prod(flat(equation.target.shape)) == 1:
            return f"{name}({text})"
        for axis in sorted(axes, reverse=True):
            text = f"along({name}, {text}, {shape[axis]}, {prod(shape[axis + 1 :])})" if shape[axis] != 1 else text
            shape[axis] = 1
        return text

    return write


WHOLE: Final[dict[str, Write]] = {
    "matmul": _matmul,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "slice": _slice,
    "pad": _pad,
    "reshape": _reshape,
    "concatenate": _concatenate,
    "take": _take,
    "one_hot": _one_hot,
    "sum": _reduction("sum"),
    "max": _reduction("max"),
    "size": lambda writer, equation: "1.0",
}
"""Operations on whole arrays."""
