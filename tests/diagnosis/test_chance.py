"""The losses between which a network's lies, against their closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.diagnosis.chance import bare_loss, levels

RNG = np.random.default_rng(0)
NUMBERS = 100 * RNG.normal(size=(500, 1)) + 7
BINARY = (RNG.random((500, 1)) < 0.2).astype(float)
CODES = RNG.choice(3, 500, p=[0.6, 0.3, 0.1])
COUNTS = RNG.poisson(3.0, (500, 1)).astype(float)


def entropy(shares: Any) -> float:
    return float(-np.sum(shares * np.log(shares)))


def poisson(p: Any, y: Any) -> float:
    return float(np.mean(p - np.where(y > 0, y * np.log(np.where(p > 0, p, 1)), 0)))


SHARE = BINARY.mean()
SHARES = np.bincount(CODES) / 500
SMOOTH = cr.losses.cross_entropy(label_smoothing=0.1)
CASES = {
    "squared error": ("squared_error", NUMBERS, NUMBERS.var(), 0.0),
    "absolute error": ("absolute_error", NUMBERS, np.abs(NUMBERS - np.median(NUMBERS)).mean(), 0.0),
    "a sum over rows": (cr.losses.squared_error(reduction="sum"), NUMBERS, NUMBERS.var(), 0.0),
    "yes or no": ("binary_cross_entropy", BINARY, entropy(np.array([SHARE, 1 - SHARE])), 0.0),
    "classes": ("cross_entropy", np.eye(3)[CODES], entropy(SHARES), 0.0),
    "smoothed": (
        SMOOTH,
        np.eye(3)[CODES],
        entropy(0.9 * SHARES + 0.1 / 3),
        entropy(np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])),
    ),
    "counts": ("poisson", COUNTS, poisson(np.full_like(COUNTS, COUNTS.mean()), COUNTS), poisson(COUNTS, COUNTS)),
}


@pytest.mark.parametrize("name", CASES)
def test_levels_are_those_of_the_closed_form(name: str) -> None:
    loss, target, chance, floor = CASES[name]
    found = levels(cr.mlp([2, target.shape[1]], loss=loss), target)
    assert found is not None
    assert_allclose(found.chance, chance, rtol=1e-3)
    assert_allclose(found.floor, floor, atol=0.05 * (chance - floor))  # the absolute error has kinks
    assert found.share(found.chance) == 1
    assert found.share(found.floor) == 0


def test_equal_targets_have_no_levels() -> None:
    assert levels(cr.mlp([2, 1]), np.ones((10, 1))) is None


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_bare_loss_is_a_row_without_penalties(reduction: Any) -> None:
    X = RNG.normal(size=(50, 2))
    net = cr.mlp(
        [2, 3, 1], loss=cr.losses.squared_error(reduction=reduction), l1=0.1, l2=0.2, dtype="float64", biases=1.0
    )
    data = net.prepare(X, NUMBERS[:50])
    assert_allclose(bare_loss(net, data), np.mean((net.predict(X) - NUMBERS[:50]) ** 2), rtol=1e-12)
