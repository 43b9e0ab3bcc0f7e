"""The slopes of a program's value by single elements of its inputs, measured by moving them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.choices import STEP
from chainrule.certificates.plan import Plan, Step
from chainrule.certificates.primitives import Array
from chainrule.oracles import Floats, central_differences, one_sided

Indices = NDArray[np.int64]

COMPLEX_STEP = "complex step"
DIFFERENCES = "central differences"

CHUNK_BYTES = 1 << 22
"""Memory of the copies that are moved at once, so that they stay in the cache."""

KINK = 1e-6
"""One-sided slopes measured by differences that differ by a larger share belong to a kink."""


@dataclass(frozen=True)
class Slopes:
    """Slopes by elements of one input, each an array with one number for each element.

    Attributes:
        right: the slope towards larger values, or on both sides where they are equal.
        left: the slope towards smaller values.
        chosen: the slope that the records of the operations choose where the two differ; NaN where they say nothing.
        error: of the measurement, beyond rounding: estimated for differences, 0 for a complex step.
        step: of the measurement that was taken.
        differences: which elements were measured by differences.
    """

    right: Floats
    left: Floats
    chosen: Floats
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
        atom = plan.outputs[output]
        self.plan, self.output = plan.above(atom), output
        with np.errstate(all="ignore"):
            self.base = self.plan.run({name: np.asarray(a)[None] for name, a in values.items()})
        self.value = float(plan.of_output(output, self.base)[0].real)

    def slopes(self, name: str, indices: Indices) -> Slopes:
        """The slopes by the elements of one input, given by their places in the flat array.

        By complex steps: ``f'(x) = Im f(x + i h) / h`` with ``h = 1e-100``. Elements for which these fail, since an
        operation does not take complex numbers or since infinities meet, are measured by a ladder of differences.
        """
        steps = self.plan.below([name])
        count = len(indices)
        right = np.full(count, np.nan)
        left = chosen = right
        if all(step.analytic for step in steps):
            left = chosen = right = self._moved(name, indices, steps, STEP)
            if any(step.at_kink(self.base) for step in steps):
                left = self._moved(name, indices, steps, -STEP)
                chosen = self._moved(name, indices, steps, STEP, chosen=True)
        slopes = Slopes(
            right, left, chosen, np.zeros(count), np.full(count, STEP), ~np.isfinite(right) | ~np.isfinite(left)
        )
        return self._by_differences(name, indices, steps, slopes) if slopes.differences.any() else slopes

    def _moved(self, name: str, indices: Indices, steps: list[Step], h: float, *, chosen: bool = False) -> Floats:
        """The slopes on one side, or those that are chosen, many at once."""
        thin = not chosen and self._is_thin(name, steps)
        shapes = [self.base[name].shape] * (not thin) + [self.base[s.target].shape for s in steps]
        each = 16 * sum(int(np.prod(shape)) for shape in shapes)
        parts = np.array_split(indices, max(1, -(-len(indices) * each // CHUNK_BYTES)))

        def slopes(part: Indices) -> Floats:
            with np.errstate(all="ignore"):
                return self._moved_at_once(name, part, steps, h, thin, chosen)

        if len(parts) == 1:
            return slopes(indices)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return np.concatenate(list(pool.map(slopes, parts)))

    def _moved_at_once(
        self, name: str, indices: Indices, steps: list[Step], h: float, thin: bool, chosen: bool
    ) -> Floats:
        known = dict(self.base)
        if not thin:
            known[name] = copies = np.repeat(self.base[name].astype(np.complex128), len(indices), axis=0)
            copies.reshape(len(indices), -1)[np.arange(len(indices)), indices] += 1j * h
        for step in steps:
            if thin and name in step.arguments:
                known[step.target] = self._product(step, name, indices, h)
            else:
                known[step.target] = step.run_chosen(known) if chosen else step.run(known)
        result = self.plan.of_output(self.output, known)
        return np.broadcast_to(np.imag(result) / h, len(indices)).astype(np.float64)

    def _is_thin(self, name: str, steps: list[Step]) -> bool:
        """Whether an input is only ever the right factor of products with matrices that do not depend on it."""
        moved = {name, *(step.target for step in steps)}
        readers = [step for step in steps if name in step.arguments]
        return all(
            step.operation == "matmul"
            and step.arguments[0] not in moved
            and self.base[name].ndim == self.base[str(step.arguments[0])].ndim == 3
            for step in readers
        )

    def _product(self, step: Step, name: str, indices: Indices, h: float) -> Array:
        """``x @ W`` where one element of ``W`` moved: only the column of that element has to be formed again."""
        x, W, product = (self.base[str(n)][0] for n in (step.arguments[0], name, step.target))
        rows, columns = np.divmod(indices, W.shape[1])
        copies = np.arange(len(indices))
        moved = W.T[columns].astype(np.complex128)
        moved[copies, rows] += 1j * h
        result = np.repeat(product[None].astype(np.complex128), len(indices), axis=0)
        result[copies, :, columns] = moved @ x.T
        return result

    def _by_differences(self, name: str, indices: Indices, steps: list[Step], slopes: Slopes) -> Slopes:
        """The same slopes, with those that are marked measured by differences."""
        center = self.base[name]

        def measured(index: int) -> tuple[float, float, float, float, float]:
            def value(moved: Array) -> float:
                known = dict(self.base)
                known[name] = copy = center.copy()
                copy.reshape(-1)[index] = moved
                for step in steps:
                    known[step.target] = step.run(known)
                return float(self.plan.of_output(self.output, known)[0])

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
        return Slopes(right, left, chosen, error, step, slopes.differences)
