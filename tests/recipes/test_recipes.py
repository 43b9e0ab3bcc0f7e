"""The measured defaults, and ensembles as one network."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.recipes import Recipe, best_factor, held_back, held_back_by, join, learn, sharpened, without_link

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
CODES = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(np.int64)
SMALL = Recipe(hidden=(8,), epochs=4, members=3, frequencies=2)


# What members hold back


@pytest.mark.parametrize("members", [1, 2, 5, 8])
@pytest.mark.parametrize("rows", [5, 17, 100])
def test_no_row_is_held_back_twice_and_each_member_learns_from_most(rows, members):
    parts = held_back_by(rows, members, np.random.default_rng(1))
    together = np.concatenate(parts)
    assert len(together) == len(set(together.tolist()))
    assert all(len(part) <= -(-rows // 5) for part in parts)
    if members >= 5:
        assert sorted(together.tolist()) == list(range(rows))


def test_classes_are_dealt_out_evenly_and_the_only_row_of_one_is_never_held_back():
    labels = np.array([0] * 40 + [1] * 12 + [2] * 5 + [3])
    parts = held_back_by(len(labels), 5, np.random.default_rng(2), labels)
    counts = np.array([np.bincount(labels[part], minlength=4) for part in parts])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert_array_equal(counts.sum(axis=0), [40, 12, 5, 0])


# Several networks as one


@pytest.mark.parametrize(
    ("loss", "outputs", "link"),
    [
        ("cross_entropy", 3, lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)),
        ("binary_cross_entropy", 1, lambda z: 1 / (1 + np.exp(-z))),
        ("poisson", 2, np.exp),
        ("squared_error", 2, lambda z: z),
    ],
)
def test_an_ensemble_averages_before_the_last_activation(loss, outputs, link):
    def member(seed):
        layers = (cr.Dense(5, "tanh"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(outputs))
        net = cr.Network(*layers, loss=loss, inputs=4, seed=seed, dtype="float64")
        net.states["mean1"] = np.arange(5) / 10 + seed
        return net

    members = [member(seed) for seed in range(3)]
    mean = np.mean([without_link(net).predict(X) for net in members], axis=0)
    for net in members:
        assert_allclose(link(without_link(net).predict(X)), net.predict(X), rtol=1e-12)
    both = join(members)
    assert_allclose(both.predict(X), link(mean), rtol=1e-12)
    assert both.check(X[:2], np.abs(both.predict(X[1:3])))
    one = join(members[:1])
    assert_array_equal(one.predict(X), members[0].predict(X))


def test_the_loss_of_an_ensemble_has_no_label_smoothing():
    smoothed = cr.losses.binary_cross_entropy(label_smoothing=0.2)
    members = [cr.Network(cr.Dense(1), loss=smoothed, inputs=4, seed=seed, dtype="float64") for seed in range(2)]
    both = join(members)
    assert_allclose(both.loss(X, CODES), log_loss(CODES, both.predict(X)[:, 0]), rtol=1e-12)


# How sure probabilities are


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_the_factor_recovers_how_sure_one_should_be(true, classes):
    rng = np.random.default_rng(3)
    z = rng.normal(size=(20_000, 1 if classes == 2 else classes))
    scores = true * (np.hstack([0 * z, z]) if classes == 2 else z)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    codes = (rng.random((len(z), 1)) > chances.cumsum(axis=1)).sum(axis=1)
    found = best_factor(z, codes)
    assert abs(found - true) < 0.04 * (1 + true)  # about three standard errors

    def judged(factor):
        scaled = factor * (np.hstack([0 * z, z]) if classes == 2 else z)
        return log_loss(codes, np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True))

    assert judged(found) <= min(judged(0.99 * found), judged(1.01 * found))


def test_weights_count_as_copies_of_rows():
    z = np.array([[2.0], [-1.0], [0.5]])
    weighted = best_factor(z, np.array([1, 1, 0]), np.array([3.0, 1.0, 2.0]))
    repeated = best_factor(np.repeat(z, [3, 1, 2], axis=0), np.repeat([1, 1, 0], [3, 1, 2]))
    assert_allclose(weighted, repeated, rtol=1e-3)


@pytest.mark.parametrize("bias", [True, False])
def test_sharpening_multiplies_logits(bias):
    net = cr.Network(cr.Dense(5, "tanh"), cr.Dense(3, bias=bias), loss="cross_entropy", inputs=4, dtype="float64")
    before = without_link(net).predict(X)
    sharpened(net, 1.7)
    assert_allclose(without_link(net).predict(X), 1.7 * before, rtol=1e-12)


# Learning by a recipe


def test_members_beside_each_other_are_those_one_after_another(monkeypatch):
    settings = {"task": "classification", "outputs": 1, "numbers": 4, "seed": 5}
    beside = learn(SMALL, X, CODES, **settings)
    monkeypatch.setattr("chainrule.recipes.members.cores", lambda: 1)
    after = learn(SMALL, X, CODES, **settings)
    assert_array_equal(beside.network.parameters.theta, after.network.parameters.theta)
    assert [h.loss for h in beside.histories] == [h.loss for h in after.histories]
    other = learn(SMALL, X, CODES, **settings | {"seed": 6})
    assert (other.network.parameters.theta != after.network.parameters.theta).any()


def test_rows_held_back_are_predicted_by_the_member_that_held_them_back():
    made = learn(SMALL, X, CODES, task="classification", outputs=1, numbers=4)
    seen = np.concatenate([member.held for member in made.members])
    held = held_back(made.members, X)
    assert np.isnan(np.delete(held, seen, axis=0)).all()
    for member in made.members:
        assert_allclose(held[member.held], without_link(member.network).predict(X[member.held]), rtol=1e-5)


def test_codes_are_embedded_and_numbers_get_waves():
    recipe = Recipe(hidden=(6,), frequencies=2)
    net = recipe.network("regression", features=4, numbers=2, categories=(7,), outputs=1, seed=0)
    assert net.parameters["E1"].shape == (7, 8)
    assert net.parameters["F1"].shape == (4,)  # two columns, two waves each
    assert net.parameters["W1"].shape == (3 + 4 + 8, 6)
    alone = recipe.network("regression", features=1, numbers=0, categories=(5,), outputs=1, seed=0)
    assert alone.parameters["W1"].shape == (8, 6)


def test_without_hidden_layers_the_model_is_linear():
    net = Recipe(hidden=()).network("regression", features=3, numbers=3, categories=(), outputs=1, seed=0)
    assert list(net.parameters) == ["W1", "b1"]


def test_larger_tables_get_fewer_passes_and_members():
    chosen = [Recipe.choose(rows, 10) for rows in (100, 10_000, 100_000, 1_000_000, 10_000_000)]
    assert chosen[0] == chosen[1] == Recipe()
    work = [recipe.members * recipe.epochs for recipe in chosen]
    assert work == sorted(work, reverse=True)
    assert chosen[-1].members == 1
    assert Recipe.choose(1000, 5000).frequencies == 0


def test_what_is_given_takes_the_place_of_what_was_chosen():
    assert Recipe().but(hidden=(3,), lr=None) == Recipe(hidden=(3,))
    with pytest.raises(ArgumentError, match="no 'depth'"):
        Recipe().but(depth=3)


def test_a_callback_needs_no_list_around_it_and_what_is_none_is_refused():
    settings = {"task": "regression", "outputs": 1, "numbers": 4}
    recipe = Recipe(hidden=(), epochs=2, members=2)
    seen = []
    learn(recipe, X, X[:, 0], **settings, callbacks=lambda moment: seen.append(moment.epoch))
    assert seen == [1, 2, 1, 2]
    with pytest.raises(ArgumentError, match=r"a callback is a function or a cr\.Callback, not 3"):
        learn(recipe, X, X[:, 0], **settings, callbacks=[3])
