"""From programs over scalars to gates: what becomes a gate of its own, and what a part of the gate that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from chainrule.errors import ArgumentError
from chainrule.explain.circuits.circuit import Circuit, Gate, placed
from chainrule.explain.scalars import Scalars
from chainrule.explain.writing.notation import NOTATIONS, Notation
from chainrule.expression import REGISTRY, Expression, symbol
from chainrule.program import Equation, Var
from chainrule.trace import atom_expression, expression_of


def circuit_of(
    scalars: Scalars,
    values: Mapping[str, float] | None = None,
    *,
    named: bool = False,
    notation: Notation = NOTATIONS["names"],
) -> Circuit:
    """The circuit of a program over scalars.

    Args:
        scalars: the program; its first output is the circuit's.
        values: a value for each input.
        named: make gates of named values alone. Otherwise every operation is a gate, but that a sum takes its addends
            together, and takes an addend ``w * x`` with its factors: a weighted sum is one gate, as in a drawing with
            weights on the edges.
        notation: of the circuit's page.
    """
    return replace(_Gates(scalars, named).circuit(values), notation=notation)


def in_one_piece(circuit: Circuit) -> Circuit:
    """The circuit in which values that the output alone reads, beside all that they are made of, are part of it.

    The rewrites turn ``log(exp(z))`` into ``z``, so that a loss may read a prediction and its argument: here it reads
    the argument only.
    """
    *others, last = circuit.gates
    read = set(last.inputs)
    taken = {g.name: g for g in others if circuit.readers[g.name] == (last,) and read.issuperset(g.inputs)}
    if not taken:
        return circuit
    inputs = tuple(n for n in last.inputs if n not in taken)
    known = {n: symbol(n) for n in inputs}
    for name, gate in taken.items():
        known[name] = placed(gate.formula, known)
    kept = [g for g in others if g.name not in taken]
    return replace(circuit, gates=(*kept, Gate(last.name, inputs, placed(last.formula, known))))


class _Gates:
    """One walk over a program, in which unnamed values may become part of the gate that uses them."""

    def __init__(self, scalars: Scalars, named: bool) -> None:
        self.scalars, self.program, self.named = scalars, scalars.program, named
        self.uses = Counter(a.name for e in self.program.equations for a in e.arguments if isinstance(a, Var))
        self.users = {a.name: e for e in self.program.equations for a in e.arguments if isinstance(a, Var)}
        self.outputs = {a.name for _, a in self.program.outputs if isinstance(a, Var)}
        self.taken = set(self.program.variables)
        self.gates: list[Gate] = []
        self.made = {e.target.name: e for e in self.program.equations}
        self.apart = {name for e in self.program.equations for name in self._repeating(e)}

    def circuit(self, values: Mapping[str, float] | None) -> Circuit:
        known: dict[str, Expression] = {v.name: symbol(v.name) for v in self.program.inputs}
        for equation in self.program.equations:
            formula = expression_of(equation, [atom_expression(a, known) for a in equation.arguments], label=False)
            target = equation.target.name
            if self._folds(equation):
                known[target] = formula
            else:
                name = self._name(equation)
                inputs = tuple(dict.fromkeys(n for n in _symbols(formula)))
                self.gates.append(Gate(name, inputs, formula))
                known[target] = symbol(name)
        if not self.gates:
            raise ArgumentError("a circuit needs at least one operation; this formula is a symbol or a number")
        return Circuit(
            tuple(v.name for v in self.program.inputs),
            tuple(self.gates),
            self.scalars.elements,
            self.scalars.ones,
            values,
        )

    def _folds(self, equation: Equation) -> bool:
        target = equation.target
        if not target.anonymous or target.name in self.outputs:
            return False
        if self.named or not any(isinstance(a, Var) for a in equation.arguments):
            return True
        return target.name not in self.apart and self._is_addend(equation)

    def _is_addend(self, equation: Equation) -> bool:
        """Whether it is read by a sum alone, and is a sum itself or a product with a leaf."""
        target = equation.target
        if not target.anonymous or target.name in self.outputs or target.name not in self.users:
            return False
        reader = self.users[target.name]
        once = self.uses[target.name] == 1 and reader.operation.name == "add"
        leaves = {v.name for v in self.program.inputs}
        weighted = equation.operation.name == "multiply" and any(
            isinstance(a, Var) and a.name in leaves for a in equation.arguments
        )
        return once and (weighted or equation.operation.name == "add")

    def _repeating(self, equation: Equation) -> list[str]:
        """The products in a sum that share a value with other addends: such a fork stays visible as a wire."""
        if equation.operation.name != "add" or self._is_addend(equation):
            return []
        read: Counter[str] = Counter()
        products: list[Equation] = []
        stack = [equation]
        while stack:
            for name in (a.name for a in stack.pop().arguments if isinstance(a, Var)):
                addend = self.made.get(name)
                if addend is None or not self._is_addend(addend):
                    read[name] += 1
                    continue
                stack.append(addend)
                products += [addend] if addend.operation.name == "multiply" else []
        return [p.target.name for p in products if any(read[a.name] > 1 for a in p.arguments if isinstance(a, Var))]

    def _name(self, equation: Equation) -> str:
        """The gate's own name, or one that says what it does."""
        target = equation.target
        if not target.anonymous:
            return target.name
        operation = equation.operation.name
        reader = self.users.get(target.name)
        sums = operation == "add" and reader is not None and len(reader.arguments) == 1
        stem = "net" if sums else _STEMS.get(operation, operation)
        numbers = range(1 if stem in REGISTRY else 2, len(self.program.equations) + 2)
        candidates = [*([] if stem in REGISTRY else [stem]), *(f"{stem}{n}" for n in numbers)]
        name = next(c for c in candidates if c not in self.taken and c not in REGISTRY)
        self.taken.add(name)
        return name


_STEMS = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "divide": "quotient",
    "negative": "minus",
    "sigmoid": "s",
}
"""Names of gates without a name of their own."""


def _symbols(expression: Expression) -> list[str]:
    """The symbols of an expression, in the order in which a reader meets them."""
    found: list[str] = []
    stack = [expression]
    while stack:
        node = stack.pop()
        if node.is_symbol and node.name is not None:
            found.append(node.name)
        stack.extend(reversed(node.arguments))
    return found
