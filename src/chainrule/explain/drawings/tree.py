"""Circuits as trees of letters, for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.wording import Wording
from chainrule.show.numbers import number_text

WIDTH = 68
"""Columns of a line without its numbers."""


def tree(
    circuit: Circuit, wording: Wording, values: Mapping[str, float] | None, gradients: Mapping[str, float] | None
) -> str:
    """The circuit, output first; what is read in several places is shown at the first.

    Args:
        circuit: what is drawn.
        wording: how it is written.
        values: the numbers that are known; without any mapping, no column is kept for them.
        gradients: the derivatives that are known.
    """
    rows = list(_branches(circuit, wording))
    width = max(len(left) for left, _ in rows)
    if values is None or gradients is None:
        return "\n".join(left for left, _ in rows)
    head = f"{'':<{width}}  {'value':>11}  {'gradient':>11}"
    columns = (values, gradients)
    numbers = ["".join(f"  {number_text(c[n]) if n in c else '':>11}" for c in columns) for _, n in rows]
    return "\n".join(
        [head, *(f"{left:<{width}}{right}".rstrip() for (left, _), right in zip(rows, numbers, strict=True))]
    )


def _branches(circuit: Circuit, wording: Wording) -> Iterator[tuple[str, str]]:
    """Each line, and the scalar that it is about."""
    seen: set[str] = set()
    stack: list[tuple[str, str, str]] = [(circuit.output, "", "")]
    while stack:
        name, before, below = stack.pop()
        gate = circuit.gate.get(name)
        again = name in seen and gate is not None
        seen.add(name)
        text = wording.name(name).text
        if gate is not None and not again:
            text += f" = {_cut(wording.definition(name).text, WIDTH - len(before) - len(text))}"
        forks = gate is None and len(circuit.readers[name]) > 1
        yield before + text + ("  (shown above)" if again else "  (a fork)" if forks else ""), name
        if again or gate is None:
            continue
        for place, source in reversed(list(enumerate(gate.inputs))):
            last = place == len(gate.inputs) - 1
            stack.append((source, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))


def _cut(formula: str, width: int) -> str:
    """A formula, or its first terms where it is long: what it reads stands below it all the same."""
    if len(formula) <= width:
        return formula
    return formula[: max(width - 1, 8)].rpartition(" ")[0] + " …"
