"""Each rule in both directions: found in a run that was built to have the fault, and not in healthy ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule.data import TableEncoder
from chainrule.diagnosis import RULES, Diagnosis, LayerRecorder, Record, findings, preflight_table
from chainrule.training import History

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
CLASS = (X[:, 0] * X[:, 1] > 0).astype(int)
NUMBER = np.sin(2 * X[:, 0]) + 0.1 * RNG.normal(size=400)
ROWS, HELD = slice(0, 300), slice(300, 400)


def run(net: cr.Network, y: Any, x: Any = X, validation: bool = True, **settings: Any) -> Diagnosis:
    """Train with a recorder, and diagnose."""
    held = (x[HELD], y[HELD]) if validation else None
    recorder = LayerRecorder(x[ROWS], y[ROWS])
    settings = {"epochs": 60, "optimizer": cr.Adam(1e-2), "engine": "numpy"} | settings
    history = net.fit(x[ROWS], y[ROWS], validation=held, callbacks=[recorder], **settings)
    return net.diagnose(x[ROWS], y[ROWS], history, validation=held)


def classifier(*hidden: int, activation: str = "relu", **settings: Any) -> cr.Network:
    return cr.mlp([2, *hidden, 1], hidden=activation, loss="binary_cross_entropy", **{"seed": 1} | settings)


def overfitting() -> Diagnosis:
    """Labels drawn by lot, and more weights than rows."""
    noise = np.random.default_rng(1).normal(size=(400, 20))
    net = cr.mlp([20, 32, 1], hidden="tanh", loss="binary_cross_entropy")
    return run(net, np.random.default_rng(2).integers(0, 2, 400), x=noise)


def blown_up() -> Diagnosis:
    return run(classifier(32, 32), CLASS, optimizer=cr.Adam(1.0), epochs=20)


def slow() -> Diagnosis:
    return run(classifier(32, 32), CLASS, optimizer=cr.Adam(1e-5), epochs=20)


def cut_short() -> Diagnosis:
    return run(classifier(32, 32), CLASS, optimizer=cr.Adam(1e-3), epochs=20)


def nothing() -> Diagnosis:
    """A straight line for classes that lie across each other."""
    return run(classifier(), CLASS, epochs=20)


def dead() -> Diagnosis:
    return run(classifier(32, biases=-50.0), CLASS, epochs=10)


def saturated() -> Diagnosis:
    return run(classifier(32, activation="tanh", biases=50.0), CLASS, epochs=10)


def vanishing() -> Diagnosis:
    return run(classifier(*[16] * 8, activation="sigmoid"), CLASS, epochs=5)


def exploding() -> Diagnosis:
    net = cr.mlp([2, *[32] * 8, 1], hidden="relu", weights=cr.init.Normal(0.7), loss="binary_cross_entropy")
    return run(net, CLASS, epochs=5, optimizer=cr.Adam(1e-5))


def unscaled() -> Diagnosis:
    return run(classifier(16), CLASS, x=X * [1.0, 1e3])


def imbalanced() -> Diagnosis:
    """One row in twelve has the second class, and nothing tells which."""
    rare = (np.arange(400) % 12 == 0).astype(int)
    return run(classifier(), rare, epochs=20)


def leaking() -> Diagnosis:
    return run(classifier(16), CLASS, x=np.column_stack([X[:, :1], 2.0 * CLASS - 1]))


def numbered() -> Diagnosis:
    return run(classifier(16), CLASS, x=np.column_stack([X[:, 0], np.arange(400.0)]))


def with_units() -> Diagnosis:
    table = pl.DataFrame({"price": [f"${i % 40},000" for i in range(400)], "x": X[:, 0], "y": NUMBER})
    return preflight_table(table, TableEncoder.learn(table, "y"))


def far() -> Diagnosis:
    return cr.mlp([2, 16, 1]).preflight(X, NUMBER + 30)


def stuck() -> Diagnosis:
    """Targets beyond what the output can reach."""
    return cr.mlp([2, 16, 1], output="sigmoid").preflight(X, 3 * NUMBER - 6)


def resting() -> Diagnosis:
    return run(classifier(32, 32), CLASS, optimizer=cr.Adam(3e-3), epochs=80)


FAULTS: dict[str, Callable[[], Diagnosis]] = {
    "nothing learnt": nothing,
    "start far from chance": far,
    "handful not learnt": stuck,
    "learning rate too high": blown_up,
    "overfitting": overfitting,
    "learning rate too low": slow,
    "still falling": cut_short,
    "converged": resting,
    "dead units": dead,
    "saturated units": saturated,
    "vanishing gradients": vanishing,
    "exploding gradients": exploding,
    "inputs unscaled": unscaled,
    "class ignored": imbalanced,
    "leak": leaking,
    "identifier": numbered,
    "numbers as text": with_units,
}


HEALTHY = {
    "before a classification": lambda: classifier(32, 32).preflight(X, CLASS),
    "before a regression": lambda: cr.mlp([2, 32, 32, 1], seed=1).preflight(X, NUMBER),
    "a classification": resting,
    "a regression": lambda: run(cr.mlp([2, 32, 32, 1], seed=1), NUMBER, optimizer=cr.Adam(3e-3), epochs=120),
}


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_finds_the_fault_that_a_run_was_built_to_have(rule: str) -> None:
    found = FAULTS[rule]().named(rule)
    assert found is not None
    assert found.sentence.endswith(".")
    assert found.evidence


@pytest.mark.parametrize("name", HEALTHY)
def test_no_rule_finds_anything_to_mend_in_a_healthy_run(name: str) -> None:
    diagnosis = HEALTHY[name]()
    assert {finding.name for finding in diagnosis.findings} <= {"converged"}
    assert diagnosis.summary.startswith("Noth")


def test_the_finding_of_a_curve_is_where_the_curve_says_it_is() -> None:
    """Curves with known turns: down to 0.1 in epoch 20, then up again; a straight line; an exponential."""
    down = [1.0 - 0.045 * i for i in range(21)]
    turned = History(
        loss=[2.0 - 0.02 * i for i in range(41)], validation_loss=[*down, *[0.1 + 0.01 * i for i in range(1, 21)]]
    )
    found = findings(Record(histories=(turned,)))[0]
    assert (found.name, found.evidence["epoch"]) == ("overfitting", 21)
    rates = [0.1] * 41
    straight = History(loss=[2.0 - 0.01 * i for i in range(41)], learning_rate=rates)
    assert findings(Record(histories=(straight,)))[0].name == "learning rate too low"
    for constants, name in ((0.9, "learning rate too low"), (2.0, "still falling"), (8.0, "converged")):
        loss = np.exp(-constants * np.linspace(0, 1, 41)).tolist()
        assert findings(Record(histories=(History(loss=loss, learning_rate=rates),)))[0].name == name


def test_noise_alone_is_neither_falling_nor_jumping() -> None:
    for seed in range(20):
        loss = (1 + 0.02 * np.random.default_rng(seed).normal(size=60)).tolist()
        found = findings(Record(histories=(History(loss=loss, learning_rate=[0.1] * 60),)))
        assert {finding.name for finding in found} <= {"converged"}


def test_a_falling_rate_is_not_called_too_low() -> None:
    loss = [2.0 - 0.01 * i for i in range(41)]
    rates = [0.1 * 0.9**i for i in range(41)]
    assert findings(Record(histories=(History(loss=loss, learning_rate=rates),)))[0].name == "still falling"


def test_the_members_of_an_ensemble_are_told_together() -> None:
    loss = np.exp(-8 * np.linspace(0, 1, 41)).tolist()
    rising = History(loss=loss, validation_loss=[*loss[:21], *(loss[20] + 0.1 * i for i in range(20))])
    found = findings(Record(histories=(History(loss=loss), rising, rising)))
    assert [(f.name, f.evidence["members"]) for f in found] == [("overfitting", [2, 3]), ("converged", [1])]
    assert found[0].sentence.startswith("2 of 3 members overfit. Member 2: from epoch 21 to the end, ")
    assert found[1].sentence.startswith("1 of 3 members converged. Member 1: the training loss is at rest, ")


@pytest.mark.parametrize(
    ("loss", "claim"),
    [
        (
            np.linspace(1, 2, 41),
            "The learning rate is too high for both members. Member 1: the training loss ends at 2, ",
        ),
        (
            np.linspace(2, 1, 41),
            "The learning rate is too low for both members. Member 1: the second half of the run lowered ",
        ),
        (np.exp(-2 * np.linspace(0, 1, 41)), "Both members stopped while still learning. Member 1: at the end, the "),
    ],
    ids=["too high", "too low", "still falling"],
)
def test_each_finding_speaks_of_all_members(loss: np.ndarray, claim: str) -> None:
    member = History(loss=loss.tolist(), learning_rate=[0.1] * 41)
    assert findings(Record(histories=(member, member)))[0].sentence.startswith(claim)


def test_a_verdict_speaks_of_the_curve() -> None:
    net = classifier(16)
    history = net.fit(X, CLASS, epochs=20, optimizer=cr.SGD(1e-4))
    assert "; best loss " in history.verdict
    assert "The learning rate is too low for 20 epochs: " in history.verdict
    assert "learning rate" not in net.fit(X, CLASS, epochs=2).verdict  # too short to tell


def test_the_weights_of_the_best_epoch_make_overfitting_a_note() -> None:
    noise = np.random.default_rng(1).normal(size=(300, 20))
    labels = np.random.default_rng(2).integers(0, 2, 300)
    severities = []
    for restore_best in (False, True):
        net = cr.mlp([20, 32, 1], loss="binary_cross_entropy")
        history = net.fit(noise, labels, epochs=20, optimizer=cr.Adam(1e-2), validation=0.3, restore_best=restore_best)
        severities += [f.severity for f in findings(Record(histories=(history,))) if f.name == "overfitting"]
    assert severities == ["warning", "note"]


def test_a_diagnosis_is_a_page_lines_and_json() -> None:
    diagnosis = leaking()
    assert "To mend" in diagnosis.text
    assert "<h2" in diagnosis.html
    assert diagnosis.findings[0].text.startswith("One column alone gives the target away: X[:, 1] explains ")
    record = json.loads(json.dumps(diagnosis.to_json()))
    assert [f["name"] for f in record["findings"]] == [f.name for f in diagnosis.findings]


def test_names_stand_for_columns_and_classes() -> None:
    net = classifier()
    x, rare = np.column_stack([X[:, 0], 1e3 * X[:, 1]]), (np.arange(400) % 12 == 0).astype(int)
    history = net.fit(x / 1e3, rare, epochs=5)
    diagnosis = net.diagnose(x, rare, history, names=["age", "income"], classes=["stays", "leaves"])
    assert "income" in diagnosis.named("inputs unscaled").sentence
    with pytest.raises(cr.ArgumentError, match="3 names for 2 features"):
        net.diagnose(x, rare, names=["a", "b", "c"])


def test_the_page_lists_the_rules_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    table = "".join(f"| {rule.name} | {rule.holds} | {rule.source} |\n" for rule in RULES)
    assert table in page


@pytest.mark.parametrize(
    ("beats", "names"), [(True, ["converged"]), (None, ["converged"]), (False, ["nothing learnt"])]
)
def test_a_curve_at_rest_is_good_unless_a_guess_is_as_good(beats: bool | None, names: list[str]) -> None:
    resting = History(loss=[1.3] * 20)
    assert [f.name for f in findings(Record(histories=(resting,) * 2, beats_guess=beats))] == names
