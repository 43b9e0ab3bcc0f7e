"""Keras on a backend that other tests need as well; a table of every kind of column."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    """Numbers, whole numbers, few and many categories, truth values, dates with times; names that are odd."""
    random, rows = np.random.default_rng(0), 240
    columns = {
        "weight (kg)": random.normal(1e6, 3e5, rows),
        "class": random.integers(0, 5, rows),
        "Farbe, größe": random.choice(["rot", "grün", 'bl"au'], rows),
        "town": [f"town {i}" for i in np.minimum(random.geometric(0.03, rows), 60)],
        "max": random.choice([True, False], rows),
        "1st day": [datetime(1896, 2, 1) + timedelta(hours=int(h)) for h in random.integers(0, 1_300_000, rows)],
    }
    table = pl.DataFrame(columns)
    return table.with_columns(
        pl.when(pl.Series(random.random(rows) < 0.1)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("weight (kg)", "Farbe, größe", "town", "max", "1st day")
    )


@pytest.fixture(scope="session")
def targets(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """A number, two classes of text, five of whole numbers, truth values."""
    random, rows = np.random.default_rng(1), frame.height
    return {
        "number": pl.Series("y", random.normal(-2e4, 150, rows)),
        "text": pl.Series("y", random.choice(["no", "yes"], rows)),
        "whole": pl.Series("y", random.integers(1, 6, rows)),
        "truth": pl.Series("y", random.choice([True, False], rows)),
    }
