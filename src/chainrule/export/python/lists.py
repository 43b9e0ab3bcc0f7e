"""Arithmetic on lists of numbers: this text stands in the exported Python file, which runs on Python 3.8 and later.

An array is a flat list, its last axis the fastest; an array of one element is a number. Results are those of IEEE 754
where functions of :mod:`math` would raise an exception.
"""

import math
from operator import mul
from typing import Callable, List, Sequence

Numbers = List[float]
inf, nan = math.inf, math.nan


def exp(x: float) -> float:
    """The exponential; infinity where it is too large."""
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def expm1(x: float) -> float:
    """``exp(x) - 1``."""
    try:
        return math.expm1(x)
    except OverflowError:
        return inf


def log(x: float) -> float:
    """The natural logarithm."""
    return math.log(x) if x > 0 else (-inf if x == 0 else nan)


def log1p(x: float) -> float:
    """``log(1 + x)``."""
    return math.log1p(x) if x > -1 else (-inf if x == -1 else nan)


def sqrt(x: float) -> float:
    """The square root."""
    return math.sqrt(x) if x >= 0 else nan


def power(x: float, y: float) -> float:
    """``x`` to the power ``y``."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return inf
    except ValueError:
        return inf if x == 0 else nan


def divide(x: float, y: float) -> float:
    """The quotient."""
    if y != 0:
        return x / y
    return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def floor(x: float) -> float:
    """The number rounded down."""
    return float(math.floor(x)) if math.isfinite(x) else x


def sign(x: float) -> float:
    """-1, 0 or 1."""
    return float((x > 0) - (x < 0))


def matmul(x: Sequence[float], y: Sequence[float], rows: int, inner: int, columns: int) -> Numbers:
    """The product of a matrix (rows, inner) with another (inner, columns)."""
    across = [y[j::columns] for j in range(columns)]
    return [sum(map(mul, x[i * inner : (i + 1) * inner], column)) for i in range(rows) for column in across]


def matmuls(x: Sequence[Sequence[float]], y: Sequence[Sequence[float]], rows: int, inner: int, columns: int) -> Numbers:
    """Products of several pairs of matrices, one after another."""
    return [value for left, right in zip(x, y) for value in matmul(left, right, rows, inner, columns)]


def along(f: Callable[[Sequence[float]], float], x: Sequence[float], size: int, after: int) -> Numbers:
    """``f`` of the elements along an axis of that size, with ``after`` elements for each of its steps."""
    step = size * after
    return [f(x[i + j : i + step : after]) for i in range(0, len(x), step) for j in range(after)]


def places(shape: Sequence[int], strides: Sequence[int], start: int) -> List[int]:
    """Where the elements of a part of an array lie, in order."""
    found = [start]
    for size, stride in zip(shape, strides):
        found = [place + i * stride for place in found for i in range(size)]
    return found


def view(x: Sequence[float], shape: Sequence[int], strides: Sequence[int], start: int = 0) -> Numbers:
    """A part of an array, transposed, or repeated."""
    return [x[place] for place in places(shape, strides, start)]


def put(x: Sequence[float], count: int, shape: Sequence[int], strides: Sequence[int], start: int) -> Numbers:
    """An array of ``count`` zeros with ``x`` in a part of it."""
    result = [0.0] * count
    for value, place in zip(x, places(shape, strides, start)):
        result[place] = value
    return result


def beside(parts: Sequence[Sequence[float]], times: int) -> Numbers:
    """Arrays joined along an axis, before which there are ``times`` others."""
    return [v for i in range(times) for p in parts for v in p[i * len(p) // times : (i + 1) * len(p) // times]]


def take(x: Sequence[float], indices: Sequence[float], width: int) -> Numbers:
    """The rows of a table."""
    return [value for i in indices for value in x[int(i) * width : (int(i) + 1) * width]]


def one_hot(codes: Sequence[float], size: int) -> Numbers:
    """For each code as many columns, 1 in the one that it names."""
    return [float(code == column) for code in codes for column in range(size)]
