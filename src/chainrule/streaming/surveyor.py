"""One pass over a table: everything there is to learn of its columns, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Column, LeftOutColumn, TableEncoder, Target, Task, values
from chainrule.data.categories import MOST_FEATURES
from chainrule.data.encoder import may_number_rows
from chainrule.data.target import NEEDS_NUMBERS, recognise, refuse_missing
from chainrule.errors import CellError, DataError
from chainrule.show.numbers import counted
from chainrule.streaming.chunks import Chunk
from chainrule.streaming.facts import Facts, Moments, RowNumbers, facts_of
from chainrule.streaming.lots import lots
from chainrule.streaming.survey import Drawn, Survey

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS: Final = 50_000
"""Rows at most that are put aside, and of those to learn from that are kept as a sample."""

FEWEST_ROWS: Final = 10
"""With fewer there may be none to learn from, none to watch or none to judge by."""

MOST_CLASSES: Final = 10_000
"""Different values of a target that are told apart."""

NEARLY_ALL: Final = 20
"""Where all but one of so many values are numbers, the others are slips."""


class IsText(Exception):  # noqa: N818 - not an error
    """A column of text files that seemed to hold values of one kind holds another, so that it is text."""

    def __init__(self, name: str, kind: str, error: DataError) -> None:
        super().__init__(name)
        self.name, self.kind, self.error = name, kind, error


@dataclass
class Surveyor:
    """One pass over a table; see :func:`chainrule.streaming.learning.survey`."""

    spelled: bool
    target: str
    task: Literal["auto"] | Task
    skip_unlabelled: bool
    seed: int
    most_bytes: int
    texts: dict[str, IsText]
    share: float
    """Rows whose lot is below this are put aside."""
    sampled: float = 1.0
    """Rows to learn from whose lot is above 1 less this are in the sample."""
    chunks: list[Chunk] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)
    row_numbers: dict[str, RowNumbers] = field(default_factory=dict)
    unlabelled: list[NDArray[np.uint8] | None] = field(default_factory=list)
    labelled: int = 0
    learnt: int = 0
    numbers: Moments | None = field(default_factory=Moments)
    """Of the target; nothing where it does not hold numbers."""
    no_number: DataError | None = None
    """Why it does not."""
    most_rows: int = field(init=False)
    """Rows that are put aside, and rows of the sample, at most."""
    distinct: pl.Series = field(init=False)
    """Different values of the target, of which more than 10,000 need not all be there."""
    aside: Drawn = field(init=False)
    sample: Drawn = field(init=False)

    def see(self, chunk: Chunk, frame: pl.DataFrame) -> None:
        """Take a chunk into account."""
        import polars as pl

        frame = pl.DataFrame([values.column(frame, name) for name in frame.columns])
        if not self.chunks:
            self.start(frame)
        self.chunks.append(chunk)
        places = np.arange(chunk.first, chunk.first + chunk.rows)
        drawn = Drawn(frame, places, lots(chunk.first, chunk.rows, self.seed))
        for name, numbers in self.row_numbers.items():
            numbers.see(values.typed(frame[name]) if self.spelled else frame[name])
        drawn = self.with_target(drawn)
        below = drawn.lots < self.share
        self.aside += drawn[below]
        self.learn(drawn[~below])
        while len(self.aside.lots) > self.most_rows:
            self.share /= 2
            still = self.aside.lots < self.share
            released, self.aside = self.aside[~still], self.aside[still]
            self.learn(released)

    def start(self, frame: pl.DataFrame) -> None:
        """Know nothing yet of these columns."""
        empty = frame.clear()
        for series in empty:
            values.kind_of(series)
        row_bytes = max(int(frame.estimated_size()) // frame.height, 1)
        self.most_rows = min(MOST_ROWS, max(self.most_bytes // row_bytes, 100))
        self.aside = self.sample = Drawn(empty, np.empty(0, np.int64), np.empty(0))
        self.distinct = empty[self.target]
        names = [name for name in empty.columns if name != self.target]
        self.facts = {name: facts_of(name, "empty") for name in names}
        self.row_numbers = {name: RowNumbers() for name in names if may_number_rows(name)}

    def with_target(self, drawn: Drawn) -> Drawn:
        """The rows that have a target, whose different values are noted."""
        import polars as pl

        series = drawn.frame[self.target]
        if not self.skip_unlabelled:
            with self.located(drawn):
                refuse_missing(series, part=True)
        known = series.is_not_null().to_numpy()
        self.unlabelled.append(None if known.all() else np.packbits(~known))
        self.labelled += int(known.sum())
        if len(self.distinct) <= MOST_CLASSES:
            both = [self.distinct.to_frame(), series.unique(maintain_order=True).to_frame()]
            self.distinct = pl.concat(both, how="vertical_relaxed").to_series().drop_nulls().unique(maintain_order=True)
        return drawn[known]

    def learn(self, drawn: Drawn) -> None:
        """Learn from rows."""
        self.learnt += len(drawn.lots)
        with self.located(drawn):
            for name in self.facts:
                self.fact(drawn.frame[name]).see(drawn.frame[name])
        if self.numbers is not None:
            try:
                with self.located(drawn):
                    self.numbers.see(values.numbers(drawn.frame[self.target], NEEDS_NUMBERS))
            except DataError as error:
                self.numbers, self.no_number = None, error
        self.sample += drawn[drawn.lots > 1 - self.sampled]
        while len(self.sample.lots) > self.most_rows:
            self.sampled /= 2
            self.sample = self.sample[self.sample.lots > 1 - self.sampled]

    def fact(self, series: pl.Series) -> Facts:
        """What is known of a column, whose kind shows as soon as it holds a value."""
        name = series.name
        if self.facts[name].kind == "empty" and series.null_count() < len(series):
            spelled = self.spelled and name not in self.texts
            kind = _spelled_kind(series) if spelled else values.kind_of(series)
            fresh = facts_of(name, kind)
            fresh.missing = self.facts[name].missing
            self.facts[name] = fresh
        return self.facts[name]

    @contextmanager
    def located(self, drawn: Drawn) -> Iterator[None]:
        """Errors name the file, and the row in it; a column of text that is of no other kind is one of categories."""
        try:
            yield
        except CellError as error:
            number = int(drawn.numbers[error.row - 1])
            chunk = next(c for c in reversed(self.chunks) if c.first <= number)
            found = DataError(f"{chunk.path}: {error.at(number - chunk.first + chunk.place + 1)}")
            if self.spelled and self.may_be_text(error, drawn):
                raise IsText(error.column, self.facts[error.column].kind, found) from error
            raise found from error

    def may_be_text(self, error: CellError, drawn: Drawn) -> bool:
        """Whether a value that a column cannot hold makes it a column of text; an infinite number does not."""
        if error.column == self.target:
            return False
        value = drawn.frame[error.column][error.row - 1 : error.row]
        return self.facts[error.column].kind != "number" or bool(values.not_numbers(value).any())

    def check_aside(self, target: Target) -> None:
        """Refuse the rows put aside for what those to learn from are refused for."""
        with self.located(self.aside):
            for name, facts in self.facts.items():
                if facts.kind != "empty":
                    facts_of(name, facts.kind).see(self.aside.frame[name])
            if target.task == "regression":
                values.numbers(self.aside.frame[self.target], NEEDS_NUMBERS)

    def finish(self) -> Survey:
        """What was found."""
        if self.labelled == 0:
            raise DataError(f"column {self.target!r}: no row holds a target; fill the column or choose another target")
        if self.labelled < FEWEST_ROWS:
            raise DataError(
                f"the files hold {counted(self.labelled, 'row')}, too few for a stream; read them into memory"
            )
        if self.learnt < 2:
            raise DataError(
                f"of {counted(self.labelled, 'row')}, {'one is' if self.learnt else 'none are'} left to learn from; "
                "hold fewer out, or read the files into memory"
            )
        target = self.learnt_target()
        self.check_aside(target)
        columns: list[Column] = []
        for name, facts in self.facts.items():
            if name in self.row_numbers and self.row_numbers[name].found:
                columns.append(LeftOutColumn.row_numbers(name))
                continue
            if name in self.texts:
                self.refuse_slips(self.texts[name])
            columns.append(facts.column(self.sample.frame[name]))
        encoder = TableEncoder.of(tuple(columns), target, self.learnt)
        aside, sample = self.aside, self.sample
        if self.spelled:
            aside, sample = (replace(drawn, frame=_typed(drawn.frame, encoder)) for drawn in (aside, sample))
        return Survey(encoder, tuple(self.chunks), tuple(self.unlabelled), aside, self.share, sample)

    def learnt_target(self) -> Target:
        """Its classes from all rows, its mean and scale from those to learn from."""
        distinct = values.typed(self.distinct) if self.spelled else self.distinct
        task, reason = recognise(distinct, self.labelled, self.task)
        if task == "regression" and self.numbers is not None:
            return Target.of_numbers(self.target, reason, self.numbers.summary)
        if task == "regression":
            assert self.no_number is not None
            raise self.no_number
        if len(distinct) > MOST_CLASSES:
            raise DataError(
                f"column {self.target!r} holds more than {MOST_CLASSES} different values, too many for classes; "
                "if these are numbers, write them with digits and a decimal point alone"
            )
        return Target.of_classes(distinct, reason)

    def refuse_slips(self, text: IsText) -> None:
        """Raise the error of the first value that is no number, where nearly all others are."""
        series = self.sample.frame[text.name].drop_nulls()
        slips = int(values.not_numbers(series).sum())
        if text.kind == "number" and series.n_unique() > MOST_FEATURES and slips <= len(series) / NEARLY_ALL:
            raise DataError(
                f"{text.error}, though nearly all others are; correct it, or leave the cell empty if it is unknown"
            )


def _spelled_kind(series: pl.Series) -> values.Kind:
    """What text seems to spell: numbers, if nearly all values do; the first that does not will then be found."""
    slips = int(values.not_numbers(series).sum())
    if 0 < slips <= (len(series) - series.null_count()) / NEARLY_ALL:
        return "number"
    return values.kind_of(values.typed(series))


def _typed(frame: pl.DataFrame, encoder: TableEncoder) -> pl.DataFrame:
    """The columns of text files in the types that they spell, as far as the table has found them to be no text."""
    import polars as pl

    texts = {*encoder.text_columns, *(c.name for c in encoder.columns if not c.features)}
    return pl.DataFrame([series if series.name in texts else values.typed(series) for series in frame])
