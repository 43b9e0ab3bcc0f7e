"""Whether the derivatives of a statement hold: each against the slope that was measured, within a predicted bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.rounding import spreads
from chainrule.certificates.slopes import Indices, Slopes
from chainrule.certificates.statement import Statement
from chainrule.errors import DataError
from chainrule.oracles import EPSILON, Floats

UNITS = 64
"""How many units of rounding claimed and measured derivative may be apart."""

UNDERFLOW = 1e-200
"""Slopes below it leave the range of numbers when they are measured with a step of 1e-100."""


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
    def measured(self) -> Floats:
        """The slope to compare with: the documented one at a kink, or the nearest between the sides."""
        s = self.slopes
        between = np.clip(self.claimed, np.fmin(s.left, s.right), np.fmax(s.left, s.right))
        return np.where(self.at_kink, np.where(np.isnan(s.chosen), between, s.chosen), s.right)

    @property
    def at_kink(self) -> NDArray[np.bool_]:
        """Where the slopes on the two sides differ."""
        return ~(np.abs(self.slopes.right - self.slopes.left) <= self.bound)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """The verdicts: near the measured slope, and at a kink also between those on both sides."""
        s = self.slopes
        low, high = np.fmin(s.left, s.right) - self.bound, np.fmax(s.left, s.right) + self.bound
        return (np.abs(self.claimed - self.measured) <= self.bound) & (low <= self.claimed) & (self.claimed <= high)

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
    return tuple(
        compare(
            name,
            statement.shape(name),
            statement.elements[name],
            statement.claimed[name],
            forward.slopes(name, statement.elements[name]),
            np.broadcast_to(scales[label], statement.shape(name)).reshape(-1)[statement.elements[name]],
        )
        for name, label in statement.gradients.items()
    )


def compare(
    name: str, shape: tuple[int, ...], elements: Indices, claimed: Floats, slopes: Slopes, scale: Floats
) -> Comparison:
    """A comparison with its bound."""
    with np.errstate(all="ignore"):
        sizes = np.fmax(np.abs(claimed), np.fmax(np.abs(slopes.left), np.abs(slopes.right)))
        scale = np.fmax(np.where(np.isfinite(scale), scale, 0.0), np.where(np.isfinite(sizes), sizes, 0.0))
    bound = UNITS * EPSILON * scale + 10 * slopes.error + UNDERFLOW
    return Comparison(name, shape, elements, claimed, slopes, scale, bound)
