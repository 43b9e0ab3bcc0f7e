"""The record of a gradient check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._version import __version__
from chainrule.certificates.choices import STEP
from chainrule.certificates.judge import Comparison
from chainrule.certificates.slopes import COMPLEX_STEP, DIFFERENCES
from chainrule.certificates.statement import Statement
from chainrule.document.shown import Shown
from chainrule.files import write_atomically

if TYPE_CHECKING:
    from chainrule.document import Document

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One derivative that was checked.

    Attributes:
        name: of the element: ``W1[0,1]``.
        claimed: the derivative to be checked.
        measured: the slope that was measured without the chain rule.
        error: their relative error; what it is relative to, see :class:`chainrule.certificates.judge.Comparison`.
        allowed: the relative error that rounding can explain.
        left: the slope towards smaller values.
        right: the slope towards larger values; another one at a kink.
        step: of the measurement.
        method: of the measurement.
        holds: the verdict.
    """

    name: str
    claimed: float
    measured: float
    error: float
    allowed: float
    left: float
    right: float
    step: float
    method: str
    holds: bool


@dataclass(frozen=True)
class Finding:
    """Where a derivation went wrong first.

    Attributes:
        where: the first wrong line of the backward pass, or the name of the derivative.
        cause: what would explain the difference, in words; empty where nothing known does.
    """

    where: str
    cause: str


@dataclass(frozen=True, eq=False)
class Certificate(Shown):
    """What a gradient check found: true if every derivative holds.

    ``print`` it to read it. A derivative holds if it is no further from the measured slope than rounding explains: 64
    units in the last place of the numbers that were added up to make it.

    Attributes:
        subject: what was checked.
        value: what was derived, at the point of the check.
        comparisons: for each input the claimed and the measured derivatives.
        finding: where it went wrong first, if it did.
        statement: the program and the point, with which the check can be repeated; none for Python functions.
    """

    subject: str
    value: float
    comparisons: tuple[Comparison, ...]
    finding: Finding | None = None
    statement: Statement | None = None

    def __bool__(self) -> bool:
        return all(bool(c.holds.all()) for c in self.comparisons)

    @property
    def failures(self) -> tuple[Entry, ...]:
        """Every derivative that does not hold."""
        return tuple(entry_of(c, int(i)) for c in self.comparisons for i in np.flatnonzero(~c.holds))

    @cached_property
    def max_error(self) -> float:
        """The largest relative error."""
        return float(np.max([np.max(c.error, initial=0.0) for c in self.comparisons], initial=0.0))

    @property
    def checked(self) -> int:
        """The number of derivatives that were checked."""
        return sum(c.elements.size for c in self.comparisons)

    @property
    def total(self) -> int:
        """The number of derivatives that there are."""
        return sum(int(np.prod(c.shape)) for c in self.comparisons)

    def __iter__(self) -> Iterator[Entry]:
        """Every derivative that was checked."""
        return (entry_of(c, i) for c in self.comparisons for i in range(c.elements.size))

    @property
    def document(self) -> Document:
        """The page."""
        from chainrule.certificates.page import page_of

        return page_of(self)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data, sealed with its SHA-256; ``chainrule verify`` repeats the check from it."""
        content = _plain(
            {
                "kind": "gradient certificate",
                "format": FORMAT,
                "chainrule": __version__,
                "subject": self.subject,
                "holds": bool(self),
                "value": self.value,
                "max_error": self.max_error,
                "checked": self.checked,
                "total": self.total,
                "finding": None if self.finding is None else vars(self.finding),
                "comparisons": [_comparison_to_json(c) for c in self.comparisons],
                "statement": None if self.statement is None or self.statement.own else self.statement.to_json(),
            }
        )
        return {**content, "sha256": seal(content)}

    def save(self, path: str | Path) -> Path:
        """Write the certificate: ``.json`` for ``chainrule verify``, or its page as ``.html``, ``.tex`` or ``.txt``."""
        place = Path(path)
        if place.suffix != ".json":
            return super().save(place)
        write_atomically(place, (json.dumps(self.to_json(), allow_nan=False) + "\n").encode())
        return place


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of everything but the seal itself."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def entry_of(comparison: Comparison, number: int) -> Entry:
    """One element of a comparison."""
    c, slopes = comparison, comparison.slopes
    place = np.unravel_index(int(c.elements[number]), c.shape) if c.shape else ()
    index = f"[{','.join(str(int(i)) for i in place)}]" if c.shape else ""
    return Entry(
        name=f"{c.name}{index}",
        claimed=float(c.claimed[number]),
        measured=float(c.measured[number]),
        error=float(c.error[number]),
        allowed=float(c.allowed[number]),
        left=float(slopes.left[number]),
        right=float(slopes.right[number]),
        step=float(slopes.step[number]),
        method=DIFFERENCES if slopes.differences[number] else COMPLEX_STEP,
        holds=bool(c.holds[number]),
    )


def worst_of(comparison: Comparison) -> Entry:
    """The element whose error is the largest share of what is allowed."""
    shares = np.where(comparison.holds, comparison.error / comparison.allowed, np.inf)
    return entry_of(comparison, int(np.argmax(shares)))


def _comparison_to_json(c: Comparison) -> dict[str, Any]:
    arrays = {"claimed": c.claimed, "measured": c.measured, "error": c.error, "allowed": c.allowed}
    if c.at_kink.any():
        arrays |= {"left": c.slopes.left, "right": c.slopes.right, "kinks": c.slopes.crossed}
    return {
        "name": c.name,
        "shape": list(c.shape),
        "elements": c.elements.tolist(),
        **{name: array.tolist() for name, array in arrays.items()},
        "step": c.slopes.step.tolist() if c.slopes.differences.any() else STEP,
        "method": DIFFERENCES if c.slopes.differences.any() else COMPLEX_STEP,
        "holds": c.holds.tolist(),
    }


def _plain(value: Any) -> Any:
    """Plain data without infinite and undefined numbers, which JSON has no words for."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
