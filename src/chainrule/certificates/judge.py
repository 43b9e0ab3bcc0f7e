"""Whether the derivatives of a statement hold: each against the slope that was measured, within a predicted bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.moves import Indices
from chainrule.certificates.rounding import spreads
from chainrule.certificates.slopes import Forward, Slopes
from chainrule.certificates.statement import Statement
from chainrule.errors import DataError
from chainrule.oracles import EPSILON, Floats

UNITS = 64
"""How many units of rounding claimed and measured derivative may be apart."""

UNDERFLOW = 1e-100
"""Slopes far below it leave the range of numbers when they are measured with a step of 1e-200."""


@dataclass(frozen=True)
class Comparison:
    """The derivatives by one input: what is claimed, what was measured, and how far apart they may be.

    Every array has one number for each element that was checked.

    Attributes:
        name: of the input.
        shape: of the input.
        elements: their places in the flat array.
        claimed: the derivatives to be checked.
        slopes: those that were measured.
        scale: the size of the numbers that were added up to make the derivative; never below it.
        bound: how far claimed and measured may be apart: 64 units of rounding of ``scale``, and ten times the error
            that differences estimate for themselves.
    """

    name: str
    shape: tuple[int, ...]
    elements: Indices
    claimed: Floats
    slopes: Slopes
    scale: Floats
    bound: Floats

    @property
    def at_kink(self) -> NDArray[np.bool_]:
        """Where the slopes on the two sides differ, or the chosen one is another."""
        s = self.slopes
        return ~((np.abs(s.right - s.left) <= self.bound) & (np.abs(s.right - s.chosen) <= self.bound))

    @property
    def measured(self) -> Floats:
        """The slope to compare with: at a kink the chosen one, or the nearest one between the sides."""
        s = self.slopes
        between = np.clip(self.claimed, np.fmin(s.left, s.right), np.fmax(s.left, s.right))
        return np.where(self.at_kink, np.where(np.isnan(s.chosen), between, s.chosen), s.right)

    @property
    def between(self) -> NDArray[np.bool_]:
        """Whether the claimed derivative lies between the slopes on the two sides."""
        s = self.slopes
        low, high = np.fmin(s.left, s.right) - self.bound, np.fmax(s.left, s.right) + self.bound
        return (low <= self.claimed) & (self.claimed <= high)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """The verdicts: near the measured slope, and between the two sides where a step leaves no more than one kink.

        Where several kinks meet, such as those of all units of a layer that gets zeros, each of them has its chosen
        slope, and the sum of these need not be a slope of the whole on any side.
        """
        near = np.abs(self.claimed - self.measured) <= self.bound
        return near & (self.between | (self.slopes.crossed > 1))

    @property
    def error(self) -> Floats:
        """Relative errors: the difference over ``scale``."""
        return np.abs(self.claimed - self.measured) / np.fmax(self.scale, UNDERFLOW)

    @property
    def allowed(self) -> Floats:
        """Relative errors that rounding can explain: ``bound`` over ``scale``."""
        return self.bound / np.fmax(self.scale, UNDERFLOW)


def judge(statement: Statement) -> tuple[Comparison, ...]:
    """Measure every derivative that is claimed, and compare.

    Raises:
        DataError: if the value is not finite at this point.
    """
    plan = statement.plan()
    forward = statement.forward()
    if not np.isfinite(forward.value):
        raise DataError(
            f"{statement.output} is {forward.value} at these values, where it has no derivative: check at others"
        )
    scales = spreads(plan, statement.values, statement.gradients.values())
    return tuple(_judged(statement, forward, name, scales[label]) for name, label in statement.gradients.items())


def _judged(statement: Statement, forward: Forward, name: str, scales: Floats) -> Comparison:
    """The derivatives by one input. Where they seem wrong, the rounding of the measurement itself is looked at too."""
    shape, elements = statement.shape(name), statement.elements[name]
    scale = np.broadcast_to(scales, shape).reshape(-1)[elements]
    slopes = forward.slopes(name, elements)
    first = compare(name, shape, elements, statement.claimed[name], slopes, scale)
    doubtful = np.flatnonzero(~first.holds)
    if not len(doubtful):
        return first
    scale = first.scale.copy()
    scale[doubtful] = np.fmax(scale[doubtful], forward.uncertainty(name, elements[doubtful]))
    return compare(name, shape, elements, statement.claimed[name], slopes, scale)


def compare(
    name: str, shape: tuple[int, ...], elements: Indices, claimed: Floats, slopes: Slopes, scale: Floats
) -> Comparison:
    """A comparison with its bound."""
    with np.errstate(all="ignore"):
        sizes = np.fmax(np.abs(claimed), np.fmax(np.abs(slopes.left), np.abs(slopes.right)))
        scale = np.fmax(np.where(np.isfinite(scale), scale, 0.0), np.where(np.isfinite(sizes), sizes, 0.0))
    bound = UNITS * EPSILON * scale + 10 * slopes.error + UNDERFLOW
    return Comparison(name, shape, elements, claimed, slopes, scale, bound)
