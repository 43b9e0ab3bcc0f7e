"""Quantities that people read besides the loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import unknown_name
from chainrule.losses import Loss

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]


def accuracy(prediction: Array, target: Array, middle: float = 0.5) -> float:
    """The share of rows whose class is right: the largest output, or for yes-or-no outputs on which side of the middle.

    With several outputs that are no classes of one another, each counts.
    """
    if prediction.shape[1] > 1 and np.allclose(target.sum(axis=1), 1):
        return float(np.mean(prediction.argmax(axis=1) == target.argmax(axis=1)))
    return float(np.mean((prediction > middle) == (target > middle)))


def rmse(prediction: Array, target: Array) -> float:
    """The root of the mean squared error."""
    error = np.abs(prediction.astype(np.float64) - target)
    scale = max(float(error.max()), np.finfo(np.float64).tiny)  # so that squares neither overflow nor vanish
    return float(scale * np.sqrt(np.mean((error / scale) ** 2)))


def mae(prediction: Array, target: Array) -> float:
    """The mean absolute error."""
    return float(np.mean(np.abs(prediction.astype(np.float64) - target)))


def r2(prediction: Array, target: Array) -> float:
    """1 - (squared error) / (squared error of the mean): 1 is perfect, 0 no better than the mean."""
    around_mean = target - target.mean(axis=0, dtype=np.float64)
    scale = float(np.abs(around_mean).max())
    if scale == 0:
        return float("nan")
    error = (prediction.astype(np.float64) - target) / scale
    return float(1 - np.sum(error**2) / np.sum((around_mean / scale) ** 2))


METRICS: dict[str, Metric] = {"accuracy": accuracy, "rmse": rmse, "mae": mae, "r2": r2}
LARGER_IS_BETTER = frozenset({"accuracy", "r2"})


def metric_of(name: str, loss: Loss) -> Metric:
    """The metric of that name; for targets -1 and 1 the middle is 0."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return partial(accuracy, middle=0.0) if name == "accuracy" and loss.target == "signs" else METRICS[name]
