"""Intervals against published ones, other libraries, and how often they hold the truth."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from chainrule.judging.intervals import auc_interval, bootstrap, wilson

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_the_published_intervals(hits, rows, low, high):
    """Newcombe, Statistics in Medicine 17 (1998), Table I, method 3."""
    assert wilson(hits, rows) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("rows", [1, 2, 7, 100, 10**6])
def test_shares_have_the_intervals_of_scipy(rows):
    for hits in {0, 1, rows // 3, rows - 1, rows}:
        peer = stats.binomtest(hits, rows).proportion_ci(method="wilson")
        assert wilson(hits, rows) == pytest.approx((peer.low, peer.high), rel=1e-9, abs=1e-12)


def test_the_bootstrap_is_that_of_scipy():
    values = RNG.exponential(size=300)
    peer = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20000, rng=1).confidence_interval
    assert bootstrap(values[:, None], lambda m: m[:, 0]) == pytest.approx((peer.low, peer.high), rel=0.02)


def test_the_bootstrap_of_many_rows_is_that_of_theory():
    """A mean of 50,000 rows is normal: 1.96 standard errors to both sides, up to the noise of 1000 draws."""
    values = RNG.normal(10, 3, 50_001)
    low, high = bootstrap(values[:, None], lambda m: m[:, 0])
    error = 1.96 * values.std() / sqrt(len(values))
    assert (low - values.mean()) / error == pytest.approx(-1, abs=0.12)
    assert (high - values.mean()) / error == pytest.approx(1, abs=0.12)


def test_draws_without_a_value_are_left_out():
    low, high = bootstrap(np.array([[1.0], [0.0]]), lambda m: np.where(m[:, 0] == 0.5, 7.0, np.nan))
    assert (low, high) == (7.0, 7.0)


def test_an_area_holds_the_areas_that_it_does_not_contradict():
    """The ends solve |a - area| = z sqrt(variance at a), Newcombe (2006); written out for one case."""
    low, high = auc_interval(0.8, 25, 40)
    n = (25 + 40) / 2 - 1
    for a in (low, high):
        variance = a * (1 - a) * (1 + n * (1 - a) / (2 - a) + n * a / (1 + a)) / (25 * 40)
        assert abs(0.8 - a) == pytest.approx(1.959963985 * sqrt(variance), rel=1e-6)
    assert low < 0.8 < high


@pytest.mark.parametrize("auc", [0.0, 0.3, 0.5, 0.97, 1.0])
def test_the_other_class_has_the_mirrored_interval(auc):
    low, high = auc_interval(auc, 12, 30)
    assert 0 <= low <= auc <= high <= 1
    assert low < high
    assert auc_interval(1 - auc, 30, 12) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_areas_of_normal_scores_lie_in_their_intervals_as_often_as_stated():
    """Scores N(1, 1) against N(0, 1) have the area Phi(1/sqrt 2) = 0.7602."""
    truth = stats.norm.cdf(1 / sqrt(2))
    held = 0
    for _ in range(400):
        score = np.concatenate([RNG.normal(1, 1, 20), RNG.normal(0, 1, 30)])
        low, high = auc_interval(float(roc_auc_score([1] * 20 + [0] * 30, score)), 20, 30)
        held += low <= truth <= high
    assert 0.92 < held / 400 < 0.99
