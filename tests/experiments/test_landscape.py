"""The loss over a plane, beside closed forms."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import landscape
from chainrule.experiments.hills import _filter_normalised

X = np.random.default_rng(2).normal(size=(20, 2))
Y = X @ [1.0, -2.0] + 0.5


def line():
    """A network of two weights."""
    return cr.mlp([2, 1], bias=False, loss="squared_error", weights=0.5, dtype="float64")


def test_heights_over_two_weights_are_those_of_the_formula():
    found = landscape(line(), X, Y, over=("W1[0,0]", "W1[1,0]"), rate=0.1, epochs=20, points=7)
    a, b = found.axes
    expected = [[np.mean((X @ [u, v] - Y) ** 2) for u in a] for v in b]
    assert found.heights == pytest.approx(np.array(expected), rel=1e-10)
    assert found.path[0] == pytest.approx([0.5, 0.5], rel=1e-12)
    assert found.captured == pytest.approx(1.0)
    assert found.path_heights == pytest.approx(found.descent.losses, rel=1e-10)


def test_a_plane_of_the_path_holds_all_of_a_path_in_two_dimensions():
    found = landscape(line(), X, Y, over="path", rate=0.1, epochs=20, points=5)
    assert found.captured == pytest.approx(1.0)
    assert found.path[-1] == pytest.approx([0.0, 0.0], abs=1e-12)
    steps = np.linalg.norm(np.diff(found.descent.path, axis=0), axis=1)
    assert np.linalg.norm(np.diff(found.path, axis=0), axis=1) == pytest.approx(steps, rel=1e-8)


def test_random_directions_are_as_long_as_the_weights_of_each_unit():
    net = cr.mlp([3, 4, 1], biases=0.3, dtype="float64")
    theta = net.parameters.theta
    drawn = net.parameters.views_of(_filter_normalised(net, theta, np.random.default_rng(0)))
    for name, own in net.parameters.items():
        axis = 0 if own.ndim > 1 else None
        assert np.linalg.norm(drawn[name], axis=axis) == pytest.approx(np.linalg.norm(own, axis=axis), rel=1e-12)
    assert 0 < landscape(over="random", epochs=5, points=3).captured < 1


@pytest.mark.parametrize(
    "over", [("W1[0,7]", "W1[0,0]"), ("W9[0]", "W1[0,0]"), ("W1", "W1[0,0]"), ("W1[a]", "W1[0,0]")]
)
def test_an_element_that_is_not_there_is_refused_with_the_shapes(over):
    with pytest.raises(cr.ArgumentError, match=r"W1\[2, 1\]"):
        landscape(line(), X, Y, over=over)


def test_planes_that_are_none_are_refused():
    with pytest.raises(cr.ArgumentError, match="'random', 'path'"):
        landscape(line(), X, Y, over="anywhere")
    with pytest.raises(cr.ArgumentError, match="choose two"):
        landscape(line(), X, Y, over=("W1[0,0]", "W1[0,0]"))
    with pytest.raises(cr.ArgumentError, match="smaller rate"):
        landscape(line(), X, Y, rate=1e6, epochs=200)


def test_the_map_has_the_running_averages_of_the_end():
    net = cr.Network(cr.Dense(3), cr.BatchNorm(), cr.Dense(1), inputs=2, dtype="float64")
    found = landscape(net, X + 5.0, Y, rate=0.01, epochs=10, points=3)
    assert found.path_heights[-1] == pytest.approx(found.descent.end, rel=1e-10)
