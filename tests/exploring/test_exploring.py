"""Many networks trained at once, against each of them trained alone."""

import pickle
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import Interrupt

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
CORNERS, XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), [0, 1, 1, 0]
ENGINES = ["native", "numpy"]
RATES = [0.001, 0.03, 0.01]


def network(hidden=8, **settings):
    settings = {"hidden": "tanh", "loss": "binary_cross_entropy", "seed": 7, "dtype": "float64"} | settings
    return cr.mlp([6, hidden, 1], **settings)


def alone(number, engine, optimizer, **settings):
    """The same network, trained by itself from one of the starts."""
    net = network(**settings)
    net.reset(7 + number)
    return net, net.fit(X, y, epochs=2, batch_size=16, shuffle=False, engine=engine, optimizer=optimizer)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", [2, 40], ids=["lanes", "threads"])
def test_a_start_is_trained_as_if_alone(hidden, engine):
    net = network(hidden, dtype="float32")
    found = net.explore(X, y, starts=5, epochs=2, batch_size=16, shuffle=False, engine=engine)
    for k in range(5):
        one, history = alone(k, engine, "adam", hidden=hidden, dtype="float32")
        np.testing.assert_array_equal(found.losses[:, k], history.loss)
        if k == found.best:
            np.testing.assert_array_equal(net.parameters.theta, one.parameters.theta)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", [2, 40], ids=["lanes", "threads"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda lr: cr.SGD(lr, momentum=0.9, clip_norm=1.0),
        lambda lr: cr.AdamW(cr.schedules.Cosine(lr), weight_decay=0.1),
        lambda lr: cr.RMSProp(cr.schedules.Warmup(lr, epochs=1)),
        cr.Adagrad,
    ],
    ids=["sgd", "adamw", "rmsprop", "adagrad"],
)
def test_every_start_is_trained_with_every_rate(optimizer, hidden, engine):
    net = network(hidden)
    found = net.explore(
        X, y, starts=2, lr=RATES, epochs=2, batch_size=16, shuffle=False, engine=engine, optimizer=optimizer(0.1)
    )
    assert found.rates.tolist() == [0.001, 0.001, 0.03, 0.03, 0.01, 0.01]
    assert found.seeds.tolist() == [7, 8] * 3
    for k, (rate, seed) in enumerate(zip(found.rates, found.seeds, strict=True)):
        one, history = alone(seed - 7, engine, optimizer(float(rate)), hidden=hidden)
        np.testing.assert_allclose(found.losses[:, k], history.loss, rtol=1e-12)
        if k == found.best:
            np.testing.assert_allclose(net.parameters.theta, one.parameters.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_running_states_and_masks_are_those_of_each_network_alone(engine):
    def made():
        layers = cr.Dense(5, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1)
        return cr.Network(*layers, loss="binary_cross_entropy", inputs=6, seed=7, dtype="float64")

    settings = {"epochs": 2, "batch_size": 30, "seed": 7, "engine": engine}
    net = made()
    found = net.explore(X, y, starts=3, lr=[0.01], **settings)
    one = made()
    one.reset(found.best_seed)
    history = one.fit(X, y, optimizer=cr.Adam(0.01), **settings)
    np.testing.assert_allclose(found.losses[:, found.best], history.loss, rtol=1e-12)
    for name, values in one.states.items():
        np.testing.assert_allclose(net.states[name], values, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_size", [30, 32, "all"])
def test_short_epochs_made_together_are_those_made_apart(batch_size, engine):
    settings = {"epochs": 40, "batch_size": batch_size, "engine": engine}
    net, one = network(), network()
    found = net.explore(X, y, starts=2, **settings)
    one.reset(found.best_seed)
    history = one.fit(X, y, seed=7, **settings)
    np.testing.assert_array_equal(found.losses[:, found.best], history.loss)
    np.testing.assert_array_equal(net.parameters.theta, one.parameters.theta)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", [2, 40], ids=["lanes", "threads"])
def test_the_epoch_that_the_last_network_does_not_survive_is_told(hidden, engine):
    def net():
        return cr.mlp([6, hidden, 1], hidden="relu", loss="squared_error", seed=7, dtype="float64")

    rows = [[1.0] * 6] * 4
    settings = {"epochs": 100, "batch_size": 2, "optimizer": cr.SGD(1e60), "engine": engine}
    with pytest.raises(cr.NonFiniteError, match=r"in step \d+ \(epoch (\d+)\)") as alone:
        net().fit(rows, [1.0] * 4, **settings)
    epoch = re.search(r"epoch (\d+)", str(alone.value))[1]
    with pytest.raises(cr.NonFiniteError, match=f"no network has a finite loss in epoch {epoch}:"):
        net().explore(rows, [1.0] * 4, starts=1, **settings)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr("chainrule.engines.native.unrolled.run.SHARED_STEPS", 1)
    found = {}
    for threads in ("1", "3"):
        monkeypatch.setenv("CHAINRULE_THREADS", threads)
        settings = {"starts": 70, "epochs": 2, "batch_size": 16, "engine": "native"}
        found[threads] = network(2, dtype="float32").explore(X, y, **settings).losses
    np.testing.assert_array_equal(found["3"], found["1"])


def test_the_best_start_and_rate_are_found_and_kept():
    net = cr.mlp([2, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=5)
    settings = {"epochs": 300, "batch_size": 1, "optimizer": "sgd", "validation": (CORNERS, XOR)}
    found = net.explore(CORNERS, XOR, starts=20, lr=[1e-4, 1.0], **settings)
    assert found.losses.shape == (300, 40)
    assert found.watched == "validation loss"
    assert found.scores[found.best] == min(found.scores) == pytest.approx(net.loss(CORNERS, XOR))
    assert found.best_rate == 1.0
    again = cr.mlp([2, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=found.best_seed)
    once = again.explore(CORNERS, XOR, starts=1, **settings | {"optimizer": cr.SGD(1.0)})
    assert once.losses.shape == (300, 1)


def test_the_page_says_the_best_and_the_spread_of_each_rate():
    net = cr.mlp([6, 2, 1], hidden="relu", loss="squared_error", dtype="float64")
    found = net.explore(X, y, starts=3, lr=[0.001, 1e300], epochs=3, optimizer="sgd", engine="native")
    text = str(found)
    assert "3 starting points with each of 2 learning rates" in text
    assert f"from seed {found.best_seed} at the learning rate 0.001." in text
    ends = np.sort(found.scores[:3])
    quiet, wild = (line.split() for line in text.splitlines() if line.split()[:1] in (["0.001"], ["1e+300"]))
    assert quiet[:3] == ["0.001", "3", "0"]
    assert [float(cell) for cell in quiet[3:]] == pytest.approx(ends.tolist(), rel=1e-3)
    assert wild == ["1e+300", "3", "3", "-", "-", "-"]
    assert found.ends(1e300).size == 0
    with pytest.raises(cr.ArgumentError, match=r"no network had the learning rate 0.01; there are: 0.001, 1e\+300"):
        found.ends(0.01)
    assert found == found != pickle.loads(pickle.dumps(found))
    assert "<svg" in found._repr_html_()
    assert [n["score"] for n in found.to_json()["networks"]] == [*found.scores[:3].tolist(), None, None, None]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).losses, found.losses)


def test_a_plot_has_the_median_of_each_rate_between_the_lowest_and_the_highest():
    found = network().explore(X, y, starts=5, lr=[0.001, 0.01], epochs=4, optimizer="adam", engine="native")
    axes = found.plot()
    for line, band, columns in zip(axes.lines, axes.collections, (slice(0, 5), slice(5, 10)), strict=True):
        np.testing.assert_allclose(line.get_ydata(), np.median(found.losses[:, columns], axis=1))
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == found.losses[:, columns].min()
        assert heights.max() == found.losses[:, columns].max()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["learning rate 0.001", "learning rate 0.01"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exploration_that_fails_leaves_the_network_as_it_was(engine):
    net = cr.mlp([6, 40, 1], hidden="relu", loss="squared_error", dtype="float64")
    before = net.parameters.theta.copy()
    with pytest.raises(cr.NonFiniteError, match="no network has a finite loss in epoch 1"):
        net.explore(1e200 * X, y, starts=2, epochs=3, optimizer=cr.SGD(1e200), engine=engine)
    np.testing.assert_array_equal(net.parameters.theta, before)


@pytest.mark.parametrize("engine", [*ENGINES, "jax"])
def test_a_network_that_was_not_finite_for_a_while_is_out_on_every_engine(engine):
    if engine == "jax":
        pytest.importorskip("jax", reason="pip install 'chainrule[jax]'")
    rows, targets = np.full((4, 1), 1e18), np.full(4, 1.8e19)  # the square of some first errors is beyond float32
    net = cr.mlp([1, 40, 1], hidden="linear", loss="squared_error", seed=0)
    found = net.explore(rows, targets, starts=8, epochs=4, batch_size=1, optimizer=cr.SGD(3e-38), engine=engine)
    assert np.flatnonzero(np.isnan(found.scores)).tolist() == [1, 6]


def test_a_rate_beyond_the_precision_of_the_network_fails_without_a_warning():
    found = network(dtype="float32").explore(X, y, starts=1, lr=[0.01, 1e300], epochs=1, optimizer="sgd")
    assert np.isfinite(found.scores).tolist() == [True, False]


def test_more_rates_than_colours_have_other_lines():
    found = network().explore(X, y, starts=1, lr=[0.01, 0.02, 0.03, 0.04], epochs=2, engine="native")
    assert "stroke-dasharray" not in found._repr_html_()
    found = network().explore(X, y, starts=1, lr=[0.01, 0.02, 0.03, 0.04, 0.05], epochs=2, engine="native")
    assert "stroke-dasharray" in found._repr_html_()


def test_one_epoch_is_number_1():
    found = network().explore(X, y, starts=2, epochs=1, engine="native")
    axes = found.plot()
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


def test_ctrl_c_before_the_first_epoch_is_no_error_of_the_call(monkeypatch):
    class Pressed(Interrupt):
        pressed = True

    monkeypatch.setattr("chainrule.exploring.training.Interrupt", Pressed)
    net = network()
    before = net.parameters.theta.copy()
    with pytest.raises(KeyboardInterrupt, match="the network is as it was"):
        net.explore(X, y)
    np.testing.assert_array_equal(net.parameters.theta, before)


@pytest.mark.parametrize("rates", [[], [0.1, -1.0], [np.inf], "fast", 0.1, [[0.1]]])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(cr.ArgumentError, match=r"lr lists learning rates above 0, as in lr=\[0.001, 0.01\]"):
        network().explore(X, y, lr=rates)


def test_other_mistakes_are_told():
    net = network()
    with pytest.raises(cr.ArgumentError, match="lr lists a learning rate twice"):
        net.explore(X, y, lr=[0.1, 0.1])
    with pytest.raises(cr.ArgumentError, match="LBFGS searches along a line"):
        net.explore(X, y, optimizer="lbfgs")
    with pytest.raises(cr.ArgumentError, match="ReduceOnPlateau follows one network"):
        net.explore(X, y, optimizer=cr.SGD(cr.schedules.ReduceOnPlateau(0.1)))
    with pytest.raises(cr.ArgumentError, match="shuffle must be True or False, not 'once'"):
        net.explore(X, y, shuffle="once")
    with pytest.raises(cr.ArgumentError, match="the seed must be a whole number from 0, not 'first'"):
        net.explore(X, y, seed="first")
    with pytest.raises(cr.ArgumentError, match=r"seeds of starting points are below 2\*\*63"):
        net.explore(X, y, seed=2**63 - 8, starts=9)
    with pytest.raises(cr.UnknownNameError, match="unknown engine 'nativ'"):
        net.explore(X, y, engine="nativ")
