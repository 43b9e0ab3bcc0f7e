"""Calibration against scikit-learn and against simulated models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from chainrule.judging.calibration import Calibration, brier

RNG = np.random.default_rng(0)


def test_bins_are_those_of_scikit_learn():
    probability = RNG.uniform(size=500)
    hit = RNG.uniform(size=500) < probability**2
    found = Calibration.of(probability, hit)
    shares, means = calibration_curve(hit, probability, n_bins=10)
    assert [b.share for b in found.bins] == pytest.approx(shares)
    assert [b.probability for b in found.bins] == pytest.approx(means)
    weights = np.histogram(probability, bins=10, range=(0, 1))[0] / 500
    assert found.error == pytest.approx((np.abs(shares - means) * weights).sum())


def test_the_ends_belong_to_the_first_and_the_last_bin():
    found = Calibration.of(np.array([0.0, 1.0, 1.0]), np.array([False, True, True]))
    assert [(b.rows, b.hits, b.probability) for b in found.bins] == [(1, 0, 0.0), (2, 2, 1.0)]
    assert found.error == found.chance == 0.0
    assert found.holds


def test_right_probabilities_are_contradicted_as_rarely_as_stated():
    contradicted = 0
    for _ in range(200):
        probability = RNG.beta(0.5, 0.5, 150)
        contradicted += not Calibration.of(probability, RNG.uniform(size=150) < probability).holds
    assert contradicted / 200 < 0.1


def test_a_model_that_is_too_sure_of_itself_is_found_out():
    probability = RNG.choice([0.02, 0.98], 4000)
    hit = RNG.uniform(size=4000) < np.where(probability > 0.5, 0.85, 0.15)
    found = Calibration.of(probability, hit)
    assert not found.holds
    assert found.error == pytest.approx(0.13, abs=0.03)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_brier_score_is_that_of_scikit_learn(classes):
    actual = np.arange(90) % classes
    shares = RNG.dirichlet(np.ones(classes), 90)
    peer = brier_score_loss(actual, shares[:, 1] if classes == 2 else shares)
    assert brier(shares, actual) == pytest.approx(peer, rel=1e-12)
