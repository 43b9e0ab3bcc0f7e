"""What is measured of layers: against NumPy, whatever the layers are, and without a trace in training."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.diagnosis import LayerMeter
from chainrule.diagnosis.units import activations_of
from chainrule.nn.places import places
from chainrule.training import History

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
y = (X[:, 0] > 0).astype(int)


def state(net: cr.Network, number: int = 0) -> object:
    return LayerMeter(net, X, y).measure()[number]


def test_norms_and_signals_are_those_of_the_gradients_by_hand() -> None:
    net = cr.mlp([3, 5, 1], hidden="tanh", loss="binary_cross_entropy", dtype="float64", seed=3)
    W1, b1, W2 = (net.parameters[name] for name in ("W1", "b1", "W2"))
    h = np.tanh(X @ W1 + b1)
    dz2 = (net.predict(X) - y[:, None]) / len(X)
    dz1 = dz2 @ W2.T * (1 - h**2)
    first, second = LayerMeter(net, X, y).measure()
    assert (first.layer, first.parameters, first.units) == ("layer 1 (Dense)", ("W1", "b1"), "h1")
    assert_allclose(first.weight_norm, np.sqrt((W1**2).sum() + (b1**2).sum()), rtol=1e-12)
    assert_allclose(first.gradient_norm, np.sqrt(((X.T @ dz1) ** 2).sum() + (dz1.sum(axis=0) ** 2).sum()), rtol=1e-10)
    assert_allclose([first.signal, second.signal], [np.linalg.norm(dz1), np.linalg.norm(dz2)], rtol=1e-10)
    assert second.units == ""


def test_dead_relus_are_counted() -> None:
    net = cr.mlp([3, 8, 1], hidden="relu", loss="binary_cross_entropy", seed=0)
    net.parameters["b1"] = np.array([-100.0] * 3 + [0.0] * 5)
    assert state(net).dead == 3 / 8
    assert state(net).saturated == 0


def test_a_unit_that_a_single_row_activates_is_not_dead() -> None:
    net = cr.Network(cr.Dense(1, "relu", weights=1.0, biases=-float(X.sum(axis=1).max()) + 0.1), cr.Dense(1))
    assert state(net).dead == 0


@pytest.mark.parametrize(
    ("activation", "far"), [("tanh", 20.0), ("sigmoid", -40.0), ("softsign", 1e4), ("hard_tanh", 9)]
)
def test_saturated_units_of_bounded_functions_are_counted(activation: str, far: float) -> None:
    net = cr.mlp([3, 4, 1], hidden=activation, loss="binary_cross_entropy", seed=0)
    net.parameters["b1"] = np.array([far, -far, 0.0, 0.0])
    assert (state(net).saturated, state(net).dead) == (0.5, 0)


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "sin", "softplus", "gelu", "silu"])
def test_units_of_other_functions_start_alive(activation: str) -> None:
    found = state(cr.mlp([3, 16, 1], hidden=activation, loss="binary_cross_entropy", seed=0))
    assert (found.saturated, found.dead) == (0, 0)


def test_an_activation_of_ones_own_is_looked_at_by_its_slope() -> None:
    bent = cr.elementwise("bent_step", "x", expansion=lambda x: cr.tanh(3 * x) + 1)
    net = cr.mlp([3, 4, 1], hidden=bent, seed=0)
    (found,) = activations_of(net.program("activations"))
    assert found.bounded
    assert_allclose(found.steepest, 3.0)
    net.parameters["b1"] = np.array([50.0, 50.0, 50.0, 0.0])
    assert LayerMeter(net, X, y).measure()[0].saturated == 0.75


def test_layers_are_found_inside_of_others() -> None:
    net = cr.Network(
        cr.Join(
            [cr.Dense(4, "relu"), cr.Dropout(0.1), cr.Dense(2)],
            [cr.Residual(cr.Dense(3, "tanh")), cr.BatchNorm(), cr.Dense(2)],
            how="average",
        ),
        cr.Activation("softmax"),
        loss="cross_entropy",
        inputs=3,
    )
    found = {s.layer: (s.parameters, s.units) for s in LayerMeter(net, X, y).measure()}
    assert found == {
        "layer 1 (Join) > branch 1 > layer 1 (Dense)": (("W1", "b1"), "h1"),
        "layer 1 (Join) > branch 1 > layer 3 (Dense)": (("W2", "b2"), ""),
        "layer 1 (Join) > branch 2 > layer 1 (Residual) > layer 1 (Dense)": (("W3", "b3"), "h3"),
        "layer 1 (Join) > branch 2 > layer 2 (BatchNorm)": (("gamma1", "beta1"), ""),
        "layer 1 (Join) > branch 2 > layer 3 (Dense)": (("W4", "b4"), ""),
    }
    assert places(net.model)["j1"] == "layer 1 (Join)"


def test_a_recorder_changes_no_bit_of_training() -> None:
    results = []
    for callbacks in ([], [cr.LayerRecorder(X, y)]):
        net = cr.mlp([3, 8, 1], hidden="relu", loss="binary_cross_entropy", dropout=0.2, seed=4)
        history = net.fit(X, y, epochs=9, callbacks=callbacks)
        results.append((net.parameters.theta.copy(), history.loss))
    assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_a_series_begins_before_the_first_step_and_ends_with_the_kept_weights() -> None:
    net = cr.mlp([3, 8, 1], loss="binary_cross_entropy", seed=4)
    start = LayerMeter(net, X, y).measure()[0]
    history = net.fit(X, y, epochs=20, validation=(X, 1 - y), patience=3, callbacks=[cr.LayerRecorder(X, y)])
    series, end = history.layers[0], LayerMeter(net, X, y).measure()[0]
    assert series.epochs == (0, 1, 2, 4)
    assert (series.weight_norms[0], series.weight_norms[-1]) == (start.weight_norm, end.weight_norm)
    assert history.best_epoch == 1
    assert series.weight_norms[-1] == series.weight_norms[1] != series.weight_norms[2]


def test_a_run_that_goes_on_goes_on_with_its_series() -> None:
    net = cr.mlp([3, 4, 1], loss="binary_cross_entropy")
    first = net.fit(X, y, epochs=2, callbacks=[cr.LayerRecorder(X, y)])
    both = net.fit(X, y, epochs=3, callbacks=[cr.LayerRecorder(X, y)], resume=first)
    assert both.layers[0].epochs == (0, 1, 2, 4, 5)


def test_a_history_with_series_comes_back_from_json() -> None:
    net = cr.mlp([3, 4, 1], loss="binary_cross_entropy")
    history = net.fit(X, y, epochs=3, callbacks=[cr.LayerRecorder(X, y)])
    assert History(**json.loads(json.dumps(asdict(history)))).layers == history.layers
