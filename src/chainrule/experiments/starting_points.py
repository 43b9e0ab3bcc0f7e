"""Exploration from many starting points, against exploitation of one, for the same work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Block, Document, Figure, Heading, Paragraph, Shown, Table
from chainrule.document.plots import SERIES
from chainrule.errors import require, whole_number
from chainrule.experiments.descents import Descent, descend
from chainrule.experiments.figures import Curve, figure, loss_curves
from chainrule.experiments.problems import Problem, problem_of, xor_problem
from chainrule.experiments.verdicts import SHARE_OF_BEST
from chainrule.exploring import Exploration
from chainrule.network import Network
from chainrule.optim import SGD
from chainrule.show.numbers import exact_text, number_text
from chainrule.training import whole_runs

BINS: Final = 12
TIE: Final = 0.01
"""Ends that differ by less than this share of the fall are taken for equally low."""


@dataclass(frozen=True)
class Starts(Shown):
    """Many starting points against one, for the same number of epochs; print it, or look at it in a notebook.

    Attributes:
        problem: what was trained on what.
        exploration: all starts, compared by the loss of all rows at the end.
        exploitation: the descent from the first start, for as many epochs as all starts had together.
        rate: the learning rate.
        batch_size: rows in a step, or ``"all"``.
    """

    problem: Problem
    exploration: Exploration
    exploitation: Descent
    rate: float
    batch_size: int | Literal["all"]

    @property
    def ends(self) -> NDArray[np.float64]:
        """The loss at the end of each start that stayed finite, rising."""
        scores = self.exploration.scores
        return np.sort(scores[np.isfinite(scores)])

    @property
    def start(self) -> float:
        """The median loss of the first epoch."""
        return float(np.nanmedian(self.exploration.losses[0]))

    @property
    def good(self) -> int:
        """How many starts made at least 90 % of the best one's fall, from :attr:`start`."""
        return int((self.ends <= self.start - SHARE_OF_BEST * (self.start - self.ends[0])).sum())

    @property
    def conclusion(self) -> str:
        """What the figures say, in sentences."""
        count, best, one = len(self.exploration.scores), float(self.ends[0]), self.exploitation.end
        chance = (
            f"{self.good} of {count} starts come near the best (at least {SHARE_OF_BEST:.0%} of its fall): a single "
            f"random start would have had that luck in {self.good / count:.0%} of the cases."
        )
        if min(one, best) > self.exploitation.start:
            return "No descent ends below the loss at the start: try a smaller rate."
        if isfinite(one) and abs(one - best) <= TIE * (self.start - min(best, one)):
            words = "Here neither wins: the best of many short descents and one long descent end equally low."
        elif not isfinite(one) or best < one:
            words = "Here exploration wins: the best of many short descents ends lower than one long descent."
        else:
            words = "Here exploitation wins: one long descent ends lower than the best of many short ones."
        return f"{words} {chance}"

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        one = self.exploitation.end
        return {
            "problem": self.problem.sentence,
            "starts": len(self.exploration.scores),
            "epochs_each": len(self.exploration.losses),
            "rate": self.rate,
            "ends": [float(s) if np.isfinite(s) else None for s in self.exploration.scores],
            "best_start": self.exploration.best,
            "near_the_best": self.good,
            "exploitation_end": one if isfinite(one) else None,
            "conclusion": self.conclusion,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        epochs, count = self.exploration.losses.shape
        low, middle, high = (number_text(float(q), 4) for q in np.quantile(self.ends, (0, 0.5, 1)))
        lost = count - len(self.ends)
        blocks: list[Block] = [
            Paragraph(
                f"We train {self.problem.sentence}, at the learning rate {exact_text(self.rate)}: {count} starting "
                f"points for {epochs} epochs each (exploration), and the first of them for {count * epochs} epochs "
                "(exploitation). Both compute the same number of gradients."
            ),
            Table(
                ("", "descents", "epochs each", "lowest loss", "median", "highest"),
                [
                    ("exploration", str(count), str(epochs), low, middle, high),
                    ("exploitation", "1", str(count * epochs), *[number_text(self.exploitation.end, 4)] * 3),
                ],
                f"Losses at the end; {lost} starts did not stay finite." if lost else "Losses at the end.",
            ),
            Paragraph(self.conclusion),
            self._curves(),
            self._histogram(),
            Heading("Why the start matters"),
            Paragraph(
                "Descent ends where the slope is 0, and that need not be the lowest place: from some starts the way "
                "leads into a higher valley or onto a plateau, and no number of epochs leads out. More starts help "
                "against that, more epochs against a way that is merely long."
            ),
        ]
        return Document("Many starting points or one", blocks)

    def _curves(self) -> Figure:
        losses = self.exploration.losses
        epochs = range(1, len(losses) + 1)
        finite = np.argsort(self.exploration.scores)[: len(self.ends)]  # what is infinite or undefined comes last
        curves = [
            Curve("best start", epochs, losses[:, finite[0]].tolist()),
            Curve("median start", epochs, losses[:, finite[len(finite) // 2]].tolist()),
            Curve("worst start", epochs, losses[:, finite[-1]].tolist()),
            Curve("one start, longer", range(1, len(self.exploitation.losses)), self.exploitation.losses[1:]),
        ]
        return loss_curves("starts", curves, "epoch", "Three of the starts, and the one that went on.", log_x=True)

    def _histogram(self) -> Figure:
        counts, edges = np.histogram(self.ends, BINS)
        widest = int(counts.max())
        bars = [
            f"{number_text(float(a), 3):>10} to {number_text(float(b), 3):<10} {'#' * round(40 * n / widest)} {n or ''}"
            for n, a, b in zip(counts.tolist(), edges, edges[1:], strict=False)
        ]

        def draw(axes: Any) -> None:
            axes.hist(self.ends, edges, color=SERIES[0], alpha=0.7, label="starts")
            if isfinite(self.exploitation.end):
                axes.axvline(self.exploitation.end, color=SERIES[1], linewidth=1.8, label="one start, longer")
            axes.legend()

        description = "how many starting points ended at which loss"
        caption = "Where the starts ended."
        text = "\n".join(bar.rstrip() for bar in bars)
        return figure("ends", description, caption, draw, "loss at the end", "starting points", text)


def starts(
    network: Network | None = None,
    X: Any = None,
    y: Any = None,
    *,
    count: int = 64,
    rate: float = 0.5,
    epochs: int = 300,
    batch_size: int | Literal["all"] = 1,
    seed: int | None = None,
) -> Starts:
    """Train from many starting points, and from one of them for as long as all together.

    Args:
        network: what is trained from new starting values; it stays as it is. Without network and rows, exclusive or
            is the example.
        X: features, as for :meth:`chainrule.network.Network.fit`.
        y: targets.
        count: how many starting points.
        rate: the learning rate of plain gradient descent.
        epochs: of each start; the single one gets ``count`` times as many.
        batch_size: rows in a step.
        seed: of the first start and of shuffling; the network's by default.

    Returns:
        Where each start ended, and where the one that went on did.

    >>> found = starts(count=16, epochs=300)
    >>> found.exploration.losses.shape, len(found.exploitation.losses)
    ((300, 16), 4801)
    """
    count = whole_number("count", count, 2)
    require(rate > 0, f"the rate must be above 0, not {rate!r}")
    problem = problem_of(network, X, y, xor_problem)
    explored = problem.fresh()
    first = problem.network.seed if seed is None else seed
    settings: dict[str, Any] = {"batch_size": batch_size, "optimizer": SGD(rate), "seed": first}
    rows = (problem.X, problem.y)
    with whole_runs():
        exploration = explored.explore(*rows, starts=count, epochs=epochs, validation=rows, **settings)
        alone = problem.fresh()
        alone.reset(first)
        single = Problem(problem.rows_name, alone, problem.X, problem.y)
        descent = descend(single, epochs=count * epochs, **settings)
    return Starts(problem, exploration, descent, rate, batch_size)
