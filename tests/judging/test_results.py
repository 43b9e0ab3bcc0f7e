"""Results against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from chainrule.judging import ClassResults, NumberResults

RNG = np.random.default_rng(0)


def test_classes_as_scikit_learn_has_them():
    actual, training = RNG.integers(0, 4, 200), RNG.integers(0, 4, 500)
    shares = RNG.dirichlet(np.ones(4), 200)
    found = ClassResults.judge(list("abcd"), actual, shares, training)
    predicted = shares.argmax(axis=1)
    assert found.accuracy == metrics.accuracy_score(actual, predicted)
    assert found.log_loss == pytest.approx(metrics.log_loss(actual, shares), rel=1e-12)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(actual, predicted))
    np.testing.assert_allclose(found.recall, metrics.recall_score(actual, predicted, average=None))
    most = np.bincount(training).argmax()
    assert found.baseline_class == "abcd"[most]
    assert found.baseline_accuracy == np.mean(actual == most)
    prior = np.tile(np.bincount(training) / 500, (200, 1))
    assert found.baseline_log_loss == pytest.approx(metrics.log_loss(actual, prior), rel=1e-12)


def test_numbers_as_scikit_learn_has_them():
    actual = RNG.normal(100, 20, 300)
    predicted = actual + RNG.normal(0, 5, 300)
    found = NumberResults.judge(actual, predicted, 98.0)
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert found.mae == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert found.r2 == pytest.approx(metrics.r2_score(actual, predicted))
    assert found.baseline_rmse == pytest.approx(np.sqrt(np.mean((actual - 98) ** 2)))
    assert found.residuals[2] == pytest.approx(np.median(predicted - actual))


def test_a_certain_mistake_has_a_finite_loss():
    found = ClassResults.judge(["a", "b"], np.array([1]), np.array([[1.0, 0.0]]), np.array([0, 0]))
    assert found.log_loss == pytest.approx(15.94, abs=0.01)
    assert found.recall == (None, 0.0)
    assert "no better than this guess" in found.sentence


def test_r2_of_equal_rows_is_undefined():
    found = NumberResults.judge(np.array([2.0, 2.0]), np.array([1.0, 2.0]), 2.0)
    assert found.r2 is None
    assert "R²" not in found.sentence
    assert [measure.name for measure in found.measures] == ["RMSE", "mean absolute error"]


def test_few_points_of_many_rows_are_kept():
    actual = RNG.normal(size=5000)
    found = NumberResults.judge(actual, actual, 0.0)
    assert len(found.actual) == len(found.predicted) == 1000
    assert found.rows == 5000
