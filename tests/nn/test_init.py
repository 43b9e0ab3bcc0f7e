"""Starting values: distributions, shapes, names, and the same start whatever the precision."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.init import INITIALISERS, He, Initialiser, LeCun, Xavier, initialiser

IN, OUT = 120, 200


def draw(start: Initialiser, shape: tuple[int, ...] = (IN, OUT), seed: int = 0) -> np.ndarray[Any, Any]:
    return start.draw(shape, np.random.default_rng(seed))


VARIANCES = {
    "xavier": (cr.init.Xavier, 2 / (IN + OUT)),  # Glorot and Bengio (2010), eq. 12 and 16
    "he": (cr.init.He, 2 / IN),  # He et al. (2015), eq. 10
    "lecun": (cr.init.LeCun, 1 / IN),
}


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("name", list(VARIANCES))
def test_variances_are_those_of_the_papers(name: str, distribution: Any) -> None:
    make, variance = VARIANCES[name]
    w = draw(make(distribution))
    n = w.size
    # Standard errors: of the mean sqrt(v / n); of the variance v sqrt((kurtosis - 1) / n), kurtosis 9/5 or 3.
    kurtosis = 1.8 if distribution == "uniform" else 3.0
    assert abs(w.mean()) < 5 * sqrt(variance / n)
    assert abs(w.var() - variance) < 5 * variance * sqrt((kurtosis - 1) / n)
    assert (w**4).mean() / w.var() ** 2 == pytest.approx(kurtosis, rel=0.05)
    if distribution == "uniform":
        bound = sqrt(3 * variance)  # Glorot's sqrt(6 / (in + out))
        assert bound * 0.999 < np.abs(w).max() <= bound


def test_normal_and_uniform_have_the_given_spread() -> None:
    w = draw(cr.init.Normal(0.2))
    assert w.std() == pytest.approx(0.2, rel=5 / sqrt(2 * w.size))
    w = draw(cr.init.Uniform(1.0, 3.0))
    assert w.min() >= 1.0
    assert w.max() < 3.0
    assert w.mean() == pytest.approx(2.0, abs=5 * sqrt(1 / 3 / w.size))
    assert w.var() == pytest.approx(1 / 3, rel=5 * sqrt(0.8 / w.size))


def test_constants() -> None:
    assert_array_equal(draw(cr.init.Zeros()), np.zeros((IN, OUT)))
    assert_array_equal(draw(cr.init.Constant(1.5)), np.full((IN, OUT), 1.5))


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (1, 4), (4, 1), (1, 1)])
def test_orthogonal_rows_or_columns(shape: tuple[int, int]) -> None:
    w = draw(cr.init.Orthogonal(gain=2.0), shape)
    assert w.shape == shape
    gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
    assert_allclose(gram, 4.0 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_matrices_are_spread_evenly() -> None:
    """Under Haar's measure an element has mean 0 and variance 1/n; QR alone gives a one-sided diagonal."""
    draws = np.stack([draw(cr.init.Orthogonal(), (3, 3), seed) for seed in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 5 * sqrt(1 / 3 / 2000)
    assert np.abs((draws**2).mean(axis=0) - 1 / 3).max() < 5 * sqrt(1 / 5 - 1 / 9) / sqrt(2000)


def test_orthogonal_needs_a_matrix() -> None:
    with pytest.raises(cr.ShapeError, match=r"need a matrix, not shape \(3,\)"):
        cr.Network(cr.Dense(3, biases=cr.init.Orthogonal()), inputs=3)


def test_given_arrays_are_taken_as_they_are() -> None:
    W, b = np.arange(6.0).reshape(2, 3), [0.1, 0.2, 0.3]
    net = cr.Network(cr.Dense(3, weights=W, biases=b), inputs=2, dtype="float64")
    assert_array_equal(net.parameters["W1"], W)
    assert_array_equal(net.parameters["b1"], b)


def test_given_arrays_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(cr.ShapeError, match=r"given starting values have shape \(2, 2\), but \(2, 3\) is needed"):
        cr.Network(cr.Dense(3, weights=np.ones((2, 2))), inputs=2)


def test_names() -> None:
    for name, made in INITIALISERS.items():
        if name != "given":
            assert type(initialiser(name)) is made
            assert type(initialiser(name.upper())) is made
    with pytest.raises(cr.UnknownNameError, match="unknown initialiser 'xaver': did you mean 'xavier'"):
        cr.Dense(3, weights="xaver")
    with pytest.raises(cr.ArgumentError, match="give the starting values themselves"):
        initialiser("given")


@pytest.mark.parametrize("name", [n for n in INITIALISERS if n != "given"])
def test_draws_depend_on_the_seed_alone(name: str) -> None:
    start = initialiser(name)
    assert_array_equal(draw(start, seed=3), draw(start, seed=3))
    if name not in ("zeros", "constant"):
        assert (draw(start, seed=3) != draw(start, seed=4)).mean() > 0.99


@pytest.mark.parametrize(
    "start",
    [
        *(initialiser(n) for n in INITIALISERS if n != "given"),
        cr.init.Normal(0.3),
        cr.init.Xavier("normal"),
        cr.init.Orthogonal(1.5),
        cr.init.Given([[1, 2], [3, 4]]),
    ],
)
def test_descriptions_read_back(start: Initialiser) -> None:
    import json

    assert initialiser(json.loads(json.dumps(start.to_json()))) == start


def test_numbers_and_arrays_stand_for_themselves() -> None:
    assert initialiser(2) == cr.init.Constant(2.0)
    assert initialiser([[1.0]]) == cr.init.Given([[1.0]])
    assert initialiser(np.eye(2)) == cr.init.Given(np.eye(2))


@pytest.mark.parametrize(
    ("activation", "start"),
    [
        (None, Xavier()),
        ("linear", Xavier()),
        ("tanh", Xavier()),
        ("sigmoid", Xavier()),
        ("softmax", Xavier()),
        ("relu", He()),
        ("leaky_relu", He()),
        ("elu", He()),
        ("gelu", He()),
        ("silu", He()),
        ("mish", He()),
        ("selu", LeCun()),
    ],
)
def test_the_default_suits_the_activation(activation: str | None, start: Initialiser) -> None:
    net = cr.Network(cr.Dense(OUT, activation), inputs=IN, dtype="float64", seed=5)
    w = net.parameters["W1"]
    expected = start.variance(IN, OUT)  # type: ignore[attr-defined]
    assert w.var() == pytest.approx(expected, rel=5 * sqrt(2 / w.size))
    assert (np.abs(w).max() <= sqrt(3 * expected)) == (start.distribution == "uniform")  # type: ignore[attr-defined]
    assert not net.parameters["b1"].any()


def test_networks_start_the_same_for_the_same_seed() -> None:
    a, b, c = (cr.mlp([3, 7, 2], seed=s) for s in (1, 1, 2))
    assert_array_equal(a.parameters.theta, b.parameters.theta)
    assert (a.parameters["W1"] != c.parameters["W1"]).all()


def test_both_precisions_start_the_same() -> None:
    wide, narrow = (cr.mlp([3, 7, 2], seed=1, dtype=d) for d in ("float64", "float32"))
    assert narrow.parameters.theta.dtype == np.float32
    assert_array_equal(narrow.parameters.theta, wide.parameters.theta.astype(np.float32))


def test_reset_draws_again() -> None:
    net = cr.Network(cr.Dense(4, "relu"), cr.BatchNorm(), cr.Dense(1), inputs=3, seed=1)
    start = net.parameters.theta.copy()
    net.fit(np.random.default_rng(0).normal(size=(20, 3)), np.ones(20), epochs=1)
    assert (net.parameters.theta != start).any()
    assert net.states["mean1"].any()
    net.reset()
    assert_array_equal(net.parameters.theta, start)
    assert not net.states["mean1"].any()
    assert_array_equal(net.states["variance1"], 1.0)
    net.reset(seed=2)
    assert (net.parameters["W1"] != cr.mlp([3, 4, 1], seed=1).parameters["W1"]).all()
    assert net.seed == 2
    with pytest.raises(cr.ArgumentError, match="seed must be a whole number from 0, not -1"):
        net.reset(seed=-1)
    assert net.seed == 2


def test_a_width_does_not_change_the_draws_before_it() -> None:
    a, b = (cr.mlp([3, 7, n], seed=1) for n in (2, 5))
    assert_array_equal(a.parameters["W1"], b.parameters["W1"])
