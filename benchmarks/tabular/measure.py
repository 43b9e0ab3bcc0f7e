"""One contestant on one split of one table: error, log loss, seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.tabular.contestants import CONTESTANTS
from benchmarks.tabular.sets import TableSet, split


@dataclass(frozen=True)
class Run:
    """What came out.

    Attributes:
        table: the name of the table.
        who: the contestant.
        seed: of the split and of the contestant.
        error: 1 - accuracy, or the root of the mean squared error.
        log_loss: of classes; None in regression.
        seconds: to learn and to predict; None where the machine had other things to do.
        rows: that were judged.
    """

    table: str
    who: str
    seed: int
    error: float
    log_loss: float | None
    seconds: float | None
    rows: int

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def measure(table: TableSet, who: str, seed: int, *, timed: bool = True) -> Run:
    """Split, learn, predict, judge."""
    from sklearn.metrics import log_loss

    frame = table.table()
    y = frame[table.target].to_numpy()
    classes = np.unique(y) if table.task == "classification" else None
    learnt, judged = split(frame.height, seed, None if classes is None else y)
    start = perf_counter()
    predicted = CONTESTANTS[who](frame[learnt], frame[judged], table.target, table.task, seed)
    seconds = perf_counter() - start if timed else None
    actual = y[judged]
    if classes is None:
        error = float(np.sqrt(np.mean((predicted.ravel() - actual) ** 2)))
        return Run(table.name, who, seed, error, None, seconds, len(actual))
    error = float(np.mean(classes[predicted.argmax(axis=1)] != actual))
    return Run(table.name, who, seed, error, float(log_loss(actual, predicted, labels=classes)), seconds, len(actual))
