"""Runs that go on from files: the same bits as one run without a break."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import victims
from victims import WATCHED, X, fingerprint, noisy, y

import chainrule as cr
from chainrule.running import step_run, training_steps
from chainrule.training import History, Plan, train
from chainrule.training.checkpoint import Checkpoint
from chainrule.training.keeping import Keeper, newest

SMALL: dict[str, Any] = {"epochs": 4, "batch_size": 16, "engine": "numpy"}


class PowerCut(Exception):  # noqa: N818 - not an error of the package
    """Ends a process, as far as training can tell."""


def at_step(step: int, act: Callable[[], None]) -> cr.Callback:
    """Acts once, as soon as so many steps are made."""

    class Acts(cr.Callback):
        done = False

        def on_slice(self, moment: Any) -> None:
            if moment.step >= step and not self.done:
                self.done = True
                act()

    return Acts()


def cut() -> None:
    raise PowerCut


def steps_in(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("checkpoint-")) for path in folder.iterdir())


def small(**settings: Any) -> tuple[cr.Network, cr.History]:
    net = cr.mlp([6, 5, 1], loss="binary_cross_entropy", dropout=0.2, seed=1)
    return net, net.fit(X, y, **{**SMALL, **settings})


def broken(folder: Path, step: int, make: Callable[..., Any] = small, every: int = 7, **settings: Any) -> None:
    """A run that ends by a power cut, with a checkpoint every few steps."""
    checkpoints = cr.Checkpoints(folder, seconds=None, steps=every)
    with pytest.raises(PowerCut):
        make(checkpoints=checkpoints, callbacks=[at_step(step, cut)], **settings)


@pytest.mark.parametrize("case", victims.CASES)
@pytest.mark.parametrize("share", [0.001, 0.4, 0.75, 0.999])
def test_a_run_that_was_broken_off_ends_with_the_same_bits(case: str, share: float, tmp_path: Path) -> None:
    epochs = 3 if "lbfgs" not in case else 30
    whole = victims.trained(case, epochs=epochs)

    def make(**settings: Any) -> Any:
        return victims.trained(case, epochs=epochs, **settings)

    step, every = int(share * whole[1].steps), whole[1].steps // 20 + 1
    broken(tmp_path, step, make, every)
    assert steps_in(tmp_path)[-1] <= step + every
    found = make(resume=tmp_path)
    assert fingerprint(*found) == fingerprint(*whole)


def test_so_does_one_on_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax")

    def make(**settings: Any) -> Any:
        return small(**{**settings, "engine": "jax"})

    broken(tmp_path, 130, make)
    assert fingerprint(*make(resume=tmp_path)) == fingerprint(*make())


def test_a_run_can_be_broken_off_again_and_again(tmp_path: Path) -> None:
    for step in (20, 100, 101, 200, 300, 371):
        broken(tmp_path, step, resume=tmp_path)
    assert fingerprint(*small(resume=tmp_path)) == fingerprint(*small())


def test_the_first_run_of_the_same_command_starts_anew(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "checkpoints"
    assert fingerprint(*small(checkpoints=folder, resume=folder)) == fingerprint(*small())


def test_a_finished_run_is_not_made_again(tmp_path: Path) -> None:
    watched = {"validation": 0.3, "patience": 2, "epochs": 60, "optimizer": cr.SGD(2.0)}
    whole = small(checkpoints=tmp_path, **watched)
    assert "stopped early" in whole[1].stopped
    again = small(resume=tmp_path, callbacks=[at_step(0, cut)], **watched)
    assert fingerprint(*again) == fingerprint(*whole)
    assert again[1].seconds == whole[1].seconds
    assert again[1].restored


def test_one_that_a_callback_ended_stays_ended(tmp_path: Path) -> None:
    whole = small(checkpoints=tmp_path, callbacks=[lambda moment: moment.epoch == 2])
    again = small(resume=tmp_path)
    assert again[1].stopped == whole[1].stopped == "ended by a callback after epoch 2"
    assert fingerprint(*again) == fingerprint(*whole)


def test_more_epochs_can_follow(tmp_path: Path) -> None:
    small(checkpoints=tmp_path)
    assert fingerprint(*small(resume=tmp_path, epochs=7)) == fingerprint(*small(epochs=7))
    fewer = small(resume=tmp_path, epochs=2)[1]
    assert (len(fewer), fewer.stopped) == (4, "all 4 epochs done")


@pytest.mark.parametrize("settings", [{}, {"batch_size": "all", "epochs": 150}], ids=["within", "after its last step"])
def test_ctrl_c_in_an_epoch_leaves_a_checkpoint_of_the_last_step(settings: dict[str, Any], tmp_path: Path) -> None:
    press = at_step(100, lambda: os.kill(os.getpid(), signal.SIGINT))
    _, history = small(checkpoints=tmp_path, callbacks=[press], **settings)
    assert history.interrupted
    assert steps_in(tmp_path)[-1] == history.steps
    assert fingerprint(*small(resume=tmp_path, **settings)) == fingerprint(*small(**settings))


def test_ctrl_c_twice_leaves_the_last_whole_one(tmp_path: Path) -> None:
    def press() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        small(checkpoints=cr.Checkpoints(tmp_path, None, steps=7), callbacks=[at_step(100, press)])
    assert 93 <= steps_in(tmp_path)[-1] <= 100
    assert fingerprint(*small(resume=tmp_path)) == fingerprint(*small())


def test_they_are_written_at_the_steps_asked_for_and_the_newest_stay(tmp_path: Path) -> None:
    small(checkpoints=cr.Checkpoints(tmp_path, seconds=None, steps=50, keep=5))
    assert steps_in(tmp_path) == [200, 250, 300, 350, 376]


def test_they_are_written_when_the_time_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("chainrule.training.keeping.monotonic", lambda: float(next(clock)))
    written: list[int] = []
    write = Keeper.write
    monkeypatch.setattr(Keeper, "write", lambda self, c, h: (written.append(h.steps), write(self, c, h)))
    small(checkpoints=cr.Checkpoints(tmp_path, seconds=1e6))
    assert written == [0, 376]
    written.clear()
    small(checkpoints=cr.Checkpoints(tmp_path / "often", seconds=0))
    assert len(written) > 4


def test_a_checkpoint_says_what_was_trained_and_how_far_it_is(tmp_path: Path) -> None:
    from safetensors import safe_open

    broken(tmp_path, 100)
    with safe_open(tmp_path / "checkpoint-98.safetensors", framework="numpy") as file:
        described = json.loads(file.metadata()["chainrule"])
        names = set(file.keys())
    columns = {f"history/{name}" for name in ("loss", "validation_loss", "learning_rate", "seconds")}
    assert names == {"state/theta", "state/m", "state/v", "best/theta", "losses"} | columns
    assert described["history"]["steps"] == 98
    assert described["training"]["optimizer"]["optimizer"] == "Adam"
    assert set(described["checkpoint"]["shuffling"]) >= {"bit_generator", "state"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": cr.SGD(0.1)}, r'different optimizer optimizer \("Adam", now "SGD"\), .*:'),
        ({"optimizer": cr.Adam(1e-2)}, r"different optimizer lr \(0.001, now 0.01\):"),
        ({"batch_size": 8}, r"different batch_size \(16, now 8\):"),
        ({"seed": 4}, r"different seed \(1, now 4\):"),
        ({"engine": "native"}, r'different engine \("numpy", now "native"\):'),
        ({"shuffle": False}, r"different shuffle \(true, now false\):"),
        ({"X": X[:-1], "y": y[:-1]}, r"different data, rows \(1500, now 1499\):"),
        ({"X": np.where(np.arange(len(X))[:, None] == 7, np.nextafter(X, 9), X)}, "different data:"),
        ({"y": 1 - y}, "different data:"),
        ({"sample_weight": np.full(len(X), 2.0)}, "different data:"),
        ({"validation": 0.5}, "different data, validation, rows .1500, now 750., monitor .*:"),
        ({"metrics": ["accuracy"]}, r'different metrics \(\[\], now \["accuracy"\]\):'),
        ({"patience": 3}, r"different patience \(null, now 3\), restore_best \(false, now true\):"),
    ],
)
def test_checkpoints_of_another_training_are_refused(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    broken(tmp_path, 100)
    rows = {"X": settings.pop("X", X), "y": settings.pop("y", y)}
    net = cr.mlp([6, 5, 1], loss="binary_cross_entropy", dropout=0.2, seed=1)
    with pytest.raises(cr.ArgumentError, match=f"are of another training, with {said} resume with the same"):
        net.fit(**rows, **{**SMALL, **settings}, resume=tmp_path)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: cr.mlp([6, 4, 1], loss="binary_cross_entropy", dropout=0.2, seed=1), "layers"),
        (lambda: cr.mlp([6, 5, 1], loss="squared_error", dropout=0.2, seed=1), "loss name .*"),
        (
            lambda: cr.mlp([6, 5, 1], loss="binary_cross_entropy", dropout=0.2, seed=1, dtype="float64"),
            r'dtype \("float32", now "float64"\), data',
        ),
    ],
)
def test_checkpoints_of_another_network_are_refused(network: Any, said: str, tmp_path: Path) -> None:
    broken(tmp_path, 100)
    with pytest.raises(cr.ArgumentError, match=f"with different {said}:"):
        network().fit(X, y, **SMALL, resume=tmp_path)


def test_checkpoints_are_not_written_over_those_of_another_run(tmp_path: Path) -> None:
    broken(tmp_path, 100)
    before = steps_in(tmp_path)
    with pytest.raises(cr.ArgumentError, match="holds checkpoints already: go on from them with --resume"):
        small(checkpoints=tmp_path)
    assert steps_in(tmp_path) == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seconds": -1}, "seconds between checkpoints are a number from 0, not -1"),
        ({"seconds": None}, "say how often: give seconds or steps"),
        ({"steps": 0}, "steps between checkpoints must be a whole number from 1, not 0"),
        ({"keep": 0}, "the checkpoints to keep must be a whole number from 1, not 0"),
        ({"folder": 3}, "a folder for checkpoints is a path, not 3"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(cr.ArgumentError, match=said):
        cr.Checkpoints(**{"folder": "checkpoints", **settings})


# Callbacks


class Counts(cr.Callback):
    """Counts epochs, and keeps the count."""

    def __init__(self) -> None:
        self.count = 0

    def state(self) -> Any:
        return {"count": self.count}

    def restore(self, state: Any) -> None:
        self.count = state["count"]

    def on_epoch(self, moment: Any) -> None:
        self.count += 1


def test_a_callback_with_a_state_goes_on_with_it(tmp_path: Path) -> None:
    checkpoints = cr.Checkpoints(tmp_path, None, steps=7)
    with pytest.raises(PowerCut):
        small(checkpoints=checkpoints, callbacks=[Counts(), at_step(300, cut)])
    counts = Counts()
    small(resume=tmp_path, callbacks=[counts])
    assert counts.count == 4
    with pytest.raises(cr.ArgumentError, match="had 1 callback with a state, this one has 2: resume with the same"):
        small(resume=tmp_path, callbacks=[Counts(), Counts()])


class Worst(cr.Callback):
    """Remembers the worst loss of an epoch, once there is one."""

    def __init__(self) -> None:
        self.loss: float | None = None

    def state(self) -> Any:
        return self.loss

    def restore(self, state: Any) -> None:
        self.loss = state

    def on_epoch(self, moment: Any) -> None:
        self.loss = max(self.loss or 0.0, moment.history.loss[-1])


@pytest.mark.parametrize("step", [1, 300])
def test_a_state_may_be_none_at_first(step: int, tmp_path: Path) -> None:
    worst, counts = Worst(), Counts()
    with pytest.raises(PowerCut):
        small(checkpoints=cr.Checkpoints(tmp_path, None, 7), callbacks=[Worst(), Counts(), at_step(step, cut)])
    history = small(resume=tmp_path, callbacks=[worst, counts])[1]
    assert (worst.loss, counts.count) == (max(history.loss), 4)


def test_a_state_that_cannot_be_kept_is_an_error_before_the_first_step(tmp_path: Path) -> None:
    counts = Counts()
    counts.count = np.zeros(3)  # type: ignore[assignment]
    with pytest.raises(cr.ArgumentError, match=r"gives must be what JSON can hold: .*ndarray"):
        small(checkpoints=tmp_path, callbacks=[counts])
    endless: list[Any] = []
    endless.append(endless)
    counts.count = endless  # type: ignore[assignment]
    with pytest.raises(cr.ArgumentError, match=r"gives must be what JSON can hold: Circular reference"):
        small(checkpoints=tmp_path, callbacks=[counts])


def test_the_series_of_layers_are_those_of_one_run(tmp_path: Path) -> None:
    def make(**settings: Any) -> Any:
        net = noisy(8)
        recorder = cr.LayerRecorder(X, y)
        callbacks = [recorder, *settings.pop("callbacks", [])]
        return net, net.fit(X, y, **{**SMALL, **WATCHED, "epochs": 6}, callbacks=callbacks, **settings)

    whole = make()[1]
    for step in (3, 500):
        folder = tmp_path / str(step)
        broken(folder, step, make)
        assert make(resume=folder)[1].layers == whole.layers
    assert whole.layers[0].epochs == (0, 1, 2, 4, 6)


# Rows in windows


def test_windows_that_are_done_are_not_read_again(tmp_path: Path) -> None:
    from test_windows import BATCH, Chunks

    rows, targets = X[:203, :5], y[:203, None].astype(np.float32)

    def run(checkpoint_steps: int, *callbacks: cr.Callback, resume: bool = False) -> tuple[Any, History, Chunks]:
        net = cr.mlp([5, 40, 1], loss="binary_cross_entropy", seed=3)
        before = newest(tmp_path, {}) if resume else None
        state = before.checkpoint.state if before and before.checkpoint else None
        steps = training_steps(net, {"X": rows, "Y": targets}, cr.Adam(1e-2), BATCH, state)
        windows, rng = Chunks(dict(steps.data), whole=False), np.random.default_rng(1)
        if before and before.checkpoint:
            rng.bit_generator.state = before.checkpoint.shuffling
        epochs = 3 - len(before or ())
        plan = Plan(windows, epochs, BATCH, seed=0, rng=rng, constants={"key": 5})
        keeper = Keeper(cr.Checkpoints(tmp_path, None, checkpoint_steps), {}, resumed=resume)
        history = train(
            step_run(steps, "native", 3, None),
            plan,
            lambda state: {},
            lambda value, constants: {},
            callbacks,
            before=before,
            keeper=keeper,
        )
        return history.checkpoint, history, windows

    with pytest.raises(PowerCut):
        run(1, at_step(26 + 18, cut))  # in the fourth of the six windows of the second epoch
    checkpoint, history, windows = run(10**9, resume=True)
    assert windows.read == [3, 4, 5, 0, 1, 2, 3, 4, 5]
    for path in tmp_path.iterdir():
        path.unlink()
    whole, others, _ = run(10**9)
    np.testing.assert_array_equal(checkpoint.state["theta"], whole.state["theta"])
    assert history.loss == others.loss


def test_a_million_epochs_fit_into_a_file(tmp_path: Path) -> None:
    """The header of a safetensors file has 100 MB at most."""
    numbers = np.random.default_rng(0).random(1_200_000).tolist()
    history = History(loss=numbers, learning_rate=numbers, seconds=numbers, metrics={"z": numbers, "a": numbers[::-1]})
    keeper = Keeper(cr.Checkpoints(tmp_path), {}, resumed=False)
    keeper.write(Checkpoint({"theta": np.zeros(3)}, {}, {}, {}, 0), history)
    found = newest(tmp_path, {})
    assert found is not None
    assert list(found.columns().items()) == list(history.columns().items())


def test_a_checkpoint_in_an_epoch_is_no_larger_than_what_it_holds() -> None:
    checkpoint = Checkpoint({"theta": np.zeros(3)}, {}, {}, {}, 0, losses=np.zeros(5), seconds=1.5)
    found = Checkpoint.from_json(json.loads(json.dumps(checkpoint.to_json())), checkpoint.arrays())
    assert (found.seconds, found.losses.tolist(), found.best) == (1.5, [0.0] * 5, {})
