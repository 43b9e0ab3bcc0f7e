"""How far rounding alone can move each result of a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from chainrule.certificates.choices import STEP
from chainrule.certificates.plan import Plan
from chainrule.certificates.primitives import Array
from chainrule.oracles import Floats

DRAWS = 8
"""How often every rounding error is drawn."""

BYTES = 1 << 26
"""Memory of the draws that are made at once."""


def spreads(plan: Plan, values: Mapping[str, Array], labels: Iterable[str]) -> dict[str, Floats]:
    """For each output the largest error seen, in units of the relative error of one operation.

    Every input and the result of every operation is given a relative error of plus or minus one unit, drawn at random,
    and all of them are followed through the program to first order: an error is an imaginary step, so that it neither
    crosses a kink nor is rounded itself. What comes out is large where large terms cancel, and is in proportion to the
    result where nothing does. It is the size of the numbers that were added up to make the result.

    Source: Parker (1997), "Monte Carlo arithmetic"; Vignes (1978), "New methods for evaluating the validity of the
    results of mathematical computations".
    """
    labels = list(labels)
    generator = np.random.default_rng(0)
    each = 32 * sum(np.size(value) for value in values.values())
    draws = max(1, min(DRAWS, BYTES // max(1, each)))
    largest: dict[str, Floats] = {}
    for _ in range(-(-DRAWS // draws)):
        with np.errstate(all="ignore"):
            known = {name: _disturbed(np.asarray(value)[None], draws, generator) for name, value in values.items()}
            for step in plan.steps:
                known[step.target] = _disturbed(step.run_chosen(known), draws, generator)
            for label in labels:
                seen = np.abs(plan.of_output(label, known).imag).max(axis=0) / STEP
                largest[label] = np.fmax(largest.get(label, 0.0), seen)
    return largest


def _disturbed(value: Array, draws: int, generator: np.random.Generator) -> Array:
    """The value in so many copies, each with an error of its own on every element."""
    if value.dtype.kind not in "fc":
        return value
    value = np.broadcast_to(value, (draws, *value.shape[1:]))
    signs = 1.0 - 2.0 * generator.integers(0, 2, value.shape)
    return np.asarray(value + 1j * STEP * signs * np.where(np.isfinite(value), np.abs(value.real), 0.0))
