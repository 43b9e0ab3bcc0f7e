"""Tables and models that several tests share."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from sklearn import datasets

from chainrule.data import read_table
from chainrule.tabular import TableModel


@pytest.fixture(scope="session")
def penguins() -> pl.DataFrame:
    return read_table(Path(__file__).parents[2] / "examples" / "penguins.csv")


@pytest.fixture(scope="session")
def diabetes() -> pl.DataFrame:
    found = datasets.load_diabetes(scaled=False)
    columns = dict(zip(found.feature_names, found.data.T, strict=True))
    return pl.DataFrame({**columns, "progression": found.target})


@pytest.fixture(scope="session")
def species(penguins: pl.DataFrame) -> TableModel:
    return TableModel.train(penguins, "species", members=2, epochs=20)


@pytest.fixture(scope="session")
def progression(diabetes: pl.DataFrame) -> TableModel:
    return TableModel.train(diabetes, "progression", members=2, epochs=20)
