"""Tables on disk, small enough to be read whole as well."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def mixed_table() -> pl.DataFrame:
    """Every kind of column, with missing values, and a target of numbers."""
    rng = np.random.default_rng(0)
    rows = 3000
    x = rng.normal(1e6, 3.0, rows)
    few, many = np.array(["red", "green", "blue"]), np.array([f"city {n}" for n in range(60)])
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "x": pl.Series(x).set(pl.Series(rng.random(rows) < 0.1), None),
            "whole": rng.integers(0, 1000, rows),
            "colour": few[rng.integers(0, 3, rows)],
            "city": pl.Series(many[rng.integers(0, 60, rows)]).set(pl.Series(rng.random(rows) < 0.05), None),
            "member": rng.random(rows) < 0.3,
            "day": [date(2020, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 900, rows)],
            "same": ["one"] * rows,
            "y": x - 1e6 + rng.normal(0, 0.1, rows),
        }
    )


@pytest.fixture
def sorted_folder(tmp_path):
    """Two files sorted by the target, in 40 row groups."""
    rng = np.random.default_rng(1)
    y = np.sort(rng.normal(size=8000))
    x = np.stack([y + rng.normal(size=8000) for _ in range(3)], axis=1)
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})
    frame[:4000].write_parquet(tmp_path / "1.parquet", row_group_size=200)
    frame[4000:].write_parquet(tmp_path / "2.parquet", row_group_size=200)
    return tmp_path
