"""How training runs: batches, order, seeds, stopping, history, interruption, failure."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.training import loop, windows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 2))
y = np.sin(X[:, 0]) + X[:, 1]


def small(**settings: Any) -> cr.Network:
    return cr.mlp([2, 3, 1], **{"dtype": "float64", **settings})


def order_network() -> cr.Network:
    """One weight for each row of ``np.eye(10)``: what each step changed shows which rows it took."""
    return cr.Network(cr.Dense(1, bias=False, weights=0.0), inputs=10, loss=lambda p, t: -p, dtype="float64")


class Batches(cr.Callback):
    """Records the rows of each step of an :func:`order_network`, with slices of one step."""

    def __init__(self, net: cr.Network) -> None:
        self.net, self.last, self.rows = net, np.zeros(10), []  # type: ignore[var-annotated]

    def on_slice(self, moment: Any) -> None:
        now = self.net.parameters["W1"][:, 0].copy()
        self.rows.append(tuple(np.flatnonzero(now != self.last).tolist()))
        self.last = now


def batches_of(epochs: int, batch_size: int | str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[Any]:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    net = order_network()
    watch = Batches(net)
    net.fit(
        np.eye(10),
        np.zeros(10),
        epochs=epochs,
        batch_size=batch_size,
        optimizer=cr.SGD(1.0),
        callbacks=[watch],
        **settings,
    )
    per_epoch = len(watch.rows) // epochs
    return [watch.rows[i : i + per_epoch] for i in range(0, len(watch.rows), per_epoch)]


# Steps


@pytest.mark.parametrize("batch_size", ["all", 1, 4, 10, 100])
def test_an_epoch_is_gradient_descent_by_hand(batch_size: Any) -> None:
    net, by_hand = small(), small()
    losses, weights = [], []
    size = 10 if batch_size == "all" else min(batch_size, 10)
    for i in range(0, 10, size):
        part = slice(i, i + size)
        losses.append(by_hand.loss(X[part], y[part]))
        weights.append(len(X[part]))
        for name, g in by_hand.gradients(X[part], y[part]).items():
            by_hand.parameters[name] = by_hand.parameters[name] - 0.1 * g
    history = net.fit(X, y, epochs=1, batch_size=batch_size, optimizer=cr.SGD(0.1), shuffle=False)
    assert_allclose(net.parameters.theta, by_hand.parameters.theta, rtol=1e-13)
    assert history.loss == pytest.approx([np.average(losses, weights=weights)], rel=1e-14)
    assert history.steps == len(losses)
    assert history.learning_rate == [0.1]


def test_training_goes_on_from_where_it_stands() -> None:
    once, twice = small(), small()
    once.fit(X, y, epochs=4, batch_size=3, optimizer=cr.SGD(0.1), shuffle=False)
    for _ in range(2):
        twice.fit(X, y, epochs=2, batch_size=3, optimizer=cr.SGD(0.1), shuffle=False)
    assert_array_equal(once.parameters.theta, twice.parameters.theta)


def test_no_epoch_changes_nothing() -> None:
    net = small()
    before = net.parameters.theta.copy()
    history = net.fit(X, y, epochs=0)
    assert_array_equal(net.parameters.theta, before)
    assert len(history) == history.steps == history.best_epoch == 0
    assert history.verdict == "all 0 epochs done; no epoch was finished."


def test_default_settings_learn() -> None:
    history = small().fit(X, y, epochs=200)
    assert history.loss[-1] < 0.5 * history.loss[0]


def test_data_is_not_changed() -> None:
    mine, target = X.copy(), y.copy()
    small().fit(mine, target, epochs=2, batch_size=3)
    assert_array_equal(mine, X)
    assert_array_equal(target, y)


# Order


def test_rows_come_in_order_without_shuffling(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = batches_of(2, 4, monkeypatch, shuffle=False)
    assert epochs == [[(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]] * 2


def test_shuffling_draws_new_batches_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = batches_of(4, 4, monkeypatch, shuffle=True)
    for batches in epochs:
        assert [len(b) for b in batches] == [4, 4, 2]
        assert sorted(sum(batches, ())) == list(range(10))
    assert len({str(b) for b in epochs}) == 4


def test_shuffling_once_keeps_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = batches_of(4, 4, monkeypatch, shuffle="once")
    assert sorted(sum(epochs[0], ())) == list(range(10))
    assert epochs[0] != [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]
    assert epochs == [epochs[0]] * 4


@pytest.mark.parametrize("shuffle", [True, "once", False])
def test_a_full_batch_keeps_the_order(shuffle: Any) -> None:
    a, b = small(), small()
    a.fit(X, y, epochs=3, batch_size="all", shuffle=shuffle, seed=1)
    b.fit(X, y, epochs=3, batch_size="all", shuffle=False, seed=2)
    assert_array_equal(a.parameters.theta, b.parameters.theta)


def test_every_row_is_as_likely_to_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.bincount([e[0][0] for e in batches_of(2000, 1, monkeypatch)], minlength=10)
    assert ((first - 200) ** 2 / 200).sum() < 27.9  # chi-squared with 9 degrees of freedom, 0.1 %


# Seeds


def trained(net: cr.Network, **settings: Any) -> np.ndarray[Any, Any]:
    net.fit(X, y, **{"epochs": 3, "batch_size": 3, **settings})
    return net.parameters.theta.copy()


def with_dropout(rate: float = 0.3, **settings: Any) -> cr.Network:
    return cr.mlp([2, 6, 1], dropout=rate, dtype="float64", **settings)


def test_the_same_seed_gives_the_same_bits() -> None:
    assert_array_equal(trained(with_dropout(), seed=4), trained(with_dropout(), seed=4))
    assert_array_equal(trained(with_dropout(seed=4)), trained(with_dropout(seed=4)))
    assert (trained(with_dropout(), seed=4) != trained(with_dropout(), seed=5)).any()
    assert (trained(small(), seed=4) != trained(small(), seed=5)).any()


def test_the_network_lends_its_seed() -> None:
    assert_array_equal(trained(with_dropout(seed=4)), trained(with_dropout(seed=4), seed=4))


def test_a_seed_of_fit_leaves_the_start_alone() -> None:
    net = small(seed=1)
    start = net.parameters.theta.copy()
    net.fit(X, y, epochs=0, seed=9)
    assert_array_equal(net.parameters.theta, start)


def test_dropout_has_a_stream_of_its_own() -> None:
    """Whether rows are shuffled or held back, the first mask of a run stays the same."""
    masks = []
    for settings in ({"shuffle": True}, {"shuffle": False}, {"shuffle": "once", "validation": 0.5}):
        net = cr.Network(
            cr.Dropout(0.5),
            cr.Dense(1, bias=False, weights=0.0),
            inputs=50,
            loss=lambda p, t: -p,
            dtype="float64",
        )
        net.fit(
            np.ones((4, 50)),
            np.zeros(4),
            epochs=1,
            batch_size=1,
            optimizer=cr.SGD(1.0),
            seed=3,
            callbacks=[lambda moment: True],
            **settings,
        )
        masks.append(net.parameters["W1"][:, 0].copy())
    rows = 2.0 * 4  # four masks add up in each epoch, two where half the rows are held back
    assert set(np.unique(masks[0])) <= {0.0, rows / 4, rows / 2, 3 * rows / 4, rows}
    assert_array_equal(masks[0], masks[1])
    assert (masks[2] <= masks[0]).all()


def test_streams_are_separate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout does not shift the shuffling."""
    plain = batches_of(3, 3, monkeypatch, seed=2)
    net = order_network()
    thinned = cr.Network(
        cr.Dense(1, bias=False, weights=0.0),
        cr.Dropout(0.5),
        inputs=10,
        loss=lambda p, t: -p,
        dtype="float64",
    )
    orders = []
    for network in (net, thinned):
        run_orders: list[Any] = []
        original = windows.RowsInMemory.epoch

        def spy(self: Any, rng: Any, original: Any = original, run_orders: Any = run_orders) -> Any:
            for window in original(self, rng):
                run_orders.append([sorted(window.order[i : i + 3].tolist()) for i in range(0, 10, 3)])
                yield window

        monkeypatch.setattr(windows.RowsInMemory, "epoch", spy)
        network.fit(np.eye(10), np.zeros(10), epochs=3, batch_size=3, seed=2)
        monkeypatch.setattr(windows.RowsInMemory, "epoch", original)
        orders.append(run_orders)
    assert orders[0] == orders[1]
    assert orders[0] == [[list(b) for b in epoch] for epoch in plain]


