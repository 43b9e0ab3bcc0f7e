"""Losses: every value and every gradient against PyTorch, scikit-learn, and measured slopes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.losses import LOSSES, Loss
from chainrule.nn.activations import ACTIVATIONS

NUMBER_LOSSES: dict[str, Callable[..., Any]] = {
    "squared_error": cr.losses.squared_error,
    "half_squared_error": cr.losses.half_squared_error,
    "mean_squared_error": cr.losses.mean_squared_error,
    "absolute_error": cr.losses.absolute_error,
    "huber": lambda **k: cr.losses.huber(0.7, **k),
    "hinge": cr.losses.hinge,
    "quantile": lambda **k: cr.losses.quantile(0.3, **k),
}
OTHER_LOSSES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "binary_cross_entropy": (cr.losses.binary_cross_entropy, ("sigmoid",)),
    "binary_cross_entropy smoothed": (
        lambda **k: cr.losses.binary_cross_entropy(label_smoothing=0.15, **k),
        ("sigmoid",),
    ),
    "cross_entropy": (cr.losses.cross_entropy, ("softmax", "sigmoid")),
    "cross_entropy smoothed": (
        lambda **k: cr.losses.cross_entropy(label_smoothing=0.15, **k),
        ("softmax", "sigmoid"),
    ),
    "poisson": (cr.losses.poisson, ("exp", "sigmoid", "softmax")),
}
CASES = [(name, make, output) for name, make in NUMBER_LOSSES.items() for output in ACTIVATIONS]
CASES += [(name, make, output) for name, (make, outputs) in OTHER_LOSSES.items() for output in outputs]


def targets(kind: str, rows: int, outputs: int, rng: np.random.Generator) -> Any:
    if kind == "numbers":
        return rng.normal(size=(rows, outputs))
    if kind == "binary":
        return rng.uniform(size=(rows, outputs))
    if kind == "classes":
        return rng.dirichlet(np.ones(outputs), size=rows)
    if kind == "signs":
        return rng.choice([-1.0, 1.0], size=(rows, outputs))
    return rng.poisson(2.0, size=(rows, outputs)).astype(float)


def test_every_loss_is_among_the_cases() -> None:
    assert {name.split()[0] for name, _, _ in CASES} == set(LOSSES)


def test_the_outputs_for_which_a_loss_is_defined_are_all_tried() -> None:
    for name, (make, outputs) in OTHER_LOSSES.items():
        assert set(make().outputs) == set(outputs), name
    for make in NUMBER_LOSSES.values():
        assert make().outputs == ()


@pytest.mark.parametrize(("name", "make", "output"), CASES, ids=[f"{n}-{o}" for n, _, o in CASES])
def test_every_gradient_is_the_measured_slope(
    name: str, make: Callable[..., Any], output: str, check_gradients: Callable[..., None]
) -> None:
    rng = np.random.default_rng(CASES.index((name, make, output)))
    for reduction in ("mean", "sum"):
        for outputs in (1, 2, 3):
            loss = make(reduction=reduction)
            net = cr.mlp([2, 2, outputs], output=output, loss=loss, dtype="float64", seed=outputs, biases="normal")
            rows = 4 if reduction == "mean" else 3
            check_gradients(net, rng.normal(size=(rows, 2)), targets(loss.target, rows, outputs, rng))


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "hinge"])
@pytest.mark.parametrize(("l1", "l2"), [(0.02, 0.0), (0.0, 0.03), (0.02, 0.03)])
def test_penalties_add_to_value_and_gradient(
    loss: str, l1: float, l2: float, check_gradients: Callable[..., None]
) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5, 2))
    plain = cr.mlp([2, 3, 2], loss=loss, dtype="float64", biases=0.5)
    net = cr.mlp([2, 3, 2], loss=loss, dtype="float64", biases=0.5, l1=l1, l2=l2)
    y = targets(net.loss_function.target, 5, 2, rng)
    W = np.concatenate([net.parameters[n].ravel() for n in ("W1", "W2")])  # biases do not count
    penalty = l1 * np.abs(W).sum() + l2 * (W**2).sum()
    assert net.loss(X, y) == pytest.approx(plain.loss(X, y) + penalty, rel=1e-14)
    for name, g in net.gradients(X, y).items():
        w = net.parameters[name]
        extra = l1 * np.sign(w) + 2 * l2 * w if name.startswith("W") else 0.0
        assert_allclose(g, plain.gradients(X, y)[name] + extra, rtol=1e-13, atol=1e-15)
    check_gradients(net, X, y)


def network_of(loss: Any, outputs: int, activation: str | None = None, dtype: str = "float64") -> cr.Network:
    """A network that predicts activation(X)."""
    return cr.Network(
        cr.Dense(outputs, activation, bias=False, weights=np.eye(outputs)),
        loss=loss,
        inputs=outputs,
        dtype=dtype,
    )


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_values_are_those_of_torch(reduction: str, outputs: int) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    rng = np.random.default_rng(outputs)
    z = 3 * rng.normal(size=(7, outputs))
    y = rng.normal(size=(7, outputs))
    binary, counts = rng.uniform(size=(7, outputs)), rng.poisson(2.0, size=(7, outputs)).astype(float)
    # Ours adds outputs up and averages rows; torch averages both or adds both.
    factor = outputs if reduction == "mean" else 1
    table: list[tuple[Any, Any, Any, float]] = [
        (cr.losses.squared_error(reduction), nn.MSELoss(reduction=reduction), y, factor),
        (cr.losses.half_squared_error(reduction), nn.MSELoss(reduction=reduction), y, factor / 2),
        (cr.losses.absolute_error(reduction), nn.L1Loss(reduction=reduction), y, factor),
        (cr.losses.huber(0.7, reduction), nn.HuberLoss(reduction=reduction, delta=0.7), y, factor),
        (
            cr.losses.binary_cross_entropy(reduction),
            nn.BCEWithLogitsLoss(reduction=reduction),
            binary,
            factor,
        ),
        (cr.losses.poisson(reduction), nn.PoissonNLLLoss(reduction=reduction), counts, factor),
    ]
    for ours, theirs, target, times in table:
        value = network_of(ours, outputs).loss(z, target)
        reference = theirs(torch.tensor(z), torch.tensor(target)).item() * times
        assert value == pytest.approx(reference, rel=1e-13), ours.name
    mse = network_of(cr.losses.mean_squared_error(), outputs).loss(z, y)
    assert mse == pytest.approx(nn.MSELoss()(torch.tensor(z), torch.tensor(y)).item(), rel=1e-14)
    total = network_of(cr.losses.mean_squared_error("sum"), outputs).loss(z, y)
    assert total == pytest.approx(7 * mse, rel=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_is_that_of_torch(reduction: str, smoothing: float) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    z, codes, shares = 3 * rng.normal(size=(9, 4)), rng.integers(0, 4, 9), rng.dirichlet(np.ones(4), 9)
    theirs = torch.nn.CrossEntropyLoss(reduction=reduction, label_smoothing=smoothing)
    net = network_of(cr.losses.cross_entropy(reduction, smoothing), 4)
    for target in (codes, shares):
        expected = theirs(torch.tensor(z), torch.tensor(target)).item()
        assert net.loss(z, target) == pytest.approx(expected, rel=1e-13)


def test_smoothed_binary_cross_entropy_is_that_of_smoothed_targets() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(6, 2)), rng.integers(0, 2, (6, 2)).astype(float)
    smoothed = network_of(cr.losses.binary_cross_entropy(label_smoothing=0.2), 2).loss(z, y)
    plain = network_of("binary_cross_entropy", 2).loss(z, 0.8 * y + 0.1)
    assert smoothed == pytest.approx(plain, rel=1e-14)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_quantile_loss_is_that_of_scikit_learn(q: float) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    p, y = rng.normal(size=(20, 1)), rng.normal(size=(20, 1))
    assert network_of(cr.losses.quantile(q), 1).loss(p, y) == pytest.approx(
        metrics.mean_pinball_loss(y, p, alpha=q), rel=1e-14
    )


def test_hinge_loss_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    p, y = rng.normal(size=(20, 1)), rng.choice([-1.0, 1.0], 20)
    net = network_of("hinge", 1)
    assert net.loss(p, y) == pytest.approx(metrics.hinge_loss(y, p[:, 0]), rel=1e-14)
    assert net.loss(p, (y + 1) / 2) == net.loss(p, y)  # 0 and 1 mean -1 and 1


def test_the_mean_of_the_best_constant_is_the_quantile() -> None:
    y = np.arange(1.0, 10.0)[:, None]  # the 0.3-quantile of 1 ... 9 is 3
    net = network_of(cr.losses.quantile(0.3), 1)
    values = {c: net.loss(np.full((9, 1), c), y) for c in range(1, 10)}
    assert min(values, key=lambda c: values[c]) == 3


EXTREMES = [
    ("binary_cross_entropy", "sigmoid"),
    ("cross_entropy", "softmax"),
    ("cross_entropy", "sigmoid"),
    ("poisson", "sigmoid"),
    ("poisson", "softmax"),
    *[
        (loss, output)
        for loss in ("squared_error", "absolute_error", "huber", "hinge", "quantile")
        for output in ACTIVATIONS
        if output != "exp"  # e^1000 has no float
    ],
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("loss", "output"), EXTREMES)
def test_extreme_logits_give_finite_losses_and_gradients(loss: str, output: str, dtype: str) -> None:
    net = network_of(loss, 2, output, dtype)
    Z = np.array([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0], [-1000.0, -1000.0]])
    Y = np.array([[1.0, 0.0]] * 4)
    assert np.isfinite(net.loss(Z, Y))
    assert np.isfinite(net.gradients(Z, Y)["W1"]).all()
    assert np.isfinite(net.predict(Z)).all()


def test_extreme_logits_give_the_limits() -> None:
    """For z = -1000 and y = 1, -log sigmoid(z) = 1000 to all digits, with slope -1."""
    net = network_of("binary_cross_entropy", 1)
    assert net.loss([[-1000.0]], [1]) == 1000.0
    assert net.loss([[1000.0]], [1]) == 0.0
    assert net.gradients([[-1000.0]], [1])["W1"].item() == 1000.0  # (sigmoid(z) - y) x
    softmax = network_of("cross_entropy", 2)
    assert softmax.loss([[-1000.0, 1000.0]], [0]) == 2000.0
    assert softmax.loss([[-1000.0, 1000.0]], [1]) == 0.0


# Formulas of one's own


def log_cosh(p: Any, y: Any) -> Any:
    d = p - y
    return cr.abs(d) + cr.softplus(-2 * cr.abs(d)) - float(np.log(2))


def custom_forms() -> dict[str, Any]:
    p, y = cr.symbols("prediction target", shape=("B", "k"))
    scalar_p, scalar_y = cr.symbols("prediction target")
    return {
        "function": log_cosh,
        "lambda": lambda p, y: log_cosh(p, y),
        "expression": log_cosh(p, y),
        "expression of numbers": log_cosh(scalar_p, scalar_y),
    }


@pytest.mark.parametrize("form", ["function", "lambda", "expression", "expression of numbers"])
def test_a_formula_of_ones_own_is_a_loss(form: str, check_gradients: Callable[..., None]) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    net = cr.mlp([2, 3, 2], loss=custom_forms()[form], dtype="float64")
    expected = np.log(np.cosh(net.predict(X) - y)).sum(axis=1).mean()
    assert net.loss(X, y) == pytest.approx(expected, rel=1e-13)
    check_gradients(net, X, y)


def test_a_formula_may_give_one_number_a_row_or_one_for_the_batch() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    d = network_of("squared_error", 2).predict(X) - y
    rows = network_of(lambda p, t: cr.sqrt(((p - t) ** 2).sum(axis=1)), 2)
    assert rows.loss(X, y) == pytest.approx(np.linalg.norm(d, axis=1).mean(), rel=1e-14)
    batch = network_of(lambda p, t: cr.abs(p - t).max(), 2)
    assert batch.loss(X, y) == pytest.approx(np.abs(d).max(), rel=1e-14)


def test_a_loss_over_sequences_adds_up_all_outputs_of_a_row() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 3, 2))
    for loss, value in {
        "squared_error": lambda d: (d**2).sum() / 5,
        "mean_squared_error": lambda d: (d**2).mean(),
        "absolute_error": lambda d: np.abs(d).sum() / 5,
    }.items():
        net = cr.Network(cr.Dense(2), loss=loss, inputs=(3, 4), dtype="float64")
        assert net.loss(X, y) == pytest.approx(value(net.predict(X) - y), rel=1e-14), loss
    one = cr.Network(cr.Dense(1), loss="squared_error", inputs=(3, 4), dtype="float64")
    assert one.loss(X, y[:, :, :1]) == pytest.approx(((one.predict(X) - y[:, :, :1]) ** 2).sum() / 5, rel=1e-14)


def test_a_formula_named_like_a_loss_is_kept_as_the_formula() -> None:
    def huber(p: Any, y: Any) -> Any:
        return (p - y) ** 4

    description = cr.losses.loss_of(huber).to_json()
    p, y = cr.symbols("prediction target", shape=("B", 2))
    again = cr.losses.loss_of(description)
    value = cr.evaluate(again.total(p, y), prediction=[[2.0, 1.0]], target=[[0.0, 0.0]])
    assert value == 17.0


@pytest.mark.parametrize(
    "loss",
    [
        *LOSSES,
        cr.losses.huber(0.3, "sum"),
        cr.losses.quantile(0.9),
        cr.losses.cross_entropy("sum", 0.1),
        cr.losses.binary_cross_entropy(label_smoothing=0.2),
        log_cosh,
        lambda p, y: (p - y) ** 4,
    ],
)
def test_losses_survive_json(loss: Any) -> None:
    import json

    first = cr.losses.loss_of(loss)
    again = cr.losses.loss_of(json.loads(json.dumps(first.to_json())))
    assert (again.name, again.reduction, again.label_smoothing) == (
        first.name,
        first.reduction,
        first.label_smoothing,
    )
    assert dict(again.settings) == dict(first.settings)
    p, y = cr.symbols("prediction target", shape=("B", 2))
    values = {"prediction": [[0.25, 0.75], [0.5, 0.5]], "target": [[1.0, 0.0], [0.0, 1.0]]}
    assert cr.evaluate(again.total(p, y), **values) == cr.evaluate(first.total(p, y), **values)


# Errors


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(cr.UnknownNameError, match=r"unknown loss 'square_error': did you mean 'squared_error'\?"):
        cr.mlp([2, 1], loss="square_error")


@pytest.mark.parametrize("output", ["linear", "tanh", "relu"])
def test_cross_entropies_refuse_outputs_that_are_no_probabilities(output: str) -> None:
    for loss in ("binary_cross_entropy", "cross_entropy"):
        with pytest.raises(cr.ArgumentError, match=rf"{loss} is defined for an output that is .* not {output}"):
            cr.mlp([2, 2], loss=loss, output=output)


def test_shapes_that_differ_are_both_named() -> None:
    p, y = cr.symbols("prediction", shape=("B", 3)), cr.symbols("target", shape=("B", 2))
    with pytest.raises(cr.ShapeError, match=r"squared_error: predictions have shape \(B, 3\), targets \(B, 2\)"):
        cr.losses.squared_error().total(p, y)
    with pytest.raises(cr.ShapeError, match=r"targets have shape \(4, 2\), but the last layer gives \(4, 3\)"):
        cr.mlp([2, 3]).loss(np.ones((4, 2)), np.ones((4, 2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.losses.huber(0.0), "delta must be above 0"),
        (lambda: cr.losses.quantile(1.0), "quantile must lie between 0 and 1"),
        (lambda: cr.losses.squared_error("median"), "reduction must be 'mean' or 'sum', not 'median'"),
        (
            lambda: cr.losses.cross_entropy(label_smoothing=1.0),
            "label smoothing must be at least 0 and below 1",
        ),
        (
            lambda: cr.losses.Loss("mine", log_cosh, label_smoothing=0.1),
            "label smoothing is for class targets",
        ),
        (lambda: cr.losses.loss_of(3), "a loss is a name, a function"),
        (lambda: cr.mlp([1, 1], loss=cr.symbols("a") ** 2), "over prediction and target, not over a"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("binary_cross_entropy", [0.0, 2.0], r"needs targets that are between 0 and 1, but row 2 holds"),
        ("poisson", [1.0, -1.0], r"needs targets that are 0 or more, but row 2 holds"),
        ("hinge", [1.0, 0.5], r"needs targets that are -1 and 1 \(or 0 and 1\), but row 2 holds"),
    ],
)
def test_targets_outside_the_domain_of_a_loss_are_refused(loss: str, y: Any, message: str) -> None:
    with pytest.raises(cr.DataError, match=message):
        cr.mlp([2, 1], loss=loss).loss(np.ones((2, 2)), y)


def test_rows_of_probabilities_must_sum_to_one() -> None:
    with pytest.raises(cr.DataError, match="rows of probabilities that sum to 1, but row 2 holds"):
        cr.mlp([2, 2], loss="cross_entropy").loss(np.ones((2, 2)), [[0.5, 0.5], [0.5, 0.6]])


def test_every_setting_of_a_loss_of_ones_own_is_read_back(tmp_path: Any) -> None:
    """The network predicts, and costs, the same after saving: link, target, settings, reduction and smoothing too."""
    X, y = np.array([[0.5, -1.0], [1.5, 2.0]]), np.array([0.0, 1.0])

    def weighted(p: cr.Expression, t: cr.Expression, weight: float) -> cr.Expression:
        return -(weight * t * cr.log(p) + (1 - t) * cr.log(1 - p))

    def by_width(p: cr.Expression, t: cr.Expression) -> cr.Expression:
        return (p[:, 0] - t[:, 0]) ** 2 / p.shape[-1]

    own = [
        Loss(
            "weighted",
            weighted,
            link="sigmoid",
            outputs=("sigmoid",),
            target="binary",
            settings={"weight": 3.0},
            label_smoothing=0.1,
        ),
        Loss("averaged", lambda p, t: (p - t) ** 2, mean_outputs=True, reduction="sum"),
        Loss("by_width", by_width),
        Loss("rows", lambda p, t: cr.sum((p - t) ** 2 * cr.exp(-p), axis=1)),
        Loss("batch", lambda p, t: cr.mean((p - t) ** 2)),
    ]
    for loss in own:
        outputs = 1 if loss.target == "binary" else 2
        targets = y if outputs == 1 else np.stack([y, 1 - y], axis=1)
        net = cr.Network(cr.Dense(outputs), loss=loss, inputs=2, dtype="float64")
        net.save(tmp_path / "own.chainrule")
        for twin in (cr.load(tmp_path / "own.chainrule"), copy.deepcopy(net)):
            assert_array_equal(twin.predict(X), net.predict(X))
            assert twin.loss(X, targets) == net.loss(X, targets)
            assert str(twin.program()) == str(net.program())
