"""scikit-learn's MLPClassifier, by its own ``fit``.

It is given the rows in the order of the epoch, and not told to shuffle: it then takes slices where the others gather.
"""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.training.contestants.base import LeftOut, Turn
from benchmarks.training.problem import Problem

HIDDEN = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}
SOLVERS = {"SGD": "sgd", "Adam": "adam"}
LOSSES = ("binary_cross_entropy", "cross_entropy")


class ScikitLearn:
    """Training by :meth:`MLPClassifier.fit`, whose epochs cannot be timed one by one: a turn gives their mean."""

    def __init__(self, problem: Problem) -> None:
        w = problem.workload
        self.flops = float(w.flops_per_row * len(problem.order))
        self.start = problem.start
        self.X, self.y = problem.X[problem.order], problem.y[problem.order].astype(np.int64)
        self.model: Any = MLPClassifier(
            w.sizes[1:-1], activation=HIDDEN[w.hidden], solver=SOLVERS[w.optimizer], alpha=0.0, batch_size=w.batch,
            learning_rate_init=w.lr, momentum=0.0, nesterovs_momentum=False, shuffle=False, tol=0.0, warm_start=True,
        )  # fmt: skip
        # Makes the arrays that are set before each fit.
        self.model.partial_fit(self.X, self.y, classes=np.arange(max(2, w.sizes[-1])))
        self.epoch_seconds = self._fit(2)[0]

    def _fit(self, epochs: int) -> tuple[float, list[float]]:
        """Seconds an epoch, and the losses."""
        layers = range(1, len(self.model.coefs_) + 1)
        self.model.coefs_ = [self.start[f"W{i}"].copy() for i in layers]
        self.model.intercepts_ = [self.start[f"b{i}"].copy() for i in layers]
        self.model.loss_curve_, self.model._no_improvement_count = [], 0
        self.model.max_iter, self.model.n_iter_no_change = epochs, epochs + 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            before = perf_counter()
            self.model.fit(self.X, self.y)
            seconds = perf_counter() - before
        return seconds / epochs, list(self.model.loss_curve_)

    def turn(self, seconds: float) -> Turn:
        """Train from the starting weights."""
        mean, losses = self._fit(max(2, round(seconds / self.epoch_seconds)))
        return Turn([mean], losses[:2])


def prepare(problem: Problem, form: str) -> ScikitLearn:
    """An MLPClassifier."""
    w = problem.workload
    for what, known in ((w.hidden, HIDDEN), (w.optimizer, SOLVERS), (w.loss, LOSSES)):
        if what not in known:
            raise LeftOut(f"MLPClassifier has no {what}")
    return ScikitLearn(problem)
