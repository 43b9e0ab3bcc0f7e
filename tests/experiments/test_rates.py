"""Verdicts on learning rates, where the behaviour of gradient descent is known in closed form."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import learning_rates
from chainrule.experiments.descents import Descent
from chainrule.experiments.verdicts import verdict


def parabola(curvature, start=1.0):
    """A network of one weight w, whose loss on one row is curvature / 2 * w^2."""
    net = cr.mlp([1, 1], bias=False, weights=start, loss="squared_error", dtype="float64")
    return net, np.array([[np.sqrt(curvature / 2)]]), np.array([0.0])


@pytest.mark.parametrize("curvature", [0.5, 2.0, 40.0])
@pytest.mark.parametrize(
    ("factors", "word"),
    [((0.2, 0.5, 0.95), "good"), ((1.05, 1.5, 1.95), "oscillates"), ((2.05, 3.0, 30.0), "diverges")],
)
def test_a_parabola_is_descended_well_below_1_over_a_and_to_and_fro_up_to_2_over_a(curvature, factors, word):
    found = learning_rates(*parabola(curvature), rates=[f / curvature for f in factors], epochs=60)
    assert [v.word for v in found.verdicts] == [word] * 3
    assert found.sharpest == pytest.approx(curvature, rel=1e-12)


def test_losses_on_a_parabola_are_those_of_the_closed_form():
    found = learning_rates(*parabola(2.0), rates=[0.005, 0.45], epochs=50)
    n = np.arange(51)
    for rate, descent in zip(found.rates, found.descents, strict=True):
        assert descent.losses == pytest.approx((1 - 2 * rate) ** (2 * n), rel=1e-11)
    assert [v.word for v in found.verdicts] == ["too slow", "good"]
    assert found.best == 0.45


def test_epochs_to_a_goal_are_those_of_the_closed_form():
    found = learning_rates(*parabola(2.0), rates=[0.05], epochs=50)
    # 0.9^(2 n) <= 0.1 from n = ln 0.1 / (2 ln 0.9) = 10.93 on.
    assert found.descents[0].reaches(0.1) == 11
    assert found.descents[0].reaches(-1.0) is None


def descent(losses):
    """Losses of a descent that moves straight on."""
    return Descent(tuple(losses), np.arange(len(losses), dtype=float)[:, None], len(losses), cr.mlp([1, 1]), 0.0)


@pytest.mark.parametrize(
    ("losses", "word"),
    [
        (np.exp(-np.arange(50) / 5), "good"),
        (np.exp(-np.arange(50) / 50), "too slow"),
        (0.5 + 0.5 * np.exp(-np.arange(50) / 2), "settles higher"),
        ([1.0, 0.5, 0.7, 0.4, 0.6, 0.3], "oscillates"),
        ([1.0, 0.5, 2.0, 1.5], "diverges"),
        ([1.0, 0.5, np.inf], "diverges"),
        ([1.0, np.nan, 0.1], "diverges"),
    ],
)
def test_curves_beside_one_that_falls_from_1_to_0_are_judged_by_their_shape(losses, word):
    assert verdict(descent(losses), best_fall=1.0).word == word


def test_moves_that_are_rounding_do_not_count_as_turning_back():
    path = np.array([0.0, 1.0, 1.5, 1.5 + 1e-9, 1.5, 1.5 + 1e-9, 1.5])[:, None]
    assert Descent((1.0,) * 7, path, 6, cr.mlp([1, 1]), 0.0).turns == 0.0


def test_where_every_rate_diverges_none_is_called_the_best():
    found = learning_rates(*parabola(2.0), rates=[1.1, 3.0, 1e300], epochs=4)
    assert found.best is None
    assert "ends lowest" not in found.text
    assert "Above the picture: rate 1.1, rate 3, rate 1e+300." in found.text


def test_the_network_that_is_given_stays_as_it_is():
    net, X, y = parabola(2.0)
    learning_rates(net, X, y, epochs=3)
    assert net.parameters["W1"].tolist() == [[1.0]]


def test_a_network_without_rows_is_refused():
    with pytest.raises(cr.ArgumentError, match="together"):
        learning_rates(cr.mlp([1, 1]))
    with pytest.raises(cr.ArgumentError, match="at least one learning rate"):
        learning_rates(rates=())
