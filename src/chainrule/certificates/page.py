"""How a certificate is shown."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from chainrule.certificates.certificate import Certificate, Entry, entry_of, worst_of
from chainrule.certificates.judge import UNITS
from chainrule.document import Block, Code, Document, Heading, Listing, Paragraph, Remark, Table
from chainrule.show.numbers import counted, number_text

FEW = 24
"""So many derivatives are shown one by one."""

LISTED = 12
"""Failures that are shown."""

DIGITS = 8

COLUMNS = ("", "claimed", "measured", "relative error", "allowed")


def page_of(certificate: Certificate) -> Document:
    """The page."""
    return Document(f"Gradient check of {certificate.subject}", list(_blocks(certificate)))


def _blocks(certificate: Certificate) -> Iterator[Block]:
    failures = certificate.failures
    checked = counted(certificate.checked, "derivative").replace(str(certificate.checked), f"{certificate.checked:,}")
    sampled = "" if certificate.checked == certificate.total else f" (sampled evenly from {certificate.total:,})"
    verdict = "all hold" if not failures else f"{len(failures):,} of them wrong"
    yield Paragraph(f"{checked} of a value of {number_text(certificate.value, DIGITS)} checked{sampled}: {verdict}.")
    if failures:
        yield from _finding(certificate)
        yield Table(COLUMNS, [_row(e) for e in failures[:LISTED]], _first(len(failures)))
    elif certificate.checked <= FEW:
        yield Table(COLUMNS, [_row(e) for e in certificate])
    else:
        rows = [
            (f"{c.elements.size:,} of {prod(c.shape):,} {c.name}", *_row(worst_of(c)))
            for c in certificate.comparisons
            if c.elements.size
        ]
        yield Table(("checked", "largest error at", *COLUMNS[1:]), rows)
    yield from _kinks(certificate)
    yield Listing([(line,) for line in _methods(certificate)])


def _row(entry: Entry) -> tuple[str, ...]:
    numbers = (entry.claimed, entry.measured)
    return (entry.name, *(number_text(n, DIGITS) for n in numbers), f"{entry.error:.1e}", f"{entry.allowed:.1e}")


def _finding(certificate: Certificate) -> Iterator[Block]:
    if certificate.finding is None:
        return
    yield Heading("Where it goes wrong first")
    yield Code(certificate.finding.where)
    cause = certificate.finding.cause
    yield Paragraph(f"Likely cause: {cause}." if cause else "No known slip explains the difference.")


def _kinks(certificate: Certificate) -> Iterator[Block]:
    places = [(c, int(i)) for c in certificate.comparisons for i in np.flatnonzero(c.at_kink)]
    if places:
        yield Heading("At kinks")
        yield Paragraph(
            "The slopes on the two sides differ here: the claimed one must lie between, and be the documented one."
        )
        if any(not c.between[i] and c.holds[i] for c, i in places):
            yield Remark(
                "Some do not lie between: there, one step leaves several kinks at once. Each has its documented slope, "
                "and the sum of those is no slope of the whole on either side."
            )
        kinks = [entry_of(*place) for place in places[:LISTED]]
        rows = [(e.name, *(number_text(n, DIGITS) for n in (e.left, e.right, e.claimed, e.measured))) for e in kinks]
        yield Table(("", "left", "right", "claimed", "documented"), rows, _first(len(places)))


def _first(count: int) -> str:
    return f"The first {LISTED} of {count:,}." if count > LISTED else ""


def _methods(certificate: Certificate) -> Iterator[str]:
    by_differences = [c.slopes.differences for c in certificate.comparisons]
    if not all(marked.all() for marked in by_differences):
        yield (
            "Measured by complex steps of 1e-200: nothing is subtracted, so the step may be as small as it likes, and "
            "its square vanishes."
        )
    steps = np.concatenate([c.slopes.step[c.slopes.differences] for c in certificate.comparisons])
    if steps.size:
        low, high = number_text(steps.min(), 2), number_text(steps.max(), 2)
        taken = low if low == high else f"from {low} to {high}"
        yield (
            "Measured by central differences over a ladder of steps, extrapolated to 0; the step taken for each "
            f"derivative is the one at which neighbours agree best: {taken}."
        )
    yield (
        f"Errors are relative to the numbers that were added up to make a derivative; {UNITS} units in the last place "
        "of those are allowed for rounding."
    )
