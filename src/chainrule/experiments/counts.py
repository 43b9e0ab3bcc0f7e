"""Batches and updates, counted and explained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from chainrule.document import Block, Document, Equations, Formula, Heading, Line, Listing, Paragraph, Shown
from chainrule.errors import whole_number
from chainrule.training import batch_rows


@dataclass(frozen=True)
class Counting(Shown):
    """How many batches and updates a training makes; print it, or look at it in a notebook.

    Attributes:
        rows: N, the rows of the data.
        batch_size: B, the rows of a full batch.
        epochs: E, the passes over the rows.
    """

    rows: int
    batch_size: int
    epochs: int

    @property
    def batches(self) -> int:
        """Batches in an epoch, ceil(N / B)."""
        return -(-self.rows // self.batch_size)

    @property
    def last_batch(self) -> int:
        """Rows of the last batch, N - (batches - 1) B."""
        return self.rows - (self.batches - 1) * self.batch_size

    @property
    def updates(self) -> int:
        """Updates in all, E batches: the parameters move once for each batch."""
        return self.epochs * self.batches

    @property
    def gradients(self) -> int:
        """Gradients of rows in all, E N, whatever the batch size."""
        return self.epochs * self.rows

    def to_json(self) -> dict[str, Any]:
        """The numbers."""
        names = ("rows", "batch_size", "epochs", "batches", "last_batch", "updates", "gradients")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def document(self) -> Document:
        """The page."""
        n, b, e = (f"{number:,}" for number in (self.rows, self.batch_size, self.epochs))
        short = self.last_batch < self.batch_size
        m, u, g = (f"{number:,}" for number in (self.batches, self.updates, self.gradients))
        blocks: list[Block] = [
            Paragraph(f"{n} rows, {b} of them in a step, {e} times through all of them."),
            Equations(
                _line("M", r"\lceil N / B \rceil", "ceil(N / B)", "batches in an epoch"),
                _line(None, rf"\lceil {_tex(n)} / {_tex(b)} \rceil = {_tex(m)}", f"ceil({n} / {b}) = {m}"),
                _line("U", r"E \cdot M", "E * M", "updates: the parameters move once for each batch"),
                _line(None, rf"{_tex(e)} \cdot {_tex(m)} = {_tex(u)}", f"{e} * {m} = {u}"),
                _line("G", r"E \cdot N", "E * N", "gradients of rows, the work, whatever the batch size"),
                _line(None, rf"{_tex(e)} \cdot {_tex(n)} = {_tex(g)}", f"{e} * {n} = {g}"),
            ),
            Paragraph(
                f"The last batch of an epoch holds {self.last_batch:,} rows, since {b} does not divide {n}: its loss "
                "is the mean of its own rows, and the loss of the epoch weights each batch by its rows."
                if short
                else f"Every batch is full, since {b} divides {n}."
            ),
            Heading("Two numbers that are easily confused"),
            Listing(
                (
                    (f"B, the size of a batch: {b} rows. It is what batch_size sets.",),
                    (f"M, the number of batches: {m}. Texts that call it m may mean either; B times M is at least N.",),
                    ("Batch descent is B = N, so that M = 1; online descent is B = 1, so that M = N.",),
                )
            ),
        ]
        return Document("Batches and updates", blocks)


def _line(left: str | None, latex: str, text: str, note: str = "") -> Line:
    return Line(Formula(left, left) if left else None, Formula(latex, text), note)


def _tex(number: str) -> str:
    return number.replace(",", "{,}")


def counting(rows: int = 100_000, batch_size: int | Literal["all"] = 50, epochs: int = 3) -> Counting:
    """Count batches and updates.

    Args:
        rows: of the data.
        batch_size: rows in a step; ``"all"`` is full-batch descent, 1 is online.
        epochs: passes over the rows.

    >>> found = counting(rows=100_000, batch_size=50, epochs=3)
    >>> found.batches, found.updates
    (2000, 6000)
    >>> counting(rows=100, batch_size=32, epochs=1).last_batch
    4
    """
    rows = whole_number("rows", rows, 1)
    return Counting(rows, batch_rows(batch_size, rows), whole_number("epochs", epochs, 1))
