"""Random numbers from a counter: known answers, and what a mask needs of them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.threefry import threefry, uniform
from chainrule.expression import symbol
from chainrule.ops.random import dropout_mask
from chainrule.trace import trace

KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
"""key, counter, answer: kat_vectors of Random123 for threefry2x32 with 20 rounds."""


def draw(shape, key=1, step=0, stream=0, dtype=np.float64):
    return uniform(key, step, stream=stream, shape=shape, dtype=dtype)


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN)
def test_known_answers(key, counter, answer):
    first, second = threefry(key, counter)
    assert (int(first), int(second)) == answer
    many = threefry(key, (np.full(3, counter[0], np.uint32), np.uint32(counter[1])))
    assert [int(v) for v in many[0]] == [answer[0]] * 3


def test_numbers_lie_in_0_to_1_and_1_is_never_reached():
    u = draw((200_000,))
    assert u.min() >= 0
    assert u.max() <= 1 - 2.0**-24
    np.testing.assert_array_equal(u * 2.0**24, np.floor(u * 2.0**24))


def test_mean_variance_and_spread_are_those_of_the_uniform_distribution():
    n = 200_000
    u = draw((n,), key=3)
    assert abs(u.mean() - 0.5) < 5 / np.sqrt(12 * n)
    assert abs(u.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / n)
    counts = np.bincount((u * 100).astype(int), minlength=100)
    assert np.sum((counts - n / 100) ** 2) / (n / 100) < 99 + 5 * np.sqrt(2 * 99)


def test_every_bit_is_fair():
    n = 100_000
    bits = (draw((n,), key=9) * 2**24).astype(np.int64)
    for bit in range(24):
        assert abs(np.mean(bits >> bit & 1) - 0.5) < 5 / np.sqrt(4 * n)


@pytest.mark.parametrize("other", [{"key": 2}, {"step": 1}, {"stream": 1}, {"lag": 1}, {"lag": 2}, {"lag": 64}])
def test_what_differs_in_key_step_stream_or_place_is_uncorrelated(other):
    n = 100_000
    lag = other.pop("lag", 0)
    first, second = draw((n + lag,))[lag:], draw((n + lag,), **other)[:n]
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(n)


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_a_row_does_not_depend_on_how_many_follow(columns):
    long = draw((50, columns), step=7)
    for rows in [1, 2, 17, 49]:
        np.testing.assert_array_equal(draw((rows, columns), step=7), long[:rows])


def test_both_precisions_hold_the_same_numbers():
    single, double = draw((1000,), dtype=np.float32), draw((1000,))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single.astype(np.float64), double)


def test_sizes_that_need_half_a_block():
    assert draw(()).shape == ()
    assert draw((0, 3)).shape == (0, 3)
    assert draw((5,))[0] == draw(()) == draw((1, 1))[0, 0]


def test_in_a_program():
    key, step = symbol("key", (), "int"), symbol("step", (), "int")
    X = cr.symbols("X", shape=("B", 4))
    program = trace({"u": cr.operations["uniform"](key, step, stream=2, shape=("B", 4)) + 0 * X})
    from chainrule.engines.numpy import run

    for rows in (3, 8):
        results = run(program, {"key": 5, "step": 6, "X": np.ones((rows, 4))})
        np.testing.assert_array_equal(results["u"], draw((rows, 4), key=5, step=6, stream=2))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share_and_passes_the_gradient_through_it(rate):
    key, step = symbol("key", (), "int"), symbol("step", (), "int")
    X = cr.symbols("X", shape=("B", 100))
    dropped = X * dropout_mask(key, step, rate, X, stream=1) / (1 - rate)
    program = cr.derive(cr.mean(dropped), wrt="X")
    results = program(key=1, step=2, X=np.ones((1000, 100)))
    kept = np.mean(results["dX"] != 0)
    assert abs(kept - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / 1e5)
    assert results["value"] == pytest.approx(kept / (1 - rate), rel=1e-12)
    again = program(key=1, step=3, X=np.ones((1000, 100)))
    assert np.mean((again["dX"] != 0) == (results["dX"] != 0)) < 0.95
