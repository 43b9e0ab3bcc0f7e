"""The page of homework 1: the network, each link of the chain, the six rules, the numbers and their check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chainrule.document import Block, Document, Equations, Heading, Inline, Line, Paragraph, Remark, Table
from chainrule.explain.circuits.wording import number
from chainrule.explain.objective import sentence
from chainrule.explain.writing.notation import conventions
from chainrule.show.numbers import number_text

if TYPE_CHECKING:
    from chainrule.homework.update_rules import Homework1, UpdateRule

ROUNDING: Final = 1e-12
"""Relative differences above this are explained."""


def page(work: Homework1) -> Document:
    """The whole page."""
    blocks: list[Block] = [
        Remark(conventions(work.notation), " ", *sentence(work.network.loss_function)),
        _task(work),
        Heading("Forward" + (", for the first row" if len(work.X) > 1 else "")),
        Equations(*_forward(work)),
        Heading("Each link"),
        Paragraph("One path leads from each weight to the loss. Its links, each derived by itself:"),
        Equations(*_links(work)),
        Heading("The six rules"),
        *(Equations(*_rule(work, rule)) for rule in work.rules),
        Heading("With numbers, and checked"),
        *_numbers(work),
    ]
    return Document("Homework 1: the update rules of a 2-2-1 network", blocks)


def _task(work: Homework1) -> Paragraph:
    counts = {name: values.size for name, values in work.network.parameters.items()}
    hidden, output = counts.values()
    return Paragraph(
        f"Two inputs, two hidden tanh units, one sigmoid output, no biases: {hidden} weights of the hidden layer and "
        f"{output} of the output, {hidden + output} in all. (Where a text speaks of {hidden} learnable parameters, it "
        "counts the hidden layer alone.)"
    )


def _forward(work: Homework1) -> list[Line]:
    circuit, wording = work.circuits[0], work.wording
    lines = []
    for gate in circuit.gates:
        forms = (wording.definition(gate.name), wording.worked(gate.name), number(circuit.values[gate.name]))
        lines += [Line(None if n else wording.name(gate.name), form) for n, form in enumerate(forms)]
    return lines


def _links(work: Homework1) -> list[Line]:
    links = {(f.gate, f.by): f.partial for rule in work.rules for f in rule.links.factors}
    return [Line(work.wording.partial(*link), work.wording.formula(partial)) for link, partial in links.items()]


def _rule(work: Homework1, rule: UpdateRule) -> list[Line]:
    gradient = work.wording.partial(work.circuits[0].output, rule.weight)
    return [Line(gradient, rule.chain), Line(None, rule.gradient), rule.update]


def _numbers(work: Homework1) -> list[Block]:
    columns = (work.rules, work.weights, work.gradients, work.checked, work.updated)
    rows: list[tuple[Inline, ...]] = [
        (work.wording.name(rule.weight), *(number_text(value) for value in values))
        for rule, *values in zip(*columns, strict=True)
    ]
    rate = number_text(work.rate)
    table = Table(("weight", "now", "derivative", "complex step", f"after a step, lr = {rate}"), rows)
    several = (
        f"The loss is the mean over {len(work.X)} rows, and so is each derivative here. " if len(work.X) > 1 else ""
    )
    checked = (
        f"{several}The complex step only calls the loss, with a weight moved by an imaginary 1e-100, and knows no rule "
        f"of differentiation. The largest relative difference of the two derivatives is {number_text(work.error, 2)}."
    )
    if work.error > ROUNDING:
        checked += " It is so large because a unit is close to its limit, where 1 - h^2 keeps few digits."
    other = (
        "The half in front of the square takes away the factor 2 of its derivative: without it, every derivative is "
        "twice as large, and half the learning rate makes the same step."
        if work.network.loss_function.name == "half_squared_error"
        else "With a half in front of the square, the factor 2 falls away from every rule, and twice the learning rate "
        "makes the same step."
    )
    return [table, Paragraph(checked), Paragraph(other)]
