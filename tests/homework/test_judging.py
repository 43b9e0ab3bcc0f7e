"""Intervals and sign tests beside published numbers and SciPy."""

import pytest

from chainrule.homework.judging import Comparison, Score


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_that_newcombe_published(right, rows, low, high):
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table I, the score method."""
    assert Score(right, rows).interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("counts", [(0, 0), (3, 3), (0, 5), (1, 9), (12, 30), (400, 520), (900, 1200)])
def test_the_sign_test_is_the_binomial_test(counts):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0
    assert Comparison(*counts).p_value == pytest.approx(expected, rel=1e-9)
    assert Comparison(*counts).differ == (expected < 0.05)
