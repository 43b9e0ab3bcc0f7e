"""A training that is watched: the loss of all rows and the parameters, at the start and after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import NonFiniteError, require
from chainrule.experiments.problems import Problem
from chainrule.network import Network
from chainrule.optim import Optimizer
from chainrule.training import History, whole_runs

LARGEST_PATH: Final = 100_000_000
"""Numbers that a path may hold."""


@dataclass(frozen=True)
class Descent:
    """How one training went.

    Attributes:
        losses: of all rows, at the start and after each epoch; the last is infinite where training failed.
        path: the parameters, at the start and after each epoch, shape (epochs + 1, parameters).
        updates: how many were made.
        network: what was trained, as it is at the end.
        epoch_seconds: the median duration of an epoch, the loss of all rows included.
    """

    losses: tuple[float, ...]
    path: NDArray[Any]
    updates: int
    network: Network
    epoch_seconds: float

    @property
    def start(self) -> float:
        """The loss before the first update."""
        return self.losses[0]

    @property
    def end(self) -> float:
        """The loss after the last epoch."""
        return self.losses[-1]

    def reaches(self, goal: float) -> int | None:
        """The first epoch after which the loss is not above ``goal``."""
        return next((epoch for epoch, loss in enumerate(self.losses) if loss <= goal), None)

    @property
    def turns(self) -> float:
        """The share of moves, from epoch to epoch, that go back: their inner product with the move before is negative.

        Moves shorter than a thousandth of the longest one are left out: at rest only rounding moves.
        """
        with np.errstate(all="ignore"):
            moves = np.diff(self.path.astype(np.float64), axis=0)
            lengths = np.linalg.norm(moves, axis=1)
            moves = moves[lengths > 1e-3 * lengths.max(initial=0.0)]
            products = (moves[1:] * moves[:-1]).sum(axis=1)
        return float((products < 0).mean()) if len(products) else 0.0


def descend(
    problem: Problem,
    *,
    epochs: int,
    batch_size: int | Literal["all"],
    optimizer: Optimizer,
    shuffle: bool | Literal["once"] = True,
    seed: int | None = None,
) -> Descent:
    """Train a copy of the problem's network; the arguments are those of :meth:`chainrule.network.Network.fit`.

    An infinite or undefined loss ends the descent; it is no error here. Ctrl-C is: half a descent proves nothing.
    """
    network = problem.fresh()
    size = network.parameters.theta.size
    require(
        size * (epochs + 1) <= LARGEST_PATH,
        f"the path of {size:,} parameters over {epochs:,} epochs is too long to keep: take a smaller network",
    )
    path = [network.parameters.theta.copy()]
    start = network.loss(problem.X, problem.y)
    require(isfinite(start), "the loss is not finite before the first step: look for extreme values in the data")
    failed: list[float] = []
    try:
        with whole_runs():
            history = network.fit(
                problem.X,
                problem.y,
                epochs=epochs,
                batch_size=batch_size,
                optimizer=optimizer,
                shuffle=shuffle,
                seed=seed,
                validation=(problem.X, problem.y),
                callbacks=[lambda moment: path.append(network.parameters.theta.copy())],
            )
    except NonFiniteError as error:
        history = error.history  # type: ignore[attr-defined]
        failed = [inf]
    record: History = history
    seconds = float(np.median(record.seconds)) if record.seconds else float("nan")
    losses = (start, *(loss if isfinite(loss) else inf for loss in record.validation_loss), *failed)
    return Descent(losses, np.array(path), record.steps, network, seconds)
