"""The network as people hold it: parameters, programs, predictions, messages, files."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
import chainrule.network.computing
import chainrule.storage
from chainrule.nn import Build

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 1))


def small(**settings: Any) -> cr.Network:
    return cr.mlp([2, 3, 1], **{"dtype": "float64", **settings})


# Parameters


def test_parameters_are_named_and_shaped() -> None:
    net = cr.mlp([2, 3, 4, 1])
    assert {name: w.shape for name, w in net.parameters.items()} == {
        "W1": (2, 3), "b1": (3,), "W2": (3, 4), "b2": (4,), "W3": (4, 1), "b3": (1,),
    }  # fmt: skip
    assert list(net.parameters) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert len(net.parameters) == 6
    assert list(cr.mlp([2, 3, 1], bias=False).parameters) == ["W1", "W2"]
    assert "W1 (2, 3)" in repr(net.parameters)


def test_assigning_copies_and_checks_the_shape() -> None:
    net = small()
    values = np.arange(6.0).reshape(2, 3)
    net.parameters["W1"] = values
    values[:] = -1
    assert_array_equal(net.parameters["W1"], np.arange(6.0).reshape(2, 3))
    net.parameters["b1"] = [1, 2, 3]
    for wrong, message in (
        ([[1.0, 2.0]], r"W1 has shape \(2, 3\), the values given have \(1, 2\)"),
        (1.0, r"W1 has shape \(2, 3\), the values given have \(\)"),
        (np.zeros((3, 2)), r"W1 has shape \(2, 3\), the values given have \(3, 2\)"),
    ):
        with pytest.raises(cr.ShapeError, match=message):
            net.parameters["W1"] = wrong
    with pytest.raises(cr.UnknownNameError, match="unknown parameter 'W11': did you mean 'W1'"):
        net.parameters["W11"] = 1.0
    with pytest.raises(cr.DataError, match="values given for b1 are not all finite"):
        net.parameters["b1"] = [1.0, np.nan, 0.0]
    with pytest.raises(cr.DataError, match="values given for b1 are not all finite in float32"):
        small(dtype="float32").parameters["b1"] = [1.0, 1e300, 0.0]


def test_gradient_descent_can_be_written_by_hand() -> None:
    net, fitted = small(), small()
    for name, g in net.gradients(X, Y).items():
        net.parameters[name] -= 0.1 * g
    fitted.fit(X, Y, epochs=1, batch_size="all", optimizer=cr.SGD(0.1))
    assert_allclose(net.parameters.theta, fitted.parameters.theta, rtol=1e-14)


def test_views_change_the_network() -> None:
    net = small()
    before = net.predict(X)
    net.parameters["W2"][...] = 0
    net.parameters["b2"][0] = 7.0
    assert_array_equal(net.predict(X), np.full((8, 1), 7.0))
    assert (before != 7.0).all()
    net.parameters.theta[:] = 0.0
    assert not net.parameters["b2"].any()


# What it computes


def test_the_example_by_hand() -> None:
    """Two inputs, two tanh units, one sigmoid output, squared error."""
    net = cr.mlp([2, 2, 1], hidden="tanh", output="sigmoid", loss="squared_error", dtype="float64")
    W1, b1, W2, b2 = (
        np.array([[0.1, -0.2], [0.3, 0.4]]),
        np.array([0.1, 0.0]),
        np.array([[0.5], [-0.6]]),
        np.array([0.2]),
    )
    for name, value in (("W1", W1), ("b1", b1), ("W2", W2), ("b2", b2)):
        net.parameters[name] = value
    x, y = np.array([[1.0, 2.0]]), np.array([1.0])
    z1 = x @ W1 + b1
    h1 = np.tanh(z1)
    z2 = h1 @ W2 + b2
    a = 1 / (1 + np.exp(-z2))
    values = net.activations(x)
    assert list(values) == ["z1", "h1", "z2", "h2"]
    for name, expected in (("z1", z1), ("h1", h1), ("z2", z2), ("h2", a)):
        assert_allclose(values[name], expected, rtol=1e-15)
    assert net.loss(x, y) == pytest.approx((a.item() - 1) ** 2, rel=1e-15)
    dz2 = 2 * (a - 1) * a * (1 - a)
    dz1 = dz2 @ W2.T * (1 - h1**2)
    for name, expected in (("W2", h1.T @ dz2), ("b2", dz2[0]), ("W1", x.T @ dz1), ("b1", dz1[0])):
        assert_allclose(net.gradients(x, y)[name], expected, rtol=1e-14)
    assert_allclose(net.predict(x), a, rtol=1e-15)


def test_links_are_those_of_the_loss() -> None:
    for loss, link in (("binary_cross_entropy", "sigmoid"), ("cross_entropy", "softmax"), ("poisson", "exp")):
        chosen, stated = (cr.mlp([2, 3, 2], loss=loss, output=o, dtype="float64") for o in (None, link))
        assert_array_equal(chosen.predict(X), stated.predict(X))
        assert "h2" in chosen.activations(X)
    assert_allclose(cr.mlp([2, 3], loss="cross_entropy").predict(X).sum(axis=1), 1, rtol=1e-6)


def test_results_have_the_precision_of_the_network() -> None:
    for dtype in ("float32", "float64"):
        net = cr.mlp([2, 3, 2], dtype=dtype)
        assert net.predict(X).dtype == dtype
        assert all(g.dtype == dtype for g in net.gradients(X, X).values())
        assert all(a.dtype == dtype for a in net.activations(X).values())
        assert isinstance(net.loss(X, X), float)


def test_what_people_give_as_rows_is_read() -> None:
    net = small()
    expected = net.predict(X)
    for same in (X.tolist(), X.astype(object), np.asfortranarray(X), tuple(map(tuple, X))):
        assert_array_equal(net.predict(same), expected)
    assert_array_equal(net.predict(np.ones((2, 2), bool)), net.predict(np.ones((2, 2))))
    assert net.loss(X, Y) == net.loss(X, Y[:, 0]) == net.loss(X, Y.tolist())
    pl = pytest.importorskip("polars")
    assert_array_equal(net.predict(pl.DataFrame(X, schema=["a", "b"])), expected)


def test_predictions_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    net = cr.mlp([5, 16, 3], loss="cross_entropy", dtype="float64")
    rows = RNG.normal(size=(1000, 5))
    whole = net.predict(rows)
    for size in (1, 7, 333, 999, 1000, 4096):
        monkeypatch.setattr(chainrule.network.computing, "PREDICT_ROWS", size)
        # BLAS may add up the last rows of a block in another order: 17 addends, each product rounded once.
        assert_allclose(net.predict(rows), whole, rtol=40 * np.finfo(float).eps)
    assert_allclose(net.predict(rows[:1]), whole[:1], rtol=1e-14)


def test_evaluate_reports_loss_and_metrics() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    net = small()
    p = net.predict(X)
    result = net.evaluate(X, Y, ["rmse", "mae", "r2"])
    assert result["loss"] == net.loss(X, Y)
    assert result["rmse"] == pytest.approx(metrics.root_mean_squared_error(Y, p), rel=1e-14)
    assert result["mae"] == pytest.approx(metrics.mean_absolute_error(Y, p), rel=1e-14)
    assert result["r2"] == pytest.approx(metrics.r2_score(Y, p), rel=1e-13)
    codes = np.array([0, 1, 2, 0, 1, 2, 1, 1])
    net3 = cr.mlp([2, 3], loss="cross_entropy")
    assert net3.evaluate(X, codes, ["accuracy"])["accuracy"] == (net3.predict(X).argmax(1) == codes).mean()
    yes = cr.mlp([2, 1], loss="binary_cross_entropy")
    assert yes.evaluate(X, codes > 0, ["accuracy"])["accuracy"] == ((yes.predict(X)[:, 0] > 0.5) == (codes > 0)).mean()
    sign = cr.mlp([2, 1], loss="hinge")
    signs = np.where(codes > 0, 1, -1)
    assert sign.evaluate(X, signs, ["accuracy"])["accuracy"] == ((sign.predict(X)[:, 0] > 0) == (codes > 0)).mean()
    with pytest.raises(cr.UnknownNameError, match="unknown metric 'acuracy': did you mean 'accuracy'"):
        sign.evaluate(X, signs, ["acuracy"])


def test_the_number_of_features_may_come_with_the_data() -> None:
    net = cr.Network(cr.Dense(3, "tanh"), cr.Dense(1), dtype="float64", seed=4)
    for ask in (
        lambda: net.parameters,
        lambda: net.program(),
        lambda: net.summary(),
        lambda: net.outputs,
        net.reset,
    ):
        with pytest.raises(cr.ArgumentError, match="number of features is not known yet: give inputs=, or call fit"):
            ask()
    assert_array_equal(net.predict(X), small(seed=4).predict(X))
    with pytest.raises(cr.ShapeError):
        net.predict(np.ones((3, 5)))


# Programs


def test_every_kind_of_program_runs() -> None:
    net = small()
    values = {"X": X, "Y": Y, **net.parameters}
    inputs = {k: v for k, v in values.items() if k != "Y"}
    assert net.program("loss")(**values)["L"] == net.loss(X, Y)
    assert_array_equal(net.program("predict")(**inputs)["prediction"], net.predict(X))
    assert_array_equal(net.program("activations")(**inputs)["z1"], net.activations(X)["z1"])
    result = net.program("gradients")(**values)
    assert list(result) == ["L", "dW1", "db1", "dW2", "db2"]
    assert_array_equal(result["dW1"], net.gradients(X, Y)["W1"])
    theta = net.parameters.theta
    step = net.program("step", optimizer=cr.SGD(0.1))
    after = step(all_X=X, all_Y=Y, rows=np.arange(8), theta=theta)
    flat = np.concatenate([net.gradients(X, Y)[n].ravel() for n in net.parameters])
    assert after["L"] == net.loss(X, Y)
    assert_allclose(after["new_theta"], theta - 0.1 * flat, rtol=1e-14)
    update = net.program("update", optimizer=cr.SGD(0.1))
    assert_allclose(update(theta=theta, g=flat, lr=0.1, t=1)["new_theta"], theta - 0.1 * flat, rtol=1e-14)
    with pytest.raises(cr.UnknownNameError, match="unknown kind of program 'gradient': did you mean 'gradients'"):
        net.program("gradient")
    assert net.program() is net.program()  # made once


def test_the_backward_pass_goes_from_the_last_layer_to_the_first() -> None:
    text = str(cr.mlp([3, 5, 4, 2]).program())
    targets = re.findall(r"^    (d\w+) = ", text, re.MULTILINE)
    order = ["dz3", "dW3", "dh2", "dz2", "dW2", "dh1", "dz1", "dW1"]
    assert [t for t in targets if t in order] == order
    assert set(targets) == {*order, "db1", "db2", "db3"}


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "cross_entropy"])
def test_two_layers_fit_on_twenty_lines(loss: str) -> None:
    text = str(cr.mlp([2, 3, 2 if loss == "cross_entropy" else 1], loss=loss).program())
    assert len(text.strip().splitlines()) <= 20, text
    assert max(map(len, text.splitlines())) <= 110


def test_the_program_text_is_python_that_gives_the_same() -> None:
    net = cr.mlp([2, 3, 2], loss="cross_entropy", dtype="float64")
    y = np.array([[0.5, 0.5]] * 8)
    program = net.program()
    names: dict[str, Any] = {"np": np, "dtype": np.float64}
    exec(program.python(helpers=True), names)
    results = names[program.name](X, y, *net.parameters.values())
    for value, expected in zip(results, [net.loss(X, y), *net.gradients(X, y).values()], strict=True):
        assert_array_equal(value, expected)
    assert program.latex().count("{") == program.latex().count("}")
    assert "W1" in program.text()


@pytest.mark.parametrize(
    "loss", ["squared_error", "huber", "binary_cross_entropy", "cross_entropy", "poisson", "hinge"]
)
@pytest.mark.parametrize("hidden", ["tanh", "relu", "gelu", "softmax"])
def test_rewrites_change_no_value(loss: str, hidden: str) -> None:
    net = cr.mlp([2, 4, 3], hidden=hidden, loss=loss, dtype="float64", l2=0.01, biases="normal")
    y = RNG.dirichlet(np.ones(3), 8) if loss != "hinge" else RNG.choice([-1.0, 1.0], (8, 3))
    values = {"X": X, "Y": y, **net.parameters}
    plain, better = (net.program("gradients", simplified=s)(**values) for s in (False, True))
    assert list(plain) == list(better)
    for name, value in plain.items():
        assert_allclose(better[name], value, rtol=1e-12, atol=1e-14)


# Summary


def test_the_summary_of_seven_layers_of_100() -> None:
    net = cr.mlp([100] * 7)
    summary = net.summary(batch_size=128)
    assert summary.parameters == 60_600 == net.parameters.theta.size
    assert summary.parameter_bytes == 4 * 60_600
    assert [row.count for row in summary.rows] == [0, *[10_100] * 6]
    assert "60,600 parameters, 242 kB" in str(summary)
    # six products of (128, 100) and (100, 100), each with 100 biases a row, five tanh
    products, elementwise = 6 * 2 * 128 * 100 * 100, 6 * 128 * 100 + 5 * 128 * 100
    assert products + elementwise <= summary.forward_flops <= products + 20 * elementwise
    # backward: two products a layer, but for the first, whose input has no derivative
    assert summary.step_flops >= products + 11 * 2 * 128 * 100 * 100
    assert summary.step_flops <= 1.2 * (products + 11 * 2 * 128 * 100 * 100)
    # theta, two slots, the gradient and what they become: at least 7 vectors; 11 arrays of the batch
    least = 4 * (7 * 60_600 + 11 * 128 * 100)
    assert least <= summary.step_bytes <= 6 * least


def test_flops_of_a_product_by_hand() -> None:
    summary = cr.Network(cr.Dense(5, bias=False), inputs=7).summary(batch_size=3)
    assert summary.forward_flops == 2 * 3 * 7 * 5
    with_bias = cr.Network(cr.Dense(5), inputs=7).summary(batch_size=3)
    assert with_bias.forward_flops == 2 * 3 * 7 * 5 + 3 * 5
    assert "210 FLOP" in str(summary)
    with pytest.raises(cr.ArgumentError, match="batch_size must be a whole number from 1, not 0"):
        cr.mlp([2, 1]).summary(0)


def test_the_summary_reads_like_a_table() -> None:
    text = str(cr.Network(cr.Dense(8, "relu"), cr.Dropout(0.25), cr.BatchNorm(), cr.Dense(1), inputs=3).summary())
    for part in (
        "Dense relu",
        "(B, 8)",
        "W1 (3, 8), b1 (8,)",
        "Dropout 0.25",
        "gamma1 (8,), beta1 (8,)",
        "57 parameters",
    ):
        assert part in text, text


# Messages

NAN = X.copy()
NAN[4, 1] = np.nan


@pytest.mark.parametrize(
    ("rows", "y", "message"),
    [
        (
            X[:, 0],
            Y,
            r"X has shape \(8,\), but rows of features are needed: use X.reshape\(-1, 1\) for one feature",
        ),
        (3.0, Y, r"X has shape \(\), but rows of features"),
        (NAN, Y, r"X holds nan in row 5, column 2: fill or drop such rows first"),
        (np.where(np.isnan(NAN), np.inf, NAN), Y, r"X holds inf in row 5, column 2"),
        (X * 1e300, Y, r"X holds -?inf in row 1, column 1"),
        (np.ones((8, 3)), Y, r"X has 3 features a row, but the network \(layer 1, Dense\) was built for 2"),
        (np.ones((0, 2)), Y, "X has no rows"),
        (np.array([["a", "b"]]), Y, "X must hold numbers"),
        ([[1.0, 2.0], [3.0]], Y, "X must hold numbers"),
        (X, Y[:5], "X has 8 rows, y has 5"),
        (X, 1.0, "X has 8 rows, y has none"),
        (X, np.ones((8, 2)), r"targets have shape \(8, 2\), but the last layer gives \(8, 1\)"),
        (X, [[1.0], [1.0, 2.0]] * 4, "the rows of y differ in length"),
        (X, ["a"] * 8, r"targets must be numbers, not <U1: give classes the codes 0, 1, ..."),
        (X, None, "targets must be numbers, not object"),
        (X, np.where(np.arange(8) == 2, np.nan, 1.0), "y holds nan in row 3: fill or drop such rows first"),
        (X, np.full(8, 1e300), "y holds inf in row 1"),
    ],
)
def test_data_that_does_not_fit_is_refused(rows: Any, y: Any, message: str) -> None:
    net = small(dtype="float32")
    for call in (net.loss, net.gradients, net.fit, net.evaluate):
        with pytest.raises(cr.ChainruleError, match=message) as caught:
            call(rows, y)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [3, -1, 0.5, np.nan, np.inf])
def test_class_codes_are_whole_numbers_below_the_number_of_units(bad: float) -> None:
    y = np.array([0, 1, 2, 0, 1, 2, 0, bad])
    wanted = r"y holds \S+ in row 8: the last layer has 3 units, so classes are the whole numbers 0 to 2"
    with pytest.raises(cr.DataError, match=wanted):
        cr.mlp([2, 3], loss="cross_entropy").fit(X, y)


def test_class_codes_and_rows_of_zeros_and_ones_are_the_same() -> None:
    net = cr.mlp([2, 3], loss="cross_entropy", dtype="float64")
    codes = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    for same in (np.eye(3)[codes], codes.astype(float), codes.astype(np.uint8), codes.tolist()):
        assert net.loss(X, same) == net.loss(X, codes)
    two = cr.mlp([2, 2], loss="cross_entropy")
    assert two.loss(X, codes == 1) == two.loss(X, (codes == 1).astype(int))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.mlp([3]), "sizes must give at least features and outputs"),
        (lambda: cr.mlp([3, 0, 1]), "each of the sizes must be a whole number from 1, not 0"),
        (lambda: cr.mlp([3, 4, 1], hidden=["relu", "tanh"]), "1 hidden layers need 1 activations, not 2"),
        (lambda: cr.mlp([3, 1], dtype="float16"), "unknown dtype 'float16': did you mean 'float64'"),
        (lambda: cr.mlp([3, 1], l2=-1.0), "l2 must not be negative, not -1.0"),
        (lambda: cr.mlp([3, 1], seed=-1), "seed must be a whole number from 0, not -1"),
        (lambda: cr.mlp([3, 1], seed=1.5), "seed must be a whole number from 0, not 1.5"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        make()


# Files


def log_cosh() -> Any:
    p, y = cr.symbols("prediction target", shape=("B", "k"))
    return cr.softplus(2 * (p - y)) - (p - y)


KEPT: dict[str, Callable[[], cr.Network]] = {
    "mlp": lambda: small(l1=0.01, l2=0.02, seed=3),
    "float32": lambda: small(dtype="float32", loss=cr.losses.huber(0.3, "sum")),
    "states": lambda: cr.Network(cr.Dense(3, "relu"), cr.BatchNorm(0.5), cr.Dropout(0.2), cr.Dense(1), inputs=2),
    "expression": lambda: small(loss=log_cosh()),
    "function": lambda: small(loss=lambda p, y: cr.abs(p - y) ** 1.5),
    "residual": lambda: cr.Network(
        cr.Residual(cr.Dense(2, "tanh"), cr.LayerNorm()),
        cr.Join([cr.Columns(1, 0), cr.Dense(2)], cr.Dense(2), how="add"),
        cr.Join(cr.Dense(1), cr.Activation("sin")),
        cr.Dense(1),
        inputs=2,
        dtype="float64",
    ),
    "given": lambda: cr.Network(
        cr.Dense(2, weights=[[1.0, 2.0], [3.0, 4.0]], biases="normal"),
        cr.Dense(1, cr.tanh, weights=0.1),
        inputs=2,
    ),
    "classes": lambda: cr.mlp([2, 1], loss=cr.losses.binary_cross_entropy(label_smoothing=0.1)),
    "unicode": lambda: cr.Network(cr.Join(cr.Input("größe"), cr.Dense(1)), cr.Dense(1), inputs={"größe": 2}),
}


def targets_of(net: cr.Network) -> Any:
    return (Y > 0).astype(float) if net.loss_function.target == "binary" else Y


def data_of(net: cr.Network) -> Any:
    name = net.model.inputs[0][0]
    return X if name == "X" else {name: X}


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("name", list(KEPT))
def test_what_is_saved_is_read_bit_for_bit(name: str, folder: bool, tmp_path: Path) -> None:
    net = KEPT[name]()
    data, y = data_of(net), targets_of(net)
    net.fit(data, y, epochs=2, batch_size=3)
    path = tmp_path / ("model" if folder else "model.chainrule")
    if folder:
        path.mkdir()
    net.save(path)
    again = cr.load(path)
    assert list(again.arrays()) == list(net.arrays())
    for key, array in net.arrays().items():
        assert again.arrays()[key].dtype == array.dtype
        assert again.arrays()[key].tobytes() == array.tobytes()
    assert again.predict(data).tobytes() == net.predict(data).tobytes()
    assert again.loss(data, y) == net.loss(data, y)
    again.fit(data, y, epochs=1, batch_size=3, seed=5)
    net.fit(data, y, epochs=1, batch_size=3, seed=5)
    assert again.parameters.theta.tobytes() == net.parameters.theta.tobytes()
    again.save(path)
    assert cr.load(path).to_json() == net.to_json()
    names = sorted(p.name for p in (path if folder else tmp_path).iterdir())
    assert names == (["model.json", "model.safetensors"] if folder else ["model.chainrule"])


def test_files_are_safetensors_that_others_read(tmp_path: Path) -> None:
    numpy_file = pytest.importorskip("safetensors.numpy")
    net = small()
    net.save(tmp_path / "m.chainrule")
    arrays = numpy_file.load_file(tmp_path / "m.chainrule")
    assert set(arrays) == {"W1", "b1", "W2", "b2"}
    assert_array_equal(arrays["W1"], net.parameters["W1"])


def damaged(path: Path, content: bytes, reference: cr.Network) -> bool:
    """Whether loading says that the file is damaged; if it loads, it must be the same network."""
    path.write_bytes(content)
    try:
        net = cr.load(path)
    except cr.ModelFileError as error:
        message = str(error)
    else:
        assert net.to_json() == reference.to_json()
        assert net.parameters.theta.tobytes() == reference.parameters.theta.tobytes()
        return False
    assert "\n" not in message
    assert path.name in message
    return True


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    net = KEPT["states"]()
    path = tmp_path / "model.chainrule"
    net.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    places = [*rng.integers(0, len(content), 200), *range(8)]
    noticed = 0
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(0, 8))
        noticed += damaged(path, bytes(changed), net)
    assert noticed >= len(places) - 2  # 1e-05 and 1E-05 are the same number
    assert not damaged(path, content, net)


def test_a_flipped_bit_in_a_folder_is_noticed(tmp_path: Path) -> None:
    net = KEPT["states"]()
    net.save(f"{tmp_path / 'm'}{os.sep}")
    rng = np.random.default_rng(0)
    for name in ("model.json", "model.safetensors"):
        path = tmp_path / "m" / name
        content = path.read_bytes()
        for place in rng.integers(0, len(content), 60):
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(bytes(changed))
            try:
                assert cr.load(tmp_path / "m").to_json() == net.to_json()
            except cr.ModelFileError:
                continue
        path.write_bytes(content)


def test_relu_does_not_become_selu(tmp_path: Path) -> None:
    """They differ by one bit."""
    path = tmp_path / "model.chainrule"
    small(hidden="relu").save(path)
    path.write_bytes(path.read_bytes().replace(b"relu", b"selu"))
    with pytest.raises(cr.ModelFileError, match="is damaged: its checksum differs"):
        cr.load(path)


def test_a_truncated_file_is_noticed(tmp_path: Path) -> None:
    net = small()
    path = tmp_path / "model.chainrule"
    net.save(path)
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 1, 50).astype(int):
        assert damaged(path, content[:length], net), length
    assert damaged(path, content + b"more", net)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "model.chainrule"
    W = {"W1": np.ones((2, 3), np.float32)}
    header = json.dumps({"__metadata__": None, "W1": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    brain = json.dumps({"W1": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    description = {"format": 1, "layers": []}
    contents = [
        safetensors.save(W),
        safetensors.save(W, {"format": "pt"}),
        safetensors.save(W, {"chainrule": "not JSON"}),
        safetensors.save(W, {"chainrule": "[1, 2]"}),
        safetensors.save(W, {"chainrule": "[" * 100_000}),
        safetensors.save(W, {"chainrule": json.dumps(description)}),
        safetensors.save(W, {"chainrule": json.dumps({**description, "format": 99})}),
        len(header).to_bytes(8, "little") + header + b"\0" * 4,
        len(brain).to_bytes(8, "little") + brain + b"\0" * 4,
        b"",
        b"\0" * 100,
        b"{}",
        b"\x80\x04K\x01.",  # a pickle
        b"\xff" * 64,
        os.urandom(4096),
    ]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(cr.ModelFileError):
            cr.load(path)


def test_a_newer_format_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chainrule.storage, "FORMAT", 2)
    small().save(tmp_path / "new.chainrule")
    monkeypatch.undo()
    with pytest.raises(cr.ModelFileError, match="has format 2; this version of chainrule reads 1"):
        cr.load(tmp_path / "new.chainrule")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(cr.ModelFileError, match="there is no model at"):
        cr.load(tmp_path / "nothing.chainrule")
    with pytest.raises(cr.ModelFileError, match=r"holds no model.json: it is not a model folder"):
        cr.load(tmp_path)
    small().save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(cr.ModelFileError, match=r"cannot read .*model.safetensors: No such file"):
        cr.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": [{"layer": "Dense", "units": 3, "activation": "tanj"}]},
        {"layers": [{"layer": "Dens", "units": 3}]},
        {"layers": [{"layer": "Dense", "units": 4}, {"layer": "Dense", "units": 1}]},
        {"layers": [{"layer": "Dense", "neurons": 4}]},
        {"layers": 3},
        {"layers": []},
        {"loss": {"name": "squared_errors"}},
        {"loss": {"name": "mine", "formula": {}}},
        {"inputs": [["X", ["B", 3]]]},
        {"inputs": 7},
        {"dtype": "float16"},
        {"seed": "x"},
        {"l2": None},
    ],
)
def test_descriptions_that_make_no_sense_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """With a checksum that fits, as another program might write them."""
    net = small()
    description = {**net.to_json(), **change}
    chainrule.storage.write_model(tmp_path / "m.chainrule", description, net.arrays())
    with pytest.raises(cr.ModelFileError, match=r"m\.chainrule"):
        cr.load(tmp_path / "m.chainrule")


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    net = small()
    arrays = {k: v for k, v in net.arrays().items() if k != "b2"}
    chainrule.storage.write_model(tmp_path / "m.chainrule", net.to_json(), arrays)
    with pytest.raises(cr.ModelFileError, match="no values for b2"):
        cr.load(tmp_path / "m.chainrule")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.chainrule"
    net = small()
    net.save(path)
    old = path.read_bytes()
    net.parameters["b2"] = [5.0]

    def no_space(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, no_space)
    with pytest.raises(cr.ModelFileError, match=r"cannot write .*model\.chainrule: No space left"):
        net.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["model.chainrule"]
    net.save(path)
    assert cr.load(path).parameters["b2"].item() == 5.0


def test_copies_and_pickles_predict_the_same() -> None:
    """Also with an operation as activation, and with a loss that is a plain function."""
    net = cr.Network(cr.Dense(3, cr.relu), cr.BatchNorm(), cr.Dense(1), loss=lambda p, t: cr.abs(p - t), inputs=2)
    X = np.random.default_rng(0).normal(size=(20, 2))
    net.fit(X, X[:, 0], epochs=2)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin.predict(X), net.predict(X))
        assert twin.loss(X, X[:, 0]) == net.loss(X, X[:, 0])
        twin.parameters["W1"][...] = 0.0
    assert net.parameters["W1"].any()
    unbuilt = pickle.loads(pickle.dumps(cr.Network(cr.Dense(1))))
    assert unbuilt.predict(X).shape == (20, 1)


def test_a_network_with_a_layer_of_ones_own_is_read_back_with_its_class(tmp_path: Path) -> None:
    net = cr.Network(Doubled(), cr.Dense(1), inputs=2)
    net.save(tmp_path / "own.chainrule")
    X = np.ones((3, 2))
    twin = cr.load(tmp_path / "own.chainrule", layers=[Doubled])
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    with pytest.raises(cr.ModelFileError, match="a layer Doubled of your own"):
        cr.load(tmp_path / "own.chainrule")


@dataclass(frozen=True)
class Doubled(cr.Layer):
    """Twice its input."""

    def apply(self, x: cr.Expression, build: Build) -> cr.Expression:
        return 2 * x
