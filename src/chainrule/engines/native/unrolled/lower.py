"""A step program over arrays becomes a graph of scalars: every array is an array of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from chainrule.engines.native.expand import expand
from chainrule.engines.native.unrolled.arrays import ARRAYS, Nodes, box, each
from chainrule.engines.native.unrolled.graph import Graph, Kind, Node, Reach
from chainrule.program import Atom, Equation, Program, Var
from chainrule.shapes import concrete

Value: TypeAlias = Node | Nodes
"""An array of nodes; or a whole vector of parameters, as one node with a width."""

MOST_NODES = 20_000
"""Where the attempt ends, so that a large network is recognised before it has cost time."""

COSTLY = ("sqrt", "divide", "power")
"""Operations that are worth doing for several parameters at once."""

WEAK = ("add", "subtract", "multiply", "divide", "negative", "power")
"""Operations that stay in Python's numbers when all operands are."""


def elements(value: Value) -> list[Node]:
    """The nodes of a value, in order."""
    return [value] if isinstance(value, Node) else value.reshape(-1).tolist()


class NotForThisForm(Exception):  # noqa: N818 - an answer, which decides between forms of code
    """Why a program cannot be unrolled."""


@dataclass(frozen=True)
class Unrolled:
    """A step with all its arrays taken apart."""

    graph: Graph
    rows: int
    """Rows of the batch."""
    data: dict[str, tuple[int, ...]]
    """The arrays of rows, with the shape of one row."""
    gathered: bool
    """Whether the batch's rows are picked by number; else the data are the batch."""
    states: dict[str, tuple[int, ...]]
    """What is carried from step to step, with shapes."""
    new: dict[str, Value]
    """The states after the step."""
    loss: Node
    rate: Node
    prediction: list[Node]
    """What the step says of its rows before the update, row after row; empty where it says nothing."""

    @property
    def results(self) -> list[Node]:
        """Everything that the step must compute."""
        return [
            self.loss,
            self.rate,
            *self.prediction,
            *(node for value in self.new.values() for node in elements(value)),
        ]


def unroll(program: Program, rows: int) -> Unrolled:
    """The step for batches of that many rows.

    Raises:
        NotForThisForm: for tables that are read at places known at run time only, and for what is far too large.
    """
    program = expand(program)
    lowering = _Lowering(program, rows)
    for equation in program.equations:
        lowering.values[equation.target.name] = lowering.value(equation)
        if len(lowering.graph.nodes) > MOST_NODES:
            raise NotForThisForm(f"it has more than {MOST_NODES} scalars")
    return lowering.result()


