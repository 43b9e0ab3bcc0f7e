"""Two Python functions, the second of which claims to be the derivative of the first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.certificates.certificate import Certificate, Finding
from chainrule.certificates.judge import Comparison, compare
from chainrule.certificates.moves import Indices
from chainrule.certificates.primitives import Array
from chainrule.certificates.slopes import Slopes
from chainrule.checking.causes import factor_of, slip_of
from chainrule.checking.sampling import spread_evenly
from chainrule.errors import ArgumentError, DataError, require
from chainrule.oracles import EPSILON, central_differences, one_sided

RELATIVE = 1e-9
"""Relative error allowed beyond what differences estimate for themselves."""

DOUBLINGS = 40
"""From one unit in the last place to a ten-thousandth of an argument."""

Values = dict[str, Any]


def check_functions(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arrays: Sequence[Any],
    named: Mapping[str, Any],
    elements: int | str,
) -> Certificate:
    """The certificate of a pair of functions; see :func:`chainrule.checking.gradients.check`.

    The slopes come from a ladder of central differences. Allowed is ten times the error that they estimate for
    themselves, a relative error of 1e-9, and 64 units of rounding of the largest derivative of the array.
    """
    values = _named(forward, arrays, named)
    positional = len(arrays) > 0
    g = _weights(_call(forward, values, positional))
    extra = () if g is None else (g,)
    claims = _claims(backward, _call(backward, values, positional, *extra), values)
    require(bool(claims), "there is no argument of floats by which to derive: give numbers or arrays of floats")
    function = _Function(forward, values, positional, g)
    at = function.value({})
    if not np.isfinite(at):
        raise DataError(f"the function gives {at} at these values, where it has no derivative: check at others")
    again = function.value({})
    if again != at:
        raise DataError(
            f"the function gives {at}, and {again} when called again with the same arguments, so that it has no "
            "derivative: draw random numbers before, and pass them as an argument"
        )
    places = spread_evenly({name: np.size(values[name]) for name in claims}, elements)
    comparisons, finding = [], None
    for name, claimed in claims.items():
        comparison = _comparison(name, claimed, places[name], function)
        comparisons.append(comparison)
        if finding is None and not comparison.holds.all():
            finding = Finding(f"d{name}", _cause(claims, comparison, values))
    title = (
        f"{getattr(backward, '__name__', 'the second function')} against {getattr(forward, '__name__', 'the first')}"
    )
    return Certificate(title.replace("<lambda>", "a function"), at, tuple(comparisons), finding)


def _named(forward: Callable[..., Any], arrays: Sequence[Any], named: Mapping[str, Any]) -> Values:
    """Arguments by name: numbers, lists and arrays of floats as float64; everything else as it is."""
    require(not (arrays and named), "give the arguments either in order or by name")
    require(bool(arrays or named), "give the point at which to check, as in cr.check(forward, backward, x=2.0)")
    if arrays:
        parameters = [p.name for p in inspect.signature(forward).parameters.values() if p.kind != p.VAR_POSITIONAL]
        numbered = [*parameters, *(f"argument {i + 1}" for i in range(len(parameters), len(arrays)))]
        named = dict(zip(numbered, arrays, strict=False))
    return {name: _value(value) for name, value in named.items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind == "f" else value
    try:
        return np.asarray(value, np.float64)[()]
    except (TypeError, ValueError):
        return value


def _is_float(value: Any) -> bool:
    return getattr(value, "dtype", None) == np.float64


def _call(function: Callable[..., Any], values: Values, positional: bool, *extra: Any) -> Any:
    """The function on copies, so that what it writes into them is not seen again."""
    copies = {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in values.items()}
    with np.errstate(all="ignore"):
        if positional:
            return function(*copies.values(), *extra)
        return function(**copies, **({"g": extra[0]} if extra else {}))


def _weights(result: Any) -> Array | None:
    """Weights that make a single number of an array; none for a number."""
    array = _floats(result, "the first function must return a number or an array")
    if array.ndim == 0:
        return None
    generator = np.random.default_rng(7)
    return generator.choice([-1.0, 1.0], array.shape) * generator.uniform(0.5, 1.5, array.shape)


def _claims(backward: Callable[..., Any], result: Any, values: Values) -> dict[str, Array]:
    """What the second function returns, by name of the argument."""
    floats = [name for name, value in values.items() if _is_float(value)]
    name = getattr(backward, "__name__", "the second function")
    if isinstance(result, Mapping):
        given = {key if key in values else key.removeprefix("d"): gradient for key, gradient in result.items()}
        unknown = [key for key in given if key not in floats]
        require(not unknown, f"{name} returns a derivative by {', '.join(unknown)}; known are: {', '.join(floats)}")
    else:
        parts = list(result) if isinstance(result, tuple | list) and len(floats) != 1 else [result]
        parts = parts[0] if len(floats) == 1 and isinstance(result, tuple) and len(result) == 1 else parts
        parts = [parts] if not isinstance(parts, list) else parts
        counted = f"{name} returns {len(parts)} derivatives for the {len(floats)} arguments {', '.join(floats)}"
        require(len(parts) == len(floats), f"{counted}: return one for each, or a dictionary by name")
        given = dict(zip(floats, parts, strict=True))
    return {key: _floats(gradient, f"{name} must return numbers as d{key}") for key, gradient in given.items()}


def _floats(result: Any, what: str) -> Array:
    """An array of real numbers; anything else is an error that says ``what`` is expected."""
    try:
        array = np.asarray(result)
    except ValueError:
        raise ArgumentError(f"{what}, not rows of different lengths: {result!r:.60}") from None
    require(array.dtype.kind in "fiub", f"{what}, not {result!r:.60}")
    return array.astype(np.float64)


def _comparison(name: str, claimed: Array, places: Indices, function: _Function) -> Comparison:
    """One argument's derivatives beside their slopes; a derivative of another shape is none."""
    shape = np.shape(function.values[name])
    given = claimed.reshape(-1)[places] if claimed.shape == shape else np.full(len(places), np.nan)
    slopes = [function.slopes(name, int(place), float(c)) for place, c in zip(places, given, strict=True)]
    right, left, error, step = np.array(slopes).reshape(-1, 4).T
    chosen = np.where(right == left, right, np.nan)
    found = Slopes(right, left, chosen, np.zeros(len(places)), error, step, np.full(len(places), True))
    comparison = compare(name, shape, places, given, found, np.zeros(len(places)))
    largest = np.max(np.abs(right), initial=0.0)
    return replace(comparison, bound=comparison.bound + RELATIVE * comparison.scale + 64 * EPSILON * largest)


