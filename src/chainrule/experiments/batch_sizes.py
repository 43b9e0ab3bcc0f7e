"""Batch, mini-batch and online descent: the same start, the same rate, batches of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Final, Literal

import numpy as np

from chainrule.document import Block, Document, Formula, Heading, Listing, Paragraph, Shown, Table
from chainrule.errors import require
from chainrule.experiments.descents import Descent, descend
from chainrule.experiments.figures import Curve, loss_curves
from chainrule.experiments.problems import Problem, classes_problem, problem_of
from chainrule.experiments.verdicts import SHARE_OF_BEST, epochs_to_most
from chainrule.network import Network
from chainrule.optim import SGD
from chainrule.show.numbers import exact_text, number_text
from chainrule.training import batch_rows, whole_runs

BatchSize = int | Literal["all"]
SIZES: Final[tuple[BatchSize, ...]] = ("all", 16, 1)
Shuffle = bool | Literal["once"]
DRAWN: Final = {
    True: "new batches are drawn for each epoch",
    "once": "batches are drawn once, and each epoch takes the same",
    False: "batches are the rows in their order, the same in each epoch",
}
NOISE_ROWS: Final = 1000
"""From so many rows, at most, it is estimated how gradients differ from row to row."""


@dataclass(frozen=True)
class Batches(Shown):
    """What each batch size made of the same start; print it, or look at it in a notebook.

    Attributes:
        problem: what was trained on what.
        sizes: rows in a step, ``"all"`` for full-batch descent.
        descents: how each went.
        noise: how far the gradient of a batch lies from that of all rows at the start, on average (root of the mean
            square) and as a share of its length; ``None`` where the loss adds rows up, or the gradient is 0.
        rate: the learning rate.
        epochs: passes over the rows.
        shuffle: ``True``: new batches for each epoch; ``"once"``: drawn once and kept; ``False``: in order.
    """

    problem: Problem
    sizes: tuple[BatchSize, ...]
    descents: tuple[Descent, ...]
    noise: tuple[float, ...] | None
    rate: float
    epochs: int
    shuffle: Shuffle

    def rows_of(self, size: BatchSize) -> int:
        """The rows of a full batch."""
        return batch_rows(size, self.problem.rows)

    def batches_of(self, size: BatchSize) -> int:
        """The batches of an epoch: rows / batch size, rounded up."""
        return -(-self.problem.rows // self.rows_of(size))

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        return {
            "problem": self.problem.sentence,
            "rate": self.rate,
            "epochs": self.epochs,
            "shuffle": self.shuffle,
            "sizes": [
                {
                    "batch_size": size,
                    "batches_an_epoch": self.batches_of(size),
                    "updates": descent.updates,
                    "gradient_noise": self.noise[n] if self.noise else None,
                    "losses": [loss if isfinite(loss) else None for loss in descent.losses],
                }
                for n, (size, descent) in enumerate(zip(self.sizes, self.descents, strict=True))
            ],
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        names = [self._name(size) for size in self.sizes]
        rows = list(zip(names, self.sizes, self.descents, strict=True))
        by_epoch = [Curve(name, range(len(d.losses)), d.losses) for name, _, d in rows]
        by_update = [
            Curve(name, [self.batches_of(size) * n for n in range(1, len(d.losses))], d.losses[1:])
            for name, size, d in rows
        ]
        blocks: list[Block] = [
            Paragraph(
                f"We train {self.problem.sentence}: {self.epochs} epochs with the learning rate "
                f"{exact_text(self.rate)}, from the same starting values. Each epoch goes through the same rows, so "
                "each computes as many gradients of rows; what differs is how many of them are averaged before the "
                "parameters move."
            ),
            loss_curves("epochs", by_epoch, "epoch", "The loss of all rows after each epoch: for equal work."),
            loss_curves("updates", by_update, "update", "The same losses over the updates.", log_x=True),
            *self._table(names),
            Paragraph(self.conclusion),
            Heading("How far a batch's gradient strays"),
            *self._noise(names),
            Heading("Words"),
            Listing(
                (
                    ("Batch (or full-batch) descent takes all rows in each step: one update in an epoch.",),
                    ("Online descent takes one row in each step: as many updates in an epoch as there are rows.",),
                    (f"Mini-batch descent takes some; here {DRAWN[self.shuffle]}.",),
                )
            ),
        ]
        return Document("Batch, mini-batch and online descent", blocks)

    @property
    def conclusion(self) -> str:
        """What the figures say, in sentences."""
        ends = [d.end for d in self.descents]
        best = ends.index(min(ends))
        failed = [self._name(s) for s, end in zip(self.sizes, ends, strict=True) if end > self.descents[0].start]
        if len(failed) == len(ends):
            return "At this rate the loss ends above its start with each batch size: try a smaller one."
        words = f"At this rate and for this work, {self._name(self.sizes[best])} ends lowest."
        return words + (f" The loss ends above its start with {', '.join(failed)}." if failed else "")

    def _name(self, size: BatchSize) -> str:
        rows = self.rows_of(size)
        return f"batch ({rows})" if rows == self.problem.rows else "online (1)" if rows == 1 else f"mini-batch ({rows})"

    def _table(self, names: Sequence[str]) -> list[Block]:
        columns = (names, self.sizes, self.descents, epochs_to_most(self.descents))
        table = Table(
            ("", "batches in an epoch", "updates", "loss at the end", f"epochs to {SHARE_OF_BEST:.0%}", "ms an epoch"),
            [
                (
                    name,
                    str(self.batches_of(size)),
                    str(d.updates),
                    number_text(d.end, 4),
                    str(reached or "never"),
                    number_text(1000 * d.epoch_seconds, 2),
                )
                for name, size, d, reached in zip(*columns, strict=True)
            ],
        )
        words = (
            f"Epochs are counted until the loss fell by {SHARE_OF_BEST:.0%} of the best fall; it is "
            f"{number_text(self.descents[0].start, 4)} at the start. Times (medians) are those of this machine."
        )
        return [table, Paragraph(words)]

    def _noise(self, names: Sequence[str]) -> list[Block]:
        if self.noise is None:
            return [Paragraph("It is not computed here: the loss adds rows up, or its gradient at the start is 0.")]
        formula = Formula(
            r"\frac{1}{\lVert g \rVert} \sqrt{\frac{s^{2}}{B} \left(1 - \frac{B}{N}\right)}",
            "sqrt(s^2 / B * (1 - B / N)) / |g|",
        )
        return [
            Paragraph(
                "The average gradient of a random batch is on average that of all rows. At the start, the "
                "distance between the two, as a share of the length of the gradient g, has the root mean square ",
                formula,
                ", where B of N rows are drawn and ",
                Formula("s^{2}", "s^2"),
                " is the variance of a single row's gradient:",
            ),
            Table(
                ("", "distance / length"),
                [(name, number_text(noise, 3)) for name, noise in zip(names, self.noise, strict=True)],
            ),
        ]


def batches(
    network: Network | None = None,
    X: Any = None,
    y: Any = None,
    *,
    sizes: Sequence[BatchSize] = SIZES,
    rate: float = 0.1,
    epochs: int = 30,
    shuffle: Shuffle = True,
    seed: int | None = None,
) -> Batches:
    """Train from the same start with batches of several sizes.

    Args:
        network: copies of it are trained, from its parameters as they are; without network and rows, two Gaussians
            and a small classifier are the example.
        X: features, as for :meth:`chainrule.network.Network.fit`.
        y: targets.
        sizes: rows in a step: ``"all"`` is batch descent, 1 is online.
        rate: the learning rate of plain gradient descent, the same for all.
        epochs: passes over the rows.
        shuffle: ``True`` draws new batches for each epoch, ``"once"`` draws them once and keeps them, ``False`` takes
            the rows in order.
        seed: of shuffling; the network's by default.

    Returns:
        The descents, over epochs and over updates, and how far a batch's gradient strays from that of all rows.

    >>> found = batches(epochs=5)
    >>> [(size, descent.updates) for size, descent in zip(found.sizes, found.descents)]
    [('all', 5), (16, 65), (1, 1000)]
    """
    require(len(sizes) > 0, "give at least one batch size, as in sizes=('all', 16, 1)")
    problem = problem_of(network, X, y, classes_problem)
    how: dict[str, Any] = {"epochs": epochs, "optimizer": SGD(rate), "shuffle": shuffle, "seed": seed}
    with whole_runs():
        found = tuple(descend(problem, batch_size=size, **how) for size in sizes)
    return Batches(problem, tuple(sizes), found, _gradient_noise(problem, sizes), rate, epochs, shuffle)


def _gradient_noise(problem: Problem, sizes: Sequence[BatchSize]) -> tuple[float, ...] | None:
    """The root mean square distance of batches' gradients from that of all rows, by its length, at the start.

    Of B rows drawn without replacement from N, the mean has the variance s^2 / B (1 - B / N).
    """
    network = problem.network
    if network.loss_function.reduction != "mean":
        return None
    data = network.prepare(problem.X, problem.y)
    chosen = np.random.default_rng(0).permutation(problem.rows)[:NOISE_ROWS]

    def gradient(rows: Any) -> Any:
        part = {name: array[rows] for name, array in data.items()}
        target = part.pop("Y")
        return np.concatenate([g.ravel() for g in network.gradients(part, target, engine="numpy").values()])

    mean = gradient(slice(None))
    length = float(np.linalg.norm(mean))
    if length == 0 or len(chosen) < 2:
        return None
    squares = [float(np.sum((gradient([row]) - mean) ** 2)) for row in chosen]
    variance = sum(squares) / (len(squares) - 1)
    counts = [batch_rows(size, problem.rows) for size in sizes]
    return tuple(float(np.sqrt(variance / n * (1 - n / problem.rows))) / length for n in counts)
