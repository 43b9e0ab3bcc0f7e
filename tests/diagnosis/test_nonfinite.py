"""The first value that is not finite: its line, its layer, its row, on both engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import rows_numbered
from chainrule.recipes import Recipe, learn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
y = X[:, 0]
ENGINES = ("numpy", "native")


def failure(net: cr.Network, x: Any, target: Any, **settings: Any) -> cr.NonFiniteError:
    with pytest.raises(cr.NonFiniteError) as caught:
        net.fit(x, target, **{"epochs": 5} | settings)
    return caught.value


def with_one(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "settings",
    [{}, {"validation": 0.2, "seed": 5}, {"batch_size": "all"}, {"batch_size": 1}, {"shuffle": False}],
    ids=["batches", "rows held back", "all rows", "one row", "in order"],
)
def test_the_row_is_the_one_that_was_given(engine: str, settings: dict[str, Any]) -> None:
    error = failure(cr.mlp([3, 8, 1], hidden="relu"), with_one(X, (17, 2), 1e30), y, engine=engine, **settings)
    assert error.row == 17
    assert "because of row 18 of the data (X[17, 2] = 1e30" in str(error)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_target_may_be_the_cause(engine: str) -> None:
    error = failure(cr.mlp([3, 8, 1]), X, with_one(y, 40, 1e30), engine=engine)
    assert error.row == 40
    assert "(Y[40, 0] = 1e30" in str(error)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_layer_is_named_wherever_it_is(engine: str) -> None:
    net = cr.Network(
        cr.Join([cr.Dense(4, "exp"), cr.Dense(1)], [cr.Residual(cr.Dense(3, "tanh")), cr.Dense(1)], how="add"),
        inputs=3,
    )
    error = failure(net, with_one(X, 5, 1e3), y, engine=engine)
    assert "in the line h1 = np.exp(z1) of layer 1 (Join) > branch 1 > layer 1 (Dense), where " in str(error)
    assert error.row == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_no_row_is_blamed_for_a_rate_that_is_too_high(engine: str) -> None:
    error = failure(cr.mlp([3, 8, 1], hidden="relu"), X, y, engine=engine, optimizer=cr.SGD(1e38))
    assert "of layer 2 (Dense), where 32 of 32 values are infinite or undefined; " in str(error)
    assert error.row is None


def test_rows_of_weight_0_do_not_shift_the_number() -> None:
    weights = np.ones(100)
    weights[:10] = 0
    error = failure(cr.mlp([3, 8, 1]), X, with_one(y, 40, 1e30), sample_weight=weights)
    assert error.row == 40


def test_no_row_is_blamed_where_all_fail_in_a_step_after_the_first() -> None:
    error = failure(
        cr.mlp([3, 8, 1], hidden="relu"), X, with_one(y, slice(None, None, 20), 50.0), optimizer=cr.SGD(1e30)
    )
    assert "in step 2 " in str(error)
    assert error.row is None


def rows_with_one(value: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which one, far from the others, has a value that float32 can hold and its square not."""
    x = np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32)
    return with_one(x, (123, 1), value), x[:, 0]


@pytest.mark.parametrize("settings", [{"early_stopping": True}, {"n_members": 3}, {"sample_weight": 1}], ids=str)
def test_estimators_name_rows_as_they_were_given(settings: dict[str, Any]) -> None:
    x, target = rows_with_one(1e30)
    weight = np.arange(300) >= 100 if settings.pop("sample_weight", None) else None
    with pytest.raises(cr.NonFiniteError) as caught:
        cr.MLPRegressor(recipe="sklearn", random_state=0, **settings).fit(x, target, weight)
    assert caught.value.row == 123
    assert "because of row 124 of the data (X[123, 1] = 1e30" in str(caught.value)


def test_members_name_rows_as_they_were_given() -> None:
    x, target = rows_with_one(1e30)
    recipe = Recipe(hidden=(8,), epochs=3, members=3, frequencies=0, clip=1e38)
    with pytest.raises(cr.NonFiniteError) as caught, rows_numbered(1000 + np.arange(300)):
        learn(recipe, x, target, task="regression", outputs=1, numbers=3)
    assert caught.value.row == 1123
    assert "row 1124 of the data (X[1123, 1] = 1e30" in str(caught.value)
