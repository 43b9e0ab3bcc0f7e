"""Rows to look at: the right ones, under their own numbers."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from chainrule.judging.examples import CONFUSIONS, ROWS_OF_ONE, confused, missed, written


def test_the_most_frequent_confusions_come_first_and_in_each_the_surest_mistakes():
    actual = np.array([0] * 10 + [1] * 10)
    shares = np.full((20, 3), 0.0)
    shares[:, 0], shares[:, 1], shares[:, 2] = 0.1, 0.1, 0.8  # ten rows of each class are taken for the third
    shares[10:14] = [0.9, 0.05, 0.05]
    shares[12] = [0.99, 0.005, 0.005]
    found = confused(actual, shares, ["a", "b", "c"])
    assert [(m.actual, m.predicted) for m in found] == [("a", "c")] * 3 + [("b", "c")] * 3 + [("b", "a")] * 3
    assert found[6].place == 12
    assert found[6].probability == 0.99


def test_right_rows_are_no_examples():
    assert confused(np.array([0, 1]), np.eye(2), ["a", "b"]) == []


def test_few_examples_of_many_mistakes_are_kept():
    rng = np.random.default_rng(0)
    found = confused(rng.integers(0, 50, 5000), rng.dirichlet(np.ones(50), 5000), [str(n) for n in range(50)])
    assert 0 < len(found) <= CONFUSIONS * ROWS_OF_ONE


def test_the_farthest_misses_come_first():
    assert [m.place for m in missed(np.arange(5.0), np.array([0, 4.0, 2.5, 3, -4]))][:3] == [4, 1, 2]


def test_values_are_written_as_people_read_them():
    frame = pl.DataFrame(
        {"n": [1.25, None], "t": [True, None], "d": [date(2024, 1, 2), None], "s": ["x" * 100, "y"], "i": [7, 8]}
    )
    first, second = written(frame, frame.columns)
    assert first == ("1.25", "true", "2024-01-02", "x" * 57 + "...", "7")
    assert second == ("", "", "", "y", "8")
