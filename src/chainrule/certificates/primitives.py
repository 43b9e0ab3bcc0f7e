"""What each primitive computes, on many copies at once, of real numbers or of complex ones.

Every array has one axis more than the value that it holds: the first one counts copies, of which there are as many as
in the other arrays, or a single one that serves all of them.

An imaginary part stands for a step too small to be seen, ``x + i h`` with ``h = 1e-200``. Where numbers are compared,
NumPy looks at the real parts first and at the imaginary ones only where those are equal, so that a step decides a tie
in its own direction: a function is then followed along one of its sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
SINGLE = 1 << 18
"""Multiplications of a product that OpenBLAS does on one thread."""

Function: TypeAlias = Callable[[Sequence[Array], Mapping[str, Any]], Array]


def aligned(arrays: Sequence[Array]) -> list[Array]:
    """The arrays with axes of size 1 put in behind that of the copies, so that they broadcast."""
    rank = max(a.ndim for a in arrays)
    return [a.reshape(len(a), *(1,) * (rank - a.ndim), *a.shape[1:]) for a in arrays]


def axes_of(array: Array, axis: Any) -> tuple[int, ...]:
    """The axes that a reduction of the value names, counted in the array."""
    if axis is None:
        return tuple(range(1, array.ndim))
    return tuple(a % (array.ndim - 1) + 1 for a in ([axis] if isinstance(axis, int) else axis))


def _abs(x: Array) -> Array:
    return np.where(x < 0, -x, x)


def _sign(x: Array) -> Array:
    return (x > 0).astype(np.float64) - (x < 0)


def _floor(x: Array) -> Array:
    low = np.floor(x.real)
    return np.asarray(low - ((low == x.real) & (x.imag < 0)))


def _exp(x: Array) -> Array:
    """At infinity there is no slope left that a number could hold."""
    y = np.exp(x)
    if np.iscomplexobj(y):
        y.imag[np.isinf(y.real)] = 0.0
    return y


def _log1p(x: Array) -> Array:
    """NumPy's complex one forms 1 + x, which loses the digits of a small x."""
    if not np.iscomplexobj(x):
        return np.asarray(np.log1p(x))
    return np.asarray(np.log1p(x.real) + 1j * np.log1p(x).imag)


def _power(x: Array, y: Array) -> Array:
    """Of a negative base by its absolute value: the complex logarithm would leave a rounding error of pi."""
    if not np.iscomplexobj(x) and not np.iscomplexobj(y):
        return np.asarray(np.power(x, y))
    below = x.real < 0
    turned = np.where(below, np.power(-1.0, np.where(below, y.real, 1.0)), 1.0)
    return np.asarray(np.power(np.where(below, -x, x), y) * turned)


def _where(condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, x, y)


def _matmul(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    x, y = arguments
    if x.ndim == y.ndim == 3 and len(y) == 1:
        return product(x.reshape(-1, x.shape[-1]), y[0]).reshape(*x.shape[:-1], y.shape[-1])
    x, y = aligned(arguments)
    return np.asarray(x @ y)


def product(x: Array, y: Array) -> Array:
    """``x @ y`` for matrices of which the second is real, in blocks that the BLAS library computes on one thread.

    With more, they would wait for each other at every product where a core is busy, for ten times as long as it takes.
    """
    if np.iscomplexobj(y):
        return np.asarray(x @ y)
    parts = np.concatenate([x.real, x.imag]) if np.iscomplexobj(x) else x
    result = np.empty((len(parts), y.shape[1]))
    rows = max(16, SINGLE // max(1, y.size))
    columns = max(1, SINGLE // (rows * max(1, len(y))))
    for i in range(0, len(parts), rows):
        for j in range(0, y.shape[1], columns):
            result[i : i + rows, j : j + columns] = parts[i : i + rows] @ y[:, j : j + columns]
    return result if parts is x else result[: len(x)] + 1j * result[len(x) :]


def _transpose(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    (x,) = arguments
    axes = attributes["axes"] if attributes["axes"] is not None else range(x.ndim - 1)[::-1]
    return x.transpose(0, *(a + 1 for a in axes))


def _reshape(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return arguments[0].reshape(len(arguments[0]), *attributes["shape"])


def _broadcast_to(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    (x,) = arguments
    x = x.reshape(len(x), *(1,) * (len(attributes["shape"]) + 1 - x.ndim), *x.shape[1:])
    return np.broadcast_to(x, (len(x), *attributes["shape"]))


def _concatenate(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    copies = max(map(len, arguments))
    parts = [np.broadcast_to(a, (copies, *a.shape[1:])) for a in arguments]
    return np.concatenate(parts, axis=axes_of(parts[0], attributes["axis"])[0])


def _slice(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return arguments[0][(slice(None), *(slice(None) if b is None else slice(*b) for b in attributes["bounds"]))]


def _pad(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return np.pad(arguments[0], ((0, 0), *map(tuple, attributes["widths"])))


def _take(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    x, indices = arguments
    return x[:, indices[0]]


def _add_rows(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    x, indices = arguments
    out = np.zeros((len(x), *attributes["shape"]), x.dtype)
    for copy, rows in zip(out, x, strict=True):
        np.add.at(copy, indices[0], rows)
    return out


def _sum(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    (x,) = arguments
    return np.asarray(x.sum(axis=axes_of(x, attributes["axis"]), keepdims=attributes["keepdims"]))


def _max(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    (x,) = arguments
    return np.asarray(x.max(axis=axes_of(x, attributes["axis"]), keepdims=attributes["keepdims"]))


def largest(x: Array, attributes: Mapping[str, Any]) -> Array:
    """Which elements are the largest ones of a reduction."""
    return np.asarray(x.real == x.real.max(axis=axes_of(x, attributes["axis"]), keepdims=True))


def shared_max(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    """The largest element, where several largest ones share the step evenly."""
    (x,) = arguments
    axes, keep = axes_of(x, attributes["axis"]), attributes["keepdims"]
    ties = largest(x, attributes)
    steps = np.where(ties, x.imag, 0.0).sum(axis=axes, keepdims=keep) / ties.sum(axis=axes, keepdims=keep)
    return np.asarray(x.real.max(axis=axes, keepdims=keep) + 1j * steps)


def elementwise(function: Callable[..., Any]) -> Function:
    """A function of arrays of equal rank, as one of arguments and attributes."""
    return lambda arguments, attributes: np.asarray(function(*aligned(arguments)))


COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}

ELEMENTWISE: Mapping[str, Callable[..., Any]] = {
    **COMPARISONS,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "negative": np.negative,
    "abs": _abs,
    "sign": _sign,
    "floor": _floor,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": _where,
    "constant": np.asarray,
    "to_float": lambda x: x if np.iscomplexobj(x) else x.astype(np.float64),
    "to_int": lambda x: x.real.astype(np.int64),
    "exp": _exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": _log1p,
    "sin": np.sin,
    "cos": np.cos,
    "sqrt": np.sqrt,
    "power": _power,
    "tanh": np.tanh,
}

PRIMITIVES: Mapping[str, Function] = {
    **{name: elementwise(f) for name, f in ELEMENTWISE.items()},
    "matmul": _matmul,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "slice": _slice,
    "pad": _pad,
    "take": _take,
    "add_rows": _add_rows,
    "sum": _sum,
    "max": _max,
}
"""Every operation of which a certificate's program is made."""
