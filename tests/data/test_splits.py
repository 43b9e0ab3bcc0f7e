"""Parts of rows: each row once, classes in proportion, something in each part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from chainrule.data import split_rows
from chainrule.errors import ArgumentError, DataError

fractions = st.sampled_from([(1.0,), (0.8, 0.2), (0.5, 0.5), (0.1, 0.9), (0.7, 0.15, 0.15), (0.6, 0.2, 0.1, 0.1)])


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


@given(st.integers(4, 60), fractions)
def test_each_row_is_in_one_part(n: int, shares: tuple[float, ...]) -> None:
    parts = split_rows(n, shares, generator())
    assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    assert all(len(part) >= 1 for part in parts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=80), fractions)
def test_classes_are_divided_in_proportion(labels: list[int], shares: tuple[float, ...]) -> None:
    known = np.array(labels)
    try:
        parts = split_rows(len(labels), shares, generator(), known)
    except DataError:
        several = sum(np.count_nonzero(known == label) >= 2 for label in set(labels))
        assert several + len(shares) - 1 > len(labels)  # one row for each class, and for each other part
        return
    assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    assert all(len(part) >= 1 for part in parts)
    for label in set(labels):
        size = np.count_nonzero(known == label)
        assert size < 2 or label in known[parts[0]]
    assume(min(len(part) for part in parts) > 1)  # else a row may have been moved to an empty part
    for label in set(labels):
        size = np.count_nonzero(known == label)
        for part, share in zip(parts, shares, strict=True):
            assert abs(np.count_nonzero(known[part] == label) - share * size) < 1 + 1e-9


def test_sizes_are_exact_where_they_can_be() -> None:
    for n, shares in ((100, (0.29, 0.71)), (10, (0.7, 0.2, 0.1)), (3000, (1 / 3, 1 / 3, 1 / 3))):
        assert [len(part) for part in split_rows(n, shares, generator())] == [round(n * share) for share in shares]


def test_many_small_classes_do_not_add_up_to_a_wrong_size() -> None:
    labels = np.repeat(np.arange(100), 3)  # 2.4 and 0.6 rows of each class
    parts = split_rows(300, (0.8, 0.2), generator(), labels)
    assert [len(part) for part in parts] == [240, 60]


def test_the_order_is_random_and_repeatable() -> None:
    first, again = (split_rows(1000, (0.5, 0.5), generator())[0] for _ in range(2))
    other = split_rows(1000, (0.5, 0.5), np.random.default_rng(8))[0]
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.count_nonzero(np.diff(first) < 0) > 200  # a sorted part would have none, a shuffled one about 250


def test_labels_may_be_text() -> None:
    train, test = split_rows(4, (0.5, 0.5), generator(), ["a", "b", "a", "b"])
    assert sorted(np.array(["a", "b", "a", "b"])[train]) == ["a", "b"]
    assert len(test) == 2


@pytest.mark.parametrize("n", [2, 3, 4])
def test_tiny_tables_have_a_row_in_each_part(n: int) -> None:
    assert [len(part) for part in split_rows(n, (0.95, 0.05), generator())] == [n - 1, 1]


def test_too_few_rows() -> None:
    with pytest.raises(DataError, match="1 rows cannot be split into 2 parts"):
        split_rows(1, (0.8, 0.2), generator())
    with pytest.raises(DataError, match="4 rows of 2 classes cannot be split into 4 parts"):
        split_rows(4, (0.25, 0.25, 0.25, 0.25), generator(), [0, 0, 1, 1])


@pytest.mark.parametrize("shares", [(), (0.5, 0.6), (1.2, -0.2), (1.0, 0.0), (float("nan"), 0.5)])
def test_fractions_that_are_none(shares: tuple[float, ...]) -> None:
    with pytest.raises(ArgumentError, match="fractions should be above 0"):
        split_rows(10, shares, generator())


def test_labels_of_another_length() -> None:
    with pytest.raises(ArgumentError, match="each of the 10 rows"):
        split_rows(10, (0.8, 0.2), generator(), [0, 1])
