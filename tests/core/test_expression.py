"""Formulas as users write them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ProgramError, ShapeError
from chainrule.expression import lift, register, symbol


def test_operators_are_those_of_python():
    x, y = 1.7, -0.6
    a, b = cr.symbols("a b")
    for formula, wanted in [
        (a + b, x + y),
        (a - b, x - y),
        (a * b, x * y),
        (a / b, x / y),
        (a**2, x**2),
        (2**a, 2**x),
        (1 + a, 1 + x),
        (1 - a, 1 - x),
        (3 * a, 3 * x),
        (3 / a, 3 / x),
        (-a, -x),
        (+a, x),
        (abs(b), abs(y)),
        (a < b, x < y),
        (a <= b, x <= y),
        (a > b, x > y),
        (a >= b, x >= y),
    ]:
        assert cr.evaluate(formula + 0 * a + 0 * b, a=x, b=y) == pytest.approx(float(wanted), rel=1e-15)


def test_numpy_numbers_and_arrays_on_either_side():
    a = cr.symbols("a")
    assert cr.evaluate(np.float64(2) * a, a=3.0) == 6
    assert cr.evaluate(a * np.float32(2), a=3.0) == 6
    with pytest.raises(ArgumentError, match="give arrays a symbol"):
        np.ones(2) * a
    with pytest.raises(ArgumentError, match="symbols and numbers, not of str"):
        a + "1"
    with pytest.raises(ArgumentError, match="symbols and numbers, not of bool"):
        a * True


def test_matrix_products_of_vectors_follow_numpy():
    generator = np.random.default_rng(1)
    for left, right in [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4,))]:
        x, y = generator.normal(size=left), generator.normal(size=right)
        result = cr.evaluate(cr.symbols("x", shape=left) @ cr.symbols("y", shape=right), x=x, y=y)
        np.testing.assert_allclose(result, x @ y, rtol=1e-13)
        assert np.shape(result) == np.shape(x @ y)
    with pytest.raises(ShapeError, match="arrays on both sides"):
        cr.symbols("x") @ cr.symbols("y", shape=(2, 2))
    with pytest.raises(ShapeError, match="arrays on both sides"):
        cr.symbols("x", shape=(2, 2)) @ 3.0


def test_indexing_and_methods_follow_numpy():
    X = cr.symbols("X", shape=(3, 5))
    data = np.random.default_rng(2).normal(size=(3, 5))
    for formula, wanted in [
        (X[1], data[1]),
        (X[:, 2], data[:, 2]),
        (X[-1, -2], data[-1, -2]),
        (X[:2, 1:4], data[:2, 1:4]),
        (X.T, data.T),
        (X.sum(), data.sum()),
        (X.mean(axis=0), data.mean(axis=0)),
        (X.max(axis=1, keepdims=True), data.max(axis=1, keepdims=True)),
        (X.reshape(5, 3), data.reshape(5, 3)),
    ]:
        np.testing.assert_allclose(cr.evaluate(formula, X=data), wanted, rtol=1e-14)


def test_an_expression_has_no_truth_value_and_is_not_iterable():
    X = cr.symbols("X", shape=(3,))
    with pytest.raises(ArgumentError, match=r"use cr\.where"):
        bool(X > 0)
    with pytest.raises(ArgumentError, match=r"use cr\.where"):
        _ = 0 < X < 1
    with pytest.raises(TypeError):
        iter(X)


def test_shapes_that_do_not_fit_name_the_symbols():
    W, b = cr.symbols("W", shape=(2, 3)), cr.symbols("b", shape=(4,))
    with pytest.raises(ShapeError, match=r"add: .*\(W: \(2, 3\), b: \(4,\)\)"):
        W + b


def test_calls_that_do_not_fit_show_the_signature():
    x = cr.symbols("x")
    with pytest.raises(ArgumentError, match=r"maximum\(x, y\) was called with"):
        cr.maximum(x)
    with pytest.raises(ArgumentError, match=r"tanh\(x\) was called with"):
        cr.tanh(x, slope=2)
    with pytest.raises(ArgumentError, match="was called with"):
        cr.maximum(x, x=x)
    with pytest.raises(ArgumentError, match="reshape needs shape"):
        cr.reshape(x)
    with pytest.raises(ArgumentError, match="at least one argument"):
        cr.concatenate()
    with pytest.raises(ArgumentError, match="no argument 'y'"):
        cr.concatenate(x, y=x)


def test_defaults_and_names_of_arguments():
    x = cr.symbols("x")
    assert cr.evaluate(cr.leaky_relu(x), x=-1.0) == -0.01
    assert cr.evaluate(cr.leaky_relu(x, 0.2), x=-1.0) == -0.2
    assert cr.evaluate(cr.leaky_relu(x, slope=0.2), x=-1.0) == -0.2
    assert cr.evaluate(cr.leaky_relu(x=x, slope=0.2), x=-1.0) == -0.2


def test_numbers_meet_at_once():
    assert (lift(2) * lift(3)).literal == 6
    assert (lift(2.0) / lift(4)).literal == 0.5
    assert (-lift(3)).literal == -3
    assert (lift(2) ** lift(-1)).literal == 0.5
    assert (lift(1) / lift(0)).literal is None
    assert (lift(-8.0) ** lift(0.5)).literal is None


def test_symbols():
    a, b = cr.symbols("a, b", shape=("B", 3))
    assert a.shape == b.shape == ("B", 3)
    assert cr.symbols("k", shape=4, dtype="int").dtype == "int"
    assert repr(cr.symbols("x", shape=(2,))) == "<x: float (2,)>"
    for name in ["2x", "lambda", "a-b"]:
        with pytest.raises(ProgramError, match="cannot be the name"):
            symbol(name)
    with pytest.raises(ArgumentError, match="at least one name"):
        cr.symbols(" ")


def test_expressions_are_immutable_in_name():
    x = cr.symbols("x")
    z = (2 * x).named("z")
    assert z.name == "z"
    assert z.named("other").name == "z"
    assert x.named("other").name == "x"
    with pytest.raises(ProgramError, match="cannot be the name"):
        (2 * x).named("for")


def test_names_of_operations_are_unique():
    with pytest.raises(ArgumentError, match="named 'tanh' exists already"):
        register(cr.operations["tanh"])


def test_truth_values_count():
    X = cr.symbols("X", shape=(4,))
    data = np.array([1.0, -1.0, 2.0, 3.0])
    assert cr.evaluate(cr.sum(X > 0), X=data) == 3
    assert cr.evaluate(cr.mean(1.0 * (X > 0)), X=data) == 0.75
    assert (X > 0).dtype == "bool"
    assert cr.sum(X > 0).dtype == "float"


def test_whole_numbers_stay_whole_until_they_meet_floats():
    k = cr.symbols("k", shape=(3,), dtype="int")
    x = cr.symbols("x", shape=(3,))
    assert (k + 1).dtype == "int"
    assert (k * x).dtype == "float"
    assert (k / 2).dtype == "float"
    values = cr.evaluate(k + 1, k=[1, 2, 3])
    assert values.dtype == np.int64
    np.testing.assert_array_equal(cr.evaluate(k / 2, k=[1, 2, 3], dtype="float32"), np.float32([0.5, 1, 1.5]))
    assert cr.evaluate(k / 2, k=[1, 2, 3], dtype="float32").dtype == np.float32
