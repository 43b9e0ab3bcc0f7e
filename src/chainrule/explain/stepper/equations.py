"""One pass as a list of equations: forward, backward, update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from chainrule.document import Line
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.wording import Wording, added, bracketed, descent, number, signed, times
from chainrule.explain.derivations.derivation import Setting
from chainrule.explain.drawings.drawing import Drawing


@dataclass(frozen=True, eq=False)
class Step:
    """One equation, and what is known after it.

    Args:
        section: ``"forward"``, ``"backward"`` or ``"update"``.
        place: its number within the section, from 1, and how many there are.
        lines: the equation: with names, with numbers, the result.
        shows: the value (``"value"``, name) or derivative (``"gradient"``, name) that it finds, if it finds one.
    """

    section: str
    place: tuple[int, int]
    lines: tuple[Line, ...]
    shows: tuple[str, str] | None

    @property
    def title(self) -> str:
        """Where in a pass it stands: ``Forward, 1 of 7``."""
        number, count = self.place
        return f"{self.section.capitalize()}, {number} of {count}"

    def __str__(self) -> str:
        text = ""
        for line in self.lines:
            text += f"; {line.left.text} = {line.right.text}" if line.left else f" = {line.right.text}"
        return f"{self.title}: {text.removeprefix('; ')}"


@dataclass(frozen=True, eq=False)
class Pass:
    """A forward pass, a backward pass and an update for one row, with the weights that it begins with.

    Args:
        circuit: the loss of the row.
        row: the number of the row, from 0.
        setting: notation, loss and learning rate.
    """

    circuit: Circuit
    row: int
    setting: Setting

    @cached_property
    def parameters(self) -> list[str]:
        """The scalars that an update changes."""
        elements = self.circuit.elements
        return [name for name in self.circuit.leaves if not elements[name].rows and self.circuit.readers[name]]

    @cached_property
    def updated(self) -> dict[str, float]:
        """Each parameter after the update."""
        values, gradients = self.circuit.values, self.circuit.gradients
        return {name: values[name] - self.setting.lr * gradients[name] for name in self.parameters}

    @cached_property
    def steps(self) -> list[Step]:
        """The equations in order."""
        gates = [gate.name for gate in self.circuit.gates]
        backward = list(self._backward_order())
        forward = [
            Step("forward", (n, len(gates)), tuple(self._value(g)), ("value", g)) for n, g in enumerate(gates, 1)
        ]
        return [
            *forward,
            *(
                Step("backward", (n, len(backward)), tuple(adjoint(self._wording, name)), ("gradient", name))
                for n, name in enumerate(backward, 1)
            ),
            Step("update", (1, 1), tuple(self._update()), None),
        ]

    @cached_property
    def since(self) -> dict[tuple[str, str], int]:
        """The step, from 1, that finds each value and derivative."""
        return {step.shows: n for n, step in enumerate(self.steps, 1) if step.shows is not None}

    def drawing(self, after: int | None = None) -> Drawing:
        """The picture after so many steps; after all of them, each number marked with its step."""
        circuit = self.circuit
        known = {fact for fact, step in self.since.items() if after is None or step <= after}
        values = {n: v for n, v in circuit.values.items() if n not in circuit.gate or ("value", n) in known}
        gradients = {n: g for n, g in circuit.gradients.items() if ("gradient", n) in known}
        return Drawing(circuit, self.setting.notation, values, gradients, self.since if after is None else {})

    def _backward_order(self) -> Iterator[str]:
        """Gates and parameters, each once everything that reads it has its derivative."""
        known = {self.circuit.output}
        waiting = [n for n in (*self.parameters, *self.circuit.gate) if n != self.circuit.output]
        for gate in reversed(self.circuit.gates):
            if gate.name not in known:
                known.add(gate.name)
                yield gate.name
            for name in self.parameters:
                if name not in known and all(reader.name in known for reader in self.circuit.readers[name]):
                    known.add(name)
                    yield name
        assert known.issuperset(waiting)

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.circuit, self.setting.notation)

    def _value(self, gate: str) -> Iterator[Line]:
        value = number(self.circuit.values[gate])
        yield Line(self._wording.name(gate), self._wording.definition(gate))
        yield from (Line(None, shown) for shown in dict.fromkeys((self._wording.worked(gate), value)))

    def _update(self) -> Iterator[Line]:
        notation, lr = self.setting.notation, self.setting.lr
        for name in self.parameters:
            gradient = self._wording.partial(self.circuit.output, name)
            numbers = (self.circuit.values[name], lr, self.circuit.gradients[name])
            yield from descent(self._wording.name(name), gradient, notation, *numbers)


def adjoint(wording: Wording, name: str) -> Iterator[Line]:
    """The derivative of the output by one value: a term for each gate that reads it, and the numbers."""
    circuit = wording.circuit
    output = circuit.output
    terms, numbers = [], []
    for gate in circuit.readers[name]:
        partial = gate.partials[name]
        if gate.name == output:
            terms.append(wording.formula(partial))
            numbers.append(wording.numbers(partial))
            continue
        above, slope = wording.partial(output, gate.name), signed(number(circuit.gradients[gate.name]))
        one = partial.literal == 1
        terms.append(above if one else times([above, bracketed(wording.formula(partial))]))
        numbers.append(slope if one else times([slope, bracketed(wording.numbers(partial))]))
    yield Line(wording.partial(output, name), added(terms))
    yield from (Line(None, shown) for shown in dict.fromkeys((added(numbers), number(circuit.gradients[name]))))
