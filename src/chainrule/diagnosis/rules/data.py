"""Rules over the data: columns, and classes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from chainrule.diagnosis.columns import FEWEST_AMOUNTS, FEWEST_ROWS, ColumnFacts
from chainrule.diagnosis.record import Record
from chainrule.show.numbers import counted, listed, number_text
from chainrule.training import Finding, Rule

LARGE_INPUT: Final = 10.0
"""A scaled column has a root mean square of about 1; one that is larger than this was not scaled."""
SMALL_INPUT: Final = 0.01
"""Nor was one without any larger value, unless it is 0 throughout."""
FEWEST_OF_A_CLASS: Final = 5
"""A class with fewer rows may well be predicted for none of them."""
LEAK: Final = 0.99
"""A column that alone explains this share of the target may be another name for it,"""
NEXT_BEST: Final = 0.9
"""where the best of the other columns explains less than this."""
LISTED: Final = 3
"""How many columns or classes a sentence names."""


def unscaled_inputs(record: Record) -> Finding | None:
    """Columns that the first weights read are much larger or smaller than 1."""
    large = [c for c in record.inputs if c.rms > LARGE_INPUT]
    small = [c for c in record.inputs if 0 < c.largest < SMALL_INPUT]
    found = sorted(large, key=lambda c: -c.rms) + sorted(small, key=lambda c: c.rms)
    if not found:
        return None
    described = [
        f"{c.name} (root mean square {number_text(c.rms, 3)}, standard deviation {number_text(c.deviation, 3)})"
        for c in found
    ]
    return Finding(
        "inputs unscaled",
        "warning",
        f"{counted(len(found), 'input')} {_is(found)} not scaled: {_some(described)}.",
        "Subtract each column's mean and divide by its standard deviation, both of the training rows.",
        {c.name: {"rms": c.rms, "deviation": c.deviation} for c in found},
    )


def ignored_classes(record: Record) -> Finding | None:
    """A class is never predicted."""
    found = [c for c in record.classes if c.rows >= FEWEST_OF_A_CLASS and c.predicted == 0]
    if not found:
        return None
    total = sum(c.rows for c in record.classes)
    return Finding(
        "class ignored",
        "warning",
        f"{len(found)} of {len(record.classes)} classes {_is(found)} never predicted: "
        f"{_some([f'{c.name} ({c.rows} of {total} rows)' for c in found])}.",
        "Give its rows larger weights, add rows of it, or train for longer.",
        {c.name: c.rows for c in found},
    )


def leaks(record: Record) -> Finding | None:
    """Single columns tell the target, and no other comes near."""
    found = [c for c in record.columns if c.score >= LEAK]
    others = [c.score for c in record.columns if c.score < LEAK]
    if not found or not others or max(others) > NEXT_BEST:
        return None
    return Finding(
        "leak",
        "warning",
        f"One column alone gives the target away: {_some([f'{c.name} explains {c.score:.1%} of it' for c in found])}, "
        f"the best of the others {max(others):.0%}.",
        "Is it known before the target is? If not, leave it out.",
        {**{c.name: c.score for c in found}, "next best": max(others)},
    )


def identifiers(record: Record) -> Finding | None:
    """Columns that number the rows."""
    found = [c for c in record.columns if c.identifier]
    if not found:
        return None
    return Finding(
        "identifier",
        "warning",
        f"{counted(len(found), 'column')} {'looks' if len(found) == 1 else 'look'} like a number of the rows: "
        f"{_some([f'{c.name} holds {c.identifier}' for c in found])}.",
        f"A number that names a row says nothing of other rows: leave it out (chainrule train: {_ignoring(found)}).",
        {c.name: c.identifier for c in found},
    )


def amounts(record: Record) -> Finding | None:
    """Columns of text that hold numbers."""
    found = [c for c in record.columns if c.amount]
    if not found:
        return None
    return Finding(
        "numbers as text",
        "warning",
        f"{counted(len(found), 'column')} {'holds' if len(found) == 1 else 'hold'} numbers with something beside them, "
        f"so each value is taken for a category: {_some([f'{c.name} has {c.amount!r}' for c in found])}.",
        "Write them with digits and a decimal point alone.",
        {c.name: c.amount for c in found},
    )


def _ignoring(found: Sequence[ColumnFacts]) -> str:
    return " ".join(f"--ignore {shlex.quote(c.name)}" for c in found)


def _is(found: Sequence[object]) -> str:
    return "is" if len(found) == 1 else "are"


def _some(described: Sequence[str]) -> str:
    return listed(described, LISTED)


RULES: Final[tuple[Rule[Record], ...]] = (
    Rule(
        "inputs unscaled",
        f"a column that the first weights are multiplied with has a root mean square above {LARGE_INPUT:g}, or no "
        f"value as large as {SMALL_INPUT:g}",
        "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.3: mean 0 and equal spread; the limits are "
        "a choice",
        unscaled_inputs,
    ),
    Rule(
        "class ignored",
        f"a class with at least {FEWEST_OF_A_CLASS} rows is predicted for none",
        "a recall of 0",
        ignored_classes,
    ),
    Rule(
        "leak",
        f"one column explains at least {LEAK:.0%} of the variance of the target's ranks, on rows that it was not "
        f"fitted to, and the best of the others at most {NEXT_BEST:.0%}",
        "Kaufman, Rosset, Perlich, Stitelman 2012, Leakage in Data Mining; the shares are a choice",
        leaks,
    ),
    Rule(
        "identifier",
        f"a column of {FEWEST_ROWS} rows or more holds whole numbers, all different, in the order of the rows or "
        "filling at least half of their range",
        "n different numbers are in order by chance once in n! tables",
        identifiers,
    ),
    Rule(
        "numbers as text",
        f"a column of text has {FEWEST_AMOUNTS} different values or more, all of them a number with a sign before it "
        "or up to four characters behind it, the same ones in nearly all rows",
        "a choice: categories seldom look so",
        amounts,
    ),
)
