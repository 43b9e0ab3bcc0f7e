"""The arrays of a workload, the same for all contestants: rows, targets, row order, starting weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.training.workloads import Workload

SEED = 7
Array = NDArray[Any]


@dataclass(frozen=True)
class Problem:
    """What a contestant is given.

    Attributes:
        workload: what to train.
        X: features, shape (rows, features).
        y: targets: (rows,) of 0.0 and 1.0 for binary_cross_entropy, (rows,) of class numbers for cross_entropy, else
            (rows, outputs).
        order: the row numbers in the order in which an epoch takes them; each epoch takes the same.
        start: the starting weights ``W1`` (inputs, units), ``b1`` (units,), ``W2``, ...
    """

    workload: Workload
    X: Array
    y: Array
    order: NDArray[np.int64]
    start: dict[str, Array]

    def save(self, path: Path) -> None:
        """Write it to a file."""
        described: dict[str, Any] = {"workload": json.dumps(asdict(self.workload)), **self.start}
        np.savez(path, X=self.X, y=self.y, order=self.order, **described)


def load_problem(path: str) -> Problem:
    """Read what :meth:`Problem.save` wrote."""
    with np.load(path) as file:
        arrays = dict(file)
    settings = json.loads(str(arrays.pop("workload")))
    workload = Workload(**{**settings, "sizes": tuple(settings["sizes"])})
    return Problem(workload, arrays.pop("X"), arrays.pop("y"), arrays.pop("order"), arrays)


def make_problem(workload: Workload, rows: int | None = None) -> Problem:
    """The problem of a workload, with as many rows as it says or as are given."""
    from chainrule.network import random_streams

    rows = rows or workload.rows
    rng = np.random.default_rng(SEED)
    start: dict[str, Array] = {}
    for number, (inputs, units) in enumerate(workload.weights, 1):
        start[f"W{number}"] = (rng.normal(size=(inputs, units)) * np.sqrt(2 / inputs)).astype(workload.precision)
        start[f"b{number}"] = (0.1 * rng.normal(size=units)).astype(workload.precision)
    X = rng.normal(size=(rows, workload.sizes[0])).astype(workload.precision)
    # This is what Network.fit(shuffle="once", seed=SEED) draws.
    order = random_streams(SEED)["shuffling"].permutation(rows)
    return Problem(workload, X, _targets(workload, X, rng), order, start)


def _targets(workload: Workload, X: Array, rng: np.random.Generator) -> Array:
    """Targets that follow a smooth rule with noise, so that the loss neither vanishes nor stands still."""
    outputs = workload.sizes[-1]
    scores: Array = np.sin(X @ rng.normal(size=(workload.sizes[0], outputs))) + 0.3 * rng.normal(size=(len(X), outputs))
    if workload.loss == "binary_cross_entropy":
        return np.asarray(scores[:, 0] > 0, workload.precision)
    return scores.argmax(axis=1) if workload.loss == "cross_entropy" else np.asarray(scores, workload.precision)
