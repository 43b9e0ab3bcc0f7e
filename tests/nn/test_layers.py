"""Each layer: forward by hand or by PyTorch, gradients by measured slopes, descriptions, messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.engines.threefry import threefry
from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.reading import LAYERS, layer_from_json
from chainrule.trace import trace

RNG = np.random.default_rng(0)
X4 = RNG.normal(size=(6, 4))


def network(*layers: cr.Layer, inputs: Any = 4, **settings: Any) -> cr.Network:
    """A float64 network whose parameters are all random, so that nothing hides behind a 0 or a 1."""
    net = cr.Network(*layers, inputs=inputs, dtype="float64", **settings)
    rng = np.random.default_rng(1)
    for name in net.parameters:
        net.parameters[name] = rng.normal(size=net.parameters[name].shape)
    return net


def in_training(net: cr.Network, X: Any, key: int = 1, step: int = 0) -> Any:
    """The prediction as training sees it."""
    prediction = net.model.assemble(training=True).prediction
    values = {"X": X, **net.parameters, **net.states, "key": key, "step": step}
    names = {v.name for v in trace({"prediction": prediction}).inputs}
    return cr.evaluate(prediction, **{k: v for k, v in values.items() if k in names})


# Dense and Activation


def test_dense_is_a_product_and_a_sum() -> None:
    net = network(cr.Dense(3))
    assert_allclose(net.predict(X4), X4 @ net.parameters["W1"] + net.parameters["b1"], rtol=1e-15)
    bare = network(cr.Dense(3, bias=False))
    assert list(bare.parameters) == ["W1"]
    assert_allclose(bare.predict(X4), X4 @ bare.parameters["W1"], rtol=1e-15)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_those_of_torch(activation: str) -> None:
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    different = {
        "linear": lambda z: z,
        "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
        "hard_tanh": F.hardtanh,
        "softmax": lambda z: F.softmax(z, dim=1),
        "log_softmax": lambda z: F.log_softmax(z, dim=1),
        "exp": torch.exp,
        "sin": torch.sin,
        "smooth_clip": lambda z: z / torch.sqrt(1 + (z / 3) ** 2),
    }
    theirs = different.get(activation) or getattr(F, activation)
    z = np.concatenate([X4, 3 * X4, 1e-8 * X4])
    for layer in (cr.Activation(activation), cr.Dense(4, activation, bias=False, weights=np.eye(4))):
        net = cr.Network(layer, inputs=4, dtype="float64")
        expected = theirs(torch.tensor(z)).numpy()
        # gelu of numbers far below 0 cancels, in torch as here.
        assert_allclose(net.predict(z), expected, rtol=1e-13 if "elu" not in activation else 1e-11, atol=1e-16)


def test_an_activation_may_be_an_operation() -> None:
    net = cr.Network(cr.Dense(3, cr.tanh), cr.Activation(cr.relu), inputs=4)
    same = cr.Network(cr.Dense(3, "tanh"), cr.Activation("relu"), inputs=4)
    assert_array_equal(net.predict(X4), same.predict(X4))
    assert net.to_json() == same.to_json()


# Dropout


def test_threefry_gives_the_published_numbers() -> None:
    """The known answers of Random123's kat_vectors for threefry2x32 with 20 rounds."""
    for counter, key, expected in (
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ):
        words = threefry(key, (np.array([counter[0]], np.uint32), np.array([counter[1]], np.uint32)))
        assert tuple(int(w[0]) for w in words) == expected


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_its_share_and_scales_it(rate: float) -> None:
    thinned = in_training(cr.Network(cr.Dropout(rate), inputs=100, dtype="float64"), np.ones((400, 100)))
    assert set(np.unique(thinned)) == {0.0, 1 / (1 - rate)}
    n = thinned.size
    assert abs((thinned == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / n)
    for axis in (0, 1):  # no row or column is favoured
        shares = (thinned == 0).mean(axis=axis)
        assert np.abs(shares - rate).max() < 6 * np.sqrt(rate * (1 - rate) / thinned.shape[axis])
    assert thinned.mean() == pytest.approx(1.0, abs=5 * np.sqrt(rate / (1 - rate) / n))


def test_masks_depend_on_seed_step_layer_and_nothing_else() -> None:
    net = cr.Network(cr.Dropout(0.5), inputs=50, dtype="float64")
    ones = np.ones((20, 50))
    mask = in_training(net, ones, key=7, step=3)
    assert_array_equal(in_training(cr.Network(cr.Dropout(0.5), inputs=50, dtype="float64"), ones, 7, 3), mask)
    assert_array_equal(in_training(net, 2 * ones, 7, 3), 2 * mask)
    for key, step in ((7, 4), (8, 3)):
        agreement = (in_training(net, ones, key, step) == mask).mean()
        assert abs(agreement - 0.5) < 5 * 0.5 / np.sqrt(mask.size)
    twice = cr.Network(cr.Join(cr.Dropout(0.5), cr.Dropout(0.5)), inputs=50, dtype="float64")
    both = in_training(twice, ones, 7, 3)
    assert abs((both[:, :50] == both[:, 50:]).mean() - 0.5) < 5 * 0.5 / np.sqrt(mask.size)


def test_dropout_is_off_outside_training() -> None:
    net = network(cr.Dropout(0.5), cr.Dense(2))
    assert_allclose(net.predict(X4), X4 @ net.parameters["W1"] + net.parameters["b1"], rtol=1e-15)
    assert {v.name for v in net.program("loss").inputs} == {"X", "Y", "W1", "b1"}
    assert {"key", "step"} <= {v.name for v in net.program("loss", training=True).inputs}


def test_a_rate_of_zero_changes_nothing() -> None:
    net = cr.Network(cr.Dropout(0.0), cr.Dense(2), inputs=4)
    assert "key" not in {v.name for v in net.program("loss", training=True).inputs}


def test_fit_uses_a_mask_of_its_own_in_each_step() -> None:
    """With lr so small that nothing moves, the training loss is that of the mask alone."""
    net = cr.Network(cr.Dropout(0.5), cr.Dense(1, weights=1.0, bias=False), inputs=30, dtype="float64")
    history = net.fit(np.ones((4, 30)), np.zeros(4), epochs=6, batch_size="all", optimizer=cr.SGD(1e-30), seed=3)
    assert len(set(history.loss)) == 6


# Norms


def test_batch_norm_in_training_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    net = network(cr.BatchNorm())
    theirs = torch.nn.BatchNorm1d(4, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight[:] = torch.tensor(net.parameters["gamma1"])
        theirs.bias[:] = torch.tensor(net.parameters["beta1"])
    assert_allclose(in_training(net, X4), theirs(torch.tensor(X4)).detach().numpy(), rtol=1e-12)


def test_batch_norm_takes_all_axes_but_the_last() -> None:
    x = RNG.normal(size=(5, 3, 2))
    net = network(cr.BatchNorm(epsilon=1e-3), inputs=(3, 2))
    flat = x.reshape(15, 2)
    expected = net.parameters["gamma1"] * (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3) + net.parameters["beta1"]
    assert_allclose(in_training(net, x), expected.reshape(x.shape), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.9, 0.0, 0.5])
def test_running_averages_follow_the_documented_formula(momentum: float) -> None:
    """Over batches of 4, 4 and a last one of 1 row, which changes nothing; predictions use the averages."""
    X = 3 + 2 * RNG.normal(size=(9, 4))
    net = cr.Network(cr.BatchNorm(momentum), cr.Dense(1), inputs=4, dtype="float64")
    net.fit(X, X[:, 0], epochs=2, batch_size=4, shuffle=False, optimizer=cr.SGD(0.01))
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(2):
        for batch in (X[:4], X[4:8]):
            mean = momentum * mean + (1 - momentum) * batch.mean(0)
            variance = momentum * variance + (1 - momentum) * batch.var(0)
    assert_allclose(net.states["mean1"], mean, rtol=1e-14)
    assert_allclose(net.states["variance1"], variance, rtol=1e-14, atol=1e-16)
    p = net.parameters
    normalised = p["gamma1"] * (X - mean) / np.sqrt(variance + 1e-5) + p["beta1"]
    assert_allclose(net.predict(X), normalised @ p["W1"] + p["b1"], rtol=1e-10, atol=1e-12)
    assert_allclose(net.predict(X[:1]), net.predict(X)[:1], rtol=1e-14)  # a row alone is predicted as among others


def test_a_batch_of_one_row_stays_finite() -> None:
    net = cr.Network(cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(1), inputs=4)
    history = net.fit(X4[:5], np.ones(5), epochs=3, batch_size=2)
    assert np.isfinite(history.loss).all()
    assert np.isfinite(net.predict(X4)).all()
    online = net.fit(X4[:5], np.ones(5), epochs=2, batch_size=1)
    assert np.isfinite(online.loss).all()


def test_layer_norm_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    net = network(cr.LayerNorm(epsilon=1e-4))
    expected = torch.nn.functional.layer_norm(
        torch.tensor(X4),
        (4,),
        torch.tensor(net.parameters["gamma1"]),
        torch.tensor(net.parameters["beta1"]),
        1e-4,
    )
    assert_allclose(net.predict(X4), expected.numpy(), rtol=1e-12, atol=1e-14)
    assert_allclose(in_training(net, X4), expected.numpy(), rtol=1e-12, atol=1e-14)


# Periodic, Embedding, Columns, Flatten


def test_periodic_puts_waves_of_the_first_columns_beside_the_input() -> None:
    net = network(cr.Periodic(3, 2, scale=0.5))
    F, P = net.parameters["F1"].reshape(2, 3), net.parameters["P1"].reshape(2, 3)
    waves = [np.cos(X4[:, :3] * f + p) for f, p in zip(F, P, strict=True)]
    assert_allclose(net.predict(X4), np.hstack([X4, *waves]), rtol=1e-15)


def test_frequencies_of_periodic_start_normal_and_phases_uniform() -> None:
    net = cr.Network(cr.Periodic(500, 20, scale=0.1), cr.Dense(1), inputs=500)
    F, P = net.parameters["F1"], net.parameters["P1"]
    assert abs(F.std() / (0.2 * np.pi) - 1) < 0.03
    assert abs(P).max() <= np.pi
    assert abs(P.std() / (np.pi / np.sqrt(3)) - 1) < 0.03  # of a uniform distribution over -pi to pi


def test_embedding_rows_lie_side_by_side() -> None:
    torch = pytest.importorskip("torch")
    codes = np.array([[0, 2], [1, 1], [2, 0]])
    net = network(cr.Embedding(3, 2), inputs=2)
    assert net.parameters["E1"].shape == (3, 2)
    expected = torch.nn.functional.embedding(torch.tensor(codes), torch.tensor(net.parameters["E1"]))
    assert_array_equal(net.predict(codes), expected.numpy().reshape(3, 4))
    assert_array_equal(net.predict(codes.astype(float)), net.predict(codes))


def test_a_category_that_occurs_twice_collects_both_gradients() -> None:
    net = network(cr.Embedding(3, 1), inputs=1, loss=lambda p, y: p * y)
    g = net.gradients([[1], [1], [2]], [1.0, 2.0, 4.0])["E1"]
    assert_allclose(g[:, 0], [0, (1 + 2) / 3, 4 / 3], rtol=1e-15)


@pytest.mark.parametrize("numbers", [(1,), (0, 1, 2), (3, 0), (2, 2, 1), (0, 2)])
def test_columns_picks_them_in_order(numbers: tuple[int, ...]) -> None:
    assert_array_equal(network(cr.Columns(*numbers)).predict(X4), X4[:, numbers])


def test_flatten_keeps_the_order_of_elements() -> None:
    x = RNG.normal(size=(5, 2, 3))
    assert_array_equal(network(cr.Flatten(), inputs=(2, 3)).predict(x), x.reshape(5, 6))


# Paths


def test_residual_adds_its_input() -> None:
    net = network(cr.Residual(cr.Dense(5, "tanh"), cr.Dense(4)))
    p = net.parameters
    expected = X4 + np.tanh(X4 @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    assert_allclose(net.predict(X4), expected, rtol=1e-14)
    assert_allclose(net.activations(X4)["s1"], expected, rtol=1e-14)


def test_join_concatenates_adds_or_averages() -> None:
    branches = ([cr.Dense(3, "tanh"), cr.Dense(2)], cr.Dense(2, "relu"), cr.Dense(2))
    meet = {"concatenate": np.hstack, "add": sum, "average": lambda parts: np.mean(parts, axis=0)}
    for how, expected in meet.items():
        net = network(cr.Join(*branches, how=how))  # type: ignore[arg-type]
        p = net.parameters
        left = np.tanh(X4 @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        middle = np.maximum(X4 @ p["W3"] + p["b3"], 0)
        right = X4 @ p["W4"] + p["b4"]
        assert_allclose(net.predict(X4), expected([left, middle, right]), rtol=1e-14)


@pytest.mark.parametrize(("link", "loss", "outputs"), [("softmax", "cross_entropy", 3), ("exp", "poisson", 1)])
def test_networks_averaged_before_the_link_are_one_network(link: str, loss: str, outputs: int, tmp_path: Path) -> None:
    members = [cr.mlp([4, 5, outputs], hidden="relu", output="linear", seed=seed, dtype="float64") for seed in range(3)]
    joined = cr.Network(
        cr.Join(*([cr.Dense(5, "relu"), cr.Dense(outputs)] for _ in members), how="average"),
        cr.Activation(link),
        loss=loss,
        inputs=4,
        dtype="float64",
    )
    joined.parameters.theta[:] = np.concatenate([m.parameters.theta for m in members])
    logits = np.mean([m.predict(X4) for m in members], axis=0)
    expected = np.exp(logits) / (np.exp(logits).sum(axis=1, keepdims=True) if link == "softmax" else 1)
    assert_allclose(joined.predict(X4), expected, rtol=1e-13)
    assert_allclose(joined.predict(X4, engine="native"), expected, rtol=1e-12)
    assert joined.check(X4, np.arange(len(X4)) % 3)
    if link == "softmax":
        assert "dj1 = (softmax(j1) - Y) / B" in str(joined.program())
    joined.save(tmp_path / "joined.chainrule")
    again = cr.load(tmp_path / "joined.chainrule")
    assert_array_equal(again.predict(X4), joined.predict(X4))
    again.fit(X4, np.arange(len(X4)) % 3, epochs=2, engine="native")
    joined.fit(X4, np.arange(len(X4)) % 3, epochs=2, engine="numpy")
    assert_allclose(again.parameters.theta, joined.parameters.theta, rtol=1e-10)


def test_several_inputs_come_as_a_dictionary() -> None:
    join = cr.Join([cr.Input("age"), cr.Dense(2, "tanh")], [cr.Input("city"), cr.Embedding(3, 2)])
    data = {"age": X4[:, :1], "city": np.array([[0], [1], [2], [2], [1], [0]])}
    y = X4[:, 0]
    net = network(join, cr.Dense(1), inputs={"age": 1, "city": 1})
    p = net.parameters
    joined = np.concatenate([np.tanh(data["age"] @ p["W1"] + p["b1"]), p["E1"][data["city"][:, 0]]], axis=1)
    assert_allclose(net.predict(data), joined @ p["W2"] + p["b2"], rtol=1e-14)
    later = cr.Network(join, cr.Dense(1), dtype="float64")  # the first data seen decides
    first, last = (h := later.fit(data, y, epochs=30, batch_size=2).loss)[0], h[-1]
    assert last < first
    assert list(later.gradients(data, y)) == ["W1", "b1", "E1", "W2", "b2"]
    for wrong, message in (
        ({"age": data["age"]}, "the network takes age and city, not age"),
        (X4, "the network takes age and city, not X"),
        ({**data, "city": data["city"][:3]}, "the inputs differ in rows: age: 6, city: 3"),
    ):
        with pytest.raises(cr.ShapeError, match=message):
            later.predict(wrong)


ALL_LAYERS: dict[str, tuple[list[cr.Layer], Any]] = {
    "Dense": ([cr.Dense(3, "tanh"), cr.Dense(2, bias=False)], 4),
    "Activation": ([cr.Dense(3), cr.Activation("softplus"), cr.Dense(1)], 4),
    "Dropout": ([cr.Dense(3, "tanh"), cr.Dropout(0.4), cr.Dense(1)], 4),
    "BatchNorm": ([cr.Dense(3, "tanh"), cr.BatchNorm(), cr.Dense(1)], 4),
    "LayerNorm": ([cr.Dense(3, "tanh"), cr.LayerNorm(), cr.Dense(1)], 4),
    "Columns": ([cr.Columns(3, 0), cr.Dense(2)], 4),
    "Residual": ([cr.Residual(cr.Dense(3, "tanh"), cr.Dense(4)), cr.Dense(1)], 4),
    "Join": ([cr.Join(cr.Dense(2, "tanh"), [cr.Dense(2)]), cr.Dense(1)], 4),
    "Join add": ([cr.Join(cr.Dense(2, "tanh"), [cr.Dense(2)], how="add"), cr.Dense(1)], 4),
    "Join average": ([cr.Join(cr.Dense(2, "tanh"), [cr.Dense(2)], how="average"), cr.Dense(1)], 4),
    "Input": ([cr.Join([cr.Input("X"), cr.Dense(2)], [cr.Dense(2), cr.Dense(1)]), cr.Dense(1)], 4),
    "Flatten": ([cr.Flatten(), cr.Dense(2)], (2, 2)),
    "sequences": ([cr.Dense(3, "tanh"), cr.LayerNorm(), cr.BatchNorm(), cr.Flatten(), cr.Dense(1)], (2, 2)),
    "Periodic": ([cr.Periodic(3, 2, 0.3), cr.Dense(2, "tanh"), cr.Dense(1)], 4),
    "Embedding": ([cr.Join([cr.Columns(0), cr.Embedding(3, 2)], [cr.Columns(1, 2, 3)]), cr.Dense(2)], 4),
}


def rows_for(name: str, inputs: Any) -> Any:
    X = np.random.default_rng(5).normal(size=(5, 4))
    if name == "Embedding":
        X[:, 0] = [0, 2, 1, 2, 0]
    return X.reshape(5, *inputs) if isinstance(inputs, tuple) else X


def test_every_layer_is_among_the_cases() -> None:
    assert set(LAYERS) == {name.split()[0] for name in ALL_LAYERS} - {"sequences"}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", list(ALL_LAYERS))
def test_gradients_are_the_measured_slopes(name: str, training: bool, check_gradients: Callable[..., None]) -> None:
    layers, inputs = ALL_LAYERS[name]
    net = network(*layers, inputs=inputs)
    X = rows_for(name, inputs)
    y = np.random.default_rng(6).normal(size=(5, net.outputs))
    check_gradients(net, X, y, {"key": 3, "step": 2} if training else None)


@pytest.mark.parametrize("name", list(ALL_LAYERS))
def test_descriptions_read_back(name: str) -> None:
    layers, inputs = ALL_LAYERS[name]
    again = [layer_from_json(json.loads(json.dumps(layer.to_json()))) for layer in layers]
    assert [repr(layer) for layer in again] == [repr(cr_layer) for cr_layer in layers]
    assert again == layers
    net, copy = (cr.Network(*ls, inputs=inputs, dtype="float64", seed=4) for ls in (layers, again))
    X = rows_for(name, inputs)
    assert_array_equal(copy.predict(X), net.predict(X))


@pytest.mark.parametrize("name", list(ALL_LAYERS))
def test_networks_of_every_layer_can_be_trained_and_summarised(name: str) -> None:
    layers, inputs = ALL_LAYERS[name]
    net = cr.Network(*layers, inputs=inputs)
    X = rows_for(name, inputs)
    history = net.fit(X, np.ones((5, net.outputs)), epochs=3, batch_size=2)
    assert np.isfinite(history.loss).all()
    summary = net.summary(batch_size=8)
    assert summary.parameters == net.parameters.theta.size
    assert sum(row.count for row in summary.rows) == summary.parameters


# Messages


@pytest.mark.parametrize(
    ("layers", "inputs", "message"),
    [
        (
            [cr.Dense(4), cr.Residual(cr.Dense(3))],
            4,
            r"layer 2 \(Residual\) adds \(B, 3\) to \(B, 4\): its last layer must have 4 units",
        ),
        (
            [cr.Join(cr.Dense(2), cr.Dense(3), how="add")],
            4,
            r"layer 1 \(Join\) cannot add \(B, 2\) and \(B, 3\)",
        ),
        ([cr.Columns(0, 4)], 4, r"layer 1 \(Columns\): the input has columns 0 to 3, not all of \(0, 4\)"),
        ([cr.Columns(-1)], 4, r"layer 1 \(Columns\): the input has columns 0 to 3"),
        (
            [cr.Join([cr.Dense(3), cr.Columns(5)], cr.Dense(1))],
            4,
            r"layer 1 \(Join\) > branch 1 > layer 2 \(Columns\): the input has columns 0 to 2",
        ),
        ([cr.Dense(3)], (), r"layer 1 \(Dense\) needs rows with a known number of columns, not \(B,\)"),
        (
            [cr.Dense(3), cr.Dense(3, weights=np.ones((2, 3)))],
            4,
            r"W2.*shape \(2, 3\), but \(3, 3\) is needed",
        ),
        (
            [cr.Join([cr.Flatten()], cr.Dense(1))],
            (2, 2),
            r"layer 1 \(Join\).*\(B, 4\).*\(B, 2, 1\)",
        ),
    ],
)
def test_errors_name_the_layer_and_both_shapes(layers: Any, inputs: Any, message: str) -> None:
    with pytest.raises(cr.ShapeError, match=message) as caught:
        cr.Network(*layers, inputs=inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.Dense(0), "the units of Dense must be a whole number from 1, not 0"),
        (lambda: cr.Dense(2.5), "not 2.5"),
        (lambda: cr.Dropout(1.0), "at least 0 and below 1, not 1.0"),
        (lambda: cr.Dropout(-0.1), "at least 0 and below 1, not -0.1"),
        (lambda: cr.BatchNorm(1.0), "momentum must be at least 0 and below 1, not 1.0"),
        (lambda: cr.Embedding(0, 2), "at least one category"),
        (lambda: cr.Columns(), "at least one column number"),
        (lambda: cr.Join(cr.Dense(1)), "Join needs at least two branches"),
        (
            lambda: cr.Join(cr.Dense(1), cr.Dense(1), how="multiply"),
            "'concatenate', 'add' or 'average', not 'multiply'",
        ),
        (lambda: cr.Network(), "at least one layer"),
        (lambda: cr.Network("relu"), r"made of layers such as cr.Dense\(8, 'relu'\), not 'relu'"),
        (lambda: cr.Residual(3), "made of layers such as"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ArgumentError, match=message):
        make()


@pytest.mark.parametrize("make", [lambda n: cr.Dense(3, n), cr.Activation, lambda n: cr.mlp([1, 2, 1], hidden=n)])
def test_an_unknown_activation_names_the_nearest(make: Callable[[str], Any]) -> None:
    with pytest.raises(cr.UnknownNameError, match=r"unknown activation 'rellu': did you mean 'relu'\?"):
        make("rellu")


def test_an_unknown_input_names_the_nearest() -> None:
    with pytest.raises(cr.UnknownNameError, match=r"unknown input 'agee': did you mean 'age'\?"):
        cr.Network(cr.Join(cr.Input("agee"), cr.Input("city")), inputs={"age": 1, "city": 1})


@pytest.mark.parametrize("code", [-1, 3, 0.5])
def test_codes_outside_the_table_are_refused(code: float) -> None:
    net = cr.Network(cr.Embedding(3, 2), cr.Dense(1), inputs=1)
    with pytest.raises(cr.DataError, match=f"row 2 holds {code:g} .* a whole number from 0 to 2"):
        net.predict([[0], [code]])


# A layer of one's own


@dataclass(frozen=True)
class Gate(cr.Layer):
    """x sigmoid(gate x), with a running count of the steps."""

    start: float = 0.5

    def apply(self, x: Any, build: Any) -> Any:
        number, width = build.next("Gate"), build.width(x)
        gate = build.parameter(f"gate{number}", (width,), cr.init.Constant(self.start))
        seen = build.state(f"seen{number}", (1,), 0.0)
        if build.training:
            build.update(f"seen{number}", seen + 1)
        return (x * cr.sigmoid(gate * x)).named(f"gated{number}")


def test_a_layer_of_ones_own(check_gradients: Callable[..., None]) -> None:
    net = cr.Network(cr.Dense(3), Gate(), cr.Dense(1), Gate(2.0), inputs=4, dtype="float64")
    assert list(net.parameters) == ["W1", "b1", "gate1", "W2", "b2", "gate2"]
    assert_array_equal(net.parameters["gate1"], [0.5] * 3)
    z1 = X4 @ net.parameters["W1"] + net.parameters["b1"]
    assert_allclose(net.activations(X4)["gated1"], z1 / (1 + np.exp(-0.5 * z1)), rtol=1e-14)
    y = X4[:, 0]
    check_gradients(net, X4, y)
    history = net.fit(X4, y, epochs=20, batch_size=2, optimizer=cr.Adam(0.05))
    assert history.loss[-1] < history.loss[0]
    assert net.states["seen1"].item() == net.states["seen2"].item() == 60
    assert "gate2 (1,)" in str(net.summary())


def test_a_file_with_a_layer_of_ones_own_says_so(tmp_path: Any) -> None:
    net = cr.Network(Gate(), inputs=4)
    net.save(tmp_path / "own.chainrule")
    with pytest.raises(cr.ModelFileError, match=r"a layer Gate of your own: .*layers=\[Gate\]"):
        cr.load(tmp_path / "own.chainrule")
