"""The same training in other libraries: agreement to rounding, definitions that differ, and who is left out."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main
from chainrule.comparing import comparison, run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, of PyTorch's tensors
PEERS = ("sklearn", "torch", "keras", "jax")
NUMBERS = ("squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "huber")


def rows(loss: str, outputs: int, count: int = 40, features: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(count, features))
    if loss == "cross_entropy":
        return X, rng.integers(0, outputs, count)
    if loss == "binary_cross_entropy":
        return X, rng.integers(0, 2, (count, outputs))
    return X, rng.normal(size=(count, outputs))


def needs(*packages: str) -> None:
    """Look for packages without importing them: Keras is to be imported with a backend that is there."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def only(peer: str, net: cr.Network, X: Any, y: Any, **settings: Any) -> Any:
    """The one library of a comparison, which must have taken part and agree."""
    needs(*run.PEERS[peer].packages)
    if peer == "keras" and not (find_spec("torch") or find_spec("jax")):
        pytest.skip("Keras has no backend here")
    found = cr.compare(net, X, y, peers=[peer], batch_size=8, steps=settings.pop("steps", (1, 4, 12)), **settings)
    assert not found.left_out
    assert found, found.peers[0].unexplained
    return found.peers[0]


# Agreement


@pytest.mark.parametrize("loss", [*NUMBERS, "binary_cross_entropy", "cross_entropy"])
def test_every_loss_is_that_of_pytorch(loss):
    outputs = 3
    X, y = rows(loss, outputs)
    net = cr.mlp([3, 5, outputs], loss=loss, l1=1e-3, l2=1e-2)
    beside = only("torch", net, X, y, optimizer=cr.SGD(0.05, momentum=0.9, nesterov=True))
    assert not beside.translated
    assert max(gap.relative for gap in beside.gaps) < 1e-12


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSProp", "Adagrad"])
@pytest.mark.parametrize("peer", ["native", "torch"])
def test_every_optimiser_makes_the_same_steps(peer, name):
    X, y = rows("squared_error", 2)
    beside = only(peer, cr.mlp([3, 5, 2]), X, y, optimizer=getattr(cr, name)(0.01))
    assert not beside.translated
    assert max(gap.relative for gap in beside.gaps) < 1e-12


def test_normalisations_embeddings_and_activations_follow_the_same_path():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 5, (40, 3)), rng.integers(0, 2, 40)
    net = cr.Network(
        cr.Embedding(5, 2), cr.Flatten(), cr.Dense(6), cr.BatchNorm(0.8), cr.Activation("leaky_relu", {"slope": 0.2}),
        cr.Dense(5, "softplus"), cr.LayerNorm(1e-3), cr.Activation("elu", {"alpha": 0.5}), cr.Dense(1),
        loss="binary_cross_entropy", l2=1e-3,
    )  # fmt: skip
    beside = only("torch", net, X, y)
    assert {d.what for d in beside.definitions} == {"the running variance of BatchNorm", "softplus"}


