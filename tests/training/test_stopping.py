"""Which epoch is the best, when training stops, and which weights remain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import chainrule as cr

X = np.random.default_rng(0).normal(size=(20, 2))
y = X[:, 0] - 0.5 * X[:, 1]


def watched(values: list[float], *, larger: bool = False, **settings: Any) -> tuple[cr.History, list[Any], cr.Network]:
    """A fit whose metric takes these values, one an epoch, with the weights after each epoch."""
    series, weights = iter(values), []
    net = cr.mlp([2, 3, 1], seed=1, dtype="float64")
    metric = cr.Metric("series", lambda prediction, target: next(series), larger_is_better=larger)

    def keep(moment: Any) -> None:
        weights.append(net.parameters.theta.copy())

    history = net.fit(
        X, y, epochs=len(values), metrics=[metric], monitor="series", callbacks=[keep], optimizer="sgd", **settings
    )
    return history, weights, net


@pytest.mark.parametrize(
    ("values", "settings", "epochs", "best"),
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5, 3),  # equal is not better
        ([3, 2, 1, 2, 0.5, 1, 1, 1], {"patience": 2}, 7, 5),
        ([3, 2.95, 2.9, 2.85, 2.8, 1], {"patience": 3, "min_delta": 0.5}, 4, 4),  # each a little better: not enough
        ([3, 2.8, 2.6, 2.4, 2.2, 2.0], {"patience": 3, "min_delta": 0.1}, 6, 6),
        ([3, 2.5, 2.5, 2.5], {"patience": 2, "min_delta": 0.5}, 3, 2),  # as much as min_delta is not more than it
        ([float("nan"), 2, float("inf"), float("nan")], {"patience": 2}, 4, 2),
        ([float("nan"), float("nan"), 1.0], {"patience": 2}, 2, 0),
    ],
)
def test_patience_counts_from_the_last_epoch_that_was_better_by_more_than_min_delta(
    values: list[float], settings: dict[str, Any], epochs: int, best: int
) -> None:
    history, weights, net = watched(values, **settings)
    assert (len(history), history.best_epoch) == (epochs, best)
    assert_array_equal(net.parameters.theta, weights[best - 1])  # with patience, the best come back
    mirrored, _, _ = watched([-v for v in values], larger=True, **settings)
    assert (len(mirrored), mirrored.best_epoch) == (epochs, best)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [({}, -1), ({"restore_best": True}, 1), ({"patience": 9}, 1), ({"patience": 9, "restore_best": False}, -1)],
)
def test_which_weights_remain(settings: dict[str, Any], kept: int) -> None:
    history, weights, net = watched([3, 1, 2, 2], **settings)
    assert history.best_epoch == 2
    assert_array_equal(net.parameters.theta, weights[kept])


def test_the_reason_is_given_in_words() -> None:
    assert watched([3, 1, 2, 2], patience=1)[0].stopped == "stopped early after epoch 3, 1 epoch after the best one"
    assert watched([3, 2.9, 2.8], patience=2, min_delta=0.5)[0].stopped == (
        "stopped early after epoch 3, 2 epochs after the last one that was better by more than 0.5"
    )
    assert watched([1])[0].stopped == "1 epoch done"
    assert watched([1, 2])[0].stopped == "all 2 epochs done"


def test_every_metric_can_be_watched_in_the_direction_in_which_it_is_better() -> None:
    labels = (y > 0).astype(int)
    for name in ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "rmse", "mae", "r2"):
        net = cr.mlp([2, 3, 1], loss="binary_cross_entropy", seed=1)
        history = net.fit(X, labels, epochs=12, optimizer=cr.SGD(0.5), metrics=[name], monitor=name)
        values = history.metrics[name]
        larger = name in ("accuracy", "balanced_accuracy", "roc_auc", "r2")
        assert history.best_epoch == 1 + int(np.argmax(values) if larger else np.argmin(values))


def test_a_function_of_prediction_and_target_is_a_metric() -> None:
    def worst(prediction: Any, target: Any) -> float:
        return float(np.abs(prediction - target).max())

    net = cr.mlp([2, 3, 1], seed=1)
    history = net.fit(X, y, epochs=3, metrics=[worst, "mae"], monitor="worst", validation=(X[:5], y[:5]))
    assert history.metrics["worst"][-1] == pytest.approx(np.abs(net.predict(X[:5])[:, 0] - y[:5]).max(), rel=1e-5)
    assert history.best_epoch == 1 + int(np.argmin(history.metrics["worst"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_delta": -0.1}, "min_delta is a number that is 0 or more, not -0.1"),
        ({"min_delta": float("nan")}, "min_delta is a number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"metrics": [lambda p, t: 0.0, lambda p, t: 1.0]}, "each of the metrics needs a name of its own, not lambda"),
        ({"metrics": [cr.Metric("loss", lambda p, t: 0.0)]}, "each of the metrics needs a name of its own"),
        ({"metrics": [3]}, "a metric is a name, a function of .* or a cr.Metric, not 3"),
        ({"monitor": "accuracy"}, "monitor='accuracy' is not recorded: recorded are loss"),
    ],
)
def test_bad_settings_of_stopping_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ArgumentError, match=message):
        cr.mlp([2, 1]).fit(X, y, **settings)
