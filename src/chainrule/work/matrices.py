"""Slips in formulas over arrays, as changes to how the formula was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from chainrule.explain.terms import Term
from chainrule.expression import lift

_MATRIX: Final = ("·", "@")


@dataclass(frozen=True, eq=False)
class Repair:
    """A formula that was changed until it is right: what kind of slip it had, what to do, the formula."""

    kind: str
    words: str
    term: Term


def repairs(term: Term, rows: int, columns: bool, show: Callable[[str], str]) -> Iterator[Repair]:
    """What may be wrong with a formula over arrays, and the formula without it.

    Args:
        term: the formula as it was written.
        rows: of the batch.
        columns: whether samples are columns.
        show: how a symbol of the formula is written.
    """
    yield from _each(term, lambda part: _part(part, show))
    yield Repair("transpose", "the whole has to be transposed", _call("transpose", term))
    where = "columns" if columns else "rows"
    words = f"the sum over the rows of the batch is missing: sum_{where}(...)"
    yield Repair("sum over rows", words, _call(f"sum_{where}", term))
    yield Repair("sign", "the sign is wrong", _call("negative", term))
    twice, half = _scaled(term, 2.0), _scaled(term, 0.5)
    yield Repair("factor 2", "a factor 2 is missing", twice)
    yield Repair("factor 2", "a factor 2 is too many, or a 1/2 is missing", half)
    if rows > 1:
        yield Repair("mean", f"the mean over the {rows} rows is missing: 1/{rows}", _scaled(term, 1 / rows))
        yield Repair("mean", f"a factor 1/{rows} is too many", _scaled(term, float(rows)))


def _part(part: Term, show: Callable[[str], str]) -> Iterator[Repair]:
    if part.leaf is not None and part.leaf.rank == 2:
        name = show(part.leaf.name or "")
        yield Repair("transpose", f"{name} has to be transposed: {name}^T", _call("transpose", part))
    if part.function == "transpose":
        yield Repair("transpose", "one transposition is too many", part.parts[0])
    if len(part.parts) == 2 and part.operators and part.operators[0] in _MATRIX:
        words = "the product is in the wrong order"
        yield Repair("product order", words, replace(part, parts=part.parts[::-1]))
    for place, sign in enumerate(part.operators):
        if sign in (*_MATRIX, "*"):
            other = "*" if sign in _MATRIX else "@"
            words = "the product is element by element: *" if other == "*" else "this is a matrix product: @, not *"
            yield Repair("kind of product", words, _with(part, place, other))


def _each(term: Term, change: Callable[[Term], Iterable[Repair]]) -> Iterator[Repair]:
    """The formula with one part changed, in every way; a product with both of its factors changed alike, too."""
    yield from change(term)
    for i, part in enumerate(term.parts):
        for inner in _each(part, change):
            parts = (*term.parts[:i], inner.term, *term.parts[i + 1 :])
            yield Repair(inner.kind, inner.words, replace(term, parts=parts))


def _with(term: Term, place: int, sign: str) -> Term:
    return replace(term, operators=(*term.operators[:place], sign, *term.operators[place + 1 :]))


def _call(function: str, term: Term) -> Term:
    return Term(term.at, None, (term,), function=function)


def _scaled(term: Term, number: float) -> Term:
    return Term(term.at, None, (Term(term.at, lift(number)), term), ("*",))
