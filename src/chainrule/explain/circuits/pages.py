"""Pages of circuits and of paths."""

from __future__ import annotations

from chainrule.document import Block, Document, Equations, Figure, Formula, Heading, Line, Paragraph, Table
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.gates import circuit_of
from chainrule.explain.circuits.paths import Factor, Path, Paths
from chainrule.explain.circuits.wording import Wording, added, number, signed, times
from chainrule.explain.drawings.drawing import Drawing
from chainrule.explain.drawings.plan import MOST_WIRES
from chainrule.explain.drawings.tree import tree
from chainrule.explain.scalars import scalars_of
from chainrule.program import Program
from chainrule.show.numbers import number_text

_PLAIN = frozenset({"negative", "exp", "log", "sqrt", "abs", "constant", "to_float"})
"""Functions of one argument whose slope is as short as a name for it."""


MOST_LISTED = 300
"""Wires up to which a table lists them."""


def drawing_of(circuit: Circuit) -> Drawing:
    """The picture of a circuit with every number that it knows."""
    if circuit.inputs is None:
        return Drawing(circuit, circuit.notation)
    return Drawing(circuit, circuit.notation, circuit.values, circuit.gradients)


def circuit_page(circuit: Circuit) -> Document:
    """The picture and a table of the wires."""
    wording = Wording(circuit, circuit.notation)
    name = wording.name(circuit.output).text
    numbers = circuit.inputs is not None
    known = (circuit.values, circuit.gradients) if numbers else (None, None)
    caption = "Above each wire its value, below it the derivative of the output by it." if numbers else ""
    drawing = drawing_of(circuit)
    blocks: list[Block] = []
    if drawing.readable:
        text = tree(circuit, wording, *known)
        blocks.append(Figure(drawing.svg, f"the circuit of {name}", caption, text, wide=True))
    else:
        blocks.append(Paragraph(f"The circuit is too large for a picture: it has more than {MOST_WIRES} wires."))
    if numbers:
        blocks.append(_wires(circuit, wording))
    else:
        blocks.append(Equations(*(Line(wording.name(g.name), wording.definition(g.name)) for g in circuit.gates)))
    return Document(f"The circuit of {name}", blocks)


def picture(program: Program) -> Figure | None:
    """The picture of a program's first output for one row, without numbers; nothing where it would be too large."""
    circuit = circuit_of(scalars_of(program, {"B": 1}), named=True)
    drawing = drawing_of(circuit)
    what = f"the circuit of {Wording(circuit, circuit.notation).name(circuit.output).text}"
    return Figure(drawing.svg, what, wide=True) if drawing.readable else None


def _wires(circuit: Circuit, wording: Wording) -> Table:
    names = (*circuit.leaves, *circuit.gate)
    rows = [
        (
            wording.name(n),
            wording.definition(n) if n in circuit.gate else "",
            number_text(circuit.values[n]),
            number_text(circuit.gradients[n]),
        )
        for n in names[:MOST_LISTED]
    ]
    caption = f"The first {MOST_LISTED} of {len(names):,} wires" if len(names) > MOST_LISTED else ""
    return Table(("wire", "computed as", "value", "gradient"), rows, caption)


def paths_page(found: Paths) -> Document:
    """Each path with its factors, and their sum."""
    circuit = found.circuit
    wording = Wording(circuit, circuit.notation)
    output, by = wording.name(circuit.output), wording.name(found.name)
    count = len(found.paths)
    title = f"Paths from {output.text} to {by.text}"
    if count == 0:
        return Document(title, (Paragraph(f"{output.text} does not depend on {by.text}: no path leads there."),))
    blocks: list[Block] = []
    for n, path in enumerate(found.paths, 1):
        words = " → ".join([wording.name(f.gate).text for f in path.factors] + [by.text])
        blocks += [Heading(f"Path {n} of {count}: {words}", 3), Equations(*_product(path, wording))]
    blocks += [Heading("Their sum"), Equations(*_total(found, wording))]
    slopes = _slopes(found, wording)
    if slopes:
        blocks += [Heading("Where"), Equations(*slopes)]
    return Document(title, blocks)


def _product(path: Path, wording: Wording) -> list[Line]:
    left = times(wording.partial(f.gate, f.by) for f in path.factors)
    lines = [Line(left, times(signed(_short(f, wording)) for f in path.factors))]
    if path.value is None:
        return lines
    numbers = times(signed(number(f.value or 0.0)) for f in path.factors)
    shown = [n for n in dict.fromkeys((numbers, number(path.value))) if n.text != lines[0].right.text]
    return [*lines, *(Line(None, n) for n in shown)]


def _total(found: Paths, wording: Wording) -> list[Line]:
    terms = [times(signed(_short(f, wording)) for f in path.factors) for path in found.paths]
    left = wording.partial(found.circuit.output, found.name)
    lines = [Line(left, terms[0]), *(Line(None, _plus(t), continues=True) for t in terms[1:])]
    if found.value is not None:
        numbers = [number(path.value or 0.0) for path in found.paths]
        if len(numbers) > 1:
            lines.append(Line(None, added(signed(n) for n in numbers)))
        lines.append(Line(None, number(found.value)))
    return lines


def _plus(formula: Formula) -> Formula:
    return Formula(f"{{}} + {formula.latex}", f"+ {formula.text}")


def _short(factor: Factor, wording: Wording) -> Formula:
    """A factor; the slope of a function is written with a prime, and worked out below."""
    formula = wording.circuit.gate[factor.gate].formula
    operation = formula.operation
    if operation is None or not _is_function(factor, wording):
        return wording.formula(factor.partial)
    by = wording.name(factor.by)
    latex = r"\sigma" if operation.name == "sigmoid" else rf"\operatorname{{{operation.name.replace('_', ' ')}}}"
    text = "σ" if operation.name == "sigmoid" else operation.name
    return Formula(rf"{latex}'({by.latex})", f"{text}'({by.text})")


def _is_function(factor: Factor, wording: Wording) -> bool:
    formula = wording.circuit.gate[factor.gate].formula
    one = len(formula.arguments) == 1 and formula.arguments[0].is_symbol
    return one and formula.operation is not None and formula.operation.name not in _PLAIN


def _slopes(found: Paths, wording: Wording) -> list[Line]:
    """The gates that occur, and the slopes that were written with a prime."""
    factors = {(f.gate, f.by): f for path in found.paths for f in path.factors}
    gates = dict.fromkeys(f.gate for f in factors.values() if f.gate != found.circuit.output)
    lines = [Line(wording.name(g), wording.definition(g)) for g in found.circuit.gate if g in gates]
    for factor in (f for f in factors.values() if _is_function(f, wording)):
        lines.append(Line(_short(factor, wording), wording.formula(factor.partial)))
        if factor.value is not None:
            lines += [Line(None, wording.numbers(factor.partial)), Line(None, number(factor.value))]
    return lines
