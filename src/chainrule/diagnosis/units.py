"""Units that have stopped answering: activation functions in a program, and how steep they are where the rows lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.expression import symbol
from chainrule.program import Equation, Literal, Program, Var
from chainrule.runnable import Runnable, derive

NO_SLOPE: Final = 1e-3
"""Below this share of its steepest slope, a function passes on as good as no gradient."""
FLAT: Final = 0.05
"""Below this share of its steepest slope, a bounded function is in one of its flat ends."""
NEARLY_EVERY_ROW: Final = 0.95
"""A unit is saturated if it is flat in this share of the rows."""


@dataclass(frozen=True)
class Activations:
    """One activation function of a network, applied to a whole layer.

    Attributes:
        source: the name of what it is applied to: ``"z1"``.
        name: the name of its result: ``"h1"``.
        slope: its derivative, as a program from ``z`` to ``dz``.
        steepest: the largest slope that it has anywhere.
        bounded: whether it has a flat end on both sides, as tanh has, and ReLU has not.
    """

    source: str
    name: str
    slope: Runnable
    steepest: float
    bounded: bool

    def dead(self, z: NDArray[Any]) -> float:
        """The share of units without slope in every row; 0 for a bounded function, whose units saturate instead."""
        if self.bounded:
            return 0.0
        return float((self._slopes(z) <= NO_SLOPE).all(axis=0).mean())

    def saturated(self, z: NDArray[Any]) -> float:
        """The share of units that are flat in nearly every row; 0 for a function that is not bounded."""
        if not self.bounded:
            return 0.0
        return float(((self._slopes(z) <= FLAT).mean(axis=0) >= NEARLY_EVERY_ROW).mean())

    def _slopes(self, z: NDArray[Any]) -> NDArray[np.float64]:
        """Slopes as shares of the steepest, a column for each unit."""
        slopes = np.abs(self.slope(z=z.reshape(-1, z.shape[-1]))["dz"])
        return np.asarray(slopes / self.steepest)


def activations_of(program: Program) -> Iterator[Activations]:
    """The activation functions of a prediction that lie between named values, without that of the output.

    >>> import chainrule as cr
    >>> [a.name for a in activations_of(cr.mlp([2, 4, 4, 1], hidden="relu").program("activations"))]
    ['h1', 'h2']
    """
    for equation in program.equations[:-1]:
        source = _source(equation)
        if source is not None:
            yield _described(equation, source)


def _source(equation: Equation) -> Var | None:
    """What an activation function is applied to, if the equation is one: elementwise, of one array, both with names."""
    arrays = [a for a in equation.arguments if isinstance(a, Var)]
    if len(arrays) != 1 or equation.attributes:  # an axis is for operations that mix elements
        return None
    source, target = arrays[0], equation.target
    floats = source.dtype == target.dtype == "float" and source.shape == target.shape
    named = source.role is None and not (source.anonymous or target.anonymous)
    return source if floats and named else None


def _described(equation: Equation, source: Var) -> Activations:
    z = symbol("z", ("B", "k"))
    arguments = [a.value if isinstance(a, Literal) else z for a in equation.arguments]
    value = equation.operation(*arguments, **dict(equation.attributes))
    slope = derive(value.sum(), wrt="z")
    steepest = float(np.abs(slope(z=np.linspace(-10, 10, 2001)[:, None])["dz"]).max())
    ends = [float(slope(z=np.array([[end]]))["value"]) for end in (-2e3, -1e3, 1e3, 2e3)]
    bounded = abs(ends[0] - ends[1]) < 0.01 and abs(ends[2] - ends[3]) < 0.01
    return Activations(source.name, equation.target.name, slope, steepest or 1.0, bounded)
