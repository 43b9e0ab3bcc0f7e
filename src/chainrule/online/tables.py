"""A table that comes as a stream: its columns learnt from the first rows, its rows learnt one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import TableEncoder, Task, values
from chainrule.errors import CellError, DataError, require, unknown_name, whole_number
from chainrule.judging import ClassResults, NumberResults, Results
from chainrule.online.arrivals import Arrivals
from chainrule.online.learner import Online
from chainrule.online.lines import Block, LineReader, Skipped
from chainrule.optim import Adam
from chainrule.recipes import Recipe
from chainrule.show.numbers import counted
from chainrule.storage import read_model
from chainrule.tabular import TableModel
from chainrule.tabular.model import versions
from chainrule.tabular.parts import FEWEST_ROWS, spelled_classes
from chainrule.training import History, Interrupt

if TYPE_CHECKING:
    import polars as pl

    from chainrule.online.prequential import Prequential

HIDDEN: Final = (64, 64)
"""Units of the hidden layers, where nobody says."""

LR: Final = 1e-3
"""The learning rate of Adam, where nobody says."""

AHEAD_BYTES: Final = 1 << 20
"""Bytes that are read ahead of learning, at most."""

KEPT_PROBLEMS: Final = 100
"""Lines that were left out of which the problem is kept; of more, their number alone."""

SLOT: Final = "slot/"
"""What names of the optimiser's arrays begin with in a model's file."""

Array = NDArray[Any]
Lines = NDArray[np.int64]


class OnlineTable:
    """Learns to predict a column of a table whose rows come one after another.

    The first rows are kept until there are ``warm_up`` of them: means, scales and categories of the columns come from
    these, and the classes of the target. Then they are learnt as all later rows are, each after it was predicted.
    Later, a category that they did not hold counts as none of the known ones, and what is missing is filled in as
    :meth:`chainrule.TableModel.predict` does. A line that cannot be used is left out and counted: one of another
    number of values, with text in a column of numbers, without a target, or of a class that was not in the first rows.

    Args:
        target: the column to predict.
        task: ``"classification"``, ``"regression"``, or ``"auto"`` to let the first targets decide.
        hidden: units of the hidden layers.
        lr: the learning rate of Adam.
        warm_up: how many rows the columns are learnt from.
        window: rows of the windowed averages.
        seed: of the starting values: same seed and rows, same model.
        engine: as for :class:`chainrule.Online`.
        ignore: columns to leave out.
        before: a model to go on with, instead of starting anew: its columns, network and, where it learnt online, its
            optimiser's slots.
    """

    def __init__(
        self,
        target: str,
        *,
        task: Literal["auto"] | Task = "auto",
        hidden: Sequence[int] | None = None,
        lr: float | None = None,
        warm_up: int = 1000,
        window: int = 1000,
        seed: int = 0,
        engine: str = "auto",
        ignore: Sequence[str] = (),
        before: Path | None = None,
    ) -> None:
        self.target, self.task, self.ignore = target, task, tuple(ignore)
        self.warm_up, self.window = whole_number("the warm-up", warm_up, FEWEST_ROWS), window
        self.seed, self.engine = whole_number("the seed", seed, 0), engine
        self.hidden = HIDDEN if hidden is None else tuple(hidden)
        self.lr = LR if lr is None else lr
        self.skipped = 0
        self.problems: list[Skipped] = []
        self._early: list[tuple[pl.DataFrame, Lines]] = []
        self._learner: Online | None = None
        self._encoder: TableEncoder | None = None
        if before is not None:
            self._go_on(before, lr)

    @property
    def record(self) -> Prequential | None:
        """What was measured; ``None`` before the columns are learnt."""
        return self._learner.record if self._learner else None

    @property
    def encoder(self) -> TableEncoder | None:
        """What was learnt about the columns; ``None`` before."""
        return self._encoder

    def consume(
        self, source: Iterable[bytes], reader: LineReader, watch: Callable[[OnlineTable], None] = lambda table: None
    ) -> None:
        """Learn from the lines of a source until it ends or Ctrl-C is pressed.

        Args:
            source: gives bytes, cut anywhere.
            reader: makes rows of them.
            watch: called whenever something has arrived.

        Raises:
            DataError: where the rows cannot be learnt from, or there are too few. What was learnt before stays.
            NonFiniteError: when a loss becomes infinite or undefined.
        """
        with Interrupt() as interrupt:
            for arrived in Arrivals(source, len, AHEAD_BYTES, lambda: interrupt.pressed):
                self._take(reader.read(b"".join(arrived)))
                watch(self)
            if not interrupt.pressed:
                self._take(reader.read(b"", last=True))
            self._begin(ended=True)
            assert self._learner is not None
            record = self._learner.record
            record.interrupted = interrupt.pressed
            record.stopped = "interrupted by Ctrl-C" if interrupt.pressed else "the stream has ended"
            watch(self)

    def _take(self, block: Block | None) -> None:
        if block is None:
            return
        for skipped in block.skipped:
            self._skip(skipped)
        frame, lines = self._with_target(block.frame, block.lines)
        if self._learner is not None:
            self._learn(frame, lines)
            return
        if frame.height or not self._early:
            self._early.append((frame, lines))
        if sum(early.height for early, _ in self._early) >= self.warm_up:
            self._begin()

    def _skip(self, skipped: Skipped) -> None:
        self.skipped += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(skipped)

    # Columns

    def _begin(self, *, ended: bool = False) -> None:
        """Learn the columns once there are enough rows, or no more come; then learn these rows."""
        import polars as pl

        if self._learner is not None:
            return
        require(len(self._early) > 0, "the stream is empty; it needs a line of column names (or --header) and rows")
        frame, lines = pl.concat([early for early, _ in self._early]), np.concatenate([at for _, at in self._early])
        while ended or frame.height >= self.warm_up:
            if frame.height < FEWEST_ROWS:
                raise DataError(
                    f"the stream gave {counted(frame.height, 'row')} to learn from; to learn its columns, at least "
                    f"{FEWEST_ROWS} are needed"
                )
            first = frame[: self.warm_up].drop(self.ignore)
            try:
                encoder = TableEncoder.learn(first.select(map(values.typed, first)), self.target, self.task)
            except CellError as error:
                place = error.row - 1
                self._skip(Skipped(int(lines[place]), f"column {error.column!r}: {error.problem}"))
                kept = np.arange(frame.height) != place
                frame, lines = frame.filter(kept), lines[kept]
            else:
                self._start(encoder)
                self._learn(frame, lines)
                break
        self._early = [] if self._learner else [(frame, lines)]

    def _start(self, encoder: TableEncoder) -> None:
        """A learner for rows encoded like this."""
        recipe = Recipe(hidden=self.hidden, frequencies=0, label_smoothing=0.0, lr=self.lr)
        features, outputs = len(encoder.feature_names), encoder.target.outputs
        network = recipe.network(encoder.target.task, features, encoder.numbers, encoder.codes, outputs, self.seed)
        self._encoder = encoder
        self._learner = Online(network, Adam(self.lr), engine=self.engine, window=self.window)

    def _with_target(self, frame: pl.DataFrame, lines: Lines) -> tuple[pl.DataFrame, Lines]:
        """The rows that have a target."""
        for name in (self.target, *self.ignore):
            if name not in frame.columns:
                raise unknown_name("column of the stream", name, frame.columns)
        present = frame[self.target].is_not_null().to_numpy()
        for line in lines[~present]:
            self._skip(Skipped(int(line), f"the target {self.target!r} is missing"))
        return (frame, lines) if present.all() else (frame.filter(present), lines[present])

    # Rows

    def _learn(self, frame: pl.DataFrame, lines: Lines) -> None:
        assert self._learner is not None
        for X, y in self._encoded(frame, lines):
            self._learner.learn_many(X, y)

    def _encoded(self, frame: pl.DataFrame, lines: Lines) -> list[tuple[Array, Array]]:
        """Features and targets of the rows, in parts; rows that hold what has no encoding are left out."""
        assert self._encoder is not None
        if not frame.height:
            return []
        try:
            return [(self._encoder.encode(frame), self._encoder.encode_target(frame))]
        except CellError as error:
            if frame.height == 1:
                self._skip(Skipped(int(lines[0]), f"column {error.column!r}: {error.problem}"))
                return []
        half = frame.height // 2
        return self._encoded(frame[:half], lines[:half]) + self._encoded(frame[half:], lines[half:])

    # An earlier model, and the one that results

    def _go_on(self, folder: Path, lr: float | None) -> None:
        model, arrays = TableModel.load(folder), read_model(folder)[1]
        target = model.encoder.target
        if self.target != target.name:
            raise unknown_name(f"target of {folder}", self.target, [target.name])
        before = model.settings.get("online", {})
        self._encoder, self.task = model.encoder, target.task
        self.lr = before.get("lr", LR) if lr is None else lr
        slots = {name.removeprefix(SLOT): array for name, array in arrays.items() if name.startswith(SLOT)}
        self._learner = Online(
            model.network,
            Adam(self.lr),
            engine=self.engine,
            window=self.window,
            slots=slots or None,
            rows=before.get("rows", 0),
        )

    def model(self) -> TableModel:
        """The model as it is now; its results are those of the last rows, each predicted before it was learnt.

        Raises:
            DataError: before any row was learnt.
        """
        learner, encoder = self._learner, self._encoder
        if learner is None or encoder is None or not learner.record.rows:
            raise DataError("no row was learnt: there is no model yet")
        record = learner.record
        history = History(
            loss=list(record.curve_to_now()["loss_window"]),
            steps=learner.rows,
            stopped=record.stopped or "written while the stream went on",
            interrupted=record.interrupted,
        )
        settings = {
            "target": self.target,
            "task": self.task,
            "seed": self.seed,
            "engine": self.engine,
            "ignore": list(self.ignore),
            "columns": [],
            "online": {
                "rows": learner.rows,
                "lr": self.lr,
                "warm_up": encoder.rows,
                "window": record.window,
                "skipped": self.skipped,
                "running": record.running(),
                "windowed": record.windowed(),
            },
            "versions": versions(),
        }
        return TableModel(learner.network, encoder, (history,), _results(encoder, *record.last()), settings)

    @property
    def slots(self) -> dict[str, Array]:
        """The optimiser's arrays, under their names in a model's file."""
        assert self._learner is not None
        return {SLOT + name: array for name, array in self._learner.slots.items()}


def _results(encoder: TableEncoder, predictions: Array, targets: Array) -> Results:
    """Predictions judged that were made before their rows were learnt, beside the best constant guess for them."""
    if encoder.target.task == "regression":
        actual = encoder.decode_numbers(targets[:, 0])
        return NumberResults.judge(actual, encoder.decode_numbers(predictions[:, 0]), float(actual.mean()))
    shares = predictions.astype(np.float64)
    if shares.shape[1] == 1:
        shares, codes = np.hstack([1 - shares, shares]), targets[:, 0].astype(np.int64)
    else:
        codes = targets.argmax(axis=1)
    return ClassResults.judge(spelled_classes(encoder.target), codes, shares, codes)