def test_the_global_generator_of_numpy_is_left_alone() -> None:
    before = np.random.get_state()
    trained(with_dropout(), validation=0.3)
    after = np.random.get_state()
    assert before[0] == after[0]
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize("optimizer", [cr.SGD(0.05, momentum=0.9), cr.Adam(0.01)])
def test_both_precisions_follow_one_path(optimizer: Any) -> None:
    paths = [
        cr.mlp([2, 6, 1], dropout=0.25, dtype=d).fit(X, y, epochs=20, batch_size=4, optimizer=optimizer).loss
        for d in ("float64", "float32")
    ]
    assert_allclose(paths[1], paths[0], rtol=2e-5)


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 10.0])
@pytest.mark.parametrize("kind", ["dropout", "batch norm", "schedule"])
def test_slices_change_no_bit(seconds: float, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[Any, Any]:
        if kind == "batch norm":
            net = cr.Network(cr.Dense(4, "relu"), cr.BatchNorm(), cr.Dense(1), inputs=2)
        else:
            net = with_dropout() if kind == "dropout" else small()
        lr = cr.schedules.OneCycle(0.05) if kind == "schedule" else 0.01
        history = net.fit(X, y, epochs=15, batch_size=3, optimizer=cr.Adam(lr), validation=0.2)
        return np.concatenate([net.parameters.theta, *(s for s in net.states.values())]), history.loss

    expected = run()
    monkeypatch.setattr(loop, "SLICE_SECONDS", seconds)
    result = run()
    assert_array_equal(result[0], expected[0])
    assert result[1] == expected[1]


def test_fits_in_two_threads_give_the_same_bits() -> None:
    alone = {seed: trained(with_dropout(seed=seed), epochs=40) for seed in (1, 2)}
    results: dict[int, Any] = {}

    def work(seed: int) -> None:
        results[seed] = trained(with_dropout(seed=seed), epochs=40)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        assert_array_equal(results[seed], alone[seed])


# Validation, metrics, stopping


def test_validation_rows_are_watched() -> None:
    net = small()
    history = net.fit(X, y, epochs=3, batch_size=4, validation=(X + 1, y), metrics=["rmse"])
    assert len(history.validation_loss) == len(history.metrics["rmse"]) == 3
    assert history.validation_loss[-1] == net.loss(X + 1, y)
    assert history.metrics["rmse"][-1] == pytest.approx(np.sqrt(net.loss(X + 1, y)), rel=1e-14)
    assert history.monitor == "validation_loss"
    assert history.best_epoch == int(np.argmin(history.validation_loss)) + 1


def test_watching_does_not_change_training() -> None:
    assert_array_equal(trained(small(), validation=(X + 1, y), metrics=["r2"]), trained(small()))


def test_metrics_without_validation_are_those_of_training() -> None:
    net = small()
    history = net.fit(X, y, epochs=2, metrics=["r2", "mae"])
    assert history.metrics["r2"][-1] == net.evaluate(X, y, ["r2"])["r2"]
    assert set(history.metrics) == {"r2", "mae"}
    assert not history.validation_loss


@pytest.mark.parametrize(("share", "held"), [(0.3, 3), (0.5, 5), (0.1, 1), (0.9, 9)])
def test_a_share_of_the_rows_is_held_back(share: float, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = batches_of(2, 1, monkeypatch, validation=share, seed=1)
    used = {sum(e, ()) and frozenset(sum(e, ())) for e in epochs}
    assert len(used) == 1  # the same rows in each epoch
    (rows,) = used
    assert len(rows) == 10 - held
    other = batches_of(1, 1, monkeypatch, validation=share, seed=2)
    assert frozenset(sum(other[0], ())) != rows


def test_patience_stops_and_restores_the_best_weights() -> None:
    """A rate so large that the validation loss soon rises."""
    net = small(seed=3)
    weights: list[Any] = []
    history = net.fit(
        X, y, epochs=200, batch_size=2, optimizer=cr.SGD(0.3), validation=(X * 1.5, y), patience=4,
        callbacks=[lambda m: weights.append(net.parameters.theta.copy())],
    )  # fmt: skip
    best = int(np.argmin(history.validation_loss)) + 1
    assert history.best_epoch == best
    assert len(history) == best + 4 < 200
    assert_array_equal(net.parameters.theta, weights[best - 1])
    assert net.loss(X * 1.5, y) == history.validation_loss[best - 1]
    assert history.stopped == f"stopped early after epoch {best + 4}, 4 epochs after the best one"
    assert history.verdict.startswith(f"{history.stopped}; best validation loss ")
    assert f" in epoch {best}. It overfits: from epoch {best} to the end, " in history.verdict


def test_patience_restores_running_states_too() -> None:
    net = cr.Network(cr.Dense(3, "tanh"), cr.BatchNorm(), cr.Dense(1), inputs=2, dtype="float64")
    states: list[Any] = []
    history = net.fit(
        X, y, epochs=100, batch_size=5, optimizer=cr.SGD(0.5), validation=(X * 2, -y), patience=2,
        callbacks=[lambda m: states.append(net.states["mean1"].copy())],
    )  # fmt: skip
    assert len(history) < 100
    assert_array_equal(net.states["mean1"], states[history.best_epoch - 1])


def test_a_metric_that_should_grow_is_compared_so() -> None:
    net = small()
    history = net.fit(
        X,
        y,
        epochs=30,
        batch_size=2,
        optimizer=cr.SGD(0.3),
        validation=(X + 0.5, y),
        metrics=["r2"],
        monitor="r2",
    )
    assert history.best_epoch == int(np.argmax(history.metrics["r2"])) + 1
    assert history.monitor == "r2"


@pytest.mark.parametrize("monitor", ["validation_loss", "accuracy", "validation_los", "seconds"])
def test_an_unknown_monitor_is_refused_before_training(monitor: str) -> None:
    net = small()
    before = net.parameters.theta.copy()
    with pytest.raises(cr.ChainruleError, match=rf"monitor='{monitor}' is not recorded: recorded are loss, rmse"):
        net.fit(X, y, monitor=monitor, metrics=["rmse"])
    assert_array_equal(net.parameters.theta, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "epochs must be a whole number from 0, not -1"),
        ({"epochs": 1.5}, "epochs must be a whole number from 0, not 1.5"),
        ({"batch_size": 0}, "batch_size \\(or 'all'\\) must be a whole number from 1, not 0"),
        ({"batch_size": "full"}, "batch_size \\(or 'all'\\) must be a whole number from 1, not 'full'"),
        ({"batch_size": True}, "batch_size \\(or 'all'\\) must be a whole number from 1, not True"),
        ({"shuffle": "twice"}, "shuffle must be True, False or 'once', not 'twice'"),
        ({"patience": 0}, "patience must be a whole number from 1, not 0"),
        ({"validation": 1.0}, "validation is .* or a share of the rows between 0 and 1, not 1.0"),
        ({"validation": 0.01}, "a share of 0.01 of 10 rows leaves training or validation without rows"),
        ({"validation": 3}, "validation is"),
        ({"seed": -1}, "the seed must be a whole number from 0, not -1"),
        ({"seed": 0.5}, "the seed must be a whole number from 0, not 0.5"),
        ({"engine": "cuda"}, "unknown engine 'cuda'"),
        ({"optimizer": "adamm"}, "unknown optimizer 'adamm': did you mean 'adam'"),
        ({"metrics": ["accurracy"]}, "unknown metric 'accurracy': did you mean 'accuracy'"),
        ({"validation": (X[:3], y)}, "X has 3 rows, y has 10"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        small().fit(X, y, **settings)


# Callbacks


class Recorder(cr.Callback):
    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def on_start(self, moment: Any) -> None:
        self.calls.append(("start", moment.epoch, moment.step))

    def on_epoch(self, moment: Any) -> None:
        assert len(moment.history) == moment.epoch
        assert np.isfinite(moment.loss)
        self.calls.append(("epoch", moment.epoch, moment.step))

    def on_end(self, moment: Any) -> None:
        self.calls.append(("end", moment.epoch, moment.step))


def test_callbacks_are_called_in_order() -> None:
    recorder = Recorder()
    small().fit(X, y, epochs=2, batch_size=4, callbacks=[recorder])
    assert recorder.calls == [("start", 0, 0), ("epoch", 1, 3), ("epoch", 2, 6), ("end", 2, 6)]


def test_a_callback_ends_training() -> None:
    recorder = Recorder()
    history = small().fit(X, y, epochs=50, callbacks=[lambda m: m.epoch == 3, recorder])
    assert len(history) == 3
    assert history.stopped == "ended by a callback after epoch 3"
    assert recorder.calls[-1][:2] == ("end", 3)


def test_a_callback_ends_training_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    class AfterFive(cr.Callback):
        def on_slice(self, moment: Any) -> bool:
            return bool(moment.step >= 5)

    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    net, by_hand = small(), small()
    history = net.fit(X, y, epochs=9, batch_size=5, shuffle=False, optimizer=cr.SGD(0.1), callbacks=[AfterFive()])
    assert (history.steps, len(history), history.stopped) == (5, 2, "ended by a callback in epoch 3")
    by_hand.fit(X, y, epochs=2, batch_size=5, shuffle=False, optimizer=cr.SGD(0.1))
    by_hand.fit(X[:5], y[:5], epochs=1, batch_size=5, shuffle=False, optimizer=cr.SGD(0.1))
    assert_array_equal(net.parameters.theta, by_hand.parameters.theta)


@pytest.mark.parametrize("settings", [{}, {"validation": 0.3}, {"metrics": ["mae"]}])
def test_callbacks_see_the_weights_of_the_moment(settings: dict[str, Any], tmp_path: Path) -> None:
    """So that one can save the network after each epoch."""
    net = small()
    seen: list[Any] = []

    class Keep(cr.Callback):
        def on_epoch(self, moment: Any) -> None:
            net.save(tmp_path / f"{moment.epoch}.chainrule")

        def on_end(self, moment: Any) -> None:
            seen.append(net.parameters.theta.copy())

    net.fit(X, y, epochs=3, batch_size=4, callbacks=[Keep()], seed=1, **settings)
    assert_array_equal(seen[0], net.parameters.theta)
    for epochs in (1, 2, 3):
        other = small()
        other.fit(X, y, epochs=epochs, batch_size=4, seed=1, **settings)
        assert_array_equal(cr.load(tmp_path / f"{epochs}.chainrule").parameters.theta, other.parameters.theta)


def test_an_error_in_a_callback_comes_through_and_keeps_the_weights() -> None:
    net, other = small(), small()
    recorder = Recorder()

    def fail(moment: Any) -> None:
        if moment.epoch == 2:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, y, epochs=9, batch_size=4, callbacks=[recorder, fail])
    other.fit(X, y, epochs=2, batch_size=4)
    assert_array_equal(net.parameters.theta, other.parameters.theta)
    assert recorder.calls[-1][:2] == ("end", 2)


# Progress and history


def test_nothing_is_printed_unless_asked(capfd: pytest.CaptureFixture[str]) -> None:
    small().fit(X, y, epochs=3, validation=0.3)
    assert capfd.readouterr() == ("", "")


def test_progress_writes_lines_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    history = small().fit(X, y, epochs=3, validation=0.3, metrics=["mae"], progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[-1].startswith("epoch 3/3: loss ")
    assert f"validation loss {history.validation_loss[-1]:.4g}" in lines[-1]
    assert f"mae {history.metrics['mae'][-1]:.4g}" in lines[-1]
    assert "\r" not in err
    assert "\x1b" not in err


BAR = """
import sys
import chainrule as cr
import numpy as np
assert sys.stderr.isatty()
X = np.ones((20, 2))
cr.mlp([2, 3, 1]).fit(X, X[:, 0], epochs=3, validation=0.3, progress=True)
print("done")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_progress_is_a_bar_on_a_terminal() -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        result = subprocess.run(
            [sys.executable, "-c", BAR], stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True
        )
        assert result.stdout == b"done\n"  # standard output stays clean
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "epoch 3/3" in shown
    assert "validation loss" in shown
    assert shown.count("\x1b[?25h") == shown.count("\x1b[?25l") == 1  # the cursor is back


def test_progress_may_be_a_callback() -> None:
    recorder = Recorder()
    small().fit(X, y, epochs=1, progress=recorder)
    assert [c[0] for c in recorder.calls] == ["start", "epoch", "end"]


def test_history_becomes_a_table(tmp_path: Path) -> None:
    history = small().fit(X, y, epochs=3, batch_size=4, validation=0.3, metrics=["mae"])
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "validation_loss", "mae", "learning_rate", "seconds"]
    assert [int(r["epoch"]) for r in rows] == [1, 2, 3]
    assert [float(r["loss"]) for r in rows] == history.loss
    assert [float(r["validation_loss"]) for r in rows] == history.validation_loss
    assert list(history.rows())[1]["mae"] == history.metrics["mae"][1]
    assert all(s > 0 for s in history.seconds)


def test_history_draws_itself(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    history = small().fit(X, y, epochs=3, validation=0.3)
    axes = history.plot()
    curves = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert_array_equal(curves["training loss"], history.loss)
    assert_array_equal(curves["validation loss"], history.validation_loss)
    assert f"best epoch: {history.best_epoch}" in curves
    axes.figure.savefig(tmp_path / "plot.png")
    mine = Figure().add_subplot()
    assert history.plot(mine) is mine


# Interruption

INTERRUPTED = """
import os, signal, sys
import numpy as np
import chainrule as cr

X = np.random.default_rng(0).normal(size=(200, 5))
y = X.sum(axis=1)
net = cr.mlp([5, 20, 1])
presses = int(sys.argv[1])
done = []

class Press(cr.Callback):
    def on_slice(self, moment):
        if moment.epoch >= 2:
            for _ in range(presses):
                os.kill(os.getpid(), signal.SIGINT)
    def on_end(self, moment):
        done.append(moment.step)

before = signal.getsignal(signal.SIGINT)
try:
    history = net.fit(X, y, epochs=10**6, batch_size=8, validation=0.2, callbacks=[Press()])
    print("stopped:", history.stopped)
    print("epochs:", len(history))
except KeyboardInterrupt:
    print("KeyboardInterrupt")
print("finite:", bool(np.isfinite(net.parameters.theta).all()))
print("moved:", bool((net.parameters.theta != cr.mlp([5, 20, 1]).parameters.theta).any()))
print("ended:", len(done))
print("handler back:", signal.getsignal(signal.SIGINT) is before)
"""


def interrupted(presses: int) -> dict[str, str]:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(presses)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return dict(re.findall(r"^(.*?)(?:: (.*))?$", result.stdout, re.MULTILINE))


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")
def test_the_first_interrupt_ends_after_the_step() -> None:
    said = interrupted(1)
    finished = {
        "interrupted in epoch 2": "1",
        "interrupted after epoch 2": "2",
    }  # after it if its last step was done
    assert said["epochs"] == finished[said["stopped"]]
    assert (said["finite"], said["moved"], said["ended"], said["handler back"]) == (
        "True",
        "True",
        "1",
        "True",
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")
def test_the_second_interrupt_ends_at_once() -> None:
    said = interrupted(2)
    assert "KeyboardInterrupt" in said
    assert (said["finite"], said["moved"], said["ended"], said["handler back"]) == (
        "True",
        "True",
        "1",
        "True",
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT")
def test_an_interrupt_from_outside() -> None:
    script = INTERRUPTED.replace("os.kill(os.getpid(), signal.SIGINT)", "print('ready', flush=True)")
    with subprocess.Popen([sys.executable, "-c", script, "1"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert re.search("stopped: interrupted (in|after) epoch", rest)
    assert "finite: True" in rest


def test_an_interrupt_keeps_the_best_weights_when_asked_to_wait_for_better() -> None:
    net = small()
    weights: list[Any] = []

    def watch(moment: Any) -> None:
        weights.append(net.parameters.theta.copy())
        if moment.epoch == 12:
            signal.raise_signal(signal.SIGINT)

    history = net.fit(
        X,
        y,
        epochs=50,
        batch_size=2,
        optimizer=cr.SGD(0.4),
        validation=(X * 1.5, -y),
        patience=40,
        callbacks=[watch],
    )
    assert history.stopped == "interrupted after epoch 12"
    assert history.best_epoch < 12
    assert_array_equal(net.parameters.theta, weights[history.best_epoch - 1])


# Failure


def diverging() -> tuple[cr.Network, dict[str, Any]]:
    net = cr.mlp([2, 3, 1], hidden="relu", dtype="float32")
    return net, {"epochs": 50, "batch_size": 4, "shuffle": False, "optimizer": cr.SGD(1e4)}


@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_a_loss_that_is_not_finite_stops_training(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", seconds)
    net, settings = diverging()
    recorder = Recorder()
    with pytest.raises(cr.NonFiniteError) as caught:
        net.fit(X, y, callbacks=[recorder], **settings)
    message = str(caught.value)
    found = re.match(r"the loss is not finite in step (\d+) \(epoch (\d+)\), first in the line (\w+) = ", message)
    assert found, message
    step, epoch = int(found[1]), int(found[2])
    assert "\n" not in message
    assert "try a smaller learning rate" in message
    history = caught.value.history  # type: ignore[attr-defined]
    assert history.steps == step - 1
    assert epoch == (step - 1) // 3 + 1 == len(history) + 1
    assert history.stopped == "stopped at a loss that is not finite"
    assert recorder.calls[-1][0] == "end"
    assert np.isfinite(net.parameters.theta).all()
    # The parameters are those from before the step: by hand, one step after another.
    other, _ = diverging()
    for number in range(step - 1):
        i = 4 * (number % 3)
        other.fit(X[i : i + 4], y[i : i + 4], epochs=1, batch_size="all", optimizer=cr.SGD(1e4))
    assert_array_equal(net.parameters.theta, other.parameters.theta)
    i = 4 * ((step - 1) % 3)
    assert not np.isfinite(net.loss(X[i : i + 4], y[i : i + 4]))


def test_a_gradient_that_is_not_finite_stops_training_before_it_reaches_the_parameters() -> None:
    """sqrt has value 0 and an infinite slope at 0."""
    net = cr.Network(
        cr.Dense(1, bias=False, weights=0.0),
        loss=lambda p, t: cr.sqrt(cr.abs(p)) * t,
        inputs=2,
        dtype="float64",
    )
    with pytest.raises(cr.NonFiniteError, match=r"the update is not finite in step 1 \(epoch 1\), first in the line"):
        net.fit(X, y, epochs=2)
    assert_array_equal(net.parameters["W1"], [[0.0], [0.0]])


def test_clipping_saves_what_would_diverge() -> None:
    net, settings = diverging()
    settings["optimizer"] = cr.SGD(0.01, clip_norm=1.0)
    assert np.isfinite(net.fit(X, y, **settings).loss).all()


@pytest.mark.parametrize("seconds", [0.0, 0.008, 5.0])
def test_an_update_that_is_not_finite_is_found_whatever_the_slices(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss stays finite, since the hidden units are saturated: only the parameters show it."""
    monkeypatch.setattr(loop, "SLICE_SECONDS", seconds)
    net = cr.mlp([2, 8, 1], hidden="hard_tanh", output="sigmoid", loss="binary_cross_entropy")
    rng = np.random.default_rng(0)
    rows, classes = np.abs(rng.normal(size=(20, 2))) + 1, rng.integers(0, 2, 20)
    with pytest.raises(cr.NonFiniteError, match="the update is not finite in step 19 ") as caught:
        net.fit(rows, classes, epochs=5, batch_size=1, optimizer=cr.SGD(1e36))
    assert caught.value.history.steps == 18  # type: ignore[attr-defined]
    assert np.isfinite(net.parameters.theta).all()


def test_a_summed_loss_is_summed_over_the_epoch() -> None:
    net = cr.mlp([2, 1], loss=cr.losses.squared_error(reduction="sum"), dtype="float64")
    before = net.loss(X, y)
    history = net.fit(X, y, epochs=1, batch_size=3, optimizer=cr.SGD(1e-300), validation=(X, y))
    assert history.loss[0] == pytest.approx(before, rel=1e-12)
    assert history.validation_loss[0] == pytest.approx(before, rel=1e-12)
