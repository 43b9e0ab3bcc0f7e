"""One input of a program, moved by imaginary steps: one element in each of many copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.plan import Step
from chainrule.certificates.primitives import COMPARISONS, Array, product
from chainrule.oracles import EPSILON, Floats

Indices = NDArray[np.int64]

CHUNK_BYTES = 1 << 22
"""Memory of the copies that are moved at once, so that they stay in the cache."""

JUMPS = frozenset({"sign", "floor", *COMPARISONS})
"""Operations whose value may be another one just beside a point."""


@dataclass(frozen=True)
class Moves:
    """An input, and the steps that depend on it.

    Attributes:
        name: of the input.
        base: every value at the point itself.
        steps: what depends on the input, in order.
        result: the variable whose slopes are wanted.
        h: the length of the step; negative towards smaller values.
        chosen: whether operations take their documented slope at a kink.
        seed: of the rounding errors that are put on the steps of all values, if any.
    """

    name: str
    base: Mapping[str, Array]
    steps: tuple[Step, ...]
    result: str
    h: float
    chosen: bool = False
    seed: int | None = None

    def slopes(self, indices: Indices) -> tuple[Floats, Floats]:
        """For each element the slope of the result, and how many kinks a step leaves at once."""
        if not len(indices) or self.result not in {step.target for step in self.steps}:
            return np.full(len(indices), float(self.result == self.name)), np.zeros(len(indices))
        shapes = [self.base[self.name].shape] * (not self._thin) + [self.base[s.target].shape for s in self.steps]
        each = 16 * sum(int(np.prod(shape)) for shape in shapes)
        chunks = np.array_split(indices, max(1, -(-len(indices) * each // CHUNK_BYTES)))
        slopes, crossed = zip(*map(self._at_once, chunks), strict=True)
        return np.concatenate(slopes), np.concatenate(crossed)

    def _at_once(self, indices: Indices) -> tuple[Floats, Floats]:
        known, crossed = dict(self.base), np.zeros(len(indices))
        if not self._thin:
            known[self.name] = copies = np.repeat(self.base[self.name].astype(np.complex128), len(indices), axis=0)
            copies.reshape(len(indices), -1)[np.arange(len(indices)), indices] += 1j * self.h
        exact = set(self.base)
        generator = np.random.default_rng(self.seed)
        with np.errstate(all="ignore"):
            for step in self.steps:
                if self._thin and self.name in step.arguments:
                    value = self._columns(step, indices)
                else:
                    value = step.run_chosen(known) if self.chosen else step.run(known)
                    crossed += step.crossed(known) if self.chosen else 0
                known[step.target] = self._at_the_point(step, value, exact)
                if self.seed is not None and np.iscomplexobj(value):
                    signs = 1.0 - 2.0 * generator.integers(0, 2, value.shape)
                    known[step.target] = known[step.target].real + 1j * value.imag * (1 + EPSILON * signs)
        slopes = np.broadcast_to(np.imag(known[self.result]) / self.h, len(indices))
        return slopes.astype(np.float64), crossed

    def _at_the_point(self, step: Step, value: Array, exact: set[str]) -> Array:
        """The value with the real part that it has at the point itself, wherever that is the same but for rounding.

        A sum of complex numbers may be rounded in another order than that of real ones, and would break a tie.
        """
        base = self.base[step.target]
        if step.operation in JUMPS or not exact.issuperset(a for a in step.arguments if isinstance(a, str)):
            if not np.array_equal(value.real, np.broadcast_to(base, value.shape)):
                exact.discard(step.target)
            return value
        if not np.iscomplexobj(value):
            return value
        value = value if value.flags.writeable else value.copy()
        value.real = base
        return value

    @cached_property
    def _thin(self) -> bool:
        """Whether an input is only ever the right factor of products with matrices that do not depend on it."""
        moved = {self.name, *(step.target for step in self.steps)}
        readers = [step for step in self.steps if self.name in step.arguments]
        return not self.chosen and all(
            step.operation == "matmul"
            and step.arguments[0] not in moved
            and self.base[self.name].ndim == self.base[str(step.arguments[0])].ndim == 3
            for step in readers
        )

    def _columns(self, step: Step, indices: Indices) -> Array:
        """``x @ W`` where one element of ``W`` moved: only the column of that element has to be formed again."""
        x, W, unmoved = (self.base[str(n)][0] for n in (step.arguments[0], self.name, step.target))
        rows, columns = np.divmod(indices, W.shape[1])
        copies = np.arange(len(indices))
        moved = W.T[columns].astype(np.complex128)
        moved[copies, rows] += 1j * self.h
        result = np.repeat(unmoved[None].astype(np.complex128), len(indices), axis=0)
        result[copies, :, columns] = product(moved, x.T)
        return result
