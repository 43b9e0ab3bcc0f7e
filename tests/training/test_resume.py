"""Training that goes on where an earlier run ended: the same bits as one run without a break."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

import chainrule as cr
from chainrule.training.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 3))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(**settings: Any) -> cr.Network:
    return cr.mlp([3, 6, 1], loss="binary_cross_entropy", seed=1, **settings)


def noisy() -> cr.Network:
    """With random masks and running states."""
    layers = cr.Dense(40, "relu"), cr.BatchNorm(), cr.Dropout(0.3), cr.Dense(1)
    return cr.Network(*layers, loss="binary_cross_entropy", inputs=3, seed=1)


def whole_and_parts(make: Any, parts: list[int], **settings: Any) -> tuple[Any, Any]:
    """Networks and histories of one run, and of the same run in parts."""
    whole, broken = make(), make()
    first = whole.fit(X, y, epochs=sum(parts), **settings)
    history = None
    for epochs in parts:
        history = broken.fit(X, y, epochs=epochs, resume=history, **settings)
    return (whole, first), (broken, history)


def assert_same(one: Any, other: Any) -> None:
    assert_array_equal(one[0].parameters.theta, other[0].parameters.theta)
    for name in one[0].states:
        assert_array_equal(one[0].states[name], other[0].states[name])
    first, second = ({k: v for k, v in h.columns().items() if k != "seconds"} for _, h in (one, other))
    assert first == second
    assert (one[1].steps, one[1].best_epoch) == (other[1].steps, other[1].best_epoch)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("shuffle", [True, "once", False])
@pytest.mark.parametrize("make", [network, noisy])
def test_three_epochs_and_two_are_five(engine: str, shuffle: Any, make: Any) -> None:
    assert_same(*whole_and_parts(make, [3, 2], engine=engine, shuffle=shuffle, batch_size=4))


@pytest.mark.parametrize(
    "optimizer",
    [
        cr.SGD(0.1, momentum=0.9, nesterov=True), cr.Adam(1e-2), cr.AdamW(1e-2, weight_decay=0.1), cr.RMSProp(1e-3),
        cr.Adagrad(1e-2), cr.SGD(cr.schedules.ReduceOnPlateau(0.5, 0.5, patience=1)),
    ],
    ids=lambda o: f"{type(o).__name__}",
)  # fmt: skip
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_every_optimizer_goes_on_with_its_slots(optimizer: cr.SGD, engine: str) -> None:
    assert_same(*whole_and_parts(network, [4, 1, 3], optimizer=optimizer, engine=engine, batch_size=5))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_lbfgs_goes_on_with_what_it_remembers(engine: str) -> None:
    settings: dict[str, Any] = {"optimizer": cr.LBFGS(history=4), "batch_size": "all", "engine": engine}
    whole, parts = whole_and_parts(lambda: network(dtype="float64"), [6, 5], **settings)
    assert_same(whole, parts)
    forgetful = network(dtype="float64")
    forgetful.fit(X, y, epochs=6, **settings)
    forgetful.fit(X, y, epochs=5, **settings)
    assert (forgetful.parameters.theta != whole[0].parameters.theta).any()


def test_without_resume_the_slots_begin_anew() -> None:
    whole, again = network(), network()
    whole.fit(X, y, epochs=5, batch_size="all")
    again.fit(X, y, epochs=3, batch_size="all")
    again.fit(X, y, epochs=2, batch_size="all")
    assert (whole.parameters.theta != again.parameters.theta).any()


def test_validation_rows_metrics_and_the_best_epoch_are_those_of_one_run() -> None:
    settings: dict[str, Any] = {"validation": 0.3, "metrics": ["accuracy"], "batch_size": 4, "restore_best": True}
    optimizer = cr.SGD(0.8, momentum=0.9)
    whole, parts = whole_and_parts(network, [7, 9, 4], optimizer=optimizer, **settings)
    assert_same(whole, parts)
    assert 0 < whole[1].best_epoch < 20  # so that weights from an earlier part come back


def test_patience_counts_on() -> None:
    settings: dict[str, Any] = {"validation": 0.3, "batch_size": 4, "optimizer": cr.SGD(0.8, momentum=0.9)}
    whole = network()
    first = whole.fit(X, y, epochs=200, patience=5, **settings)
    assert "stopped early" in first.stopped
    broken, last = network(), len(first)
    history = broken.fit(X, y, epochs=last - 2, patience=5, **settings)
    history = broken.fit(X, y, epochs=200, patience=5, resume=history, **settings)
    assert_same((whole, first), (broken, history))
    assert history.stopped == first.stopped


def test_a_schedule_sees_the_updates_made_and_those_to_come() -> None:
    """A cosine falls to its end over all updates that are known of: two of four epochs, then all four."""
    optimizer, net = cr.SGD(cr.schedules.Cosine(1.0)), network()
    steps = 6
    history = net.fit(X, y, epochs=2, batch_size=4, optimizer=optimizer)
    history = net.fit(X, y, epochs=2, batch_size=4, optimizer=optimizer, resume=history)

    def cosine(t: int, total: int) -> float:
        return float(0.5 * (1 + np.cos(np.pi * t / total)))

    expected = [cosine(t * steps - 1, n * steps) for t, n in ((1, 2), (2, 2), (3, 4), (4, 4))]
    np.testing.assert_allclose(history.learning_rate, expected, atol=1e-6)


def test_other_rows_can_follow() -> None:
    net = network()
    history = net.fit(X, y, epochs=1, batch_size=4, shuffle="once")
    more = net.fit(X[:9], y[:9], epochs=2, batch_size=4, shuffle="once", resume=history)
    assert (len(history), len(more)) == (1, 3)
    assert more.steps == 6 + 2 * 3


def test_the_earlier_history_is_left_as_it_is() -> None:
    net = network()
    history = net.fit(X, y, epochs=2)
    before = copy.deepcopy(history)
    net.fit(X, y, epochs=2, resume=history)
    assert history == before
    assert_array_equal(history.checkpoint.state["theta"], before.checkpoint.state["theta"])


def test_a_run_that_was_interrupted_or_ended_by_a_callback_can_go_on() -> None:
    whole, broken = network(), network()
    whole.fit(X, y, epochs=5, batch_size=4)
    history = broken.fit(X, y, epochs=5, batch_size=4, callbacks=[lambda moment: moment.epoch == 2])
    assert len(history) == 2
    broken.fit(X, y, epochs=3, batch_size=4, resume=history)
    assert_array_equal(whole.parameters.theta, broken.parameters.theta)


def test_a_checkpoint_comes_back_from_safetensors_and_json(tmp_path: Path) -> None:
    whole, broken = noisy(), noisy()
    settings: dict[str, Any] = {"batch_size": 4, "shuffle": "once", "validation": 0.3, "restore_best": True}
    whole.fit(X, y, epochs=5, **settings)
    history = broken.fit(X, y, epochs=3, **settings)
    assert history.checkpoint is not None
    save_file(dict(history.checkpoint.arrays()), tmp_path / "arrays.safetensors")
    (tmp_path / "rest.json").write_text(json.dumps(history.checkpoint.to_json()))
    description = json.loads((tmp_path / "rest.json").read_text())
    history.checkpoint = Checkpoint.from_json(description, load_file(tmp_path / "arrays.safetensors"))
    broken.fit(X, y, epochs=2, resume=history, **settings)
    assert_array_equal(whole.parameters.theta, broken.parameters.theta)


def test_a_pickled_history_can_be_gone_on_from() -> None:
    whole, broken = network(), network()
    whole.fit(X, y, epochs=3)
    history = broken.fit(X, y, epochs=2)
    broken.fit(X, y, epochs=1, resume=pickle.loads(pickle.dumps(history)))
    assert_array_equal(whole.parameters.theta, broken.parameters.theta)


def test_no_epochs_are_no_step() -> None:
    net = network()
    history = net.fit(X, y, epochs=0)
    history = net.fit(X, y, epochs=2, resume=history)
    assert_array_equal(net.parameters.theta, whole_and_parts(network, [2])[0][0].parameters.theta)
    assert len(net.fit(X, y, epochs=0, resume=history)) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, r"carries theta \(31,\), m \(31,\), v \(31,\), but this network and optimizer theta"),
        ({"optimizer": cr.LBFGS(), "batch_size": "all"}, None),
        ({"validation": 0.5}, "recorded the loss alone and watched loss: resume with the same validation"),
        ({"metrics": ["accuracy"]}, "resume with the same validation, metrics and monitor"),
        ({"seed": 3}, "keeps its random streams: leave seed out"),
        ({"resume": 3}, "resume is the history that an earlier fit returned, or a folder of checkpoints, not 3"),
        ({"resume": "nowhere"}, "there are no checkpoints in nowhere to go on from"),
    ],
)
def test_what_does_not_fit_the_earlier_run_is_refused(settings: dict[str, Any], message: str | None) -> None:
    net = network()
    history = net.fit(X, y, epochs=1)
    with pytest.raises(cr.ArgumentError, match=message or "kind of optimizer"):
        net.fit(X, y, epochs=1, **{"resume": history, **settings})


def test_another_network_is_refused() -> None:
    history = network().fit(X, y, epochs=1)
    with pytest.raises(cr.ArgumentError, match="resume with the same network"):
        cr.mlp([3, 5, 1], loss="binary_cross_entropy").fit(X, y, resume=history)


def test_nothing_goes_on_from_a_run_that_failed() -> None:
    net = cr.mlp([3, 4, 1])
    with pytest.raises(cr.NonFiniteError) as failed:
        net.fit(1e4 * X, y, epochs=50, optimizer=cr.SGD(1e4))
    with pytest.raises(cr.ArgumentError, match="nothing can go on from this history"):
        net.fit(X, y, resume=failed.value.history)  # type: ignore[attr-defined]