@dataclass(frozen=True)
class _Function:
    """The first function at a point, as a single number: what it returns, or the sum of that under weights."""

    forward: Callable[..., Any]
    values: Values
    positional: bool
    g: Array | None

    def value(self, changed: Mapping[str, Array]) -> float:
        """The number, where some arguments are changed."""
        result = _call(self.forward, {**self.values, **changed}, self.positional)
        return float(result if self.g is None else np.sum(self.g * result))

    @cached_property
    def noise(self) -> float:
        """The grains in which the number moves: the first change that is seen when every argument moves more and more.

        Where large terms cancelled on the way, these are coarser than the last place of the number.
        """
        generator, at = np.random.default_rng(0), self.value({})
        floats = {name: np.asarray(value) for name, value in self.values.items() if _is_float(value)}
        ways = {name: generator.choice([-1.0, 1.0], v.shape) * np.where(v == 0, 1.0, v) for name, v in floats.items()}
        for power in range(DOUBLINGS):
            moved = self.value({name: (v + 2.0**power * EPSILON * ways[name])[()] for name, v in floats.items()})
            if moved != at and np.isfinite(moved):
                return abs(moved - at)
        return 0.0

    def slopes(self, name: str, place: int, claimed: float) -> tuple[float, float, float, float]:
        """The slopes on the right and on the left, their error, and the step; apart only where it matters."""
        x = np.asarray(self.values[name])

        def along(moved: Array) -> float:
            copy = x.copy()
            copy.reshape(-1)[place] = moved
            return self.value({name: copy[()]})

        center = float(x.reshape(-1)[place])
        slope, error, step = map(float, central_differences(along, center, self.noise))
        if abs(claimed - slope) > 10 * error + RELATIVE * abs(slope):
            right, right_error = one_sided(along, center, 1.0, self.noise)
            left, left_error = one_sided(along, center, -1.0, self.noise)
            if abs(right + left) > 1e-6 * max(abs(right), abs(left)) + 10 * (right_error + left_error):
                return right, -left, right_error + left_error, step
        return slope, slope, error, step


def _cause(claims: Mapping[str, Array], comparison: Comparison, values: Values) -> str:
    """The likely cause; the rows of a batch are those of the arrays that are not derived."""
    claimed = claims[comparison.name]
    data = [np.shape(v)[0] for name, v in values.items() if np.ndim(v) > 0 and name not in claims]
    batch = max(data, key=data.count) if data else None
    if len(comparison.elements) < np.prod(comparison.shape, dtype=int):
        claimed, measured = comparison.claimed, comparison.measured
        return slip_of(claimed, measured, batch) or factor_of(claimed, measured)
    measured = comparison.measured.reshape(comparison.shape)
    slip = slip_of(claimed, measured, batch)
    if claimed.shape != measured.shape:
        shapes = f"its shape is {claimed.shape}, not {measured.shape}"
        return f"{shapes}: {slip}" if slip else shapes
    return slip or factor_of(claimed, measured)
