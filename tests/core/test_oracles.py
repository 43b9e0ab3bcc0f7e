"""The oracles, on derivatives known in closed form, over sixteen orders of magnitude."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.oracles import central_differences, complex_step, one_sided

SCALES = [1e-8, 1e-4, 1.0, 1e4, 1e8]
FUNCTIONS = {
    "cube": (lambda x: np.sum(x**3), lambda x: 3 * x**2),
    "log": (lambda x: np.sum(np.log(x)), lambda x: 1 / x),
    "sqrt": (lambda x: np.sum(np.sqrt(x)), lambda x: 0.5 / np.sqrt(x)),
    "reciprocal": (lambda x: np.sum(1 / x), lambda x: -1 / x**2),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_of_every_size(name, scale):
    function, derivative = FUNCTIONS[name]
    x = scale * np.array([0.7, 1.0, 1.9])
    np.testing.assert_allclose(complex_step(function, x), derivative(x), rtol=1e-14)
    # One element at a time: beside a number of another size, differences lose what its rounding hides.
    for value in x:
        slope, error, _ = central_differences(function, value)
        assert abs(slope - derivative(value)) <= 1e-9 * abs(derivative(value))
        assert abs(slope - derivative(value)) <= 10 * error
        assert error <= 1e-6 * abs(slope)


@pytest.mark.parametrize("x", [-1.3, -1e-8, 0.0, 1e-8, 0.4, 3.0, 30.0])
def test_functions_whose_scale_is_1_whatever_the_point(x):
    for function, derivative in [
        (np.sin, np.cos),
        (np.exp, np.exp),
        (np.tanh, lambda v: 1 / np.cosh(v) ** 2),
    ]:
        slope, error, _ = central_differences(function, x)
        assert abs(slope - derivative(x)) <= 10 * error
        assert error <= 1e-7 * max(abs(slope), 1e-3)


def test_a_small_derivative_between_large_ones():
    slope, _, _ = central_differences(np.cos, 1e-8)
    assert abs(slope - -1e-8) < 1e-4 * 1e-8


@pytest.mark.parametrize("x", [-3.0, -1e-8, 1e-8, 1e-3, 0.05, 2.0])
def test_a_kink_nearby_does_not_deceive(x):
    slope, error, _ = central_differences(lambda v: np.maximum(v, 0.0), x)
    assert abs(slope - (x > 0)) <= 10 * error + 1e-12
    assert error < 1e-6


def test_points_next_to_the_end_of_the_domain():
    slope, error, _ = central_differences(np.log, 1e-12)
    assert abs(slope * 1e-12 - 1) < 1e-7
    assert error * 1e-12 < 1e-6


def test_where_nothing_is_defined_the_error_is_infinite():
    slope, error, _ = central_differences(lambda x: np.log(-np.abs(x) - 1), 0.5)
    assert np.isnan(slope)
    assert np.isinf(error)


def test_shapes_are_kept():
    x = np.arange(6.0).reshape(2, 3) + 1
    assert complex_step(lambda v: np.sum(v * v), x).shape == (2, 3)
    slope, error, _ = central_differences(lambda v: np.sum(v * v), x)
    assert slope.shape == error.shape == (2, 3)
    np.testing.assert_allclose(slope, 2 * x, rtol=1e-10)


def test_one_sided_slopes_at_kinks_and_jumps():
    for function, point, left, right in [
        (np.abs, 0.0, -1, 1),
        (lambda x: np.maximum(x, 0) ** 2 + np.maximum(-x, 0), 0.0, -1, 0),
        (np.floor, 1.0, 0, 0),
        (lambda x: np.sign(x) + 2 * x, 0.0, 2, 2),
        (np.exp, 1.0, np.e, np.e),
    ]:
        assert one_sided(function, point, 1.0)[0] == pytest.approx(right, rel=1e-7, abs=1e-9)
        assert -one_sided(function, point, -1.0)[0] == pytest.approx(left, rel=1e-7, abs=1e-9)


def test_one_sided_slopes_along_a_direction():
    slope, error = one_sided(np.max, np.zeros(3), np.array([1.0, 2.0, -3.0]))
    assert abs(slope - 2) <= 10 * error
