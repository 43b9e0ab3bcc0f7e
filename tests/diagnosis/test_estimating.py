"""What a fit will take: how the figures hang together. How near they are is measured, not tested."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import chainrule as cr

X = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
y = X[:, 0]


def net(units: int = 16, **settings: Any) -> cr.Network:
    return cr.mlp([10, units, 1], seed=1, **settings)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_an_estimate_counts_steps_and_leaves_no_trace(engine: str) -> None:
    network = net()
    before = network.parameters.theta.copy()
    found = network.estimate(X, y, epochs=3, batch_size=32, engine=engine)
    assert (found.rows, found.steps) == (200, 3 * 7)
    assert found.seconds == found.starting_seconds + 21 * found.step_seconds > 0
    assert_array_equal(network.parameters.theta, before)
    assert network.fit(X, y, epochs=1).loss == net().fit(X, y, epochs=1).loss


def test_more_epochs_and_rows_take_longer() -> None:
    found = net().estimate(X, y, rows=10_000, epochs=5)
    assert found.steps == 5 * 313
    twice = replace(found, epochs=10)
    assert twice.seconds - twice.starting_seconds == pytest.approx(2 * (found.seconds - found.starting_seconds))
    assert replace(found, rows=20_000).seconds > found.seconds


def test_memory_grows_with_rows_units_precision_and_slots() -> None:
    def memory(network: cr.Network, **settings: Any) -> int:
        return network.estimate(X, y, **{"engine": "native", "epochs": 1} | settings).bytes

    least = memory(net())
    assert memory(net(), rows=10_000) - least == 9800 * (10 * 4 + 4 + 8)
    assert memory(net(64)) > least
    assert memory(net(dtype="float64")) > least
    assert memory(net(), optimizer="adam") > memory(net(), optimizer="sgd")


def test_it_can_be_read_and_kept() -> None:
    found = net().estimate(X, y, epochs=2)
    assert "2 epochs of 200 rows in batches of 32 are 14 steps: about " in str(found)
    assert json.loads(json.dumps(found.to_json()))["steps"] == 14


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": 0}, "rows must be a whole number from 1"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"rows": 1000, "batch_size": 500}, "X has 200"),
        ({"rows": 1000, "batch_size": "all"}, "leave rows out"),
        ({"optimizer": cr.LBFGS(), "batch_size": "all"}, "LBFGS"),
        ({"engine": "nativ"}, "did you mean 'native'"),
    ],
)
def test_bad_arguments_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        net().estimate(X, y, **settings)
