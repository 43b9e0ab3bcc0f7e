"""The slopes of a program's value by single elements of its inputs, measured by moving them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.choices import STEP
from chainrule.certificates.moves import Indices, Moves
from chainrule.certificates.plan import Plan
from chainrule.certificates.primitives import Array
from chainrule.oracles import EPSILON, Floats, central_differences, one_sided

COMPLEX_STEP = "complex step"
DIFFERENCES = "central differences"

DRAWS = 8
"""How often rounding errors are drawn."""

KINK = 1e-6
"""One-sided slopes measured by differences that differ by a larger share belong to a kink."""


@dataclass(frozen=True)
class Slopes:
    """Slopes by elements of one input, each an array with one number for each element.

    Attributes:
        right: the slope towards larger values, or on both sides where they are equal.
        left: the slope towards smaller values.
        chosen: the slope that the records of the operations choose where the two differ; NaN where they say nothing.
        crossed: how many kinks a step leaves at once.
        error: of the measurement, beyond rounding: estimated for differences, 0 for a complex step.
        step: of the measurement that was taken.
        differences: which elements were measured by differences.
    """

    right: Floats
    left: Floats
    chosen: Floats
    crossed: Floats
    error: Floats
    step: Floats
    differences: NDArray[np.bool_]


class Forward:
    """A single number as a function of inputs, at one point.

    Args:
        plan: what is needed for that number.
        output: its label.
        values: of the inputs, without the axis of copies.
    """

    def __init__(self, plan: Plan, output: str, values: Mapping[str, Array]) -> None:
        self._atom = plan.outputs[output]
        self.plan = plan.above(self._atom)
        with np.errstate(all="ignore"):
            self.base = self.plan.run({name: np.asarray(a)[None] for name, a in values.items()})
        self.value = float(plan.of_output(output, self.base)[0])

    def slopes(self, name: str, indices: Indices) -> Slopes:
        """The slopes by the elements of one input, given by their places in the flat array.

        By complex steps: ``f'(x) = Im f(x + i h) / h`` with ``h = 1e-200``. Elements for which these fail, since an
        operation does not take complex numbers or since infinities meet, are measured by a ladder of differences.
        """
        moves = self._moves(name)
        none = np.zeros(len(indices))
        left = chosen = right = none + np.nan
        crossed = none
        if all(step.analytic for step in moves.steps):
            left = chosen = right = moves.slopes(indices)[0]
            with np.errstate(all="ignore"):
                tied = any(np.any(step.ties(self.base)) for step in moves.steps)
            if tied:
                left, _ = replace(moves, h=-STEP).slopes(indices)
                chosen, crossed = replace(moves, chosen=True).slopes(indices)
        unmeasured = ~(np.isfinite(right) & np.isfinite(left))
        slopes = Slopes(right, left, chosen, crossed, none, none + STEP, unmeasured)
        return self._by_differences(name, indices, slopes) if unmeasured.any() else slopes

    def uncertainty(self, name: str, indices: Indices) -> Floats:
        """How far rounding can move the measurement of slopes, in units of the relative error of one operation.

        The measurement is repeated with a random error of one unit on the step of every value.
        """
        moves = self._moves(name)
        if not all(step.analytic for step in moves.steps):
            return np.zeros(len(indices))
        exact = moves.slopes(indices)[0]
        drawn = [replace(moves, seed=seed).slopes(indices)[0] for seed in range(DRAWS)]
        return np.asarray(np.max(np.abs(np.array(drawn) - exact), axis=0) / EPSILON)

    def _moves(self, name: str) -> Moves:
        return Moves(name, self.base, tuple(self.plan.below([name])), str(self._atom), STEP)

    def _by_differences(self, name: str, indices: Indices, slopes: Slopes) -> Slopes:
        """The same slopes, with those that are marked measured by differences."""
        center, steps = self.base[name], self.plan.below([name])

        def measured(index: int) -> tuple[float, float, float, float, float]:
            def value(moved: Array) -> float:
                known = dict(self.base)
                known[name] = copy = center.copy()
                copy.reshape(-1)[index] = moved
                for step in steps:
                    known[step.target] = step.run(known)
                return float(known[str(self._atom)][0])

            x = float(center.reshape(-1)[index])
            slope, error, step = map(float, central_differences(value, x))
            right, right_error = one_sided(value, x, 1.0)
            left, left_error = one_sided(value, x, -1.0)
            if abs(right + left) > max(10 * (right_error + left_error), KINK * abs(right)):
                return right, -left, np.nan, right_error + left_error, step
            return slope, slope, slope, error, step

        table = np.array([slopes.right, slopes.left, slopes.chosen, slopes.error, slopes.step])
        for at in np.flatnonzero(slopes.differences):
            table[:, at] = measured(int(indices[at]))
        right, left, chosen, error, step = table
        return Slopes(right, left, chosen, slopes.crossed, error, step, slopes.differences)
