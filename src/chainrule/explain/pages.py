"""Pages of circuits and of paths."""

from __future__ import annotations

from chainrule.document import Block, Document, Equations, Figure, Formula, Heading, Line, Paragraph, Table
from chainrule.explain.circuit import Circuit
from chainrule.explain.drawing import MOST_DRAWN, Drawing
from chainrule.explain.notation import NOTATIONS
from chainrule.explain.paths import Factor, Path, Paths
from chainrule.explain.wording import Wording, added, number, signed, times
from chainrule.show.numbers import number_text

_PLAIN = frozenset({"negative", "exp", "log", "sqrt", "abs", "constant", "to_float"})
"""Functions of one argument whose slope is as short as a name for it."""


def drawing_of(circuit: Circuit) -> Drawing:
    """The drawing of a circuit under the names of the program."""
    return Drawing(circuit, NOTATIONS["names"])


def circuit_page(circuit: Circuit) -> Document:
    """The drawing and a table of the wires."""
    wording = Wording(circuit, NOTATIONS["names"])
    drawing = drawing_of(circuit)
    name = wording.name(circuit.output).text
    numbers = circuit.inputs is not None
    caption = "Above each wire its value, below it the derivative of the output by it." if numbers else ""
    blocks: list[Block] = []
    if len(circuit.readers) <= MOST_DRAWN:
        blocks.append(Figure(drawing.svg, f"the circuit of {name}", caption, drawing.text))
    if numbers:
        rows = [
            (wording.name(n), wording.definition(n) if n in circuit.gate else "", number_text(circuit.values[n]),
             number_text(circuit.gradients[n]))
            for n in (*circuit.leaves, *circuit.gate)
        ]  # fmt: skip
        blocks.append(Table(("wire", "computed as", "value", "gradient"), rows))
    else:
        blocks.append(Equations(*(Line(wording.name(g.name), wording.definition(g.name)) for g in circuit.gates)))
    return Document(f"The circuit of {name}", blocks)


def paths_page(found: Paths) -> Document:
    """Each path with its factors, and their sum."""
    circuit = found.circuit
    wording = Wording(circuit, NOTATIONS["names"])
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
    primed = [f for f in factors.values() if _is_function(f, wording)]
    return [*lines, *(Line(_short(f, wording), wording.formula(f.partial)) for f in primed)]
