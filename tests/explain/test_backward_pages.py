"""The whole backward pass over arrays, and pages of networks that are wide or deep."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain import NOTATIONS

X = np.array([[1.0, 2.0, -1.0], [0.5, -0.25, 1.5]])


@pytest.fixture(params=["squared_error", "binary_cross_entropy", "cross_entropy"])
def net(request):
    outputs = 1 if request.param == "binary_cross_entropy" else 2
    return cr.mlp([3, 4, outputs], hidden="tanh", loss=request.param, dtype="float64", seed=4)


@pytest.fixture
def y(net):
    return [1, 0] if net.loss_function.name != "squared_error" else [[1.0, 0.5], [0.0, -1.0]]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_gradients_are_those_of_training_in_every_notation(net, y, notation):
    page = net.explain(X, y, notation=notation)
    gradients = net.gradients(X, y)
    assert page.value.keys() == gradients.keys()
    for name, expected in gradients.items():
        np.testing.assert_allclose(page.value[name], expected, rtol=1e-12, atol=1e-16)
        assert f"{np.abs(expected).max():.6g}" in page.text


@pytest.mark.parametrize("notation", ["columns", "phi"])
def test_columns_hold_the_numbers_of_rows_transposed(net, y, notation):
    shown = net.explain(X, y, notation=notation).text
    gradients = net.gradients(X, y)
    for name in ("W1", "W2"):
        rows = ["[" + ", ".join(f"{v:.4g}" for v in row) + "]" for row in gradients[name].T]
        assert "[" + ", ".join(rows) + "]" in re.sub(r"\s+", " ", shown)


def test_the_update_of_every_array_is_shown(net, y):
    page = net.explain(X, y, lr=0.25)
    updated = page.to_json()["updated"]
    for name, gradient in net.gradients(X, y).items():
        np.testing.assert_allclose(updated[name], net.parameters[name] - 0.25 * gradient, rtol=1e-12)


def test_the_backward_pass_goes_from_the_loss_to_the_first_layer(net, y):
    text = net.explain(X, y).text
    places = [text.index(f"∂L/∂{name} ") for name in ("z2", "W2", "h1", "z1", "W1")]
    assert places == sorted(places)


def test_a_wide_network_is_explained_in_matrices_with_the_limit_stated():
    net = cr.mlp([784, 128, 10], hidden="relu", loss="cross_entropy", dtype="float64")
    random = np.random.default_rng(0)
    X, y = random.normal(size=(32, 784)), random.integers(0, 10, 32)
    page = net.explain(X, y, "W1[3,1]", notation="textbook")
    assert page.value == pytest.approx(net.gradients(X, y)["W1"][3, 1], rel=1e-11)
    assert "101,770 parameters, more than the 400" in page.text
    assert len(page.text.splitlines()) < 80


def test_a_deep_network_is_summarised_and_says_what_is_left_out():
    net = cr.mlp([3, *[2] * 60, 1], hidden="tanh", dtype="float64")
    page = net.explain([1.0, 2.0, 3.0], 1.0)
    lines = page.text.splitlines()
    assert len(lines) < 350
    assert "equations of the layers between are left out" in page.text
    assert all(re.search(rf"^ {name}\b", page.text, re.MULTILINE) for name in ("W1", "b15"))
    assert "more parameters are left out" in page.text
    assert max(map(len, lines)) <= 110


def test_states_of_normalised_layers_take_part():
    net = cr.Network(cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(1), inputs=2, dtype="float64")
    X, y = [[1.0, 2.0], [0.5, -1.0]], [1.0, 0.0]
    page = net.explain(X, y)
    for name, expected in net.gradients(X, y).items():
        np.testing.assert_allclose(page.value[name], expected, rtol=1e-12, atol=1e-16)
