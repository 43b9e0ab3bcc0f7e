"""Rows on disk as windows: several chunks, drawn at random, in memory together."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import WHOLE, Share
from chainrule.errors import CellError, DataError, require
from chainrule.streaming.chunks import Files
from chainrule.streaming.survey import Survey
from chainrule.training.windows import Data, Prepare, Window, to_pick_from

ORDER_BYTES: Final = 16
"""Of a row, for its number, while an order is drawn."""


@dataclass(frozen=True)
class StreamedRows:
    """The rows of a table to learn from, for :meth:`chainrule.Network.fit` in the place of ``X``.

    Attributes:
        files: of the table.
        survey: what was found in them.
        memory: bytes that two windows take together, at most.
    """

    files: Files
    survey: Survey
    memory: int

    def windows(self, prepare: Prepare, batch_size: int, share: Share = WHOLE) -> ChunkWindows:
        """The windows of its epochs; see :class:`chainrule.training.windows.Source`."""
        return ChunkWindows(self, prepare, batch_size, share)

    @cached_property
    def rows(self) -> int:
        """Rows of an epoch."""
        return int(self.survey.rows_to_learn.sum())


@dataclass(frozen=True)
class Span:
    """Consecutive rows of those to learn from in one chunk."""

    chunk: int
    start: int
    stop: int


class ChunkWindows:
    """Windows of rows that are read while the ones before them are learnt from.

    An epoch takes the chunks in a random order, and each window the next so many rows of it, in a random order of their
    own. So which rows a window has follows from the random stream alone, and one that is skipped is not read. There are
    two windows in memory: the one in use, and the one that is being read. Where all rows fit into one, they are read
    once.

    Args:
        source: the rows.
        prepare: makes arrays of features and targets as the network takes them.
        batch_size: rows of a step.
        share: which rows of each window to read. The windows are the same for all processes, however many there are.
    """

    def __init__(self, source: StreamedRows, prepare: Prepare, batch_size: int, share: Share = WHOLE) -> None:
        self._source, self._prepare, self._share = source, prepare, share
        self.rows = source.rows
        example = self._encoded(source.survey.sample.frame.head(1))
        row_bytes = sum(array.nbytes for array in example.values()) + ORDER_BYTES
        fitting = source.memory // 2 // row_bytes
        require(
            fitting >= min(batch_size, self.rows),
            f"two batches of {batch_size:,} rows do not fit into the {source.memory:,} bytes that there are for rows "
            "to train on: give the stream more memory, or take smaller batches",
        )
        self.count = 1 if self.rows <= fitting else -(-self.rows // (fitting // batch_size * batch_size))
        """Windows of an epoch."""
        batches = -(-self.rows // batch_size)
        self.capacity = min(-(-batches // self.count) * batch_size, self.rows)
        """Rows of each, but for the last, which may have fewer."""
        self._example = example
        self._own = share.own(max(self.capacity, batch_size + 1))  # more than a batch: the step picks its rows out
        self._spans: list[Span] = []
        self._last: tuple[int, Data] | None = None
        self._whole = False

    @cached_property
    def _buffers(self) -> list[Data]:
        size = self._own.stop - self._own.start
        return [
            {name: np.zeros((size, *array.shape[1:]), array.dtype) for name, array in self._example.items()}
            for _ in range(min(self.count, 2))
        ]

    @property
    def data(self) -> Data:
        """Arrays like those that windows load, of at least as many rows; of a share, of just as many."""
        return self._buffers[0]

    @property
    def mixed(self) -> int:
        """Chunks that each window mixes, at least, but for the last."""
        counts = self._source.survey.rows_to_learn
        return int((counts > 0).sum()) if self.count == 1 else max(self.capacity // int(counts.max()), 1)

    def to_json(self) -> dict[str, Any]:
        """How many rows, and how many of them are in memory together."""
        table = self._source.survey.fingerprint
        return {"rows": self.rows, "shuffle": True, "window_rows": self.capacity, "table": table}

    def epoch(self, rng: np.random.Generator) -> Generator[Window]:
        """The windows of an epoch; see :class:`chainrule.training.windows.Windows`."""
        seed = int(rng.integers(2**63))
        if self.count == 1:
            order = np.random.default_rng(seed).permutation(self.rows)
            yield Window(order, None if self._whole else self._load_whole)
            return
        windows = self.drawn(seed)
        with ThreadPoolExecutor(1, "chainrule-reader") as reader:
            coming: dict[int, Future[Data]] = {}

            def submit(number: int) -> None:
                if number not in coming and number < len(windows):
                    coming[number] = reader.submit(self._read, windows[number], self._buffers[number % 2])

            def load(number: int) -> Data:
                submit(number)
                found = coming.pop(number).result()
                self._spans = windows[number]
                submit(number + 1)
                return found

            for number, spans in enumerate(windows):
                rows = sum(span.stop - span.start for span in spans)
                yield Window(np.random.default_rng((seed, number)).permutation(rows), partial(load, number))

    def drawn(self, seed: int) -> list[list[Span]]:
        """Which rows of which chunks make each window of the epoch that has this seed."""
        counts = self._source.survey.rows_to_learn
        chunks = np.flatnonzero(counts)
        if self.count > 1:
            chunks = np.random.default_rng(seed).permutation(chunks)
        ends = np.cumsum(counts[chunks])
        windows = []
        for first in range(0, self.rows, self.capacity):
            last = min(first + self.capacity, self.rows)
            touched = range(int(np.searchsorted(ends, first, "right")), int(np.searchsorted(ends, last)) + 1)
            spans = [
                Span(int(chunks[n]), max(first - begin, 0), min(last - begin, int(counts[chunks[n]])))
                for n in touched
                for begin in [int(ends[n] - counts[chunks[n]])]
            ]
            windows.append(spans)
        return windows

    def numbers(self) -> NDArray[np.int64]:
        """The numbers in the table of the rows of the window that was loaded last."""
        survey, spans = self._source.survey, self._spans
        rows = [survey.to_learn(s.chunk)[s.start : s.stop] + survey.chunks[s.chunk].first for s in spans]
        return np.concatenate(rows)

    def _load_whole(self) -> Data:
        (self._spans,) = self.drawn(0)
        found = self._read(self._spans, self._buffers[0])
        self._whole, self._last = True, None
        return found

    def _read(self, spans: list[Span], buffer: Data) -> Data:
        """Fill a buffer with the share of a window's rows, chunk after chunk."""
        own, end = self._own, 0
        for span in spans:
            begin, end = end, end + span.stop - span.start
            first, last = max(begin, own.start), min(end, own.stop)
            if first < last:
                within = slice(first - begin + span.start, last - begin + span.start)
                for name, array in self._chunk(span.chunk).items():
                    buffer[name][first - own.start : last - own.start] = array[within]
        filled = end if self._share.parts == 1 else None
        return to_pick_from({name: array[:filled] for name, array in buffer.items()})

    def _chunk(self, number: int) -> Data:
        """The rows of a chunk to learn from; where it was the last one of the window before, it is still there."""
        if self._last is None or self._last[0] != number:
            survey = self._source.survey
            chunk, encoder = survey.chunks[number], survey.encoder
            self._last = None
            frame = self._source.files.read(chunk, (*encoder.inputs, encoder.target.name), encoder.number_columns)
            rows = survey.to_learn(number)
            try:
                self._last = number, self._encoded(frame if len(rows) == chunk.rows else frame[rows])
            except CellError as error:
                place = int(rows[error.row - 1]) + chunk.place + 1
                raise DataError(f"{chunk.path}: {error.at(place)}") from error
        return self._last[1]

    def _encoded(self, frame: Any) -> Data:
        encoder = self._source.survey.encoder
        return self._prepare(encoder.encode(frame), encoder.encode_target(frame))
