"""What is learnt of a table in one pass over its files, a chunk at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Column, LeftOutColumn, TableEncoder, Target, Task, values
from chainrule.data.categories import MOST_FEATURES
from chainrule.data.encoder import may_number_rows
from chainrule.data.target import TASKS, recognise, refuse_missing
from chainrule.errors import CellError, DataError, unknown_name
from chainrule.streaming.ahead import ahead
from chainrule.streaming.chunks import Chunk, Files
from chainrule.streaming.facts import Facts, Moments, RowNumbers, facts_of
from chainrule.streaming.lots import lots

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS: Final = 50_000
"""Rows at most that are put aside, and of those to learn from that are kept as a sample."""

MOST_CLASSES: Final = 10_000
"""Different values of a target that are told apart."""

MOST_PARTS: Final = 64
"""Parts in which a frame may lie in memory before it is put together."""

NEARLY_ALL: Final = 20
"""Where all but one of so many values are numbers, the others are slips."""


@dataclass(frozen=True)
class Drawn:
    """Rows that were drawn at random.

    Attributes:
        frame: the rows, in the order of the table.
        numbers: their places in the table.
        lots: the number of each, in [0, 1).
    """

    frame: pl.DataFrame
    numbers: NDArray[np.int64]
    lots: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Drawn:
        import polars as pl

        return Drawn(self.frame.filter(pl.Series(chosen)), self.numbers[chosen], self.lots[chosen])

    def __add__(self, other: Drawn) -> Drawn:
        import polars as pl

        numbers, found = (np.concatenate([getattr(d, n) for d in (self, other)]) for n in ("numbers", "lots"))
        frame = pl.concat([self.frame, other.frame], how="vertical_relaxed")
        return Drawn(frame.rechunk() if frame.n_chunks() > MOST_PARTS else frame, numbers, found)


@dataclass(frozen=True)
class Survey:
    """What one pass over a table has found.

    Attributes:
        encoder: what was learnt of the columns, from the rows to learn from.
        chunks: the parts of the table, in order.
        unlabelled: for each chunk which rows have no target, as bits; nothing where all have one.
        aside: rows that are not learnt from.
        share: that of the rows which are put aside.
        sample: rows to learn from, drawn at random.
    """

    encoder: TableEncoder
    chunks: tuple[Chunk, ...]
    unlabelled: tuple[NDArray[np.uint8] | None, ...]
    aside: Drawn
    share: float
    sample: Drawn

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.chunks[-1].first + self.chunks[-1].rows

    @cached_property
    def without_target(self) -> int:
        """How many rows have no target."""
        return sum(int(np.unpackbits(bits).sum()) for bits in self.unlabelled if bits is not None)

    @property
    def sampled(self) -> bool:
        """Whether there are rows to learn from that are not in the sample."""
        return len(self.sample.numbers) < self.encoder.rows

    @cached_property
    def fingerprint(self) -> str:
        """Tells tables apart: by what was learnt of them, and by the rows of their chunks."""
        rows = [(chunk.path.name, chunk.rows) for chunk in self.chunks]
        return sha256(json.dumps([self.encoder.to_json(), rows]).encode()).hexdigest()[:16]

    def to_learn(self, number: int) -> NDArray[np.int64]:
        """The rows of a chunk to learn from, by their places in it."""
        chunk, bits = self.chunks[number], self.unlabelled[number]
        chosen = np.ones(chunk.rows, bool) if bits is None else np.unpackbits(bits, count=chunk.rows) == 0
        ends = np.searchsorted(self.aside.numbers, [chunk.first, chunk.first + chunk.rows])
        chosen[self.aside.numbers[slice(*ends)] - chunk.first] = False
        return np.flatnonzero(chosen)

    @cached_property
    def rows_to_learn(self) -> NDArray[np.int64]:
        """How many rows of each chunk are learnt from."""
        return np.array([len(self.to_learn(number)) for number in range(len(self.chunks))])


class _IsText(Exception):  # noqa: N818 - not an error
    """A column of text files that seemed to hold values of one kind holds another, so that it is text."""

    def __init__(self, name: str, kind: str, error: DataError) -> None:
        super().__init__(name)
        self.name, self.kind, self.error = name, kind, error


def survey(
    files: Files,
    target: str,
    *,
    task: Literal["auto"] | Task = "auto",
    ignore: Sequence[str] = (),
    aside: float = 0.36,
    skip_unlabelled: bool = False,
    seed: int = 0,
    most_bytes: int = 2**62,
) -> Survey:
    """Learn about a table: one pass, and another one each time that a column of text files turns out to be text.

    Numbers of rows and missing values, means, standard deviations and classes are exact (but for rounding). Categories
    are, where a column has at most 100,000. Medians are those of a sample where there are more rows than that.

    Args:
        files: of the table.
        target: the column to predict.
        task: what it is, or ``auto``.
        ignore: columns to leave out.
        aside: the share of the rows not to learn from; halved until they are few enough.
        skip_unlabelled: whether rows without a target are left out; else they are an error.
        seed: decides which rows are put aside.
        most_bytes: what the rows put aside take, and those of a sample, at most; there are 50,000 of each at most.

    Raises:
        DataError: where the table cannot be learnt from as it is; names the file and the row.
    """
    if task not in ("auto", *TASKS):
        raise unknown_name("task", task, ("auto", *TASKS))
    if target not in files.columns:
        raise unknown_name("target column", target, files.columns)
    for name in ignore:
        if name not in files.columns or name == target:
            raise unknown_name("column to ignore", name, (c for c in files.columns if c != target))
    columns = [name for name in files.columns if name not in ignore]
    texts: dict[str, _IsText] = {}
    while True:
        surveyor = _Surveyor(files.spelled, target, task, skip_unlabelled, seed, most_bytes, texts, share=aside)
        try:
            with closing(ahead(files.survey(columns))) as found:
                for chunk, frame in found:
                    surveyor.see(chunk, frame)
            return surveyor.finish()
        except _IsText as wider:
            texts[wider.name] = wider


@dataclass
class _Surveyor:
    """One pass."""

    spelled: bool
    target: str
    task: Literal["auto"] | Task
    skip_unlabelled: bool
    seed: int
    most_bytes: int
    texts: dict[str, _IsText]
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
        row_bytes = max(int(frame.estimated_size()) // frame.height, 1)
        self.most_rows = min(MOST_ROWS, max(self.most_bytes // row_bytes, 100))
        self.aside = self.sample = Drawn(empty, np.empty(0, np.int64), np.empty(0))
        self.distinct = empty[self.target]
        names = [name for name in empty.columns if name != self.target]
        self.facts = {name: facts_of(name, "empty") for name in names}
        self.row_numbers = {name: RowNumbers() for name in names if may_number_rows(name)}

    def with_target(self, drawn: Drawn) -> Drawn:
        """The rows that have a target, whose different values are noted."""
        series = drawn.frame[self.target]
        if not self.skip_unlabelled:
            with self.located(drawn):
                refuse_missing(series)
        known = series.is_not_null().to_numpy()
        self.unlabelled.append(None if known.all() else np.packbits(~known))
        self.labelled += int(known.sum())
        if len(self.distinct) <= MOST_CLASSES:
            self.distinct = self.distinct.append(series.drop_nulls().unique(maintain_order=True))
            self.distinct = self.distinct.unique(maintain_order=True)
        return drawn[known]

    def learn(self, drawn: Drawn) -> None:
        """Learn from rows."""
        self.learnt += len(drawn.lots)
        with self.located(drawn):
            for name in self.facts:
                self.fact(drawn.frame[name]).see(drawn.frame[name])
        if self.numbers is not None:
            try:
                self.numbers.see(values.numbers(drawn.frame[self.target]))
            except DataError:
                self.numbers = None
        self.sample += drawn[drawn.lots > 1 - self.sampled]
        while len(self.sample.lots) > self.most_rows:
            self.sampled /= 2
            self.sample = self.sample[self.sample.lots > 1 - self.sampled]

    def fact(self, series: pl.Series) -> Facts:
        """What is known of a column, whose kind shows as soon as it holds a value."""
        name = series.name
        if self.facts[name].kind == "empty" and series.null_count() < len(series):
            kind = (
                "category" if name in self.texts else values.kind_of(values.typed(series) if self.spelled else series)
            )
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
            if error.column != self.target and self.spelled:
                raise _IsText(error.column, self.facts[error.column].kind, found) from error
            raise found from error

    def finish(self) -> Survey:
        """What was found."""
        if self.labelled == 0:
            raise DataError(f"column {self.target!r}: no row holds a target; fill the column or choose another target")
        columns: list[Column] = []
        for name, facts in self.facts.items():
            if name in self.row_numbers and self.row_numbers[name].found:
                columns.append(LeftOutColumn.row_numbers(name))
                continue
            if name in self.texts:
                self.refuse_slips(self.texts[name])
            columns.append(facts.column(self.sample.frame[name]))
        encoder = TableEncoder.of(tuple(columns), self.learnt_target(), self.learnt)
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
            raise DataError(
                f"column {self.target!r} does not hold numbers alone; a class is predicted with another task"
            )
        if len(distinct) > MOST_CLASSES:
            raise DataError(
                f"column {self.target!r} holds more than {MOST_CLASSES} different values, too many for classes; "
                "if these are numbers, write them with digits and a decimal point alone"
            )
        return Target.of_classes(distinct, reason)

    def refuse_slips(self, text: _IsText) -> None:
        """Raise the error of the first value that is no number, where nearly all others are."""
        series = self.sample.frame[text.name].drop_nulls()
        slips = int(values.not_numbers(series).sum())
        if text.kind == "number" and series.n_unique() > MOST_FEATURES and slips <= len(series) / NEARLY_ALL:
            raise DataError(
                f"{text.error}, though nearly all others are; correct it, or leave the cell empty if it is unknown"
            )


def _typed(frame: pl.DataFrame, encoder: TableEncoder) -> pl.DataFrame:
    """The columns of text files in the types that they spell, as far as the table has found them to be no text."""
    import polars as pl

    texts = {*encoder.text_columns, *(c.name for c in encoder.columns if not c.features)}
    return pl.DataFrame([series if series.name in texts else values.typed(series) for series in frame])
