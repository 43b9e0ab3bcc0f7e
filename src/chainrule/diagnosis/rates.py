"""A learning rate is looked for: the loss while the rate grows from step to step, on a copy of the network."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Document, Figure, Paragraph, Shown
from chainrule.document.letters import draw_points
from chainrule.document.plots import FAINT, SERIES, plot
from chainrule.engines.protocol import NonFiniteStep
from chainrule.errors import require, whole_number
from chainrule.optim import LBFGS, Optimizer
from chainrule.running import clock, full_batches, step_run, training_steps
from chainrule.schedules import Exponential
from chainrule.show.numbers import number_text
from chainrule.training import batch_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from chainrule.network import Network

NO_RATE: Final = 1e-30
"""With this rate, steps change nothing: their losses are those of the start."""
RISEN: Final = 0.1
"""A mean that lies above its lowest value so far by this share of its first value has left the first valley."""
SMOOTHING: Final = 0.9
"""How much of the mean of the losses before goes into the mean at a step."""
DIVERGED: Final = 4.0
"""The search ends where the mean is so many times its lowest value."""
BELOW_LOWEST: Final = 10.0
"""The suggestion is the rate at the lowest mean divided by this: a loss at its lowest is about to rise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RateCurve(Shown):
    """The loss while the learning rate grew; print it, or look at it in a notebook.

    Attributes:
        rates: the rate of each step.
        losses: the loss of each step's rows, before its update.
        means: the loss without the noise of the batches: by how much the losses so far differ from those of the same
            rows at the start, in a mean in which older ones count less and less.
        lowest: the place of the lowest mean before it first rises.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    means: tuple[float, ...]
    lowest: int

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the loss was lowest."""
        return self.rates[self.lowest] / BELOW_LOWEST

    @property
    def sentence(self) -> str:
        """The suggestion, and what it comes from."""
        rose = ", where it was lowest before it first rose" if self.lowest < len(self.rates) - 1 else ""
        return (
            f"Suggested learning rate: {number_text(self.suggestion, 2)}. While the rate grew from "
            f"{number_text(self.rates[0], 2)} to {number_text(self.rates[-1], 2)}, the loss fell from "
            f"{number_text(self.means[0], 3)} to {number_text(self.means[self.lowest], 3)} at the rate "
            f"{number_text(self.rates[self.lowest], 2)}{rose}; a tenth of that rate is suggested."
        )

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        return {
            "suggestion": self.suggestion,
            "rates": list(self.rates),
            "losses": list(self.losses),
            "means": list(self.means),
        }

    def plot(self, axes: Any = None) -> Any:
        """Draw the curve on Matplotlib axes (new ones by default), and return them."""
        if axes is None:
            from matplotlib import figure

            axes = figure.Figure(figsize=(7, 4), layout="constrained").add_subplot()
        axes.plot(self.rates, self.losses, ".", markersize=3)
        axes.plot(self.rates, self.means, label="loss, averaged")
        axes.axvline(self.suggestion, linestyle=":", label=f"suggestion: {self.suggestion:.2g}")
        low = min(self.losses)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - (self._top - low) / 20, self._top))
        axes.legend()
        return axes

    @property
    def _top(self) -> float:
        """Where the picture ends: what diverges leaves it."""
        first, lowest = self.means[0], self.means[self.lowest]
        return first + max(first - lowest, RISEN * abs(first))

    @cached_property
    def document(self) -> Document:
        """The page."""
        description = "The loss while the learning rate grows"
        points = [("averaged loss", list(zip(self.rates, self.means, strict=True)))]

        def draw(canvas: Canvas) -> None:
            axes = self.plot(canvas.add_subplot())
            for line, colour in zip(axes.get_lines(), (FAINT, *SERIES), strict=False):
                line.set_color(colour)
            axes.legend()

        figure = Figure(
            plot("rates", description, draw),
            description,
            "Points are the losses of single steps.",
            draw_points(points, "learning rate", "loss", log="x", top=self._top),
        )
        return Document("Which learning rate", (Paragraph(self.sentence), figure))


def find_learning_rate(
    network: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer,
    batch_size: int | Literal["all"],
    lowest: float,
    highest: float,
    steps: int,
    seed: int | None,
) -> RateCurve:
    """The arguments are those of :meth:`chainrule.Network.find_learning_rate`."""
    require(not isinstance(optimizer, LBFGS), "LBFGS searches for its own step lengths: it needs no learning rate")
    require(0 < lowest < highest, f"the rates must be above 0 and grow, not go from {lowest!r} to {highest!r}")
    steps = whole_number("steps", steps, 10)
    network = deepcopy(network)
    data = network.prepare(X, y)
    growing = replace(optimizer, lr=Exponential(lowest, (highest / lowest) ** (1 / (steps - 1))))
    losses, starts = _losses(network, data, growing, batch_rows(batch_size, len(data["Y"])), steps, seed)
    rates = lowest * (highest / lowest) ** (np.arange(len(losses)) / (steps - 1))
    means = _means(losses, starts)
    return RateCurve(
        tuple(rates.tolist()),
        tuple(losses.tolist()),
        tuple(means.tolist()),
        _valley(means),
    )


def _valley(means: Floats) -> int:
    """Where the mean is lowest before it first rises: what comes after that is another network."""
    rises = means - np.minimum.accumulate(means) > RISEN * abs(means[0])
    end = int(rises.argmax()) if rises.any() else len(means)
    return int(means[:end].argmin())


def _losses(
    network: Network, data: dict[str, NDArray[Any]], optimizer: Optimizer, size: int, steps: int, seed: int | None
) -> tuple[Floats, Floats]:
    """The losses of steps with a growing rate, up to where they diverge, and those of the same rows at the start."""
    rows = len(data["Y"])
    epochs = -(-steps * size // rows)
    rng = np.random.default_rng(network.seed if seed is None else seed)
    order = full_batches(rows, size, steps, rng)
    constants = clock(1, steps)  # an epoch of the schedule is a step
    still = step_run(training_steps(network, data, replace(optimizer, lr=NO_RATE), size), "auto", epochs, None)
    starts = still.advance(order, size, 0, constants)
    run = step_run(training_steps(network, data, optimizer, size), "auto", epochs, None)
    losses: list[float] = []
    with suppress(NonFiniteStep):
        for step in range(steps):
            losses.extend(run.advance(order[step * size : (step + 1) * size], size, step, constants))
            means = _means(np.array(losses), starts)
            if means[-1] > means[0] + DIVERGED * (means[0] - means.min()) and means[-1] > DIVERGED * means.min():
                break
    require(len(losses) > 0, f"the step with the rate {optimizer.schedule.lr:g} is not finite: look at the data")
    return np.array(losses), starts


def _means(losses: Floats, starts: Floats) -> Floats:
    """By how much losses differ from those of the same rows at the start, averaged, from the mean of the latter on.

    Exponential means, the weights of those that are there adding up to 1.
    """
    total, means = 0.0, []
    for count, change in enumerate(losses - starts[: len(losses)], 1):
        total = SMOOTHING * total + (1 - SMOOTHING) * float(change)
        means.append(total / (1 - SMOOTHING**count))
    return np.asarray(np.array(means) + starts.mean())
