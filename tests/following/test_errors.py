"""What is missing or cannot be written is an error before training; what breaks later costs no model."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.callbacks import JSONLines, MLflow, TensorBoard


class Watch(cr.Callback):
    """Counts its calls."""

    def __init__(self):
        self.started, self.epochs, self.ended = 0, 0, 0

    def on_start(self, moment):
        self.started += 1

    def on_epoch(self, moment):
        self.epochs += 1

    def on_end(self, moment):
        self.ended += 1


@pytest.mark.parametrize(("callback", "library"), [(TensorBoard("runs"), "tensorboardX"), (MLflow(), "mlflow")])
def test_a_missing_library_is_named_with_the_command_that_brings_it(fit, monkeypatch, callback, library):
    monkeypatch.setitem(sys.modules, library, None)
    watch = Watch()
    with pytest.raises(cr.ArgumentError, match=f"pip install {library}"):
        fit(watch, callback)
    assert (watch.started, watch.epochs, watch.ended) == (1, 0, 1)


@pytest.mark.parametrize(("kind", "words"), [(JSONLines, "the log"), (TensorBoard, "the TensorBoard folder")])
def test_a_place_that_cannot_be_written_to_is_an_error_before_training(fit, tmp_path, kind, words):
    if kind is TensorBoard:
        pytest.importorskip("tensorboardX", reason="pip install 'chainrule[follow]'")
    (tmp_path / "file").write_text("")
    with pytest.raises(cr.ArgumentError, match=f"{words} .*file.* cannot be written: .*; give another place"):
        fit(kind(tmp_path / "file" / "log"))


def test_a_disk_that_is_full_ends_the_log_and_not_the_training(fit, tmp_path, monkeypatch):
    log, watch = JSONLines(tmp_path / "log.jsonl"), Watch()
    written = []

    def write(event, record):
        written.append(event)
        if len(written) > 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_write", write)
    with pytest.warns(
        RuntimeWarning, match=r"log\.jsonl ends at epoch 2, training does not: .*No space left"
    ) as caught:
        _, history = fit(log, watch)
    assert (len(history), watch.epochs, watch.ended, len(caught)) == (4, 4, 1, 1)
    assert written == ["start", "epoch", "epoch", "end"]


def test_an_error_in_a_callback_leaves_the_best_weights_and_the_history(fit):
    def fail(moment):
        if moment.epoch == 4:
            raise RuntimeError("mine")

    watch, weights = Watch(), []
    nets = []

    def keep(moment):
        nets.append(moment.network)
        weights.append(moment.network.parameters.theta.copy())

    with pytest.raises(RuntimeError, match="mine") as caught:
        fit(keep, fail, watch, optimizer=cr.SGD(cr.schedules.Step(1e-3, factor=300.0, every=3)))
    history = caught.value.history
    assert history.failed
    assert (len(history), history.stopped) == (4, "ended by an error in epoch 4")
    assert history.best_epoch < 4
    np.testing.assert_array_equal(nets[0].parameters.theta, weights[history.best_epoch - 1])
    assert f"weights of epoch {history.best_epoch}" in caught.value.__notes__[0]
    assert (watch.started, watch.ended) == (1, 1)


def test_every_callback_comes_to_its_end_even_if_one_fails_there(fit):
    class Fails(cr.Callback):
        def on_end(self, moment):
            raise RuntimeError("at the end")

    first, last = Watch(), Watch()
    with pytest.raises(RuntimeError, match="at the end"):
        fit(first, Fails(), last)
    assert (first.ended, last.ended) == (1, 1)


def test_a_callback_that_cannot_start_ends_those_that_have(fit):
    class Fails(cr.Callback):
        def on_start(self, moment):
            raise RuntimeError("at the start")

    first, last = Watch(), Watch()
    with pytest.raises(RuntimeError, match="at the start"):
        fit(first, Fails(), last)
    assert (first.ended, last.started, last.ended) == (1, 0, 0)


def test_a_moment_knows_the_network_with_its_weights_and_the_settings(fit):
    seen = []

    def look(moment):
        row = np.array([[0.5, -0.5]])
        seen.append((moment.network.predict(row).item(), moment.settings["batch_size"]))

    net, _ = fit(look, epochs=2)
    assert [batch for _, batch in seen] == [5, 5]
    assert seen[0][0] != seen[1][0] == net.predict([[0.5, -0.5]]).item()
