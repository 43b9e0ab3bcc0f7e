"""Many starts against one."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import starts

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def test_the_single_start_is_the_first_of_the_many_and_goes_on():
    net = cr.mlp([2, 2, 1], loss="binary_cross_entropy", dtype="float64")
    found = starts(net, X, Y, count=5, epochs=20, batch_size="all", rate=0.3, seed=11)
    assert found.exploration.losses[:, 0] == pytest.approx(found.exploitation.losses[:20], rel=1e-12)
    assert len(found.exploitation.losses) == 5 * 20 + 1


def test_each_start_is_compared_by_its_loss_after_the_last_update():
    net = cr.mlp([2, 2, 1], loss="binary_cross_entropy", dtype="float64")
    found = starts(net, X, Y, count=3, epochs=20, rate=0.3, seed=11)  # the first of them is the one that goes on
    assert found.exploration.scores[0] == pytest.approx(found.exploitation.losses[20], rel=1e-12)


def test_starts_that_all_diverge_have_no_winner():
    found = starts(count=3, epochs=2, rate=1e30)
    assert found.conclusion.startswith("No descent")


def test_on_a_bowl_every_start_ends_at_the_bottom_and_one_start_is_as_good():
    rows = np.random.default_rng(0).normal(size=(30, 2))
    net = cr.mlp([2, 1], dtype="float64")
    found = starts(net, rows, rows @ [1.0, 2.0] + 1, count=6, epochs=40, rate=0.05)
    assert found.good == 6
    assert found.ends == pytest.approx(np.zeros(6), abs=1e-6)
    assert "neither wins" in found.conclusion


def test_the_network_that_is_given_stays_where_it_is():
    net = cr.mlp([2, 2, 1], loss="binary_cross_entropy", seed=5)
    before = net.parameters.theta.copy()
    starts(net, X, Y, count=3, epochs=5)
    assert (net.parameters.theta == before).all()
    assert net.seed == 5
