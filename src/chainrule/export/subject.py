"""What is exported: the programs that lead from a caller's columns to predictions, their arrays, and rows to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from chainrule.data import ClassLabel, TableEncoder
from chainrule.export.preprocessing import Input, decoding_program, encoding_program, inputs_of
from chainrule.program import Program, Var

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Stage:
    """A part of the way: a program, and the precision that it runs in."""

    program: Program
    precision: str

    @property
    def arrays(self) -> tuple[Var, ...]:
        """The inputs that are parameters or running states."""
        return tuple(v for v in self.program.inputs if v.role in ("parameter", "state"))

    @property
    def data(self) -> tuple[Var, ...]:
        """The other inputs: columns, or outputs of the stage before."""
        return tuple(v for v in self.program.inputs if v.role == "input")


@dataclass(frozen=True)
class Subject:
    """A model as every format takes it.

    Attributes:
        title: what it predicts, in a few words.
        inputs: what the caller gives.
        stages: the programs, each of which reads the outputs of the one before by their labels.
        arrays: parameters and running states by name.
        classes: the classes, in the order of their probabilities; none for a number or a bare network.
        scale: the size of differences in a prediction that matter to the caller: the target's standard deviation.
    """

    title: str
    inputs: tuple[Input, ...]
    stages: tuple[Stage, ...]
    arrays: Arrays
    classes: tuple[ClassLabel, ...] = ()
    scale: float = 1.0

    @property
    def of_table(self) -> bool:
        """Whether it takes columns of a table, rather than arrays of features."""
        return self.inputs[0].kind != "array"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The labels of what it gives."""
        return ("prediction", "probabilities") if self.classes else ("prediction",)

    @property
    def network(self) -> Stage:
        """The stage that is the network."""
        return self.stages[1] if self.of_table else self.stages[0]


def subject_of_network(program: Program, arrays: Arrays, precision: str) -> Subject:
    """A network alone: arrays of features in, its prediction out."""
    stage = Stage(replace(_reading(program, arrays), name="network"), precision)
    inputs = tuple(Input(v.name, v.name, "array", {}) for v in stage.data)
    return Subject("the output of a network", inputs, (stage,), arrays)


def subject_of_table(encoder: TableEncoder, program: Program, arrays: Arrays, precision: str) -> Subject:
    """A network with what was learnt about its table: columns in, predictions in the table's terms out."""
    ((_, prediction),) = program.outputs
    assert isinstance(prediction, Var)
    inner = replace(_reading(program, arrays), name="network", outputs=(("output", prediction),))
    (features,) = (v for v in program.inputs if v.role == "input")
    inputs, target = inputs_of(encoder), encoder.target
    stages = (
        Stage(encoding_program(encoder, inputs, features.name), "float64"),
        Stage(inner, precision),
        Stage(decoding_program(target, int(prediction.shape[-1])), "float64"),
    )
    return Subject(repr(target.name), inputs, stages, arrays, target.classes, target.scale)


def _reading(program: Program, arrays: Arrays) -> Program:
    """The program without inputs that it does not read."""
    read = {a.name for e in program.equations for a in e.arguments if isinstance(a, Var)}
    read |= {a.name for _, a in program.outputs if isinstance(a, Var)}
    inputs = tuple(v for v in program.inputs if v.name in read or v.role == "input")
    return Program(program.name, inputs, program.equations, program.outputs)
