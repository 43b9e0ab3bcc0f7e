"""What every kind of result has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from chainrule.data.records import Fields
from chainrule.judging.intervals import Interval

NO_BETTER: Final = " The model is no better than this guess: it needs more rows, or columns that tell more."
MAY_BE_CHANCE: Final = " With so few rows, the difference may be chance."

Intervals = Mapping[str, Interval]
"""Of each measure by its name; ``gain`` is how much better than the trivial guess the model is."""


class Measure(NamedTuple):
    """One measure of the result, as people read it: the model's with its interval, and that of the trivial guess."""

    name: str
    model: str
    interval: str
    guess: str


def read_intervals(fields: Fields, names: tuple[str, ...]) -> dict[str, Interval]:
    """The field ``intervals`` of a record, which must hold these names."""
    found = fields.record("intervals")
    intervals = {}
    for name in names:
        ends = found.numbers(name)
        if len(ends) != 2:
            found.wrong(name, "two numbers")
        intervals[name] = Interval(*ends)
    return intervals


def remark(better: bool, gain: Interval) -> str:
    """What to add to a result beside that of the trivial guess."""
    if not better:
        return NO_BETTER
    return MAY_BE_CHANCE if gain.low <= 0 else ""
