"""Weights of rows: what they mean, in the loss, its derivatives, training and metrics, on both engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.engines.native import native_run
from chainrule.losses import LOSSES
from chainrule.running import training_steps
from chainrule.training import loop

RNG = np.random.default_rng(1)
ROWS = 11
X = RNG.normal(size=(ROWS, 3))
WEIGHTS = RNG.uniform(0.2, 3.0, ROWS)


def targets(loss: cr.losses.Loss, outputs: int, rows: int = ROWS) -> Any:
    rng = np.random.default_rng(2)
    if loss.target == "classes":
        return rng.dirichlet(np.ones(outputs), rows)
    if loss.target in ("binary", "signs", "counts"):
        return rng.integers(0, 2, (rows, outputs))
    return rng.normal(size=(rows, outputs))


def network(loss: cr.losses.Loss, outputs: int, **settings: Any) -> cr.Network:
    return cr.mlp([3, 4, outputs], loss=loss, seed=3, **{"dtype": "float64", **settings})


CASES = [
    (name, outputs, reduction)
    for name in LOSSES
    for outputs in (1, 2, 3)
    for reduction in ("mean", "sum")
    if not (name == "cross_entropy" and outputs == 1)
]


@pytest.mark.parametrize(("name", "outputs", "reduction"), CASES)
def test_the_weighted_loss_and_its_gradients_are_weighted_means_over_single_rows(
    name: str, outputs: int, reduction: Any
) -> None:
    loss = LOSSES[name](reduction=reduction)
    net, y = network(loss, outputs), targets(loss, outputs)
    divisor = WEIGHTS.sum() if reduction == "mean" else 1.0
    single = [net.loss(X[i : i + 1], y[i : i + 1]) for i in range(ROWS)]
    assert_allclose(net.loss(X, y, sample_weight=WEIGHTS), WEIGHTS @ single / divisor, rtol=1e-13)
    parts = [net.gradients(X[i : i + 1], y[i : i + 1]) for i in range(ROWS)]
    for parameter, gradient in net.gradients(X, y, sample_weight=WEIGHTS).items():
        expected = sum(w * part[parameter] for w, part in zip(WEIGHTS, parts, strict=True)) / divisor
        assert_allclose(gradient, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("name", "outputs"), [("cross_entropy", 3), ("binary_cross_entropy", 1), ("huber", 2)])
def test_gradients_with_weights_pass_the_check(name: str, outputs: int) -> None:
    loss = LOSSES[name]()
    certificate = network(loss, outputs).check(X, targets(loss, outputs), sample_weight=WEIGHTS)
    assert certificate, str(certificate)


@pytest.mark.parametrize("name", ["cross_entropy", "mean_squared_error"])
def test_a_weight_of_three_is_the_row_three_times(name: str) -> None:
    loss = LOSSES[name]()
    net, y = network(loss, 2), targets(loss, 2)
    counts = np.random.default_rng(3).integers(0, 4, ROWS)
    repeated, y_repeated = np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0)
    assert_allclose(net.loss(X, y, sample_weight=counts), net.loss(repeated, y_repeated), rtol=1e-13)
    for parameter, gradient in net.gradients(X, y, sample_weight=counts).items():
        assert_allclose(gradient, net.gradients(repeated, y_repeated)[parameter], rtol=1e-11, atol=1e-14)


def test_the_size_of_all_weights_does_not_matter_to_a_mean_and_multiplies_a_sum() -> None:
    y = targets(LOSSES["huber"](), 2)
    mean, total = network(LOSSES["huber"](), 2), network(LOSSES["huber"](reduction="sum"), 2)
    assert_allclose(mean.loss(X, y, sample_weight=5 * WEIGHTS), mean.loss(X, y, sample_weight=WEIGHTS), rtol=1e-14)
    assert_allclose(mean.loss(X, y, sample_weight=np.full(ROWS, 7)), mean.loss(X, y), rtol=1e-14)
    assert_allclose(total.loss(X, y, sample_weight=np.full(ROWS, 7)), 7 * total.loss(X, y), rtol=1e-14)


def test_a_batch_that_weighs_nothing_has_loss_and_gradients_of_zero() -> None:
    loss = LOSSES["cross_entropy"]()
    net = network(loss, 3)
    program = net.program("gradients", weighted=True)
    values = program(X=X, Y=targets(loss, 3), w=np.zeros(ROWS), **net.parameters)
    assert all(np.array_equal(value, np.zeros_like(value)) for value in values.values())


@pytest.mark.parametrize(
    ("loss", "outputs", "line"),
    [
        ("cross_entropy", 3, "dz2 = t1 * (softmax(z2) - Y) / w_sum"),
        ("binary_cross_entropy", 1, "dz2 = t1 * (sigmoid(z2) - Y) / w_sum"),
        ("binary_cross_entropy", 2, "dz2 = t1 * (sigmoid(z2) - Y) / w_sum"),
        (cr.losses.cross_entropy(reduction="sum"), 3, "dz2 = t1 * (softmax(z2) - Y)"),
        (cr.losses.cross_entropy(label_smoothing=0.1), 3, "dz2 = t1 * (softmax(z2) - t2) / w_sum"),
    ],
)
def test_the_short_forms_of_the_last_layer_are_found_with_weights_too(loss: Any, outputs: int, line: str) -> None:
    lines = [" ".join(text.split()) for text in str(network(loss, outputs).program(weighted=True)).splitlines()]
    assert any(text.startswith(f"{line} #") for text in lines), "\n".join(lines)


def test_programs_without_weights_do_not_mention_them() -> None:
    assert "w_sum" not in str(network(LOSSES["cross_entropy"](), 3).program("step"))


# Training


@pytest.mark.parametrize("batch_size", ["all", 4])
def test_an_epoch_is_weighted_descent_by_hand(batch_size: Any) -> None:
    loss = LOSSES["binary_cross_entropy"]()
    net, by_hand, y = network(loss, 1), network(loss, 1), targets(loss, 1)
    size, losses, totals = ROWS if batch_size == "all" else batch_size, [], []
    for i in range(0, ROWS, size):
        part = slice(i, i + size)
        rows = {"X": X[part], "y": y[part], "sample_weight": WEIGHTS[part]}
        losses.append(by_hand.loss(**rows))
        totals.append(WEIGHTS[part].sum())
        for name, g in by_hand.gradients(**rows).items():
            by_hand.parameters[name] = by_hand.parameters[name] - 0.1 * g
    history = net.fit(
        X, y, sample_weight=WEIGHTS, epochs=1, batch_size=batch_size, optimizer=cr.SGD(0.1), shuffle=False
    )
    assert_allclose(net.parameters.theta, by_hand.parameters.theta, rtol=1e-12)
    assert_allclose(history.loss, np.average(losses, weights=totals), rtol=1e-13)


def test_full_batch_descent_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.neural_network")
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    peer = sklearn.MLPClassifier(
        (4,), activation="tanh", solver="sgd", alpha=0.0, momentum=0.0, learning_rate_init=0.3, random_state=0
    )
    peer.batch_size = ROWS
    peer.partial_fit(X, y, sample_weight=WEIGHTS, classes=[0, 1])
    net = network(LOSSES["binary_cross_entropy"](), 1)
    for name, value in zip(("W1", "W2"), peer.coefs_, strict=True):
        net.parameters[name] = value
    for name, value in zip(("b1", "b2"), peer.intercepts_, strict=True):
        net.parameters[name] = value
    for _ in range(5):
        peer.partial_fit(X, y, sample_weight=WEIGHTS)
    net.fit(X, y, sample_weight=WEIGHTS, epochs=5, batch_size="all", optimizer=cr.SGD(0.3))
    assert_allclose(net.predict(X)[:, 0], peer.predict_proba(X)[:, 1], rtol=1e-10)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_rows_that_weigh_nothing_change_no_bit(engine: str) -> None:
    loss = LOSSES["cross_entropy"]()
    y, weights = targets(loss, 3), np.where(np.arange(ROWS) % 3 == 0, 0.0, WEIGHTS)
    kept = weights > 0
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 4, "engine": engine, "validation": 0.3}
    whole, part = network(loss, 3), network(loss, 3)
    first = whole.fit(X, y, sample_weight=weights, **settings)
    second = part.fit(X[kept], y[kept], sample_weight=weights[kept], **settings)
    assert_array_equal(whole.parameters.theta, part.parameters.theta)
    assert first.loss == second.loss
    assert first.validation_loss == second.validation_loss


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("units", "batch_size"), [(4, 4), (60, 4), (60, "all")])
def test_both_engines_follow_the_same_path_with_weights(name: str, units: int, batch_size: Any) -> None:
    loss = LOSSES[name]()
    nets = [cr.mlp([3, units, 2], loss=loss, dtype="float64", seed=3) for _ in range(2)]
    y = targets(loss, 2)
    histories = [
        net.fit(X, y, sample_weight=WEIGHTS, epochs=3, batch_size=batch_size, engine=engine, optimizer=cr.SGD(0.01))
        for net, engine in zip(nets, ("numpy", "native"), strict=True)
    ]
    assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-11)
    assert_allclose(nets[0].parameters.theta, nets[1].parameters.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_large_batch_is_weighted_as_a_whole(reduction: Any) -> None:
    """The native engine cuts that of a sum into pieces; that of a mean, which needs all weights first, stays whole."""
    rows, loss = 2100, LOSSES["cross_entropy"](reduction=reduction)
    rng = np.random.default_rng(4)
    inputs, weights, y = rng.normal(size=(rows, 3)), rng.uniform(0, 2, rows), targets(loss, 3, rows)
    nets = [cr.mlp([3, 40, 3], loss=loss, dtype="float64", seed=3) for _ in range(2)]
    for net, engine in zip(nets, ("numpy", "native"), strict=True):
        net.fit(inputs, y, sample_weight=weights, epochs=4, batch_size="all", engine=engine)
    assert_allclose(nets[0].parameters.theta, nets[1].parameters.theta, rtol=1e-9, atol=1e-12)


def test_the_rows_behind_a_short_batch_do_not_count() -> None:
    """Memory behind the last rows holds NaN in the native run: weights of rows that are not there must not be read."""
    from chainrule.engines.native.run import NativeRun

    loss = LOSSES["cross_entropy"]()
    net = cr.mlp([3, 40, 3], loss=loss, seed=3)
    data = net.prepare(X, targets(loss, 3), WEIGHTS)
    steps = training_steps(net, data, cr.SGD(0.1), 4)
    constants = {"plateau_factor": 1.0, "key": 0.0, "S": 3.0, "T": 3.0}
    order = np.arange(ROWS)
    clean = native_run(steps)
    dirty = NativeRun(steps.program, steps.precision, steps.data, steps.state, batch_size=4, fill=0xFF)
    assert_array_equal(clean.advance(order, 4, 0, constants), dirty.advance(order, 4, 0, constants))
    assert_array_equal(clean.state["theta"], dirty.state["theta"])


def test_dropout_batch_statistics_penalties_and_lbfgs_take_weights() -> None:
    y = (X[:, 0] > 0).astype(int)
    net = cr.Network(
        cr.Dense(5, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1), loss="binary_cross_entropy", l2=1e-3
    )
    assert np.isfinite(net.fit(X, y, sample_weight=WEIGHTS, epochs=5, batch_size=4).loss).all()
    assert net.check(X, y, training=True, sample_weight=WEIGHTS)
    plain = network(LOSSES["binary_cross_entropy"](), 1)
    history = plain.fit(X, y, sample_weight=WEIGHTS, epochs=30, batch_size="all", optimizer=cr.LBFGS())
    assert history.loss[-1] < 0.1 * history.loss[0]


def test_the_slices_of_a_weighted_run_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = LOSSES["huber"]()
    nets = [network(loss, 2), network(loss, 2)]
    for net, seconds in zip(nets, (1.0, 0.0), strict=True):
        monkeypatch.setattr(loop, "SLICE_SECONDS", seconds)
        net.fit(X, targets(loss, 2), sample_weight=WEIGHTS, epochs=3, batch_size=2)
    assert_array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


# Validation and metrics


def test_validation_rows_have_weights_of_their_own() -> None:
    loss = LOSSES["binary_cross_entropy"]()
    net, y = network(loss, 1), (X[:, 0] > 0).astype(int)
    history = net.fit(X, y, epochs=2, validation=(X[:5], y[:5], WEIGHTS[:5]), metrics=["accuracy"])
    known = net.evaluate(X[:5], y[:5], ["accuracy"], sample_weight=WEIGHTS[:5])
    assert history.validation_loss[-1] == known["loss"]
    assert history.metrics["accuracy"][-1] == known["accuracy"]


@pytest.mark.parametrize("weight", [None, np.random.default_rng(5).uniform(0.1, 3, 60)], ids=["equal", "weights"])
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_metrics_of_classes_agree_with_scikit_learn(classes: int, weight: Any) -> None:
    peers = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(6)
    loss = cr.losses.cross_entropy() if classes > 1 else cr.losses.binary_cross_entropy()
    net = cr.mlp([3, classes], loss=loss, dtype="float64", seed=4)
    rows, codes = rng.normal(size=(60, 3)).round(0), np.arange(60) % max(classes, 2)  # rounded: ties
    found = net.evaluate(rows, codes, ["accuracy", "balanced_accuracy", "log_loss", "roc_auc"], sample_weight=weight)
    p = net.predict(rows)
    guess = p.argmax(axis=1) if classes > 1 else (p[:, 0] > 0.5).astype(int)
    scores = p if classes > 2 else p[:, -1]
    assert_allclose(found["accuracy"], peers.accuracy_score(codes, guess, sample_weight=weight), rtol=1e-12)
    assert_allclose(
        found["balanced_accuracy"], peers.balanced_accuracy_score(codes, guess, sample_weight=weight), rtol=1e-12
    )
    assert_allclose(found["log_loss"], peers.log_loss(codes, scores, sample_weight=weight), rtol=1e-12)
    if classes > 2 and weight is not None:  # scikit-learn refuses weights for several classes
        areas = [peers.roc_auc_score(codes == c, p[:, c], sample_weight=weight) for c in range(classes)]
        assert_allclose(found["roc_auc"], np.mean(areas), rtol=1e-12)
    else:
        area = peers.roc_auc_score(codes, scores, sample_weight=weight, multi_class="ovr")
        assert_allclose(found["roc_auc"], area, rtol=1e-12)


def test_metrics_of_numbers_agree_with_scikit_learn() -> None:
    peers = pytest.importorskip("sklearn.metrics")
    net, y = cr.mlp([3, 1], dtype="float64"), X @ [1.0, 2.0, 3.0]
    found, p = net.evaluate(X, y, ["rmse", "mae", "r2"], sample_weight=WEIGHTS), net.predict(X)[:, 0]
    for name, peer in (
        ("rmse", peers.root_mean_squared_error), ("mae", peers.mean_absolute_error), ("r2", peers.r2_score),
    ):  # fmt: skip
        assert_allclose(found[name], peer(y, p, sample_weight=WEIGHTS), rtol=1e-12)


# Bad input


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"sample_weight has shape \(2,\), but one weight for each of 11 rows"),
        (np.ones((ROWS, 1)), r"sample_weight has shape \(11, 1\)"),
        ([-1.0, *[1] * (ROWS - 1)], "sample_weight holds -1.0 in row 1: a weight is 0 or more"),
        ([float("nan"), *[1] * (ROWS - 1)], "sample_weight holds nan in row 1"),
        (np.zeros(ROWS), "sample_weight is zero in every row"),
        (["a"] * ROWS, "sample_weight must hold numbers"),
    ],
)
def test_bad_weights_are_refused(weights: Any, message: str) -> None:
    net, y = network(LOSSES["squared_error"](), 1), X[:, 0]
    with pytest.raises(cr.ChainruleError, match=message):
        net.fit(X, y, sample_weight=weights)
    with pytest.raises(cr.ChainruleError, match=message):
        net.loss(X, y, sample_weight=weights)


def test_a_loss_of_the_whole_batch_cannot_be_weighted() -> None:
    net = cr.mlp([3, 1], loss=lambda prediction, target: ((prediction - target) ** 2).sum())
    with pytest.raises(cr.ArgumentError, match="gives a number for each row, but lambda gives one number for all"):
        net.loss(X, X[:, 0], sample_weight=WEIGHTS)


def test_an_input_called_as_the_weights_are_is_refused() -> None:
    net = cr.Network(cr.Dense(1), inputs={"w": 3})
    with pytest.raises(cr.ArgumentError, match="an input is called w"):
        net.loss({"w": X}, X[:, 0], sample_weight=WEIGHTS)
