"""When training ends: scikit-learn's rule, on a stated quantity."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import numpy as np

from chainrule.estimators.building import SMALLEST_RATE
from chainrule.network import Network
from chainrule.training import Callback, Moment

LEAST_FALL = 2.220446049250313e-09
"""The share of the loss by which an iteration of L-BFGS has to lower it, as in SciPy."""


@dataclass
class Stopping(Callback):
    """Ends training after more than ``patience`` epochs in a row that were not better than the best by ``tol``.

    Attributes:
        monitor: the quantity in the history.
        larger_is_better: whether it should grow.
        tol: by how much an epoch has to be better than the best before it.
        patience: how many epochs in a row may fail.
        adaptive: whether the learning rate falls instead, until it is too small to matter.
        best: the best value so far.
        converged: whether training ended by this rule.
    """

    monitor: str
    larger_is_better: bool
    tol: float
    patience: float
    adaptive: bool = False
    best: float = field(default=-inf)
    waited: int = 0
    converged: bool = False

    def on_epoch(self, moment: Moment) -> bool:
        """Look at the quantity of the epoch."""
        value = moment.history.watched(self.monitor)[-1] * (1 if self.larger_is_better else -1)
        self.waited = self.waited + 1 if value < self.best + self.tol else 0
        self.best = max(self.best, value)
        if self.adaptive:
            self.converged = moment.history.learning_rate[-1] <= SMALLEST_RATE
        else:
            self.converged = self.waited > self.patience
        return self.converged


@dataclass
class Flat(Callback):
    """Ends L-BFGS where no element of the gradient exceeds ``tol``, or the loss has stopped falling.

    Attributes:
        network: whose gradient it is.
        data: rows, targets and weights, as :meth:`chainrule.Network.gradients` takes them.
        tol: the largest element that counts as 0.
        converged: whether training ended by this rule.
    """

    network: Network
    data: dict[str, object]
    tol: float
    converged: bool = False

    def on_epoch(self, moment: Moment) -> bool:
        """Look at the slope that is left."""
        losses = moment.history.loss
        if len(losses) > 1 and losses[-2] - losses[-1] <= LEAST_FALL * max(abs(losses[-2]), abs(losses[-1]), 1):
            self.converged = True
        else:
            slopes = self.network.gradients(**self.data)  # type: ignore[arg-type]
            self.converged = max(float(np.abs(g).max()) for g in slopes.values()) <= self.tol
        return self.converged