@pytest.mark.parametrize("loss", ["huber", "binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("peer", ["keras", "jax"])
def test_keras_and_jax_agree(peer, loss):
    X, y = rows(loss, 3)
    layers = (cr.Dense(5, "tanh"), cr.BatchNorm(), cr.Dense(4), cr.LayerNorm(), cr.Activation("gelu"), cr.Dense(3))
    only(peer, cr.Network(*layers, loss=loss, l2=1e-3, inputs=3), X, y, optimizer=cr.SGD(0.1))


@pytest.mark.parametrize("name", ["AdamW", "RMSProp", "Adagrad"])
@pytest.mark.parametrize("peer", ["keras", "jax"])
def test_optimisers_of_keras_and_jax_agree_once_their_definitions_are_taken_over(peer, name):
    X, y = rows("squared_error", 2)
    beside = only(peer, cr.mlp([3, 4, 2]), X, y, optimizer=getattr(cr, name)(0.01, epsilon=1e-3))
    if peer == "keras" or name == "Adagrad":
        assert beside.translated
        assert max(g.relative for g in beside.stated) > 10 * max(g.relative for g in beside.gaps)


@pytest.mark.parametrize("loss", [*NUMBERS[:3], "binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("optimizer", [cr.SGD(0.05, momentum=0.9), cr.Adam(0.01)], ids=["SGD", "Adam"])
def test_scikit_learn_agrees_with_every_loss(loss, optimizer):
    X, y = rows(loss, 3)
    net = cr.mlp([3, 5, 4, 3], loss=loss, l2=1e-2)
    beside = only("sklearn", net, X, y, optimizer=optimizer)
    assert max(gap.relative for gap in beside.gaps) < 1e-12


def test_in_single_precision_rounding_reaches_further():
    X, y = rows("squared_error", 1)
    double, single = (only("native", cr.mlp([3, 4, 1]), X, y, dtype=dtype) for dtype in ("float64", "float32"))
    for a, b in zip(double.gaps, single.gaps, strict=True):
        assert b.bound > 1e6 * a.bound


# Definitions


def test_the_gradient_of_scikit_learns_regressor_is_as_many_times_too_large_as_it_has_outputs():
    """Three outputs: its steps are those of half the squared error's sum, of which it states a third."""
    needs("sklearn")
    X, y = rows("squared_error", 3)
    nets = [cr.mlp([3, 5, 3], loss=loss, dtype="float64") for loss in ("mean_squared_error", "half_squared_error")]
    beside = [
        cr.compare(net, X, y, peers=["sklearn"], optimizer=cr.SGD(0.1), batch_size=8, steps=[1]).peers[0]
        for net in nets
    ]
    assert [b.translated for b in beside] == [True, False]
    assert "3 times the gradient of what it states" in beside[0].definitions[0].there
    # One step of SGD: lr times the difference of the gradients, 2/3 of (p - y) against 1 of it.
    first = nets[0].gradients(X[_first_batch(len(X))], y[_first_batch(len(X))])["W1"]
    expected = 0.1 * np.abs(first).max() / 2
    stated = next(gap for gap in beside[0].stated if gap.parameter == "W1")
    assert stated.absolute == pytest.approx(expected, rel=1e-9)


def _first_batch(count: int) -> Any:
    return np.random.default_rng(0).permutation(count)[:8]


def test_the_epsilon_of_scikit_learns_adam_is_larger_at_first():
    """After one step of Adam with g = 1: lr / (1 + epsilon) here, lr / (1 + epsilon / sqrt(1 - beta2)) there."""
    needs("sklearn")
    net = cr.mlp([1, 1], loss="half_squared_error", weights=0.0, dtype="float64")
    found = cr.compare(
        net, [[1.0]], [-1.0], peers=["sklearn"], optimizer=cr.Adam(0.1, epsilon=1e-3), steps=[1], batch_size=1
    )
    gap = found.peers[0].stated[0]
    expected = 0.1 / (1 + 1e-3) - 0.1 / (1 + 1e-3 / math.sqrt(0.001))
    assert gap.absolute == pytest.approx(expected, rel=1e-9)
    assert found


def test_losses_are_stated_in_our_definition():
    needs("sklearn", "torch")
    X, y = rows("mean_squared_error", 3)
    net = cr.mlp([3, 5, 3], loss="mean_squared_error", l2=1e-2)
    found = cr.compare(net, X, y, peers=["sklearn", "torch"], batch_size=8, steps=[1])
    for beside in found.peers:
        assert beside.losses == pytest.approx(found.losses, rel=1e-13)


def test_a_wrong_step_is_more_than_rounding():
    """A library with a slip of one part in 10^9 in its learning rate is found out at the first step."""

    class Slip(run.Native):
        def __init__(self, task: Any) -> None:
            super().__init__(task.under(optimizer=cr.SGD(0.1 * (1 + 1e-9))))
            self.theirs = task

    X, y = rows("squared_error", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(run.PEERS, "native", run.Library((), Slip))  # type: ignore[arg-type]
        found = cr.compare(
            cr.mlp([3, 4, 1]), X, y, peers=["native"], optimizer=cr.SGD(0.1), batch_size=8, steps=[1, 10]
        )
    assert not found
    assert found.peers[0].unexplained[0].step == 1
    assert "differs by more than rounding explains: first W1 after 1 step" in found.text.replace("\n", " ")


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_agree_with_room_to_spare(seed):
    """What other orders of addition make of a step stays a quarter below what is allowed."""
    needs("torch")
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(2, 12, rng.integers(2, 5))]
    net = cr.mlp(sizes, hidden=str(rng.choice(["tanh", "relu", "silu", "mish", "softsign", "hard_tanh"])), seed=seed)
    X, y = rng.normal(size=(32, sizes[0])), rng.normal(size=(32, sizes[-1]))
    found = cr.compare(net, X, y, peers=["torch", "native"], batch_size=8, steps=[1, 5, 20])
    assert found
    assert max(gap.absolute / gap.bound for peer in found.peers for gap in peer.gaps) < 0.25


# Who is left out, and what is refused


def test_a_network_that_a_library_lacks_names_the_layer():
    needs("sklearn", "torch")
    X, y = rows("squared_error", 1)
    net = cr.Network(cr.Dense(4, "relu"), cr.Residual(cr.Dense(4, "relu")), cr.Dense(1), inputs=3)
    found = cr.compare(net, X, y, peers=["sklearn", "torch"], steps=[1])
    assert not found
    assert "no counterpart there for layer 2, Residual" in found.left_out["torch"]
    assert "layer 2 is Residual" in found.left_out["sklearn"]
    assert "No other library took part." in found.text


@pytest.mark.parametrize(
    ("net", "optimizer", "words"),
    [
        (cr.mlp([3, 4, 1], hidden="gelu"), "sgd", "not gelu"),
        (cr.mlp([3, 4, 1], bias=False), "sgd", "Dense without biases"),
        (cr.mlp([3, 4, 1], hidden="relu"), "rmsprop", "only for SGD and Adam"),
        (cr.mlp([3, 4, 1], loss="huber"), "sgd", "for the loss huber"),
        (cr.mlp([3, 4, 1], l1=0.1), "sgd", "L2 on weights"),
        (cr.mlp([3, 4, 4, 1], hidden=["tanh", "relu"]), "sgd", "one activation of"),
        (cr.mlp([3, 4, 1], output="tanh"), "sgd", "is not tanh"),
    ],
)  # fmt: skip
def test_scikit_learn_says_what_it_lacks(net, optimizer, words):
    needs("sklearn")
    X, y = rows("squared_error", 1)
    assert words in cr.compare(net, X, y, peers=["sklearn"], optimizer=optimizer, steps=[1]).left_out["sklearn"]


def test_a_library_that_is_not_installed_is_left_out_with_its_remedy(monkeypatch):
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    X, y = rows("squared_error", 1)
    found = cr.compare(cr.mlp([3, 1]), X, y, peers=["sklearn", "jax", "native"], steps=[1])
    assert found
    assert found.left_out == {
        "sklearn": "scikit-learn not installed: pip install scikit-learn",
        "jax": "jax and optax not installed: pip install jax optax",
    }


def test_what_libraries_do_in_their_own_ways_is_refused():
    X, y = rows("squared_error", 1)
    net = cr.mlp([3, 4, 1])
    for settings, words in (
        ({"optimizer": cr.LBFGS()}, "LBFGS searches along lines"),
        ({"optimizer": cr.SGD(cr.schedules.Exponential(0.1, 0.9))}, "give SGD a number in the place of a schedule"),
        ({"optimizer": cr.Adam(clip_norm=1.0)}, "give Adam without clip_norm"),
        ({"steps": []}, "steps must hold at least one"),
        ({"steps": [0]}, "each of the steps must be a whole number from 1"),
    ):
        with pytest.raises(cr.ArgumentError, match=words):
            cr.compare(net, X, y, **settings)
    with pytest.raises(cr.UnknownNameError, match="unknown peer 'torhc': did you mean 'torch'"):
        cr.compare(net, X, y, peers=["torhc"])
    with pytest.raises(cr.ArgumentError, match="masks of its own for Dropout"):
        cr.compare(cr.mlp([3, 4, 1], dropout=0.5), X, y)


def test_a_rate_that_is_much_too_high_is_one_error():
    X, y = rows("squared_error", 1)
    with pytest.raises(cr.NonFiniteError, match="not finite: try a smaller learning rate"):
        cr.compare(cr.mlp([3, 4, 1]), X, y, optimizer=cr.SGD(1e200), peers=["native"], steps=[9])


def test_the_network_stays_as_it_is():
    X, y = rows("squared_error", 1)
    net = cr.mlp([3, 4, 1])
    before = net.parameters.theta.copy()
    cr.compare(net, X, y, peers=["native"], steps=[5])
    assert (net.parameters.theta == before).all()
    assert net.dtype == "float32"


def test_every_batch_is_full_and_every_row_is_taken_before_one_comes_again():
    batches = run._batches(10, 4, 5, seed=3)
    assert all(len(batch) == 4 for batch in batches)
    taken = np.concatenate(batches)
    assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))


def test_a_gap_is_relative_to_the_largest_element():
    (gap,) = comparison.gaps_between({"W1": np.array([3.0, -4.0])}, {"W1": np.array([3.5, -4.0])}, 7, {"W1": 0.25})
    assert (gap.absolute, gap.relative, gap.step, gap.explained) == (0.5, 0.125, 7, False)


# The command


def test_the_command_compares_on_a_table(tmp_path):
    needs("torch")
    place = tmp_path / "compared.html"
    words = ["compare", "examples/penguins.csv", "--target", "species", "--with", "torch,native", "--hidden", "6"]
    result = CliRunner().invoke(main, [*words, "--steps", "1,5", "--json", "--out", str(place)])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["agrees"]
    assert [peer["name"].split()[0] for peer in found["peers"]] == ["PyTorch", "chainrule,"]
    assert "Rounding explains every difference" in place.read_text(encoding="utf-8")


def test_many_categories_become_columns(tmp_path):
    lines = [f"word{n % 40},{n % 7},{n * n % 11}" for n in range(160)]
    table = tmp_path / "words.csv"
    table.write_text("\n".join(["word,size,price", *lines]), encoding="utf-8")
    words = ["compare", str(table), "--target", "price", "--task", "regression", "--with", "native", "--steps", "2"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output


def test_the_command_says_when_nothing_was_compared():
    words = ["compare", "examples/penguins.csv", "--target", "species", "--with", "sklearn", "--optimizer", "rmsprop"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "No other library took part." in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--steps", "0"], "no list of whole numbers above 0"), (["--with", "torhc"], "did you mean 'torch'")],
)
def test_wrong_options_of_the_command_are_one_line(options, words):
    result = CliRunner().invoke(main, ["compare", "examples/penguins.csv", "--target", "species", *options])
    assert result.exit_code == 2
    assert words in result.output


def test_no_line_of_a_terminal_is_longer_than_100_columns_in_a_comparison():
    X, y = rows("squared_error", 2)
    found = cr.compare(cr.mlp([3, 4, 2]), X, y, batch_size=8, steps=[1, 3], peers=["native", *PEERS[:2]])
    assert max(map(len, found.text.splitlines())) <= 100
