"""What a piece of work is about: named scalars with formulas and numbers, and how their names are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, require
from chainrule.explain import Circuit, Notation, notation_of
from chainrule.explain.circuits.gates import circuit_of
from chainrule.explain.circuits.wording import Wording
from chainrule.explain.grammar import parse_formula
from chainrule.explain.scalars import Element, scalars_of
from chainrule.explain.writing.notation import Layers
from chainrule.expression import Expression
from chainrule.network import Network
from chainrule.trace import postorder, trace
from chainrule.work.counts import Count, parameter_counts
from chainrule.work.quantities import spelling_key
from chainrule.work.world import World

POINTS = 6
"""Random points at which formulas are compared."""

MOST_SCALARS = 200
"""Values and parameters of a problem up to which work is checked by hand's methods."""

MOST_DEEP = 100
"""Operations one within another in a formula that is asked about."""

_TARGETS = {
    "numbers": (-1.5, 1.5),
    "binary": (0.1, 0.9),
    "classes": (0.1, 0.9),
    "signs": (-1.0, 1.0),
    "counts": (0.5, 3),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """Named scalars, their formulas and numbers.

    Args:
        circuit: the scalars; its values are the problem's own numbers.
        notation: how their names are written.
        lr: the learning rate of a step.
        parameters: the scalars that a step changes.
        arrays: for each way to write an array, the names of its scalars, laid out as the notation has it.
        domains: the interval of each leaf from which random points are drawn.
        rows: of the batch.
        total: whether the loss adds up its rows instead of averaging them.
        counts: what can be counted.
    """

    circuit: Circuit
    notation: Notation
    lr: float
    parameters: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    domains: Mapping[str, tuple[float, float]]
    rows: int = 1
    total: bool = False
    counts: Mapping[str, Count] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """How the circuit's output is written."""
        return self.written[self.circuit.output]

    @cached_property
    def wording(self) -> Wording:
        """How everything is written."""
        return Wording(self.circuit, self.notation)

    @cached_property
    def written(self) -> dict[str, str]:
        """How the notation writes each scalar."""
        return {name: self.wording.name(name).text for name in (*self.circuit.leaves, *self.circuit.gate)}

    @cached_property
    def shown(self) -> dict[str, str]:
        """The scalar of each name, as the notation writes it."""
        return {text: name for name, text in self.written.items()}

    @cached_property
    def scalars(self) -> dict[str, str]:
        """The scalar of each way to write one; the notation's own way goes first."""
        found = {spelling_key(text): name for text, name in self.shown.items()}
        elements = self.circuit.elements
        for name in (*self.circuit.leaves, *self.circuit.gate):
            found.setdefault(spelling_key(str(elements.get(name, name))), name)
            found.setdefault(name, name)
        for text, grid in self.arrays.items():
            if grid.size == 1:
                found.setdefault(text, grid.item())
        for text, name in list(found.items()):
            found.setdefault(re.sub(r"[()\[\]]", "", text) if "," not in text else text, name)
        found.setdefault("L", self.circuit.output)
        return found

    @cached_property
    def own(self) -> World:
        """The problem's own numbers, as a world of one point."""
        inputs = self.circuit.inputs or dict.fromkeys(self.circuit.leaves, float("nan"))
        return World(self.circuit, {name: np.array([inputs[name]]) for name in self.circuit.leaves})

    @cached_property
    def world(self) -> World:
        """The problem's own numbers, followed by random points."""
        random = np.random.default_rng(20_240_229)
        drawn = {name: random.uniform(*self.domains[name], POINTS) for name in self.circuit.leaves}
        for names in self.circuit.ones:
            total = sum(drawn[name] for name in names)
            drawn |= {name: drawn[name] / total for name in names}
        return World(self.circuit, {n: np.concatenate([self.own.leaves[n], drawn[n]]) for n in self.circuit.leaves})


def network_problem(network: Network, X: Any, y: Any, notation: Notation | str, lr: float) -> Problem:
    """The problem of a network on rows of data."""
    chosen = notation_of(notation)
    if not isinstance(X, Mapping) and np.ndim(X) == 1:
        X, y = np.asarray(X)[None], np.asarray(y)[None] if np.size(y) > 1 or np.ndim(y) == 0 else y
    program = network.program("loss", simplified=False)
    arrays = {**network.prepare(X, y), **network.parameters, **network.states}
    arrays = {v.name: np.asarray(arrays[v.name], dtype=float) for v in program.inputs}
    rows = len(next(iter(network.prepare_inputs(X).values())))
    size = sum(a.size for a in arrays.values())
    if size > MOST_SCALARS:
        raise ArgumentError(
            f"{size} numbers are too many for work that is done by hand (the limit is {MOST_SCALARS}): "
            "take a smaller network, or fewer rows"
        )
    scalars = scalars_of(program, {"B": rows}, weights_first=chosen.columns)
    circuit = circuit_of(scalars, scalars.values(arrays), named=True)
    roles = {v.name: v.role for v in program.inputs}
    elements = circuit.elements
    leaves = {name: elements[name].name for name in circuit.leaves}
    target = _TARGETS[network.loss_function.target]
    return Problem(
        circuit,
        chosen,
        lr,
        tuple(name for name, array in leaves.items() if roles[array] == "parameter"),
        _laid_out(circuit, chosen, Layers.of(program.variables)),
        {name: target if array == "Y" else (-1.5, 1.5) for name, array in leaves.items()},
        rows,
        network.loss_function.reduction == "sum",
        parameter_counts({name: array.shape for name, array in network.parameters.items()}),
    )


def _laid_out(circuit: Circuit, notation: Notation, layers: Layers) -> dict[str, NDArray[Any]]:
    """The names of the scalars of each array; vectors are rows, or columns where the notation has them."""
    groups: dict[str, dict[tuple[int, ...], str]] = {}
    for name in (*circuit.leaves, *circuit.gate):
        element = circuit.elements[name]
        groups.setdefault(element.name, {})[element.index] = name
    found: dict[str, NDArray[Any]] = {}
    for array, names in groups.items():
        grid = np.empty([1 + max(places) for places in zip(*names, strict=True)], dtype=object)
        for index, name in names.items():
            grid[index] = name
        if grid.ndim == 0 or grid.ndim > 2:
            continue
        grid = np.atleast_2d(grid)
        grid = grid.T if notation.columns else grid
        written = spelling_key(notation.array(array, layers).text)
        found |= dict.fromkeys((written, re.sub(r"[()\[\]]", "", written)), grid)
        found.setdefault(spelling_key(array), grid)
    return found


def formula_problem(formulas: Mapping[str, str | Expression], values: Mapping[str, float] | None, lr: float) -> Problem:
    """The problem of formulas, each over the names before it and over symbols; the last is the output.

    >>> found = formula_problem({"p": "sigmoid(w*x)", "L": "-ln(p)"}, {"w": 0.5, "x": 1.0}, 0.1)
    >>> found.circuit.leaves, [gate.name for gate in found.circuit.gates]
    (('w', 'x'), ['p', 'L'])
    """
    require(len(formulas) > 0, "a problem needs at least one formula, as in {'L': '(y - w*x)^2'}")
    made: dict[str, Expression] = {}
    for name, text in formulas.items():
        expression = text if isinstance(text, Expression) else parse_formula(text)
        if _depth(expression) > MOST_DEEP:
            raise ArgumentError(
                f"the formula of {name} has more than {MOST_DEEP} operations one within another: name its parts"
            )
        made[name] = _over(expression, made).named(name)
    program = trace({name: made[name] for name in formulas}, name="formulas", order=list(made.values()))
    elements = {v.name: Element(v.name, ()) for v in program.variables.values()}
    scalars = scalars_of(program, {})
    known = {v.name for v in program.inputs}
    given = {k: float(v) for k, v in (values or {}).items()}
    unknown, missing = sorted(set(given) - known), sorted(known - set(given))
    require(
        not unknown, f"there is no {' and no '.join(unknown)} in the formulas: they are over {', '.join(sorted(known))}"
    )
    require(not given or not missing, f"the formulas need a value for {', '.join(missing)} too")
    circuit = circuit_of(scalars, given or None, named=True)
    circuit = replace(circuit, elements=elements)
    domains = {name: _around(given.get(name, 0.0)) for name in circuit.leaves}
    return Problem(circuit, notation_of("names"), lr, circuit.leaves, {}, domains)


def _depth(expression: Expression) -> int:
    """How many operations stand one within another."""
    depths: dict[int, int] = {}
    for node, _ in postorder([expression]):
        depths[id(node)] = max((1 + depths[id(a)] for a in node.arguments), default=0)
    return depths[id(expression)]


def _around(value: float) -> tuple[float, float]:
    """An interval of the same sign, in which probabilities stay below 1."""
    low, high = sorted((0.5 * value, 1.1 * value))
    return (low, high) if value else (0.1, 0.9)


def _over(expression: Expression, known: Mapping[str, Expression]) -> Expression:
    """The expression with earlier formulas in the place of their names."""
    if expression.is_symbol and expression.name is not None:
        return known.get(expression.name, expression)
    if expression.operation is None:
        return expression
    return expression.operation(*(_over(a, known) for a in expression.arguments), **expression.attributes)