class _Lowering:
    def __init__(self, program: Program, rows: int) -> None:
        self.program, self.rows, self.graph = program, rows, Graph()
        self.parameters = next(v.shape for v in program.inputs if v.role == "parameter")
        # A vector of parameters stays whole where its update divides; else its elements go their own ways.
        self.whole = any(e.operation.name in COSTLY and e.target.shape == self.parameters for e in program.equations)
        self.sizes = dict.fromkeys(program.sizes, rows)
        self.data: dict[str, tuple[int, ...]] = {}
        self.states: dict[str, tuple[int, ...]] = {}
        self.values: dict[str, Value] = {}
        for var in program.inputs:
            self._input(var)

    def result(self) -> Unrolled:
        """The graph with its ends."""
        outputs = {label: self._atom(atom) for label, atom in self.program.outputs}
        new = {name: self._carried(name, outputs.get(f"new_{name}", self.values[name])) for name in self.states}
        loss, rate = (self._array(outputs[label]).item() for label in ("L", "lr"))
        gathered = any(v.name == "rows" for v in self.program.inputs)
        prediction = elements(outputs["prediction"]) if "prediction" in outputs else []
        return Unrolled(self.graph, self.rows, self.data, gathered, self.states, new, loss, rate, prediction)

    def _carried(self, name: str, new: Value) -> Value:
        """What a state becomes, in the form that the state has."""
        return self._together(new) if isinstance(self.values[name], Node) else self._array(new)

    # Inputs

    def _input(self, var: Var) -> None:
        if var.role == "constant" or var.name == "rows":
            kind: Kind = "weak" if var.dtype == "float" else "whole"
            reach = Reach.STEP if var.name in ("t", "step", "rows") else Reach.RUN
            self.values[var.name] = box(self.graph.node("constant", (), kind, settings=(var.name,), reach=reach))
        elif var.role in ("parameter", "state"):
            shape = self.states[var.name] = concrete(var.shape, {})
            self.values[var.name] = self._state(var.name, shape)
        else:
            if var.dtype != "float":
                raise NotForThisForm(f"{var.name} holds {var.dtype} values")
            self.data[var.name] = concrete(var.shape[1:], {})
            if "N" not in var.shape:
                self.values[var.name] = self._rows(var.name)

    def _state(self, name: str, shape: tuple[int, ...]) -> Value:
        if self.whole and shape == self.parameters:
            return self.graph.node("state", settings=(name,), reach=Reach.NETWORK, width=shape[0])
        places = np.arange(prod(shape)).reshape(shape)
        return each(lambda i: self.graph.node("state", settings=(name, int(i)), reach=Reach.NETWORK), places)

    def _rows(self, name: str) -> Nodes:
        """The batch's rows of a table; a load says the table, the row in the batch, the place in the row."""
        width = prod(self.data[name])
        places = np.arange(self.rows * width).reshape(self.rows, *self.data[name])

        def load(place: int) -> Node:
            return self.graph.node("load", settings=(name, *divmod(int(place), width)), reach=Reach.STEP)

        return each(load, places)

    # Values of arguments

    def _atom(self, atom: Atom) -> Value:
        return self.values[atom.name] if isinstance(atom, Var) else box(self.graph.number(atom.value))

    def _array(self, value: Value) -> Nodes:
        """The elements one by one."""
        if not isinstance(value, Node):
            return value
        places = np.arange(int(self.parameters[0]))
        if not value.width:
            return each(lambda i: value, places)
        return each(lambda i: self.graph.node("element", [value], settings=(int(i),), width=0), places)

    def _together(self, value: Value) -> Node:
        """A vector of parameters as one node; a single number as it is."""
        if isinstance(value, Node):
            return value
        if value.size == 1:
            node: Node = value.item()
            return node
        return self.graph.node("gather", elements(value), width=value.size)

    # Equations

    def value(self, equation: Equation) -> Value:
        """What an equation computes."""
        name, attributes = equation.operation.name, dict(equation.attributes)
        shape = concrete(equation.target.shape, self.sizes)
        if name == "take":
            return self._taken(*equation.arguments)
        if name == "size":
            return box(self.graph.number(self.rows))
        operands = [self._atom(a) for a in equation.arguments]
        if name == "uniform":
            return self._uniform(shape, attributes["stream"], [self._array(o).item() for o in operands])
        if any(isinstance(a, Var) and a.dtype == "int" for a in equation.arguments):
            raise NotForThisForm(f"{equation.target.name} is made of whole numbers")
        if name in ARRAYS:
            return ARRAYS[name](self.graph, shape, attributes, *(self._array(o) for o in operands))
        if any(isinstance(o, Node) for o in operands):
            return self._scalar(name, *(self._together(o) for o in operands))
        return each(lambda *nodes: self._scalar(name, *nodes), *(self._array(o) for o in operands))

    def _taken(self, table: Atom, indices: Atom) -> Nodes:
        if not (isinstance(table, Var) and table.role == "input" and isinstance(indices, Var)):
            raise NotForThisForm("it reads a table at places that are known at run time only")
        if indices.name != "rows":
            raise NotForThisForm(f"it reads {table.name} at places that are known at run time only")
        return self._rows(table.name)

    def _uniform(self, shape: tuple[int, ...], stream: int, seeds: Sequence[Node]) -> Nodes:
        places = np.arange(prod(shape)).reshape(shape)
        return each(lambda i: self.graph.node("uniform", seeds, settings=(stream, int(i))), places)

    def _scalar(self, name: str, *operands: Node) -> Node:
        """One element of an operation that works element by element."""
        graph = self.graph
        if name == "stop_gradient":
            return operands[0]
        if not (name in WEAK and all(o.kind == "weak" for o in operands)):
            kept = "truth" if name == "where" else None  # as a number: 0 times infinity is no number
            operands = tuple(o if o.kind == kept else graph.as_float(o) for o in operands)
        match name, operands:
            case (("constant" | "to_float"), (x,)):
                return x
            case "add", (x, y):
                return graph.add([x, y])
            case "subtract", (x, y):
                return graph.add([x, graph.negative(y)])
            case "negative", (x,):
                return graph.negative(x)
            case "multiply", (x, y):
                return graph.multiply(x, y)
            case "divide", (x, y):
                return graph.divide(x, y)
            case "power", (x, y):
                if x.is_number and y.settings == ("t",):
                    return graph.node("tabulated", [y], "weak", settings=(x.value.hex(),))
                return graph.power(x, y)
            case "where", (condition, x, y):
                return graph.choose(condition, x, y)
            case (("less" | "less_equal" | "greater" | "greater_equal" | "equal" | "not_equal"), (x, y)):
                return graph.node(name, [x, y], "truth")
        return graph.node(name, operands)
