"""The record of a learner that is tested on each row before it learns from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.files import write_atomically
from chainrule.online.averages import Averages
from chainrule.online.quantities import Floats, Quantity
from chainrule.show.numbers import counted

Mark: TypeAlias = tuple[int, Floats | float]
"""A moment: how many rows there were, and the sums over them; ``(0, 0.0)`` is the beginning."""

POINTS: Final = 1000
"""Points of a curve at most: of more, every second is dropped, and those after are twice as far apart."""


class Prequential:
    """Averages of the loss and of metrics over rows that were each predicted before they were learnt.

    Of a quantity e_i of the rows 1, ..., n there are three averages, as in Gama, Sebastião and Rodrigues (2013), "On
    evaluating stream learning algorithms":

    - ``running``: (1/n) sum_i e_i, all rows alike;
    - ``windowed``: (1/w) sum of the last w of them;
    - ``fading``: sum_i a^(n-i) e_i / sum_i a^(n-i) with a = 1 - 1/w, where what is past counts less and less.

    The running average still shows the first, bad rows when they are long past; the others show what is the case now,
    and so a change of what is to be learnt.

    Args:
        quantities: what is measured.
        window: w, in rows.

    Attributes:
        rows: how many rows there were.
        window: w.
        curve: the averages in the course of time, as columns: ``rows``, ``loss``, ``loss_window``, ``loss_fading``, ...
        stopped: why learning ended, in words; empty while it goes on.
        interrupted: whether Ctrl-C ended it.
    """

    def __init__(self, quantities: Sequence[Quantity], window: int) -> None:
        self.rows, self.window = 0, window
        self.stopped, self.interrupted = "", False
        self._quantities = tuple(quantities)
        names = [name for q in quantities for name in (q.name, f"{q.name}_window", f"{q.name}_fading")]
        self.curve: dict[str, list[float]] = {name: [] for name in ("rows", *names)}
        self._every = max(1, window // 4)
        self._pending: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        self._waiting = 0
        self._widths: list[int] = []
        self._sums = Averages(window)
        self._last: deque[tuple[NDArray[Any], NDArray[Any]]] = deque()
        self._held = 0

    def add(self, losses: NDArray[Any], predictions: NDArray[Any], targets: NDArray[Any]) -> None:
        """Take in rows: their losses, shape (rows,), predictions and targets, both of shape (rows, outputs)."""
        self._pending.append((losses, predictions, targets))
        self._waiting += len(losses)
        self.rows += len(losses)
        self._last.append((predictions, targets))
        self._held += len(losses)
        while self._held - len(self._last[0][0]) >= self.window:
            self._held -= len(self._last.popleft()[0])
        if self._waiting >= self._every:
            self._fold()

    def running(self) -> dict[str, float]:
        """The averages over all rows, by name."""
        return self._values(self._now().running())

    def windowed(self) -> dict[str, float]:
        """The averages over the last rows, by name."""
        return self._values(self._now().windowed())

    def fading(self) -> dict[str, float]:
        """The averages in which what is past counts less and less, by name."""
        return self._values(self._now().fading())

    def curve_to_now(self) -> dict[str, list[float]]:
        """The curve, with a point for all rows so far where they are more than at its last one."""
        if not self.rows or self.curve["rows"][-1:] == [self.rows]:
            return self.curve
        now = self._at(self._now())
        return {name: [*values, now[name]] for name, values in self.curve.items()}

    def last(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Predictions and targets of the last rows, as many as the window takes, shape (rows, outputs)."""
        predictions, targets = (np.concatenate(column)[-self.window :] for column in zip(*self._last, strict=True))
        return predictions, targets

    def mark(self) -> Mark:
        """This moment, for :meth:`since`."""
        now = self._now()
        return now.rows, now.totals

    def since(self, mark: Mark) -> dict[str, float]:
        """The averages over the rows since a :meth:`mark`, by name; nothing where there are none."""
        now, (rows, totals) = self._now(), mark
        return self._values((now.totals - totals) / (now.rows - rows)) if now.rows > rows else {}

    def __str__(self) -> str:
        if not self.rows:
            return "no rows yet"
        parts = [f"{name} {value:.4g}" for name, value in self.running().items()]
        last = [f"{name} {value:.4g}" for name, value in self.windowed().items()]
        text = f"{counted(self.rows, 'row')}, each predicted before it was learnt: {', '.join(parts)}"
        return text if self.rows <= self.window else f"{text}; of the last {self.window}: {', '.join(last)}"

    def to_csv(self, path: str | Path) -> None:
        """Write the curve up to now, one line a point."""
        curve = self.curve_to_now()
        lines = [",".join(curve), *(",".join(map(repr, point)) for point in zip(*curve.values(), strict=True))]
        write_atomically(Path(path), ("\n".join(lines) + "\n").encode())

    # Points of the curve are after fixed numbers of rows, so that they do not depend on how the rows came.

    def _parts(self) -> Floats:
        """The numbers of the pending rows, shape (rows, parts)."""
        losses, predictions, targets = (
            np.concatenate([np.asarray(a, np.float64) for a in column]) for column in zip(*self._pending, strict=True)
        )
        parts = [quantity.parts(losses, predictions, targets) for quantity in self._quantities]
        self._widths = [part.shape[1] for part in parts]
        return np.hstack(parts)

    def _fold(self) -> None:
        """Add what is pending to the sums, as far as it reaches points of the curve."""
        parts, start = self._parts(), 0
        while len(parts) - start >= self._every:
            self._sums = self._sums.with_rows(parts[start : start + self._every])
            start += self._every
            self._point()
        self._waiting = len(parts) - start
        rest = (np.concatenate(column)[len(parts) - self._waiting :] for column in zip(*self._pending, strict=True))
        self._pending = [(next(rest), next(rest), next(rest))] if self._waiting else []

    def _at(self, sums: Averages) -> dict[str, float]:
        """A point of the curve."""
        averages = (self._values(means) for means in (sums.running(), sums.windowed(), sums.fading()))
        row: dict[str, float] = {"rows": sums.rows}
        for suffix, values in zip(("", "_window", "_fading"), averages, strict=True):
            row |= {name + suffix: value for name, value in values.items()}
        return row

    def _point(self) -> None:
        for name, value in self._at(self._sums).items():
            self.curve[name].append(value)
        if len(self.curve["rows"]) > POINTS and self._sums.rows % (2 * self._every) == 0:
            self.curve = {name: values[1::2] for name, values in self.curve.items()}
            self._every *= 2

    def _now(self) -> Averages:
        return self._sums.with_rows(self._parts()) if self._waiting else self._sums

    def _values(self, means: Floats) -> dict[str, float]:
        if not len(means):
            return {}
        parts = np.split(means, np.cumsum(self._widths)[:-1])
        return {q.name: q.value(part) for q, part in zip(self._quantities, parts, strict=True)}
