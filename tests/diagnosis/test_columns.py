"""Columns that number the rows, and columns that give the target away."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from chainrule.data import TableEncoder, read_table
from chainrule.diagnosis import preflight_table
from chainrule.diagnosis.columns import column_facts

RNG = np.random.default_rng(0)
ROWS = 400
NOISE = RNG.normal(size=ROWS)
TARGET = (RNG.normal(size=ROWS) + 0.5 * NOISE)[:, None]


def score(column: object, target: np.ndarray = TARGET) -> float:
    return column_facts({"x": np.asarray(column)}, target)[0].score


def identifier(column: object) -> str:
    return column_facts({"x": np.asarray(column)}, TARGET)[0].identifier


@pytest.mark.parametrize(
    "column",
    [np.arange(ROWS), np.arange(ROWS)[::-1] * 7, RNG.permutation(ROWS) + 1000, np.cumsum(RNG.integers(1, 90, ROWS))],
    ids=["0, 1, 2", "backwards in steps", "shuffled", "with gaps, in order"],
)
def test_numbers_of_rows_are_identifiers(column: np.ndarray) -> None:
    assert identifier(column.astype(float))


@pytest.mark.parametrize(
    "column",
    [
        NOISE,
        np.sort(NOISE),
        RNG.integers(0, 300, ROWS),
        RNG.choice(10**6, ROWS, replace=False),
        np.where(np.arange(ROWS) == 7, np.nan, np.arange(ROWS)),
        [f"name {i}" for i in range(ROWS)],
    ],
    ids=["numbers", "sorted numbers", "repeated", "far apart", "one missing", "text"],
)
def test_other_columns_are_not(column: object) -> None:
    assert not identifier(column)


def test_a_function_of_the_column_is_explained_whatever_its_shape() -> None:
    assert score(NOISE, np.sin(3 * NOISE)[:, None]) > 0.99
    assert score(NOISE, np.exp(NOISE)[:, None]) > 0.99
    assert score(np.where(NOISE > 0.3, "yes", "no"), (NOISE > 0.3).astype(float)[:, None]) == 1
    assert score(np.where(NOISE > 0.3, np.nan, 1.0), (NOISE > 0.3).astype(float)[:, None]) == 1


def test_the_score_is_about_the_squared_rank_correlation_for_a_monotone_relation() -> None:
    """6 / pi asin(r / 2) for normal variables of correlation r; 32 means of equally many rows lose little of it."""
    x = RNG.normal(size=4000)
    y = 0.8 * x + 0.6 * RNG.normal(size=4000)
    assert abs(score(x, np.exp(y)[:, None]) - (6 / np.pi * np.arcsin(0.4)) ** 2) < 0.04


def test_noise_explains_nothing() -> None:
    assert score(RNG.normal(size=ROWS)) < 0.05


def leak(target: str, columns: dict[str, object]) -> str:
    table = pl.DataFrame(columns)
    found = preflight_table(table, TableEncoder.learn(table, target)).named("leak")
    return found.sentence if found else ""


def test_a_leak_is_found_among_text_numbers_and_dates() -> None:
    price = np.round(1e5 * np.exp(NOISE))
    others = {"area": NOISE + RNG.normal(size=ROWS), "town": RNG.choice(["a", "b"], ROWS)}
    assert "tax explains 100.0%" in leak("price", {**others, "tax": price * 0.035, "price": price})
    sold = np.where(NOISE > 0, "yes", "no")
    assert "contract explains" in leak("sold", {**others, "contract": np.where(NOISE > 0, "C", None), "sold": sold})
    days = pl.Series(np.datetime64("2020-01-01") + np.round(50 * NOISE).astype(int)).cast(pl.Date)
    assert "paid explains" in leak("days", {**others, "paid": days, "days": np.round(50 * NOISE)})


def test_columns_that_tell_much_are_no_leak() -> None:
    near = NOISE + 0.3 * RNG.normal(size=ROWS)
    assert not leak("y", {"near": near, "noise": RNG.normal(size=ROWS), "y": NOISE})
    both = {"a": NOISE, "b": 2 * NOISE}  # an easy problem: whatever is taken, it is told
    assert not leak("y", {**both, "y": np.sin(NOISE)})


def test_the_penguins_have_neither() -> None:
    table = read_table("examples/penguins.csv")
    assert preflight_table(table, TableEncoder.learn(table, "species")).findings == ()
