"""What is measured of each row before it is learnt, so that averages of any kind can be taken.

A quantity is a function of averages: R^2, say, of those of (y - p)^2, y^2 and y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import unknown_name
from chainrule.losses import Loss

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """A quantity of rows whose predictions are compared with their targets.

    Attributes:
        name: its name.
        parts: (losses, predictions, targets) -> numbers of each row, shape (rows, parts).
        value: the averages of these numbers -> the quantity.
    """

    name: str
    parts: Callable[[Floats, Floats, Floats], Floats]
    value: Callable[[Floats], float]


def quantities(names: Sequence[str] | None, loss: Loss) -> tuple[Quantity, ...]:
    """The loss, and the quantities of these names; by default what suits the targets of the loss."""
    if names is None:
        names = ("r2",) if loss.target in ("numbers", "counts") else ("accuracy",)
    makers: dict[str, Callable[[], Quantity]] = {
        "accuracy": lambda: Quantity("accuracy", partial(_hits, kind=loss.target), _only),
        "mae": lambda: Quantity("mae", _absolute, _only),
        "rmse": lambda: Quantity("rmse", _squared, _root),
        "r2": lambda: Quantity("r2", _Explained(), _explained),
    }
    for name in names:
        if name not in makers:
            raise unknown_name("online metric", name, makers)
    return (Quantity("loss", _loss, _only), *(makers[name]() for name in dict.fromkeys(names)))


def _only(averages: Floats) -> float:
    return float(averages[0])


def _root(averages: Floats) -> float:
    return float(np.sqrt(averages[0]))


def _loss(losses: Floats, predictions: Floats, targets: Floats) -> Floats:
    return losses[:, None]


def _hits(losses: Floats, predictions: Floats, targets: Floats, *, kind: str) -> Floats:
    """1 where the class is right; of several yes-or-no outputs, the share of them."""
    if kind == "classes":
        right = (predictions.argmax(axis=1) == targets.argmax(axis=1))[:, None]
    else:
        middle = 0.0 if kind == "signs" else 0.5
        right = (predictions > middle) == (targets > middle)
    return np.asarray(right.mean(axis=1, keepdims=True, dtype=np.float64))


def _absolute(losses: Floats, predictions: Floats, targets: Floats) -> Floats:
    return np.asarray(np.abs(predictions - targets).mean(axis=1, keepdims=True))


def _squared(losses: Floats, predictions: Floats, targets: Floats) -> Floats:
    return np.asarray(((predictions - targets) ** 2).mean(axis=1, keepdims=True))


class _Explained:
    """Squared error, squared target and target, measured from the first one, so that a large mean costs no digits."""

    def __init__(self) -> None:
        self._origin: Any = None

    def __call__(self, losses: Floats, predictions: Floats, targets: Floats) -> Floats:
        if self._origin is None:
            self._origin = targets[0].copy()
        y = targets - self._origin
        squares = (y**2).mean(axis=1, keepdims=True)
        return np.hstack([_squared(losses, predictions, targets), squares, y])


def _explained(averages: Floats) -> float:
    variance = averages[1] - (averages[2:] ** 2).mean()
    return float(1 - averages[0] / variance) if variance > 1e-12 * averages[1] else float("nan")
