"""Whether a target is a class or a number, and its values."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chainrule.data import TableEncoder, Target
from chainrule.errors import ArgumentError, DataError, UnknownNameError


def target(values: object, task: str = "auto") -> Target:
    return Target.learn(pl.Series("y", values), task)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "task", "why"),
    [
        (["a", "b", "a"], "classification", "text"),
        ([True, False], "classification", "true and false"),
        ([0.5, 1.0, 2.0], "regression", "decimals"),
        ([1, 2] * 5, "classification", "2 different values, each in 5 rows"),
        ([1, 2] * 4 + [1], "regression", "each in 4.5 rows on average, fewer than 5"),
        ([1.0, 2.0] * 5, "classification", "2 different values"),
        (list(range(20)) * 5, "classification", "20 different values"),
        (list(range(21)) * 5, "regression", "21 different values, more than 20"),
    ],
)
def test_the_task_is_recognised_and_explained(values: list[object], task: str, why: str) -> None:
    learnt = target(values)
    assert learnt.task == task
    assert why in learnt.reason


def test_the_task_can_be_asked_for() -> None:
    assert target([1, 2] * 5, "regression").task == "regression"
    assert target(["1", "2.5"], "regression").mean == 1.75
    assert target([0.5, 1.5, 0.5], "classification").classes == (0.5, 1.5)
    assert "asked for" in target([1, 2], "classification").reason


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([True, False, True], [False, True]),
        ([7, 3, 7], [3, 7]),
        ([2.5, -1.0, 2.5], [-1.0, 2.5]),
    ],
)
def test_classes_are_sorted_and_come_back(values: list[object], classes: list[object]) -> None:
    learnt = target(values, "classification")
    codes = learnt.encode(pl.Series("y", values))
    assert codes.dtype == np.int64
    assert_array_equal(codes, [1, 0, 1])
    assert list(learnt.classes) == classes
    assert [type(label) for label in learnt.classes] == [type(label) for label in classes]
    assert learnt.decode_classes(codes).tolist() == values
    assert learnt.decode_classes([[0], [1]]).shape == (2, 1)


def test_numbers_are_standardised_and_come_back() -> None:
    learnt = target([2.5, 4.5, 6.5, 8.5])
    assert (learnt.mean, learnt.scale) == (5.5, np.sqrt(5))
    encoded = learnt.encode(pl.Series("y", [5.5, 8.5]))
    assert encoded.dtype == np.float64
    assert_allclose(encoded, [0, 3 / np.sqrt(5)])
    assert_allclose(learnt.decode_numbers(encoded.astype(np.float32)), [5.5, 8.5], rtol=1e-7)


def test_the_encoder_encodes_and_decodes_its_target() -> None:
    table = pl.DataFrame({"x": [1, 2, 3], "y": ["b", "a", "b"], "z": [1.5, 2.5, 3.5]})
    by_class, by_number = TableEncoder.learn(table, "y"), TableEncoder.learn(table, "z")
    assert by_class.decode_classes(by_class.encode_target(table)).tolist() == ["b", "a", "b"]
    assert_allclose(by_number.decode_numbers(by_number.encode_target(table)), [1.5, 2.5, 3.5])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.5, None, 2.5], "row 2: the target is missing; remove this row or fill it"),
        (
            [1.5, 2.5, float("inf"), None],
            "row 3: the target is infinite (the first of 2 such rows); remove these",
        ),
        (["a", "b", None], "row 3: the target is missing"),
        ([None, None], "no row holds a target"),
        ([3.5, 3.5, 3.5], "every row holds 3.5"),
        (["a", "a"], "every row holds 'a'"),
        ([f"1,{row:03}" for row in range(60)], "text such as '1,000' that differs in nearly every row"),
        (
            [*(f"{row}.5" for row in range(60)), "6o.5"],
            "holds '6o.5', which is no number, though nearly all others are",
        ),
        (pl.Series([1, 2]).cast(pl.Date), "cannot be a date"),
        ([[1], [2]], "holds values of type List(Int64)"),
    ],
)
def test_targets_that_cannot_be_learnt(values: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        target(values)
    assert "column 'y'" in str(caught.value)
    assert message in str(caught.value)


def test_nan_in_the_target_counts_as_missing() -> None:
    table = pl.DataFrame({"x": [1, 2, 3], "y": [1.5, 2.5, float("nan")]})
    with pytest.raises(DataError, match="column 'y', row 3: the target is missing"):
        TableEncoder.learn(table, "y")


def test_regression_needs_numbers() -> None:
    with pytest.raises(DataError, match="column 'y', row 2: 'many' is not a number; regression needs numbers"):
        target(["1", "many"], "regression")
    with pytest.raises(DataError, match="row 1: True is not a number"):
        target([True, False], "regression")


def test_unknown_task() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'regression'"):
        target([1, 2], "regresion")


def test_values_unlike_those_of_training() -> None:
    with pytest.raises(DataError, match="row 2: 'c' is no class that the model was trained on; these are: a, b"):
        target(["a", "b"]).encode(pl.Series("y", ["a", "c"]))
    with pytest.raises(DataError, match="row 1: 4 is no class"):
        target([1, 2] * 5).encode(pl.Series("y", [4]))
    with pytest.raises(DataError, match="row 1: 'x' is not a number; the target held numbers"):
        target([0.5, 1.0]).encode(pl.Series("y", ["x"]))
    with pytest.raises(DataError, match="row 1: the target is missing"):
        target([0.5, 1.0]).encode(pl.Series("y", [None, 1.0]))


def test_decoding_what_does_not_fit() -> None:
    classes, number = target(["a", "b"]), target([0.5, 1.0])
    for codes in ([2], [-1], [0.5]):
        with pytest.raises(ArgumentError, match="whole numbers from 0 to 1"):
            classes.decode_classes(codes)
    with pytest.raises(ArgumentError, match="use decode_classes"):
        classes.decode_numbers([0.0])
    with pytest.raises(ArgumentError, match="use decode_numbers"):
        number.decode_classes([0])
