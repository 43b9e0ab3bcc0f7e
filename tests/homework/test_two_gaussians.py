"""Homework 2 beside probability theory and other libraries."""

import json
from statistics import NormalDist

import numpy as np
import pytest

from chainrule.experiments import two_gaussians
from chainrule.homework import homework_2
from chainrule.homework.gaussians_page import discussion
from chainrule.homework.two_gaussians import _separable


@pytest.fixture(scope="module")
def work():
    return homework_2()


def test_the_best_possible_accuracy_is_that_of_the_best_line(work):
    """For equal covariances the best rule is a line at half the distance of the means; counted on many points."""
    X, y = two_gaussians(seed=99, rows=200_000, mean=work.mean, correlation=work.correlation)
    covariance = np.array([[1, work.correlation], [work.correlation, 1]])
    normal = np.linalg.solve(covariance, work.mean)
    share = float(np.mean((X @ normal > normal @ work.mean / 2) == (y > 0.5)))
    assert work.best_possible == pytest.approx(share, abs=0.002)
    assert work.best_possible == pytest.approx(NormalDist().cdf(np.sqrt(normal @ work.mean) / 2), rel=1e-12)


def test_without_biases_no_more_than_three_quarters_can_be_expected(work):
    without, biased, crossed = work.runs
    assert without.fresh.share < 0.75 + 0.01
    assert biased.fresh.share > 0.85
    assert crossed.fresh.share > 0.85
    assert max(run.fresh.share for run in work.runs) < work.best_possible + 0.005


def test_without_biases_the_answer_to_minus_x_is_the_other_one(work):
    network = work.runs[0].network
    assert network.predict(-work.X) == pytest.approx(1 - network.predict(work.X), abs=1e-12)


def test_eighty_of_a_hundred_points_of_each_class_are_for_training(work):
    assert len(work.test_rows) == 40
    assert work.y[work.test_rows].sum() == 20


@pytest.mark.parametrize("library", ["sklearn", "torch"])
def test_other_libraries_follow_the_same_path(work, library):
    pytest.importorskip(library)
    name = {"sklearn": "scikit-learn", "torch": "PyTorch"}[library]
    found = [b for b in work.beside if b.peer.name.startswith(name)]
    assert len(found) == {"sklearn": 1, "torch": 2}[library]
    for beside in found:
        assert beside.difference < 1e-12
        assert beside.test == beside.of.test


def test_the_discussion_says_what_the_figures_support(work):
    text = " ".join(discussion(work))
    assert "That is not satisfactory: the best rule" in text
    assert text.count("That is satisfactory") == 1
    assert text.count("tell the two apart") == 2
    assert text.count("which is rounding") == len(work.beside)


def test_a_rate_that_is_much_too_high_is_not_taken_for_learning_or_overfitting():
    wild = homework_2(rate=1e300, updates=5)
    assert "overfits" not in wild.text
    assert wild.text.count("does not fall") == 3
    assert json.loads(json.dumps(wild.to_json(), allow_nan=False))["libraries"]


def test_points_that_a_line_separates_are_recognised():
    left = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 3.0]])
    assert _separable(left, left + np.array([2.0, -1.0]))
    assert not _separable(left, np.array([[0.2, 1.0], [5.0, 5.0]]))
    X, y = two_gaussians(seed=5, rows=60, mean=(9.0, 9.0))
    assert _separable(X[y == 0], X[y == 1])


def test_missing_libraries_are_named(monkeypatch):
    monkeypatch.setattr("chainrule.comparing.run.find_spec", lambda name: None)
    work = homework_2(updates=5)
    assert work.beside == ()
    assert "Not installed here: scikit-learn, PyTorch." in work.text.replace("\n", " ")


def test_no_line_of_a_terminal_is_longer_than_100_columns_in_homework_2(work):
    assert max(map(len, work.text.splitlines())) <= 100
