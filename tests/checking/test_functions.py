"""Pairs of Python functions: a student's forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4))
W1, B1, W2, B2 = RNG.normal(size=(4, 4)), RNG.normal(size=4), RNG.normal(size=(4, 4)), RNG.normal(size=4)
VALUES = {"X": X, "Y": Y, "W1": W1, "b1": B1, "W2": W2, "b2": B2}


def forward(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    return np.mean(np.sum((h @ W2 + b2 - Y) ** 2, axis=1))


def backward(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    g = 2 * (h @ W2 + b2 - Y) / len(X)
    gz = g @ W2.T * (1 - h**2)
    return {"W1": X.T @ gz, "b1": gz.sum(axis=0), "W2": h.T @ g, "b2": g.sum(axis=0)}


def with_slip(**slips):
    """The backward function with some of its results changed."""

    def backward_with_slip(**values):
        right = backward(**values)
        return right | {name: change(right[name]) for name, change in slips.items()}

    return backward_with_slip


def test_a_right_pair_holds():
    certificate = cr.check(forward, backward, **VALUES)
    assert certificate
    assert [c.name for c in certificate.comparisons] == ["W1", "b1", "W2", "b2"]
    assert certificate.checked == 40
    assert certificate.max_error < 1e-8
    assert all(1e-9 < entry.step < 1 for entry in certificate)


SLIPS = {
    "the sign is wrong": {"W1": lambda d: -d},
    "a factor 2 is missing": {"W2": lambda d: d / 2},
    "a factor 2 is too much, or a factor 1/2 is missing": {"b2": lambda d: 2 * d},
    "a division by the 6 rows of the batch is missing": {"W2": lambda d: 6 * d},
    "it is divided by the 6 rows of the batch once too often, or not summed over them": {"b1": lambda d: d / 6},
    "a transpose is missing": {"W1": lambda d: d.T},
    "its shape is (6, 4), not (4,): the sum over the batch is missing": {"b2": lambda d: np.tile(d / 6, (6, 1))},
    "it is 1.3 times what it should be": {"b1": lambda d: 1.3 * d},
    "": {"W2": lambda d: d + 1e-6 * np.eye(4)},
}


@pytest.mark.parametrize("cause", SLIPS)
def test_a_slip_is_found_and_named(cause):
    certificate = cr.check(forward, with_slip(**SLIPS[cause]), **VALUES)
    assert not certificate
    (name,) = SLIPS[cause]
    assert certificate.finding.where == f"d{name}"
    assert certificate.finding.cause == cause


def test_results_in_order_and_arguments_in_order():
    def product(x, w):
        return float(x @ w)

    assert cr.check(product, lambda x, w: (w, x), [1.0, 2.0], [3.0, 4.0])
    assert not cr.check(product, lambda x, w: (x, w), [1.0, 2.0], [3.0, 4.0])


def test_functions_that_return_arrays_get_weights():
    assert cr.check(lambda z: np.tanh(z), lambda z, g: g * (1 - np.tanh(z) ** 2), X)
    assert not cr.check(lambda z: np.tanh(z), lambda z, g: g * (1 - np.tanh(np.tanh(z)) ** 2), X)


def test_between_the_sides_of_a_kink_any_slope_holds():
    for slope, holds in [(0.0, True), (0.5, True), (1.0, True), (1.1, False), (-0.1, False)]:
        relu = lambda x: np.sum(np.maximum(x, 0))  # noqa: E731
        certificate = cr.check(relu, lambda x, s=slope: np.where(x == 0, s, x > 0), [-1.0, 0.0, 2.0])
        assert bool(certificate) is holds


def test_whole_numbers_and_words_are_left_alone():
    def loss(x, codes, kind):
        assert kind == "sum"
        return np.sum(x[codes])

    certificate = cr.check(
        loss,
        lambda x, codes, kind: {"x": np.bincount(codes, minlength=3)},
        x=[1.0, 2.0, 3.0],
        codes=np.array([0, 2, 2]),
        kind="sum",
    )
    assert certificate
    assert certificate.checked == 3


def test_a_function_that_writes_into_its_arguments_does_no_harm():
    def careless(x):
        x *= 2
        return np.sum(x**2)

    assert cr.check(careless, lambda x: 8 * x, [1.0, 2.0])


def test_wrong_slopes_of_1e_8_are_found():
    assert cr.check(lambda x: 1e-8 * np.sum(x**2), lambda x: 2e-8 * x, [1.0, 2.0])
    assert not cr.check(lambda x: 1e-8 * np.sum(x**2), lambda x: -10e-8 * x, [1.0, 2.0])


@pytest.mark.parametrize("large", [1e1, 1e3, 1e6])
def test_functions_that_lose_digits_are_judged_by_what_is_left(large):
    """large + f - large moves in the grains of ``large``."""
    for x in np.random.default_rng(2).normal(size=20):
        assert cr.check(lambda x: (large + np.sin(3 * x)) - large, lambda x: 3 * np.cos(3 * x), x)
        assert not cr.check(lambda x: (large + np.sin(3 * x)) - large, lambda x: 3.03 * np.cos(3 * x), x)


RANDOM = np.random.default_rng(0)

MISUSE = {
    "too few derivatives": (lambda: cr.check(forward, lambda **v: (1.0,), **VALUES), "returns 1 derivatives"),
    "an unknown one": (lambda: cr.check(forward, lambda **v: {"W9": 1.0}, **VALUES), "W9"),
    "no point": (lambda: cr.check(forward, backward), "the point"),
    "words": (lambda: cr.check(lambda x: "a", lambda x: x, 1.0), "a number or an array"),
    "a missing return": (lambda: cr.check(lambda x: None, lambda x: x, 1.0), "a number or an array"),
    "words as a derivative": (lambda: cr.check(lambda x: x, lambda x: "a", 1.0), "as dx, not 'a'"),
    "complex derivatives": (lambda: cr.check(lambda x: x, lambda x: 1j, 1.0), "as dx, not 1j"),
    "ragged derivatives": (lambda: cr.check(np.sum, lambda a: [[1, 2], [3]], np.ones((2, 2))), "different lengths"),
    "random numbers": (lambda: cr.check(lambda x: x * RANDOM.random(), lambda x: 1.0, 1.0), "when called again"),
    "an undefined value": (lambda: cr.check(lambda x: np.log(x), lambda x: 1 / x, -1.0), "nan"),
}


@pytest.mark.parametrize("misuse", MISUSE)
def test_misuse_of_pairs_gets_one_clear_error(misuse):
    call, words = MISUSE[misuse]
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert words in str(caught.value)


def test_no_slip_is_named_where_none_explains_a_small_error():
    """Neither a sum over a batch, of which a number has none, nor a factor that reads as 1."""
    for scale in (1.0, 1e150):
        certificate = cr.check(lambda x, s=scale: s * x**2, lambda x, s=scale: 2 * s * x * (1 + 1e-7), 0.5)
        assert not certificate
        assert certificate.finding.cause == ""
