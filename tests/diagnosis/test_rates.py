"""The search for a learning rate: it leaves no trace, and stays below what theory allows."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 4)) * [3.0, 1.0, 1.0, 1.0]
y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * RNG.normal(size=256)


def deep(**settings: Any) -> cr.Network:
    return cr.Network(
        cr.Dense(16, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1), **{"inputs": 4, "seed": 2} | settings
    )


@pytest.mark.parametrize("batch_size", [32, "all"])
def test_no_trace_is_left(batch_size: Any) -> None:
    net, untouched = deep(), deep()
    before = {**{k: v.copy() for k, v in net.arrays().items()}}
    kept = {name: pickle.dumps(getattr(net, name)) for name in ("layers", "seed", "dtype")}
    programs = set(net._programs)
    net.find_learning_rate(X, y, batch_size=batch_size)
    for name, values in net.arrays().items():
        assert_array_equal(values, before[name])
    assert {name: pickle.dumps(getattr(net, name)) for name in kept} == kept
    assert set(net._programs) == programs
    first, second = (n.fit(X, y, epochs=3) for n in (net, untouched))
    assert first.loss == second.loss
    assert_array_equal(net.parameters.theta, untouched.parameters.theta)


def test_a_network_that_knows_no_inputs_still_knows_none() -> None:
    net = deep(inputs=None)
    net.find_learning_rate(X, y)
    with pytest.raises(cr.ArgumentError, match="not known"):
        net.model  # noqa: B018


def test_gradient_descent_on_a_parabola_falls_up_to_the_limit_of_stability_and_diverges_above() -> None:
    """The mean squared error of a linear network has the curvature 2 X'X / n; the limit is 2 / its largest."""
    net = cr.mlp([4, 1], loss="squared_error", bias=False, dtype="float64", seed=0)
    limit = 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X))[-1]
    found = net.find_learning_rate(X, y, optimizer="sgd", batch_size="all", highest=1e3 * limit, steps=200)
    below = np.array(found.losses)[np.array(found.rates) < limit]
    assert (np.diff(below) <= 0).all()
    assert limit < found.rates[found.lowest] < found.rates[-1] < 1e3 * limit
    assert found.losses[-1] > found.losses[0]
    assert found.suggestion == found.rates[found.lowest] / 10


def test_rates_grow_by_a_constant_factor_from_the_first_loss_on() -> None:
    net = cr.mlp([4, 8, 1], dtype="float64")
    found = net.find_learning_rate(X, y, batch_size="all", lowest=1e-5, highest=1e-3, steps=21)
    assert_allclose(found.rates, np.geomspace(1e-5, 1e-3, 21), rtol=1e-12)
    assert_allclose([found.losses[0], found.means[0]], net.loss(X, y), rtol=1e-12)


def test_losses_are_those_of_a_fit_with_these_rates() -> None:
    """With full batches the order of the rows is no matter: each step by hand."""
    net, by_hand = cr.mlp([4, 1], dtype="float64"), cr.mlp([4, 1], dtype="float64")
    found = net.find_learning_rate(X, y, optimizer="sgd", batch_size="all", lowest=1e-4, highest=1e-2, steps=10)
    losses = []
    for rate in found.rates:
        losses.append(by_hand.loss(X, y))
        for name, g in by_hand.gradients(X, y).items():
            by_hand.parameters[name] = by_hand.parameters[name] - rate * g
    assert_allclose(found.losses, losses, rtol=1e-10)


def test_training_at_the_suggestion_beats_a_thirtieth_and_a_hundred_times_of_it() -> None:
    target = np.sin(X[:, 1]) + X[:, 2] * X[:, 3]
    net = cr.mlp([4, 32, 32, 1], hidden="relu", seed=1)
    suggestion = net.find_learning_rate(X, target, optimizer="sgd").suggestion
    ends = []
    for rate in (suggestion / 30, suggestion, suggestion * 100):
        net.reset()
        try:
            ends.append(net.fit(X, target, epochs=20, optimizer=cr.SGD(rate)).loss[-1])
        except cr.NonFiniteError:
            ends.append(np.inf)
    assert np.argmin(ends) == 1


def test_the_curve_is_a_page_a_plot_and_json() -> None:
    found = deep().find_learning_rate(X, y)
    assert "Suggested learning rate: " in found.text
    assert "<svg" in found.html
    assert json.loads(json.dumps(found.to_json()))["suggestion"] == found.suggestion
    assert found.plot().get_xscale() == "log"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lowest": 0.0}, "must be above 0 and grow"),
        ({"lowest": 1.0, "highest": 0.1}, "must be above 0 and grow"),
        ({"steps": 3}, "steps must be a whole number from 10"),
        ({"optimizer": cr.LBFGS(), "batch_size": "all"}, "needs no learning rate"),
    ],
)
def test_bad_arguments_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ArgumentError, match=message):
        deep().find_learning_rate(X, y, **settings)
