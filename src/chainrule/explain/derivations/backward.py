"""The whole backward pass, in its order: every line of the program with its shape and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.document import (
    Block,
    Document,
    Equations,
    Formula,
    Heading,
    Inline,
    Line,
    Paragraph,
    Remark,
    Shown,
    Table,
)
from chainrule.engines.numpy import run_all
from chainrule.explain.circuits.wording import descent, number, partial_of, rate_of, rule
from chainrule.explain.derivations.columns import transposed
from chainrule.explain.derivations.derivation import Setting
from chainrule.explain.scalars import Element
from chainrule.explain.writing.notation import Layers, conventions
from chainrule.explain.writing.writer import Writer
from chainrule.expression import Expression
from chainrule.passes.cleanup import drop_unused
from chainrule.program import Atom, Program, Var
from chainrule.shapes import show_shape
from chainrule.show.numbers import number_latex, number_text
from chainrule.trace import expressions_of

MOST_EQUATIONS = 30
"""Equations of a pass up to which each is shown."""

MOST_SHOWN = 4
"""Rows and columns of a matrix whose numbers are written; of larger ones the corners are."""


@dataclass(frozen=True, eq=False)
class BackwardPass(Shown):
    """Forward and backward pass of a network over arrays, with numbers.

    Args:
        program: the loss and its derivatives.
        arrays: a value for each input of the program.
        layers: what the notation needs to know of the network.
        setting: notation, loss and learning rate.
        parameter: derive by this one element only, and leave out what it does not need.
        reason: why matrices are shown where one might expect every scalar.
    """

    program: Program
    arrays: Mapping[str, NDArray[Any]]
    layers: Layers
    setting: Setting
    parameter: Element | None = None
    reason: str = ""

    @cached_property
    def value(self) -> float | dict[str, NDArray[Any]]:
        """The derivative by the parameter; without one, the derivative by each array of parameters."""
        results = run_all(self.program, dict(self.arrays), "float64")
        found = {label.removeprefix("d"): _read(atom, results) for label, atom in self.program.outputs[1:]}
        return found if self.parameter is None else float(found[self.parameter.name][self.parameter.index])

    @cached_property
    def document(self) -> Document:
        """The page."""
        if self.parameter is None:
            loss = self._name(self.program.outputs[0][0]).text
            title = f"Forward and backward pass of {loss}"
        else:
            title = f"The derivative of {self._name(self.program.outputs[0][0]).text} by {self.parameter}"
        batch = f" B, the number of rows, is {self._rows}."
        blocks: list[Block] = [Remark(f"{conventions(self.setting.notation)} ", *self.setting.loss, batch)]
        blocks += [Paragraph(self.reason)] if self.reason else []
        blocks += self._features()
        for section in ("forward", "backward"):
            blocks += [Heading(section.capitalize()), *self._section(self._equations(section))]
        blocks += self._whole() if self.parameter is None else self._element(self.parameter)
        return Document(title, blocks)

    def to_json(self) -> dict[str, Any]:
        """The numbers, for programs."""
        lr, value = self.setting.lr, self.value
        common = {"notation": self.setting.notation.name, "loss": self._loss, "lr": lr}
        if not isinstance(value, dict):
            assert self.parameter is not None
            before = float(self.arrays[self.parameter.name][self.parameter.index])
            found = {"parameter": str(self.parameter), "gradient": value, "before": before}
            return {**common, **found, "updated": before - lr * value}
        return {
            **common,
            "gradients": {name: gradient.tolist() for name, gradient in value.items()},
            "parameters": {name: np.asarray(self.arrays[name], dtype=float).tolist() for name in value},
            "updated": {name: (self.arrays[name] - lr * gradient).tolist() for name, gradient in value.items()},
        }

    def _features(self) -> list[Block]:
        """Which feature stands where in X, if the features have names."""
        notation = self.setting.notation
        names = [f"{n} {name}" for n, name in enumerate(notation.features, notation.first)]
        line = "row" if notation.columns else "column"
        return [Paragraph(f"The features, by the {line} of X in which they stand: {', '.join(names)}.")] * bool(names)

    @property
    def _rows(self) -> int:
        return next(len(self.arrays[v.name]) for v in self.program.inputs if v.shape[:1] == ("B",))

    @property
    def _loss(self) -> float:
        return float(_read(self._shown.outputs[0][1], self._values))

    def _section(self, equations: list[tuple[Var, Expression]]) -> list[Block]:
        """The equations; of very many, the first and the last."""
        if len(equations) <= MOST_EQUATIONS:
            return [self._written(equations)] if equations else []
        kept = MOST_EQUATIONS // 2
        left_out = (
            f"{len(equations) - 2 * kept} equations of the layers between are left out here: of more than "
            f"{MOST_EQUATIONS}, the first and the last {kept} are shown."
        )
        return [self._written(equations[:kept]), Paragraph(left_out), self._written(equations[-kept:])]

    def _written(self, equations: list[tuple[Var, Expression]]) -> Equations:
        return Equations(*(line for equation in equations for line in self._lines(equation)))

    @cached_property
    def _shown(self) -> Program:
        """The program as the notation has it, restricted to what the parameter needs."""
        program = self.program
        if self.parameter is not None:
            needed = {self.program.outputs[0][0], f"d{self.parameter.name}"}
            outputs = tuple((label, atom) for label, atom in program.outputs if label in needed)
            program = drop_unused(Program(program.name, program.inputs, program.equations, outputs))
        return transposed(program) if self.setting.notation.columns else program

    @cached_property
    def _values(self) -> dict[str, NDArray[Any]]:
        """Every value, transposed where the notation has columns."""
        arrays = dict(self.arrays)
        if self.setting.notation.columns:
            arrays = {name: _as_column(np.asarray(a)) for name, a in arrays.items()}
        given = {v.name: arrays[v.name] for v in self._shown.inputs}
        return {name: np.asarray(value) for name, value in run_all(self._shown, given, "float64").items()}

    def _name(self, name: str) -> Formula:
        """An array, or a derivative by one, as the notation writes it."""
        var = self._shown.variables.get(name)
        if var is not None and var.derivative:
            loss, *by = var.derivative
            return partial_of(self._name(loss), self._name(by[0]))
        return self.setting.notation.array(name, self.layers)

    def _equations(self, section: str) -> list[tuple[Var, Expression]]:
        """Named values of a part of the program, each with its formula over other named values."""
        known = expressions_of(self._shown)
        shown = [e for e in self._shown.equations if not e.target.anonymous and e.section == section]
        return [(e.target, known[e.target.name]) for e in shown]

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self._name, self.setting.notation.sigma, self.setting.notation.function)

    def _lines(self, equation: tuple[Var, Expression]) -> list[Line]:
        var, formula = equation
        note = f"shape {show_shape(var.shape)}" if var.shape else ""
        first = Line(self._name(var.name), self._writer.formula(formula), note)
        return [first, Line(None, matrix(self._values[var.name]))]

    def _whole(self) -> list[Block]:
        """The step of gradient descent for every parameter, and a summary."""
        lines: list[Line] = []
        rows: list[tuple[Inline, ...]] = []
        for label, atom in self._shown.outputs[1 : MOST_EQUATIONS + 1]:
            name = label.removeprefix("d")
            w = self._name(name)
            gradient = partial_of(self._name(self._shown.outputs[0][0]), w)
            slope = _read(atom, self._values)
            new = self._values[name] - self.setting.lr * slope
            lines += [rule(w, gradient, self.setting.notation), Line(None, matrix(new))]
            sizes = (float(np.abs(slope).max()), float(np.sqrt(np.mean(slope**2))))
            rows.append((w, show_shape(slope.shape), *map(number_text, sizes)))
        rate = rate_of(self.setting.notation, self.setting.lr)
        more = len(self._shown.outputs) - 1 - len(rows)
        caption = f"The derivatives of the loss{f'; those of {more} more parameters are left out' if more else ''}"
        columns = ("by", "shape", "largest, without sign", "root mean square")
        return [
            Heading("Update"),
            Paragraph("One step of gradient descent with the learning rate ", rate, ":"),
            Equations(*lines),
            Heading("Summary"),
            Table(columns, rows, caption),
        ]

    def _element(self, parameter: Element) -> list[Block]:
        """The one element of the last line, worked out, and its step."""
        notation = self.setting.notation
        w = notation.element(parameter, self.layers)
        gradient = partial_of(self._name(self._shown.outputs[0][0]), w)
        value = self.value
        assert isinstance(value, float)
        before = float(self.arrays[parameter.name][parameter.index])
        found = Line(gradient, number(value), self._place(parameter))
        lines = [found, *descent(w, gradient, notation, before, self.setting.lr, value)]
        return [Heading("The element, and its update"), Equations(*lines)]

    def _place(self, parameter: Element) -> str:
        """Where the element stands in the matrix of the derivatives by its array, as it is shown."""
        index = parameter.index if len(parameter.index) > 1 else (0, *parameter.index)
        row, column = reversed(index) if self.setting.notation.columns else index
        return f"row {row + 1}, column {column + 1} of the last matrix"


def _read(atom: Atom, values: Mapping[str, Any]) -> NDArray[Any]:
    return np.asarray(values[atom.name] if isinstance(atom, Var) else atom.value)


def _as_column(array: NDArray[Any]) -> NDArray[Any]:
    return array[:, None] if array.ndim == 1 else array.T


def matrix(value: NDArray[Any]) -> Formula:
    """An array in brackets; of a large one, the corners.

    >>> matrix(np.array([[1.0, 0.5], [0.0, -2.0]])).text
    '[[1, 0.5], [0, -2]]'
    >>> matrix(np.arange(6.0)).text
    '[0, 1, 2, …, 5]'
    """
    if value.ndim == 0:
        return number(float(value))
    rows = np.atleast_2d(value) if value.ndim <= 2 else value.reshape(-1, value.shape[-1])
    latex = [[number_latex(x, 4) if x is not None else r"\cdots" for x in row] for row in _corners(rows)]
    text = [[number_text(x, 4) if x is not None else "…" for x in row] for row in _corners(rows)]
    body = r" \\ ".join(" & ".join(row) for row in latex)
    inner = [f"[{', '.join(row)}]" for row in text]
    plain = inner[0] if value.ndim == 1 else f"[{', '.join(inner)}]"
    return Formula(rf"\begin{{pmatrix}} {body} \end{{pmatrix}}", plain)


def _corners(rows: NDArray[Any]) -> Iterable[list[float | None]]:
    """The elements to be written, ``None`` where some are left out."""
    for r in _kept(rows.shape[0]):
        yield [None if r is None or c is None else float(rows[r, c]) for c in _kept(rows.shape[1])]


def _kept(size: int) -> list[int | None]:
    """The places to be written of so many."""
    return list(range(size)) if size <= MOST_SHOWN else [*range(MOST_SHOWN - 1), None, size - 1]
