"""Quantities that people read besides the loss.

Each is a function of predictions and targets, shape (rows, outputs), and of the weights of rows, shape (rows,), where
there are any: then it is what it would be if each row stood there as often as its weight says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import require, unknown_name
from chainrule.losses import Loss

Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A quantity of a history.

    Attributes:
        name: its name.
        function: (prediction, target) -> a number; both of shape (rows, outputs).
        larger_is_better: whether it should grow, for ``monitor``.
        weighted: whether the function takes the weights of rows, or ``None``, as a third argument.

    >>> import chainrule as cr
    >>> hits = cr.Metric("hits", lambda p, y: float((abs(p - y) < 0.5).mean()), larger_is_better=True)
    >>> net = cr.mlp([1, 1], weights=1.0)
    >>> net.evaluate([[1.0], [2.0]], [1.0, 3.0], metrics=[hits])
    {'loss': 0.5, 'hits': 0.5}
    """

    name: str
    function: Callable[..., float]
    larger_is_better: bool = False
    weighted: bool = False

    def __call__(self, prediction: Array, target: Array, weight: Array | None = None) -> float:
        """The quantity for these rows."""
        arguments = (prediction, target, weight) if self.weighted else (prediction, target)
        return float(self.function(*arguments))


MetricLike: TypeAlias = str | Metric | Callable[[Array, Array], float]
"""A metric as users give it."""


def accuracy(prediction: Array, target: Array, weight: Array | None = None, *, middle: float = 0.5) -> float:
    """The share of rows whose class is right: the largest output, or for yes-or-no outputs on which side of the middle.

    With several outputs that are no classes of one another, each counts.
    """
    guess, truth = _classes(prediction, target, middle)
    return _mean(guess == truth, weight)


def balanced_accuracy(prediction: Array, target: Array, weight: Array | None = None, *, middle: float = 0.5) -> float:
    """The accuracy among the rows of each class, averaged over the classes that occur."""
    guess, truth = _classes(prediction, target, middle)
    weight = np.ones(len(truth)) if weight is None else weight

    def share(column: int, code: Any) -> float:
        rows = truth[:, column] == code
        return float(np.average(guess[rows, column] == code, weights=weight[rows])) if weight[rows].any() else np.nan

    shares = [[share(c, code) for code in np.unique(truth[:, c])] for c in range(truth.shape[1])]
    return float(np.mean([np.nanmean(column) for column in shares]))


def log_loss(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """The mean of -log of the probability that was given to what is right: the class, or each output's yes or no.

    Probabilities are kept away from 0 and 1 by the precision of the prediction, as scikit-learn does.
    """
    margin = np.finfo(prediction.dtype).eps
    p = np.clip(prediction, margin, 1 - margin).astype(np.float64)
    if _exclusive(target):
        return _mean(-(target * np.log(p)).sum(axis=1, keepdims=True), weight)
    return _mean(-(target * np.log(p) + (1 - target) * np.log1p(-p)), weight)


def roc_auc(prediction: Array, target: Array, weight: Array | None = None, *, middle: float = 0.5) -> float:
    """The probability that a row of a class gets a larger output for it than a row that is not (ties count half).

    The mean over classes, each against the rest, or over outputs; not a number where one has no row, or all.
    """
    weight = np.ones(len(target)) if weight is None else weight.astype(np.float64)
    return float(np.mean([_area(p, y > middle, weight) for p, y in zip(prediction.T, target.T, strict=True)]))


def _area(score: Array, positive: Array, weight: Array) -> float:
    """The area under the curve of one output: pairs of a positive and a negative row that are in order."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)
    hits, misses = (np.add.reduceat(np.where(of, weight, 0)[order], starts) for of in (positive, ~positive))
    pairs = hits.sum() * misses.sum()
    return float(np.sum(hits * (np.cumsum(misses) - misses / 2)) / pairs) if pairs else float("nan")


def rmse(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """The root of the mean squared error."""
    error = np.abs(prediction.astype(np.float64) - target)
    scale = max(float(error.max()), np.finfo(np.float64).tiny)  # so that squares neither overflow nor vanish
    return float(scale * np.sqrt(_mean((error / scale) ** 2, weight)))


def mae(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """The mean absolute error."""
    return _mean(np.abs(prediction.astype(np.float64) - target), weight)


def r2(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """1 - (squared error) / (squared error of the mean): 1 is perfect, 0 no better than the mean."""
    middle = target.mean(axis=0, dtype=np.float64) if weight is None else np.average(target, axis=0, weights=weight)
    around_mean = target - middle
    scale = float(np.abs(around_mean).max())
    if scale == 0:
        return float("nan")
    error = (prediction.astype(np.float64) - target) / scale
    return float(1 - _mean(error**2, weight) / _mean((around_mean / scale) ** 2, weight))


def _exclusive(target: Array) -> bool:
    """Whether the outputs are classes of one another."""
    return target.shape[1] > 1 and np.allclose(target.sum(axis=1), 1)


def _classes(prediction: Array, target: Array, middle: float) -> tuple[Array, Array]:
    """The classes predicted and the right ones, shape (rows, 1), or a yes or no for each of several outputs."""
    if _exclusive(target):
        return prediction.argmax(axis=1)[:, None], target.argmax(axis=1)[:, None]
    return prediction > middle, target > middle


def _mean(values: Array, weight: Array | None) -> float:
    """The mean over rows, and over outputs where there are several."""
    if weight is None:
        return float(np.mean(values))
    return float(np.mean(np.average(values, axis=0, weights=weight.astype(np.float64))))


METRICS: dict[str, Metric] = {
    f.__name__: Metric(f.__name__, f, larger_is_better, weighted=True)
    for f, larger_is_better in (
        (accuracy, True), (balanced_accuracy, True), (log_loss, False), (mae, False), (r2, True), (rmse, False),
        (roc_auc, True),
    )
}  # fmt: skip


def metric_of(value: MetricLike, loss: Loss) -> Metric:
    """A metric from its name or a function of (prediction, target), or itself; for targets -1 and 1 the middle is 0."""
    if isinstance(value, Metric):
        return value
    if not isinstance(value, str):
        require(
            callable(value), f"a metric is a name, a function of (prediction, target) or a cr.Metric, not {value!r}"
        )
        return Metric(getattr(value, "__name__", "metric").strip("<>"), value)
    if value not in METRICS:
        raise unknown_name("metric", value, METRICS)
    metric = METRICS[value]
    if loss.target == "signs" and value in ("accuracy", "balanced_accuracy", "roc_auc"):
        return replace(metric, function=partial(metric.function, middle=0.0))
    return metric
