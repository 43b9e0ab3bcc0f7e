"""What operations do at their kinks: the slopes on both sides, and the one that their records choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.primitives import Array, Function, aligned

STEP = 1e-200
"""The imaginary step. Nothing is ever subtracted, so it may be that small; its square is 0 even beside a 0."""


class Choice:
    """An elementwise operation that takes, at a kink, the slope that its record states.

    A record states it for single points: at (0, 0.25) the slope of leaky_relu(x, slope) by x is 0.25. What it says of
    other points is where the stated slope lies between those on both sides, here at the left one.

    Args:
        function: the operation, which follows the side of the step.
        kinks: pairs of a point and the slopes stated there, one for each argument.
    """

    def __init__(self, function: Function, kinks: Sequence[tuple[Sequence[float], Sequence[float]]]) -> None:
        self.function = function
        self._shares: dict[tuple[int, bool], float] = {}
        """The share of the right slope, by argument and whether the slope rises there."""
        for point, stated in kinks:
            arguments = [np.full(1, p) for p in point]
            for position, slope in enumerate(stated):
                left, right = (float(s[0]) for s in self._slopes(arguments, position))
                if left != right:
                    self._shares[position, right > left] = (slope - left) / (right - left)

    def _slopes(self, arguments: Sequence[Array], position: int) -> tuple[Array, Array]:
        """The slopes by one argument on the left and on the right."""
        sides = []
        for step in (-STEP, STEP):
            moved = [a + 1j * step if i == position else a for i, a in enumerate(arguments)]
            sides.append(np.asarray(self.function(moved, {})).imag / step)
        return sides[0], sides[1]

    def ties(self, arguments: Sequence[Array]) -> NDArray[np.bool_]:
        """Where the slopes on the two sides differ."""
        real = [a.real for a in aligned(arguments)]
        sides = [self._slopes(real, position) for position in range(len(real))]
        return np.asarray(np.logical_or.reduce([left != right for left, right in sides]))

    def __call__(self, arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
        """The value, with the chosen slopes applied to the steps of the arguments."""
        arguments = aligned(arguments)
        real = [a.real for a in arguments]
        value = self.function(real, attributes)
        step = np.zeros(value.shape)
        for position, argument in enumerate(arguments):
            if np.iscomplexobj(argument):
                left, right = self._slopes(real, position)
                rising, falling = (self._shares.get((position, up), np.nan) for up in (True, False))
                share = np.where(right > left, rising, falling)
                step = step + np.where(left == right, right, left + share * (right - left)) * argument.imag
        return np.asarray(value + 1j * step)
