"""TensorBoard's files, read with TensorBoard."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("tensorboardX", reason="pip install 'chainrule[follow]'")
pytest.importorskip("tensorboard", reason="only TensorBoard itself reads its files")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_reads_the_numbers_of_the_history(fit, tmp_path):
    _, history = fit(cr.callbacks.TensorBoard(tmp_path, run="mine"))
    events = read(tmp_path / "mine")
    assert set(events.Tags()["scalars"]) == {"loss", "validation_loss", "mae", "learning_rate", "seconds"}
    for name in events.Tags()["scalars"]:
        scalars = events.Scalars(name)
        assert [s.step for s in scalars] == [1, 2, 3, 4]
        np.testing.assert_allclose([s.value for s in scalars], history.watched(name), rtol=1e-6)  # kept as float32


def test_tensorboard_shows_what_was_trained(fit, tmp_path):
    net, history = fit(cr.callbacks.TensorBoard(tmp_path, run="mine"))
    texts = read(tmp_path / "mine")
    about, verdict = (
        texts.Tensors(f"{name}/text_summary")[0].tensor_proto.string_val[0] for name in ("about", "verdict")
    )
    assert json.loads(about.decode().strip("`").removeprefix("json"))["network"] == repr(net)
    assert verdict.decode() == history.verdict


def test_each_training_has_a_folder_of_its_own(fit, tmp_path):
    board = cr.callbacks.TensorBoard(tmp_path)
    fit(board, epochs=1)
    fit(board, epochs=2)
    assert sorted(len(read(folder).Scalars("loss")) for folder in tmp_path.iterdir()) == [1, 2]
