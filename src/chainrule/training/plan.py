"""How a run is to go: which rows, how often, when it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import whole_number
from chainrule.training.windows import Windows


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        windows: the training rows.
        epochs: how many times to go through them, after those of a run that goes on.
        batch_size: rows in a step.
        seed: of the run's random streams.
        rng: the one for shuffling.
        monitor: the quantity by which epochs are compared: ``loss``, ``validation_loss`` or a metric.
        larger_is_better: whether that quantity should grow.
        min_delta: by how much an epoch must be better than all before it for patience to begin anew.
        patience: end after so many epochs without a better one; ``None``: never.
        restore_best: end with the state of the best epoch instead of the last; Ctrl-C always does.
        lasting: the names of what is kept of the best epoch: what outlives training.
        constants: what steps read besides data, state and the clock (``t``, ``S`` and ``T`` of a schedule).
        add_losses: whether the loss of an epoch is the sum of its batches' losses instead of their mean.
    """

    windows: Windows
    epochs: int
    batch_size: int
    seed: int
    rng: np.random.Generator
    monitor: str = "loss"
    larger_is_better: bool = False
    min_delta: float = 0.0
    patience: int | None = None
    restore_best: bool = False
    lasting: tuple[str, ...] = ("theta",)
    constants: Mapping[str, float] = field(default_factory=dict)
    add_losses: bool = False

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, the last one possibly short."""
        return -(-self.windows.rows // self.batch_size)

    def to_json(self) -> dict[str, Any]:
        """What a person chose, as JSON can hold it."""
        chosen = ("epochs", "batch_size", "monitor", "patience")
        return {**self.windows.to_json(), **{name: getattr(self, name) for name in chosen}}

    def epoch_loss(self, losses: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """The loss of an epoch from those of its batches, of which each has a weight."""
        return float(losses.sum() if self.add_losses else mean_loss(losses, weights))


def mean_loss(losses: NDArray[np.float64], weights: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of the losses of batches, along the last axis, each of which counts as its weight says."""
    if (weights == weights[0]).all():
        return np.asarray(losses.mean(axis=-1))
    return np.asarray((losses * weights).sum(axis=-1) / weights.sum())


def batch_rows(batch_size: int | str, rows: int) -> int:
    """The rows of a full batch: a number, or all for ``"all"``."""
    if batch_size == "all":
        return rows
    return min(whole_number("batch_size (or 'all')", batch_size, 1), rows)
