"""Derivatives that know nothing of the chain rule: they only call the function.

Each takes a plain function from an array to one number. They are slow (one element at a time) and
independent of everything that they are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf, isfinite, log, nan
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Function: TypeAlias = Callable[[NDArray[Any]], Any]
Floats: TypeAlias = NDArray[np.float64]

IMAGINARY_STEP = 1e-100
RATIO = 4.0
"""Each step of a ladder is this much smaller than the one before."""
EPSILON = float(np.finfo(np.float64).eps)


def complex_step(function: Function, x: ArrayLike) -> Floats:
    """The derivative of an analytic function by each element, to full precision.

    ``f'(x) = Im f(x + i h) / h`` with ``h = 1e-100``: nothing is subtracted, so nothing cancels.

    Args:
        function: takes an array of the shape of ``x``, of complex numbers, and returns one number. No
            ``abs``, ``max`` or comparison may lie on the way.
        x: the point.

    Returns:
        An array of the shape of ``x``; relative error about 1e-15.

    Source: Squire, Trapp (1998), "Using complex variables to estimate derivatives of real functions".

    >>> complex_step(lambda x: np.sum(x**3), [1.0, 1e-8])
    array([3.e+00, 3.e-16])
    """
    point = np.asarray(x, np.float64)
    result = np.empty(point.shape)
    with np.errstate(all="ignore"):
        for index in np.ndindex(point.shape):
            moved = point.astype(np.complex128)
            moved[index] += 1j * IMAGINARY_STEP
            result[index] = np.imag(function(moved)) / IMAGINARY_STEP
    return result


class Differences(NamedTuple):
    """Derivatives by each element, their estimated absolute errors, and the smallest step that went into each."""

    slope: Floats
    error: Floats
    step: Floats


def central_differences(function: Function, x: ArrayLike, noise: float = 0.0) -> Differences:
    """The derivative by each element from a ladder of steps, with an estimate of its error.

    ``(f(x + h) - f(x - h)) / 2h`` for steps from a tenth of ``max(|x|, 1)`` down to far below ``|x|``,
    extrapolated to ``h = 0`` (Richardson). Of all extrapolations the one is taken that agrees best with
    its neighbours. Steps that leave the domain (a result that is not finite) or cross a kink disagree,
    and lose.

    Args:
        function: takes an array of the shape of ``x`` and returns one number.
        x: the point.
        noise: the error of the function's values, where it is more than one unit in their last place.

    Returns:
        The derivative, its estimated absolute error and the step taken, all of the shape of ``x``. Smooth
        functions give about 10 to 13 digits. The error is infinite where no two steps agreed.

    Source: Ridders (1982), "Accurate computation of F'(x) and F'(x) F''(x)".

    >>> slope, error, step = central_differences(lambda x: np.log(x), 1e-8)
    >>> bool(abs(slope - 1e8) < 1e-2), bool(error < 1)
    (True, True)
    """
    point = np.asarray(x, np.float64)
    slope, error, taken = np.empty(point.shape), np.empty(point.shape), np.empty(point.shape)

    def at(index: tuple[int, ...], value: float) -> float:
        moved = point.copy()
        moved[index] = value
        with np.errstate(all="ignore"):
            return float(function(moved))

    for index in np.ndindex(point.shape):
        center = float(point[index])
        slopes, noises = [], []
        steps = _ladder(abs(center))
        for step in steps:
            above, below = center + step, center - step
            upper, lower = at(index, above), at(index, below)
            slopes.append((upper - lower) / (above - below))
            noises.append((EPSILON * (abs(upper) + abs(lower)) + 2 * noise) / (above - below))
        slope[index], error[index], row = _extrapolate(slopes, noises, order=2)
        taken[index] = steps[row]
    return Differences(slope, error, taken)


def one_sided(function: Function, x: ArrayLike, direction: ArrayLike, noise: float = 0.0) -> tuple[float, float]:
    """The slope just beyond ``x`` along ``direction``, with an estimate of its error.

    ``(f(x + 2 t d) - f(x + t d)) / t`` for falling ``t``, extrapolated to ``t = 0``. The value at ``x``
    itself is not used, so that the slopes on both sides of a jump are found too. The slope on the other
    side, in the same sense of ``direction``, is ``-one_sided(function, x, -direction)[0]``.

    Args:
        function: takes an array of the shape of ``x`` and returns one number.
        x: the point, a kink for instance.
        direction: where to go, of a shape that broadcasts to that of ``x``.
        noise: the error of the function's values, where it is more than one unit in their last place.

    Returns:
        The slope and its estimated absolute error; piecewise smooth functions give about 8 digits.

    >>> round(one_sided(np.abs, 0.0, 1.0)[0], 9), round(-one_sided(np.abs, 0.0, -1.0)[0], 9)
    (1.0, -1.0)
    """
    point, way = np.asarray(x, np.float64), np.asarray(direction, np.float64)
    slopes, noises = [], []
    for step in _ladder(float(np.max(np.abs(point), initial=0.0))):
        with np.errstate(all="ignore"):
            near, far = float(function(point + step * way)), float(function(point + 2 * step * way))
        slopes.append((far - near) / step)
        noises.append(2 * (EPSILON * (abs(far) + abs(near)) + noise) / step)
    return _extrapolate(slopes, noises, order=1)[:2]


def _ladder(size: float) -> list[float]:
    """Steps for a value of that size, largest first: for functions on the scale of 1 or of ``size``."""
    top = 0.1 * max(size, 1.0)
    levels = ceil(log(top / (1e-4 * size), RATIO)) if size else 0
    return [top * RATIO**-k for k in range(max(18, levels))]


def _extrapolate(slopes: Sequence[float], noises: Sequence[float], order: int) -> tuple[float, float, int]:
    """Richardson's table of slopes whose errors go with powers of ``h ** order``: the best entry, its error, its row.

    ``noises`` are the rounding errors to expect in the slopes. Steps far beyond a kink agree with each
    other as well; entries that the slopes of smaller steps refute come last.
    """
    best, best_rank = (nan, inf, 0), (True, inf)
    above: list[float] = []
    for number, (slope, noise, (low, high)) in enumerate(zip(slopes, noises, _bounds(slopes, noises), strict=True)):
        row = [slope]
        for j, old in enumerate(above[:6]):
            row.append(row[j] + (row[j] - old) / (RATIO ** (order * (j + 1)) - 1))
            error = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - old)) + noise
            rank = (not low <= row[j + 1] <= high, error)
            if isfinite(error) and rank < best_rank:
                best, best_rank = (row[j + 1], error, number), rank
        above = row
    return best


def _bounds(slopes: Sequence[float], noises: Sequence[float]) -> list[tuple[float, float]]:
    """For each step, between which numbers the slopes of all smaller steps put the derivative."""
    low, high, bounds = -inf, inf, []
    for k in reversed(range(len(slopes))):
        bounds.append((low, high))
        slack = 10 * abs(slopes[k] - slopes[k - 1]) + 100 * noises[k]
        if k > 0 and isfinite(slack):
            low, high = max(low, slopes[k] - slack), min(high, slopes[k] + slack)
    return bounds[::-1]
