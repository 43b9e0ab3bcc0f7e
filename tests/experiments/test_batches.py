"""Batches: counts, gradients that stray, and descents beside NumPy."""

from itertools import combinations

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import batches, counting

X = np.random.default_rng(1).normal(size=(6, 2))
Y = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])


def network():
    return cr.mlp([2, 3, 1], loss="binary_cross_entropy", seed=4, dtype="float64")


def test_the_noise_of_batches_is_that_of_all_possible_batches():
    """Every batch of 1, 2 and 6 of the 6 rows, gone through."""
    net = network()
    flat = lambda rows: np.concatenate([g.ravel() for g in net.gradients(X[rows], Y[rows]).values()])  # noqa: E731
    mean = flat(list(range(6)))
    expected = [
        np.sqrt(np.mean([np.sum((flat(list(rows)) - mean) ** 2) for rows in combinations(range(6), size)]))
        / np.linalg.norm(mean)
        for size in (1, 2, 6)
    ]
    found = batches(net, X, Y, sizes=(1, 2, "all"), epochs=1)
    assert found.noise == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_batch_descent_is_plain_gradient_descent():
    net = network()
    found = batches(net, X, Y, sizes=("all",), rate=0.5, epochs=4)
    losses = [net.loss(X, Y)]
    for _ in range(4):
        for name, gradient in net.gradients(X, Y).items():
            net.parameters[name] = net.parameters[name] - 0.5 * gradient
        losses.append(net.loss(X, Y))
    assert found.descents[0].losses == pytest.approx(losses, rel=1e-12)


def test_where_every_batch_size_diverges_none_is_called_the_best():
    found = batches(network(), X, Y, rate=1e30, sizes=("all", 2), epochs=2)
    assert "ends lowest" not in found.text
    assert "try a smaller one" in found.conclusion


def test_a_loss_that_adds_rows_up_has_no_noise_figure():
    net = cr.mlp([2, 1], loss=cr.losses.squared_error(reduction="sum"))
    assert batches(net, X, Y, sizes=(2,), rate=0.01, epochs=1).noise is None


@pytest.mark.parametrize(("rows", "size", "epochs"), [(100, 32, 3), (6, 6, 2), (7, 1, 2), (50, 50, 1), (5, 9, 4)])
def test_counts_are_those_of_a_training_that_is_watched(rows, size, epochs):
    net = cr.mlp([1, 1])
    history = net.fit(np.zeros((rows, 1)), np.zeros(rows), epochs=epochs, batch_size=size)
    found = counting(rows, size, epochs)
    assert found.updates == history.steps
    assert (found.batches - 1) * found.batch_size + found.last_batch == rows


def test_the_counts_of_a_hundred_thousand_rows_are_those_of_the_course():
    found = counting(100_000, 50, 3)
    assert (found.batches, found.updates, found.gradients) == (2_000, 6_000, 300_000)
    assert counting(100_000, "all", 3).updates == 3


@pytest.mark.parametrize("shuffle", [True, "once", False])
def test_batches_are_drawn_as_training_draws_them(shuffle):
    found = batches(network(), X, Y, sizes=(4,), rate=0.3, epochs=5, shuffle=shuffle, seed=1)
    how = {"epochs": 5, "batch_size": 4, "optimizer": cr.SGD(0.3), "shuffle": shuffle, "seed": 1}
    history = network().fit(X, Y, **how, validation=(X, Y))
    assert found.descents[0].losses[1:] == tuple(history.validation_loss)
    drawn = {True: "new batches", "once": "drawn once", False: "in their order"}
    assert drawn[shuffle] in found.text
