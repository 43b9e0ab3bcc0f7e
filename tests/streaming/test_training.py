"""Networks trained on streams end where those trained on rows in memory end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError


@pytest.fixture
def learnt(sorted_folder):
    found = cr.Stream(sorted_folder).learn("y")
    return replace(found, rows=replace(found.rows, memory=2 * 1300 * 36))


def fitted(learnt, **how):
    net = cr.mlp([3, 8, 1], hidden="tanh", loss="mean_squared_error", seed=1)
    return net, net.fit(learnt.rows, None, validation=learnt.validation, **how)


def test_files_sorted_by_the_target_are_learnt_as_well_as_shuffled_rows(sorted_folder, learnt):
    table = cr.read_table(sorted_folder / "1.parquet").vstack(cr.read_table(sorted_folder / "2.parquet"))
    rows = np.setdiff1d(np.arange(8000), learnt.survey.aside.numbers)
    X, y = learnt.encoder.encode(table[rows.tolist()]), learnt.encoder.encode_target(table[rows.tolist()])
    how = {"epochs": 8, "batch_size": 64, "optimizer": cr.Adam(cr.schedules.Cosine(5e-3))}
    _, streamed = fitted(learnt, **how)
    net = cr.mlp([3, 8, 1], hidden="tanh", loss="mean_squared_error", seed=1)
    shuffled = net.fit(X, y, validation=learnt.validation, **how)
    guess = float(np.var(learnt.validation[1]))
    in_order = cr.mlp([3, 8, 1], hidden="tanh", loss="mean_squared_error", seed=1)
    unshuffled = in_order.fit(X, y, validation=learnt.validation, shuffle=False, **how)
    assert streamed.validation_loss[-1] < 1.03 * shuffled.validation_loss[-1] < 0.5 * guess
    assert unshuffled.validation_loss[-1] > 1.05 * shuffled.validation_loss[-1]  # the order does matter here


def test_engines_take_the_same_path(learnt):
    one, first = fitted(learnt, epochs=2, batch_size=50, engine="numpy")
    two, second = fitted(learnt, epochs=2, batch_size=50, engine="native")
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-4)
    np.testing.assert_allclose(one.parameters.theta, two.parameters.theta, rtol=2e-3, atol=2e-4)


def test_the_same_seed_gives_the_same_bits(learnt):
    nets = [fitted(learnt, epochs=2, seed=seed)[0] for seed in (5, 5, 6)]
    assert nets[0].parameters.theta.tobytes() == nets[1].parameters.theta.tobytes()
    assert nets[0].parameters.theta.tobytes() != nets[2].parameters.theta.tobytes()


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_run_broken_off_within_an_epoch_goes_on_to_the_same_bits(learnt, tmp_path, engine):
    how = {"epochs": 3, "batch_size": 32, "engine": engine}
    whole, expected = fitted(learnt, **how)

    class BreakOff(cr.Callback):
        def on_slice(self, moment):
            if moment.step > 250:
                raise RuntimeError("the power is cut")

    with pytest.raises(RuntimeError, match="power"):
        fitted(learnt, checkpoints=cr.Checkpoints(tmp_path, steps=70), callbacks=[BreakOff()], **how)
    resumed, history = fitted(learnt, resume=tmp_path, **how)
    assert resumed.parameters.theta.tobytes() == whole.parameters.theta.tobytes()
    assert history.loss == expected.loss


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sample_weight": np.ones(3)}, "leave y and sample_weight out"),
        ({"shuffle": False}, "leave shuffle out"),
        ({"batch_size": "all"}, "give batch_size a number"),
        ({"validation": 0.2}, r"give validation=\(X, y\)"),
        ({"metrics": ["rmse"]}, r"give validation=\(X, y\)"),
    ],
)
def test_what_a_stream_cannot_do_is_said(learnt, how, message):
    net = cr.mlp([3, 1], loss="mean_squared_error")
    with pytest.raises(ArgumentError, match=message):
        net.fit(learnt.rows, None, **how)


def test_jax_takes_the_same_path(learnt):
    pytest.importorskip("jax")
    _, first = fitted(learnt, epochs=2, batch_size=50, engine="numpy")
    _, second = fitted(learnt, epochs=2, batch_size=50, engine="jax")
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-4)
