"""What a network minimises, and how it is explained: in scalars where it is small, in matrices where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Formula, Inline
from chainrule.errors import ArgumentError, require
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.gates import circuit_of, in_one_piece
from chainrule.explain.derivations.backward import MOST_EQUATIONS, BackwardPass
from chainrule.explain.derivations.derivation import MOST_PATHS, Derivation, Setting
from chainrule.explain.scalars import Element, scalars_of
from chainrule.explain.stepper.stepping import Stepper
from chainrule.explain.writing.notation import Layers, Notation, notation_of
from chainrule.explain.writing.recognise import Recogniser
from chainrule.explain.writing.writer import Writer
from chainrule.expression import symbol
from chainrule.losses import Loss
from chainrule.program import Program
from chainrule.shapes import concrete, show_shape

MOST_PARAMETERS = 400
"""Parameters up to which a network is taken apart into scalars; larger ones are explained in matrices."""

MOST_ROWS = 1000
"""Rows that are explained one by one."""


def sentence(loss: Loss) -> tuple[Inline, ...]:
    """What a loss is, and how outputs and rows combine in it.

    >>> from chainrule.document.text import inline
    >>> from chainrule.losses import loss_of
    >>> print(inline(sentence(loss_of("half_squared_error"))))
    The loss is 0.5 * (p - y)^2 for a prediction p and a target y, added up over outputs, averaged over rows.
    """
    value = loss.formula(symbol("p"), symbol("y"), **loss.settings)
    formula = Writer(lambda name: Formula(name, name)).formula(Recogniser()(value))
    outputs = "averaged" if loss.mean_outputs else "added up"
    rows = "averaged" if loss.reduction == "mean" else "added up"
    smooth = f" Targets are smoothed by {loss.label_smoothing:g}." if loss.label_smoothing else ""
    p, y = Formula("p", "p"), Formula("y", "y")
    words = f", {outputs} over outputs, {rows} over rows.{smooth}"
    return ("The loss is ", formula, " for a prediction ", p, " and a target ", y, words)


@dataclass(frozen=True)
class Objective:
    """The loss of a network on data, as explanations need it.

    Args:
        textbook: the program of the loss as it was written.
        merged: the same after the rewrites.
        gradients: the loss and its derivatives by every parameter.
        arrays: a value for each input: data, parameters, running states.
        loss: what is minimised.
        penalised: whether penalties on the weights are part of the loss.
        as_predicting: what layers do that do something else in training.
    """

    textbook: Program
    merged: Program
    gradients: Program
    arrays: Mapping[str, NDArray[Any]]
    loss: Loss
    penalised: bool
    as_predicting: Sequence[str] = ()

    def explain(self, parameter: str | None, notation: Notation | str, lr: float) -> Derivation | BackwardPass:
        """The derivation of the derivative by one parameter, or the whole backward pass."""
        setting = self._setting(notation, lr)
        whole = BackwardPass(self.gradients, self.arrays, Layers.of(self.textbook.variables), setting)
        if parameter is None:
            return whole
        element, reason = self._element(parameter), self._reason
        if not reason:
            textbook, merged = (self._circuits(p, setting.notation) for p in (self.textbook, self.merged))
            derivation = Derivation(textbook, [in_one_piece(c) for c in merged], element.variable, setting)
            if derivation.paths <= MOST_PATHS:
                return derivation
            reason = (
                f"{derivation.paths:,} paths lead from {element} to the loss, one for each way through the units "
                f"between; up to {MOST_PATHS} are written as products. Here the values of a layer are taken together: "
                "each matrix product below adds up the paths of one layer."
            )
        return replace(whole, parameter=element, reason=reason)

    @property
    def _reason(self) -> str:
        """Why the network is explained in matrices whatever the parameter; empty where scalars serve."""
        together = "So the values of a layer stand together in one matrix."
        named = sum(not e.target.anonymous for e in self.textbook.equations)
        if self._size > MOST_PARAMETERS:
            return (
                f"The network has {self._size:,} parameters, more than the {MOST_PARAMETERS} up to which every scalar "
                f"gets its own equation. {together}"
            )
        if named > MOST_EQUATIONS:
            return (
                f"The network computes {named} values one after another, more than the {MOST_EQUATIONS} up to which "
                f"every scalar gets its own equation. {together}"
            )
        if any(e.operation.name == "take" for e in self.textbook.equations):
            return f"Which entries of a table are looked up depends on the row. {together}"
        if self.loss.reduction == "sum" and self.penalised and self._rows > 1:
            return f"The loss adds up the rows but counts the penalty once, so it is no sum over rows. {together}"
        return ""

    def stepper(self, notation: Notation | str, lr: float) -> Stepper:
        """The passes, one equation at a time."""
        self._check_size("gone through equation by equation")
        setting = self._setting(notation, lr)
        textbook = self._circuits(self.textbook, setting.notation)
        finite = all(abs(g) < float("inf") for circuit in textbook for g in circuit.gradients.values())
        return Stepper(textbook if finite else self._circuits(self.merged, setting.notation), setting)

    def _setting(self, notation: Notation | str, lr: float) -> Setting:
        require(0 < lr < float("inf"), f"the learning rate is a positive number, not {lr!r}")
        also = [" Penalties on the weights are part of it."] if self.penalised else []
        if self.as_predicting:
            also.append(f" The network is explained as it predicts: {' and '.join(self.as_predicting)}.")
        total = self.loss.reduction == "sum"
        return Setting(notation_of(notation), (*sentence(self.loss), *also), total, lr)

    def circuit(self, notation: Notation | str) -> Circuit:
        """The circuit of the loss of the only row, as textbooks write it."""
        if self._rows > 1:
            raise ArgumentError(f"a circuit has room for one row, but {self._rows} were given: give one of them")
        self._check_size("drawn as a circuit")
        return self._circuits(self.textbook, notation_of(notation))[0]

    def _check_size(self, what: str) -> None:
        if self._size > MOST_PARAMETERS:
            raise ArgumentError(
                f"a network of {self._size:,} parameters is too large to be {what} (the limit is {MOST_PARAMETERS}): "
                "take a smaller one; net.explain explains any"
            )

    @property
    def _size(self) -> int:
        """The number of parameters."""
        return sum(int(np.prod(concrete(v.shape, {}))) for v in self.textbook.inputs if v.role == "parameter")

    @property
    def _rows(self) -> int:
        return next(len(self.arrays[v.name]) for v in self.textbook.inputs if v.shape[:1] == ("B",))

    def _element(self, parameter: str) -> Element:
        """The element of that name: ``W1[0,1]``, or ``b2`` where there is only one."""
        name, _, rest = parameter.replace(" ", "").partition("[")
        known = {v.name: concrete(v.shape, {}) for v in self.textbook.inputs if v.role == "parameter"}
        example = next(iter(known), "W1")
        if name not in known:
            raise ArgumentError(
                f"there is no parameter {name!r}: choose one of {', '.join(known)}, with an index, as in "
                f"{example}[{','.join('0' for _ in known.get(example, ()))}]"
            )
        shape = known[name]
        try:
            index = tuple(int(part) for part in rest.removesuffix("]").split(",")) if rest else ()
        except ValueError:
            raise ArgumentError(f"the index of {parameter!r} is not made of whole numbers: write {name}[0,1]") from None
        if not rest and int(np.prod(shape)) == 1:
            index = (0,) * len(shape)
        if len(index) != len(shape) or any(not 0 <= i < n for i, n in zip(index, shape, strict=True)):
            last = ",".join(str(n - 1) for n in shape)
            first = ",".join("0" for _ in shape)
            raise ArgumentError(
                f"{parameter!r} names no element: {name} has shape {show_shape(shape)}, so its elements are "
                f"{name}[{first}] to {name}[{last}]"
            )
        return Element(name, index)

    def _circuits(self, program: Program, notation: Notation) -> list[Circuit]:
        """The circuit of each row's loss."""
        scalars = scalars_of(program, {"B": 1}, weights_first=notation.columns)
        if self._rows > MOST_ROWS:
            raise ArgumentError(f"{self._rows} rows are too many to be explained one by one: give at most {MOST_ROWS}")
        batched = {v.name for v in program.inputs if v.shape[:1] == ("B",)}
        return [
            circuit_of(
                scalars,
                scalars.values({k: a[r : r + 1] if k in batched else a for k, a in self.arrays.items()}),
                named=True,
                notation=notation,
            )
            for r in range(self._rows)
        ]
