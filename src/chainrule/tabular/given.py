"""What a model is trained on: a table in memory or a stream, its columns learnt, some of its rows held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from chainrule.data import TableEncoder, Task
from chainrule.diagnosis import Diagnosis, LayerRecorder, preflight_table
from chainrule.diagnosis.layers import SAMPLE_ROWS, evenly
from chainrule.errors import ArgumentError, rows_numbered, unknown_name
from chainrule.judging import HeldOut
from chainrule.recipes import Ensemble, Part, Recipe, learn, learn_stream
from chainrule.streaming import Stream, StreamedTable, stream_findings
from chainrule.tabular.parts import refuse_empty, split_table

if TYPE_CHECKING:
    import polars as pl

Targets = NDArray[np.int64] | NDArray[np.float64]


class Given(Protocol):
    """What :meth:`chainrule.tabular.TableModel.train` needs to know of a table."""

    @property
    def encoder(self) -> TableEncoder:
        """What was learnt of the columns."""
        ...

    @property
    def rows(self) -> dict[str, int]:
        """How many rows are for what."""
        ...

    @property
    def targets(self) -> Targets:
        """Of rows that were learnt from, by which a guess is made."""
        ...

    @property
    def held(self) -> tuple[HeldOut, Targets]:
        """The rows to judge by, and their targets."""
        ...

    def preflight(self, recipe: Recipe) -> Diagnosis:
        """What there is to say before training."""
        ...

    def learn(self, recipe: Recipe, seed: int, **how: Any) -> Ensemble:
        """Train the members; ``how`` is as for :func:`chainrule.recipes.learn`."""
        ...


def given(
    table: pl.DataFrame | Stream,
    target: str,
    task: Literal["auto"] | Task,
    ignore: Sequence[str],
    held_out: float,
    skip_unlabelled: bool,
    seed: int,
) -> Given:
    """A table made ready; the arguments are those of :meth:`chainrule.tabular.TableModel.train`."""
    if isinstance(table, Stream):
        learnt = table.learn(
            target, task=task, held_out=held_out, ignore=ignore, skip_unlabelled=skip_unlabelled, seed=seed
        )
        refuse_empty(learnt.encoder)
        return GivenStream(table, learnt)
    for name in ignore:
        if name not in table.columns or name == target:
            raise unknown_name("column to ignore", name, (c for c in table.columns if c != target))
    (training, held), numbers, encoder = split_table(table.drop(ignore), target, task, held_out, skip_unlabelled, seed)
    judged = HeldOut(held, numbers[1], encoder.encode(held)), encoder.encode_target(held)
    X, y = encoder.encode(training), encoder.encode_target(training)
    return GivenTable(encoder, preflight_table(training, encoder), X, y, numbers[0], judged)


@dataclass(frozen=True)
class GivenTable:
    """A table in memory; see :class:`Given`.

    Attributes:
        X: the features of the rows to learn from.
        targets: theirs.
        numbers: their places in the table.
    """

    encoder: TableEncoder
    columns: Diagnosis
    X: NDArray[np.float32]
    targets: Targets
    numbers: NDArray[np.int64]
    held: tuple[HeldOut, Targets]

    @property
    def rows(self) -> dict[str, int]:
        """Rows to learn from, and rows to judge by."""
        return {"training": len(self.X), "held_out": len(self.held[1])}

    def preflight(self, recipe: Recipe) -> Diagnosis:
        """What there is to say of the columns."""
        return self.columns

    def learn(self, recipe: Recipe, seed: int, **how: Any) -> Ensemble:
        """Train the members, each on a part of the rows."""

        def recorders(part: Part) -> list[LayerRecorder]:
            rows = part.rows[evenly(len(part.rows), SAMPLE_ROWS)]
            return [LayerRecorder(self.X[rows], self.targets[rows])] if part.number == 0 else []

        with rows_numbered(self.numbers):
            return learn(recipe, self.X, self.targets, seed=seed, watch=recorders, **shape_of(self.encoder), **how)


class GivenStream:
    """A stream; see :class:`Given`.

    Args:
        stream: the files.
        table: what was learnt of them.
    """

    def __init__(self, stream: Stream, table: StreamedTable) -> None:
        self._stream, self._table, self.encoder = stream, table, table.encoder
        sample = table.survey.sample.frame
        self._columns = preflight_table(sample, self.encoder)
        self.targets = self.encoder.encode_target(sample)
        frame = table.held.frame
        self.held = HeldOut(frame, table.held.numbers, self.encoder.encode(frame)), self.encoder.encode_target(frame)

    @property
    def rows(self) -> dict[str, int]:
        """Rows to learn from, rows to watch training by, and rows to judge by."""
        table = self._table
        return {
            "training": table.rows.rows,
            "watching": len(table.watched.numbers),
            "held_out": len(table.held.numbers),
        }

    def _members(self, recipe: Recipe) -> StreamedTable:
        """The table as each member may read it, as if all were trained at the same time.

        How many are depends on the machine, and which rows are mixed may not.
        """
        rows = self._table.rows
        return replace(self._table, rows=replace(rows, memory=rows.memory // recipe.members))

    def preflight(self, recipe: Recipe) -> Diagnosis:
        """What there is to say of the columns, and of how the rows are read and mixed."""
        network = recipe.network(seed=0, features=len(self.encoder.feature_names), **shape_of(self.encoder))
        table = self._members(recipe)
        batch_size = recipe.batch_rows(table.rows.rows)
        if batch_size == "all":
            raise ArgumentError("a stream has no batch of all rows: give batch_size a number")
        windows = table.rows.windows(network.prepare, batch_size)
        own = stream_findings(self._stream, table, windows, batch_size)
        return replace(self._columns, findings=(*self._columns.findings, *own))

    def learn(self, recipe: Recipe, seed: int, **how: Any) -> Ensemble:
        """Train the members, each on all rows."""
        sample = self._table.survey.sample.frame
        frame = sample[evenly(sample.height, SAMPLE_ROWS)]
        watched = self.encoder.encode(frame), self.encoder.encode_target(frame)

        def recorders(part: Part) -> list[LayerRecorder]:
            return [LayerRecorder(*watched)] if part.number == 0 else []

        table = self._members(recipe)
        return learn_stream(
            recipe, table.rows, table.validation, seed=seed, watch=recorders, **shape_of(self.encoder), **how
        )


def shape_of(encoder: TableEncoder) -> dict[str, Any]:
    """What a network has to be like to learn what an encoder gives, as :func:`chainrule.recipes.learn` takes it."""
    target = encoder.target
    return {
        "task": target.task,
        "outputs": target.outputs,
        "numbers": encoder.numbers,
        "categories": encoder.codes,
    }
