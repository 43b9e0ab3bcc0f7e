"""The page of a comparison: who took part, how far apart they are, what is defined in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chainrule.document import Block, Document, Heading, Inline, Listing, Paragraph, Table
from chainrule.experiments.figures import Curve, loss_curves
from chainrule.show.numbers import counted, number_text

if TYPE_CHECKING:
    from chainrule.comparing.comparison import Beside, Comparison, Gap

DIGITS: Final = 2
"""Of a difference."""


def page(found: Comparison) -> Document:
    """The whole page."""
    blocks: list[Block] = [Paragraph(_task(found)), Paragraph(*_verdict(found))]
    if found.peers:
        blocks += [_overview(found), Paragraph(_reach(found)), Heading("Learning graphs"), *_graphs(found)]
        blocks += [block for peer in found.peers for block in _peer(found, peer)]
        blocks += [Heading("Seconds"), _seconds(found), Paragraph(_caution())]
    if found.left_out:
        items = [(f"{name}: {why}",) for name, why in found.left_out.items()]
        blocks += [Heading("Left out"), Listing(items)]
    return Document("The same training in other libraries", blocks)


def _task(found: Comparison) -> str:
    settings = {k: v for k, v in found.optimizer.items() if k != "optimizer" and v not in (None, False, 0.0)}
    listed = ", ".join(f"{name} {_setting(value)}" for name, value in settings.items())
    return (
        f"{found.network}. {found.optimizer['optimizer']} with {listed}; {counted(found.steps[-1], 'step')} of "
        f"{counted(found.batch_size, 'row')} out of {found.rows}, in {found.dtype}. All start from the same weights "
        "and take the same rows in the same order."
    )


def _setting(value: object) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def _verdict(found: Comparison) -> list[Inline]:
    if not found.peers:
        return ["No other library took part."]
    differing = [peer for peer in found.peers if peer.unexplained]
    if not differing:
        return ["Rounding explains every difference", _with_theirs(found), "."]
    sentences = []
    for peer in differing:
        first = min(peer.unexplained, key=lambda gap: gap.step)
        sentences.append(
            f"{peer.name} differs by more than rounding explains: first {first.parameter} after "
            f"{counted(first.step, 'step')}, by {number_text(first.absolute, DIGITS)} where rounding reaches "
            f"{number_text(first.bound, DIGITS)}. "
        )
    return [*sentences]


def _with_theirs(found: Comparison) -> str:
    translated = [peer.name for peer in found.peers if peer.translated]
    return f", once the definitions of {' and '.join(translated)} are taken over" if translated else ""


def _overview(found: Comparison) -> Table:
    """A row for each library, and one more where its definitions were taken over."""
    marks = [f"after {counted(step, 'step')}" for step in found.steps]
    rows: list[list[Inline]] = []
    for peer in found.peers:
        if peer.translated:
            stated = [_relative(peer.worst(step, stated=True)) for step in found.steps]
            rows.append([peer.name, "each its own", *stated, ""])
        judged = "beyond rounding" if peer.unexplained else "rounding"
        theirs = "both the library's" if peer.translated else "the same"
        rows.append([peer.name, theirs, *(_relative(peer.worst(step)) for step in found.steps), judged])
    return Table(["library", "definitions", *marks, "explained by"], rows)


def _relative(gap: Gap) -> str:
    return number_text(gap.relative, DIGITS)


def _reach(found: Comparison) -> str:
    from chainrule.comparing.run import ALLOWED, TWINS

    return (
        "Each figure is the largest difference of a parameter's elements, relative to its largest element, in the "
        f"parameter where that is worst. How far rounding reaches is measured: {TWINS} more runs here take the rows of "
        "each batch in another order and change each parameter by one unit in the last place after each step; a "
        f"library may differ by {ALLOWED} times the largest of their differences so far, parameter by parameter. What "
        "libraries round differently grows from step to step as these runs drift apart."
    )


def _graphs(found: Comparison) -> list[Block]:
    steps = range(1, found.steps[-1] + 1)
    curves = [Curve("chainrule", steps, found.losses), *(Curve(p.name, steps, p.losses) for p in found.peers)]
    caption = "The loss of each step's rows, before the step, as each library states it."
    return [loss_curves("losses", curves, "step", caption)]


def _peer(found: Comparison, peer: Beside) -> list[Block]:
    """A library: its parameters one by one, and its definitions."""
    names = list(dict.fromkeys(gap.parameter for gap in peer.gaps))
    by_place = {(gap.parameter, gap.step): gap for gap in peer.gaps}
    marks = [f"after {counted(step, 'step')}" for step in found.steps]
    rows = [
        [
            name,
            *(number_text(by_place[name, step].absolute, DIGITS) for step in found.steps),
            number_text(by_place[name, found.steps[-1]].bound, DIGITS),
        ]
        for name in names
    ]
    both = ", both by its definitions" if peer.translated else ""
    caption = f"The largest difference of an element{both}; at the end, how far rounding reaches."
    blocks: list[Block] = [Heading(peer.name), Table(["parameter", *marks, "rounding"], rows, caption)]
    for definition in peer.definitions:
        blocks += [
            Heading(definition.what[0].upper() + definition.what[1:], 3),
            Listing(
                [
                    (f"Here: {definition.here}.",),
                    (f"There: {definition.there}.",),
                    (f"Done: {definition.done}.",),
                    (f"Source: {definition.source}.",),
                ]
            ),
        ]
    return blocks


def _seconds(found: Comparison) -> Table:
    rows = [("chainrule, printed text", found.first_second, found.seconds)]
    rows += [(peer.name, peer.first_second, peer.seconds) for peer in found.peers]
    cells = [[name, number_text(first, 3), number_text(further, 3)] for name, first, further in rows]
    return Table(["library", "first step", "each further step"], cells)


def _caution() -> str:
    return (
        "Seconds of this one run, in which the libraries take turns step by step, each called once for a step, PyTorch "
        "in one thread; the first step holds what a library compiles. It is no benchmark: a library that can run many "
        "steps in one call, as the native engine does in training, is faster there."
    )
