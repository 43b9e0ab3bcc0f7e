"""The way from the columns of a table to a network's features, and back to the table's terms, as programs.

So whatever writes programs (ONNX, Python, ...) writes the preprocessing too. Only text is looked up beside them: it
comes into the program as whole numbers, the codes of its categories.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import CategoryColumn, Column, DateColumn, MeasuredColumn, TableEncoder, Target, values
from chainrule.expression import Expression, symbol
from chainrule.ops.arithmetic import floor, not_equal, to_float, where
from chainrule.ops.arrays import concatenate, one_hot
from chainrule.ops.elementary import cos, sin
from chainrule.program import Program
from chainrule.trace import trace

if TYPE_CHECKING:
    import polars as pl

_UNSEEN: Final = "a category that no row of training held"

Kind = Literal["number", "date", "text", "boolean", "array"]


@dataclass(frozen=True)
class Input:
    """One input of an exported model.

    Attributes:
        name: as the caller knows it: the column's name.
        variable: the variable of the program that reads it.
        kind: ``number`` (NaN where missing), ``date`` (days since 1970-01-01, NaN where missing), ``text`` and
            ``boolean`` (text, empty where missing), or ``array`` (rows of features, for a network without a table).
        codes: of text, the code of each category; that of a missing value stands under the empty text.
        other: of text, the code of every other category.
    """

    name: str
    variable: str
    kind: Kind
    codes: Mapping[str, int]
    other: int = -1

    def read(self, frame: pl.DataFrame) -> NDArray[Any]:
        """The column of a table as the exported model takes it, shape ``(rows,)``."""
        series = values.column(frame, self.name)
        match self.kind:
            case "number":
                return values.numbers(series)
            case "date":
                return values.day_numbers(values.dates(series))
            case _:
                boolean = self.kind == "boolean"
                text = values.truths(series) if boolean else values.recognised(series, self.codes)
                return text.fill_null("").to_numpy().astype(object)


def inputs_of(encoder: TableEncoder) -> tuple[Input, ...]:
    """The columns that an exported model of this table takes."""
    used = [column for column in encoder.columns if column.features]
    return tuple(_input(column, name) for column, name in zip(used, _variables(c.name for c in used), strict=True))


def _input(column: Column, variable: str) -> Input:
    match column:
        case CategoryColumn():
            kind: Kind = "boolean" if column.kind == "boolean" else "text"
            codes = _codes(column, [None, *column.categories])
            (other,) = _codes(column, [_UNSEEN]) if kind == "text" else [-1]
            return Input(column.name, variable, kind, dict(zip(("", *column.categories), codes, strict=True)), other)
        case DateColumn():
            return Input(column.name, variable, "date", {})
        case _:
            return Input(column.name, variable, "number", {})


def _codes(column: CategoryColumn, texts: list[str | None]) -> list[int]:
    """The code of each text, or the place of its feature, -1 for none: as the column itself encodes it."""
    import polars as pl

    encoded = column.encode(pl.Series(column.name, texts, pl.String))
    places = encoded[:, 0] if column.codes else np.where(encoded.any(axis=1), encoded.argmax(axis=1), -1)
    return [int(place) for place in places]


def _variables(names: Iterable[str]) -> Iterator[str]:
    """A name for each column that a program can use."""
    taken = {"X", "B", "np", "dtype"}
    for number, name in enumerate(names, 1):
        wanted = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        if not wanted.isidentifier() or keyword.iskeyword(wanted) or wanted in taken:
            wanted = f"column_{number}" if not wanted.isidentifier() else f"{wanted}_{number}"
        taken.add(wanted)
        yield wanted


def encoding_program(encoder: TableEncoder, inputs: tuple[Input, ...], features: str = "X") -> Program:
    """From the columns, shape ``(B,)`` each, to the features, shape ``(B, features)``."""
    symbols = [symbol(i.variable, ("B",), "int" if i.codes else "float") for i in inputs]
    columns = [column for column in encoder.columns if column.features]
    parts = [
        (0 if place < column.numbers else 2 if column.codes else 1, name, feature)
        for column, value in zip(columns, symbols, strict=True)
        for place, (name, feature) in enumerate(_features(column, value).items())
    ]
    ordered = [  # as TableEncoder.encode has them: numbers on a line, others, codes
        (feature if feature.rank == 2 else feature.reshape("B", 1)).named(name)
        for _, name, feature in sorted(parts, key=lambda part: part[0])
    ]
    return trace({features: concatenate(*ordered, axis=1)}, name="encode", inputs=symbols)


def _features(column: Column, value: Expression) -> dict[str, Expression]:
    """What :meth:`Column.encode` computes, as formulas, by name."""
    match column:
        case CategoryColumn() if column.codes:
            return {f"{value.name}_code": to_float(value)}
        case CategoryColumn():
            return {f"{value.name}_one_hot": one_hot(value, size=len(column.features))}
        case MeasuredColumn():
            missing = not_equal(value, value).named(f"{value.name}_missing")  # only NaN differs from itself
            scaled = _less(where(missing, column.median, value), column.mean) / column.scale
            cycles = _cycles(value, missing) if isinstance(column, DateColumn) else {}
            indicator = {f"{value.name}_indicator": to_float(missing)} if column.missing else {}
            return {f"{value.name}_scaled": scaled, **cycles, **indicator}
        case _:
            raise TypeError(f"no formula for {column!r}")


def _less(value: Expression, offset: float) -> Expression:
    """``value - offset``, without two signs in a row."""
    return value - offset if offset >= 0 else value + -offset


def _cycles(days: Expression, missing: Expression) -> dict[str, Expression]:
    """Month and weekday of days since 1970-01-01 (a Thursday), on circles; 0 where missing."""
    day = floor(where(missing, 0.0, days)).named(f"{days.name}_whole")
    angles = {
        f"{days.name}_month": (_month(day) - 1.0) * (2 * pi / 12),
        f"{days.name}_weekday": _remainder(day + 3.0, 7.0) * (2 * pi / 7),  # from Monday
    }
    return {
        f"{name}_{turn.name}": where(missing, 0.0, turn(angle.named(name)))
        for name, angle in angles.items()
        for turn in (sin, cos)
    }


def _remainder(value: Expression, by: float) -> Expression:
    return value - by * floor(value / by)


def _month(day: Expression) -> Expression:
    """The month, 1 to 12, of a whole number of days since 1970-01-01, in the Gregorian calendar.

    Years begin in March, so that the leap day comes last; 400 years have 146097 days.
    """
    day_of_era = _remainder(day + 719468.0, 146097.0)  # counted from 0000-03-01
    leap_days = floor(day_of_era / 1460.0) - floor(day_of_era / 36524.0) + floor(day_of_era / 146096.0)
    year = floor((day_of_era - leap_days) / 365.0)
    day_of_year = day_of_era - (365.0 * year + floor(year / 4.0) - floor(year / 100.0))
    from_march = floor((5.0 * day_of_year + 2.0) / 153.0)
    return where(from_march < 10.0, from_march + 3.0, from_march - 9.0)


def decoding_program(target: Target, outputs: int) -> Program:
    """From the network's output, shape ``(B, outputs)``, to probabilities or to numbers in the target's unit."""
    output = symbol("output", ("B", outputs))
    if target.task == "regression":
        result = {"prediction": output.reshape("B") * target.scale + target.mean}
    elif outputs == 1:
        result = {"probabilities": concatenate(1.0 - output, output, axis=1)}
    else:
        result = {"probabilities": output}
    return trace(result, name="decode", inputs=[output])


def synthetic(encoder: TableEncoder, rows: int = 200, seed: int = 0) -> pl.DataFrame:
    """Rows like those that were learnt from, as far as the record tells; some values missing, some unseen."""
    import polars as pl

    random = np.random.default_rng(seed)
    columns = {}
    for column in encoder.columns:
        if not column.features:
            continue
        absent = random.random(rows) < 0.1
        if isinstance(column, CategoryColumn):
            known = list(column.categories) + ([_UNSEEN] if column.kind == "category" else [])
            drawn = pl.Series(random.choice(np.array(known, dtype=object), rows).tolist(), dtype=pl.String)
        else:
            assert isinstance(column, MeasuredColumn)
            drawn = pl.Series(column.mean + 2 * column.scale * random.standard_normal(rows))
            if isinstance(column, DateColumn):
                drawn = (drawn * 86_400e6).cast(pl.Int64).cast(pl.Datetime("us"))
        columns[column.name] = drawn.set(pl.Series(absent), None)  # pl.DataFrame renames a series named ''
    return pl.DataFrame(columns)
