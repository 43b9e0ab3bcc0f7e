"""Rows that come in windows: the same bits as rows in memory, in the same order."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import chainrule as cr
from chainrule.running import step_run, training_steps
from chainrule.training import History, Plan, train
from chainrule.training.windows import RowsInMemory, Window

ROWS, SIZE, BATCH = 203, 40, 8
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 5)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)[:, None]


@dataclass
class Chunks:
    """Windows of so many rows drawn at random; ``whole`` has the same order with all rows in memory."""

    data: dict[str, NDArray[Any]]
    whole: bool
    weights: NDArray[Any] | None = None
    read: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return ROWS

    def epoch(self, rng: np.random.Generator) -> Generator[Window]:
        order = rng.permutation(ROWS)
        if self.whole:
            yield Window(order, weights=self.weights)
            return
        for number, start in enumerate(range(0, ROWS, SIZE)):
            rows = np.sort(order[start : start + SIZE])
            within = np.searchsorted(rows, order[start : start + SIZE])
            weights = None if self.weights is None else self.weights[rows]
            yield Window(within, lambda rows=rows, number=number: self.load(rows, number), weights)

    def load(self, rows: NDArray[np.int64], number: int) -> dict[str, NDArray[Any]]:
        self.read.append(number)
        return {name: array[rows] for name, array in self.data.items()}

    def to_json(self) -> dict[str, Any]:
        return {"rows": ROWS}


def trained(engine: str, units: int, *, whole: bool, weights: NDArray[Any] | None) -> tuple[NDArray[Any], History]:
    net = cr.mlp([5, units, 1], loss="binary_cross_entropy", dropout=0.2, seed=3)
    data = {"X": X, "Y": y} | ({} if weights is None else {"w": weights})
    steps = training_steps(net, data, cr.Adam(1e-2), BATCH)
    run = step_run(steps, engine, 3, None)
    windows = Chunks(dict(steps.data), whole, weights)
    plan = Plan(windows, 3, BATCH, seed=0, rng=np.random.default_rng(1), constants={"key": 5})
    history = train(run, plan, lambda state: {}, lambda value, constants: {})
    assert windows.read == ([] if whole else [0, 1, 2, 3, 4, 5] * 3)
    return run.state["theta"], history


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("units", [3, 40])
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_windows_give_the_bits_of_rows_in_memory(engine: str, units: int, weighted: bool) -> None:
    weights = np.linspace(0.5, 2, ROWS, dtype=np.float32) if weighted else None
    (theta, history), (other, others) = (
        trained(engine, units, whole=whole, weights=weights) for whole in (False, True)
    )
    assert_array_equal(theta, other)
    assert history.loss == others.loss
    assert history.steps == others.steps == 3 * 26


def test_a_step_that_is_not_finite_is_found_in_a_later_window() -> None:
    """An update is not finite from the second window on: the run stands before it, whatever was loaded since."""
    net = cr.mlp([5, 40, 1], seed=3)
    steps = training_steps(net, {"X": X, "Y": y}, cr.SGD(0.1), BATCH)
    spoilt = {name: a.copy() for name, a in steps.data.items()}
    for engine in ("numpy", "native"):
        run = step_run(steps, engine, 1, None)
        run.advance(np.arange(40), BATCH, 0, {"key": 0, "S": 1, "T": 1, "plateau_factor": 1.0})
        before = run.state["theta"]
        spoilt["all_X"][3] = np.inf
        run.load(spoilt)
        with pytest.raises(cr.engines.protocol.NonFiniteStep) as failed:
            run.advance(np.arange(40), BATCH, 5, {"key": 0, "S": 1, "T": 1, "plateau_factor": 1.0})
        assert failed.value.position == 0
        assert_array_equal(run.state["theta"], before)


def test_lbfgs_refuses_windows() -> None:
    net = cr.mlp([5, 3, 1], seed=3)
    windows = Chunks({"X": X, "Y": y}, whole=False)
    run = cr.running.lbfgs_run(net, {"X": X, "Y": y}, cr.LBFGS(), "numpy", 1, None)
    plan = Plan(windows, 1, BATCH, seed=0, rng=np.random.default_rng(1))
    with pytest.raises(cr.ArgumentError, match="LBFGS takes all rows at once"):
        train(run, plan, lambda state: {}, lambda value, constants: {})


def test_once_is_one_order_that_follows_from_the_seed() -> None:
    windows = RowsInMemory(50, "once", seed=4)
    rng = np.random.default_rng(0)
    first, second = (next(windows.epoch(rng)).order for _ in range(2))
    assert_array_equal(first, second)
    assert sorted(first) == list(range(50)) != first.tolist()
    assert (next(RowsInMemory(50, "once", seed=5).epoch(rng)).order != first).any()
