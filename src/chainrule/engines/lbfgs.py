"""L-BFGS on the reference engine: a direction from a program, and a line search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import compile_program
from chainrule.engines.protocol import NonFiniteStep, Rows
from chainrule.errors import ArgumentError
from chainrule.program import Program

Objective = Callable[[NDArray[Any]], tuple[float, NDArray[Any]]]

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MOST_EVALUATIONS = 25


class LBFGSRun:
    """A run whose steps are quasi-Newton directions, each with a line search over the whole data.

    Args:
        objective: from the parameters, the loss and its gradient.
        direction: the two-loop recursion as a program for a number of remembered steps.
        history: how many steps to remember.
        state: the parameters to start from, ``theta``, and what is remembered of steps before, where there were any.
        rate: the first step length tried, from the number of steps already made and the run's constants.
    """

    slice_factor = 1.0

    def __init__(
        self,
        objective: Objective,
        direction: Callable[[int], Program],
        history: int,
        state: Mapping[str, NDArray[Any]],
        rate: Callable[[int, Mapping[str, float]], float],
    ) -> None:
        self.program = direction(history)
        self.precision = "float32" if state["theta"].dtype == np.float32 else "float64"
        self.failed: dict[str, Any] | None = None
        self.objective, self.direction, self.first_length = objective, direction, rate
        self.history = history
        self.restore(state)
        self._compiled: dict[int, Callable[..., tuple[Any, ...]]] = {}
        self._rate = float("nan")

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """The parameters and what is remembered, latest first: steps s1, ..., changes of the gradient y1, ..."""
        named = [(f"s{i}", s, f"y{i}", y) for i, (s, y) in enumerate(self.pairs, 1)]
        return {"theta": self.theta, **{s: step for s, step, _, _ in named}, **{y: change for *_, y, change in named}}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state that was read; with the parameters alone, no steps are remembered."""
        self.theta = state["theta"]
        remembered = ((state[f"s{i}"], state[f"y{i}"]) for i in range(1, self.history + 1) if f"s{i}" in state)
        self.pairs = deque(remembered, maxlen=self.history)
        self._value: tuple[float, NDArray[Any]] | None = None

    def load(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Refuse: what is remembered of the loss holds for the same rows alone."""
        raise ArgumentError("LBFGS takes all rows at once: train with another optimizer where they come in windows")

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch (each is the whole data); see :class:`chainrule.engines.protocol.Run`."""
        losses: list[float] = []
        for number in range(first, first + -(-len(order) // batch_size)):
            with np.errstate(all="ignore"):
                loss = self._step(self.first_length(number, constants))
            if not isfinite(loss):
                raise NonFiniteStep(len(losses), losses)
            losses.append(loss)
        return np.array(losses)

    def verify(self) -> None:
        """Nothing is left to look at: the line search takes no step that is not finite."""

    def rate(self) -> float:
        """The length of the last step, in multiples of its direction."""
        return self._rate

    def _step(self, start: float) -> float:
        """Move along one direction, beginning the search at the length ``start``."""
        theta = self.theta
        loss, g = self._value or self.objective(theta)
        if not isfinite(loss):
            return loss
        d = self._descent(g)
        slope = float(g @ d)
        if not -inf < slope < 0:  # rounding or underflow has spoilt the memory: start again from the gradient
            self.pairs.clear()
            d = -g
            slope = float(g @ d)
        if slope == 0:
            self._value, self._rate = (loss, g), 0.0
            return loss
        if not self.pairs:  # nothing is known of the scale yet: move by at most one
            start *= min(1.0, 1.0 / float(np.abs(g).sum()))
        length, new_loss, new_g = line_search(
            lambda a: self.objective(theta + theta.dtype.type(a) * d), loss, slope, d, start
        )
        if length == 0:  # the loss cannot be told apart from its minimum: try from the gradient next time
            self.pairs.clear()
        step, change = theta.dtype.type(length) * d, new_g - g
        if length > 0 and float(step @ change) > 1e-10 * float(change @ change):
            self.pairs.appendleft((step, change))
        self.theta = theta + step
        self._value, self._rate = (new_loss, new_g), length
        return loss

    def _descent(self, g: NDArray[Any]) -> NDArray[Any]:
        pairs = len(self.pairs)
        if pairs not in self._compiled:
            precision = "float32" if g.dtype == np.float32 else "float64"
            self._compiled[pairs] = compile_program(self.direction(pairs), precision)
        (d,) = self._compiled[pairs](g, *(s for s, _ in self.pairs), *(y for _, y in self.pairs))
        return np.asarray(d)


def line_search(
    along: Callable[[float], tuple[float, NDArray[Any]]],
    loss: float,
    slope: float,
    direction: NDArray[Any],
    start: float,
) -> tuple[float, float, NDArray[Any]]:
    """A step length that meets the strong Wolfe conditions, by bracketing and bisection with interpolation.

    Nocedal and Wright (2006), Numerical Optimization, section 3.5. If none is found in
    :data:`MOST_EVALUATIONS` evaluations, the best length met that lowers the loss is taken, or 0.

    Returns:
        The length, and the loss and gradient there.
    """
    low, high = 0.0, float("inf")
    low_loss, low_slope = loss, slope
    length = start
    best: tuple[float, float, NDArray[Any]] | None = None
    for _ in range(MOST_EVALUATIONS):
        value, g = along(length)
        here = float(g @ direction) if isfinite(value) else float("inf")
        if isfinite(value) and (best is None or value < best[1]):
            best = (length, value, g)
        if (
            not isfinite(value)
            or value > loss + SUFFICIENT_DECREASE * length * slope
            or (value >= low_loss and low > 0)
        ):
            high = length
        elif abs(here) <= -CURVATURE * slope:
            return length, value, g
        elif here > 0:
            high = length
        else:
            low, low_loss, low_slope = length, value, here
        if high == float("inf"):
            length *= 2
        else:
            length = _between(low, high, low_loss, low_slope, length, value)
    if best is not None and best[1] < loss:
        return best
    value, g = along(0.0)
    return 0.0, value, g


def _between(low: float, high: float, low_loss: float, low_slope: float, tried: float, value: float) -> float:
    """The minimum of the parabola through what is known, kept well inside the bracket."""
    middle = 0.5 * (low + high)
    if tried == low or not isfinite(value):
        return middle
    width = tried - low
    curvature = value - low_loss - low_slope * width
    if curvature <= 0:
        return middle
    point = low - low_slope * width * width / (2 * curvature)
    margin = 0.1 * (high - low)
    return min(max(point, low + margin), high - margin)
