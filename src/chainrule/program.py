"""The intermediate representation: straight-line equations over named, typed arrays.

A :class:`Program` assigns each variable once. The forward pass, the backward pass derived from it, the
loss, an optimiser's update and a whole training step are all programs; everything else reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from chainrule.errors import ProgramError, ShapeError, unknown_name
from chainrule.expression import REGISTRY, Operation, Role, check_name, registered
from chainrule.shapes import DType, Shape, show_shape


@dataclass(frozen=True)
class Var:
    """A variable: a name, a shape, an element type, and for inputs a role.

    ``anonymous`` variables were named by the machine; a printer may fold them into the line that uses
    them. ``adjoint_of`` names the variable whose adjoint this is; ``derivative`` says what that is mathematically, the
    value that was derived and by what: ``("L", "x")`` for dL/dx, ``("L", "x", "y")`` for its derivative by ``y``.
    """

    name: str
    shape: Shape
    dtype: DType = "float"
    role: Role | None = None
    facts: frozenset[str] = frozenset()
    anonymous: bool = False
    adjoint_of: str | None = None
    derivative: tuple[str, ...] = ()


@dataclass(frozen=True)
class Literal:
    """A number in an equation."""

    value: float | int


Atom: TypeAlias = Var | Literal


@dataclass(frozen=True)
class Equation:
    """``target = operation(arguments; attributes)``, with where it comes from, for people."""

    target: Var
    operation: Operation
    arguments: tuple[Atom, ...]
    attributes: tuple[tuple[str, Any], ...] = ()
    origin: str = field(default="", compare=False)
    section: str = field(default="forward", compare=False)


@dataclass(frozen=True, eq=False)
class Program:
    """Inputs, equations in order, and labelled outputs.

    Two programs are equal if they have the same inputs, equations and outputs; :attr:`fingerprint` is
    the same in every process and on every machine.
    """

    name: str
    inputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[tuple[str, Atom], ...]

    def _content(self) -> tuple[object, ...]:
        return (self.name, self.inputs, self.equations, self.outputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    @property
    def variables(self) -> dict[str, Var]:
        """Every variable by name, in order of definition."""
        return {v.name: v for v in (*self.inputs, *(e.target for e in self.equations))}

    @property
    def sizes(self) -> dict[str, tuple[str, int]]:
        """Each named size with the first input and the axis that carry it."""
        found: dict[str, tuple[str, int]] = {}
        for var in self.inputs:
            for axis, size in enumerate(var.shape):
                if isinstance(size, str):
                    found.setdefault(size, (var.name, axis))
        return found

    def output(self, label: str) -> Atom:
        """The output of that label."""
        table = dict(self.outputs)
        if label not in table:
            raise unknown_name("output", label, table)
        return table[label]

    def to_json(self) -> dict[str, Any]:
        """A description made of plain lists, numbers and strings; :meth:`from_json` reads it back."""
        return {
            "name": self.name,
            "inputs": [_var_to_json(v) for v in self.inputs],
            "equations": [
                {
                    "target": _var_to_json(e.target),
                    "operation": e.operation.name,
                    "arguments": [_atom_to_json(a) for a in e.arguments],
                    "attributes": dict(e.attributes),
                    "origin": e.origin,
                    "section": e.section,
                }
                for e in self.equations
            ],
            "outputs": [[label, _atom_to_json(atom)] for label, atom in self.outputs],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Program:
        """The program that :meth:`to_json` described, checked."""
        inputs = tuple(_var_from_json(v) for v in data["inputs"])
        known: dict[str, Var] = {v.name: v for v in inputs}
        equations = []
        for record in data["equations"]:
            target = _var_from_json(record["target"])
            equations.append(
                Equation(
                    target,
                    registered(record["operation"]),
                    tuple(_atom_from_json(a, known) for a in record["arguments"]),
                    tuple(sorted((k, _frozen(v)) for k, v in record["attributes"].items())),
                    record["origin"],
                    record["section"],
                )
            )
            known[target.name] = target
        outputs = tuple((label, _atom_from_json(atom, known)) for label, atom in data["outputs"])
        return typecheck(Program(data["name"], inputs, tuple(equations), outputs))

    @cached_property
    def fingerprint(self) -> str:
        """A hexadecimal SHA-256 of what the program computes; comments and origins do not count."""
        description = self.to_json()
        for record in description["equations"]:
            del record["origin"], record["section"]
        text = json.dumps(description, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


RESERVED = frozenset({"np", "dtype", "uniform", "add_rows"})
"""Names that the text of a program takes from its engine."""


def typecheck(program: Program) -> Program:
    """Check every rule of the representation and return the program; :class:`ProgramError` otherwise.

    Names are identifiers and assigned once; arguments are defined before use; each equation has the
    number of arguments, the shape and the element type that its operation's rules give; outputs exist.
    """
    defined: dict[str, Var] = {}
    sizes = program.sizes
    for var in program.inputs:
        if var.role is None:
            raise ProgramError(f"{program.name}: the input {var.name} has no role")
        _define(program, var, defined, sizes)
    for equation in program.equations:
        _check_equation(program, equation, defined)
        _define(program, equation.target, defined, sizes)
    for equation in program.equations:
        for size in equation.target.shape:
            if isinstance(size, str) and size not in sizes:
                raise ProgramError(
                    f"{program.name}: {equation.target.name} has the size {size}, which no input carries: "
                    f"let it depend on an input of that size, or give that input to trace"
                )
    labels = [label for label, _ in program.outputs]
    if len(set(labels)) < len(labels):
        raise ProgramError(f"{program.name}: two outputs share a label: {', '.join(labels)}")
    for label, atom in program.outputs:
        if isinstance(atom, Var) and defined.get(atom.name) != atom:
            raise ProgramError(f"{program.name}: the output {label} is {atom.name}, which is not defined")
    return program


def _define(program: Program, var: Var, defined: dict[str, Var], sizes: Collection[str]) -> None:
    check_name(var.name)
    taken = var.name in RESERVED or (var.name in REGISTRY and REGISTRY[var.name].python.helper)
    if taken:
        raise ProgramError(f"{var.name} is a name that printed programs use themselves: rename the variable")
    if var.name in defined:
        raise ProgramError(f"{program.name}: {var.name} is assigned twice")
    if var.name in sizes:
        raise ProgramError(f"{program.name}: {var.name} is both a variable and a size: rename one of them")
    defined[var.name] = var


def _check_equation(program: Program, equation: Equation, defined: Mapping[str, Var]) -> None:
    where = f"{program.name}: {equation.target.name} = {equation.operation.name}(...)"
    for argument in equation.arguments:
        if isinstance(argument, Var) and defined.get(argument.name) != argument:
            raise ProgramError(f"{where} uses {argument.name}, which is not defined before it")
    operation = equation.operation
    if not operation.variadic and len(equation.arguments) != len(operation.arguments):
        raise ProgramError(f"{where} has {len(equation.arguments)} arguments, not {len(operation.arguments)}")
    shapes = [a.shape if isinstance(a, Var) else () for a in equation.arguments]
    try:
        shape = operation.shape(*shapes, **dict(equation.attributes))
    except ShapeError as error:
        raise ProgramError(f"{where}: {error}") from None
    if shape != equation.target.shape:
        raise ProgramError(f"{where} has shape {show_shape(shape)}, not {show_shape(equation.target.shape)}")
    dtypes = {a.dtype for a in equation.arguments if isinstance(a, Var)}
    if operation.kind == "float" and dtypes - {"float"}:
        raise ProgramError(f"{where} needs floats: convert with to_float")
    dtype = _element_type(equation)
    if dtype != equation.target.dtype:
        raise ProgramError(f"{where} gives {dtype} values, not {equation.target.dtype}")


def _element_type(equation: Equation) -> DType:
    """The element type that the operation gives for its arguments."""
    kind = equation.operation.kind
    if kind in ("int", "compare"):
        return "int" if kind == "int" else "bool"
    if kind in ("float", "number"):
        return "float"
    if kind == "same":
        first = equation.arguments[0]
        return first.dtype if isinstance(first, Var) else "float"
    operands = equation.arguments[1:] if kind == "select" else equation.arguments
    # A whole number in the text takes on the type of what it meets.
    dtypes = {a.dtype if isinstance(a, Var) else "float" for a in operands if not _is_whole(a)}
    return "int" if "int" in dtypes and "float" not in dtypes else "float"


def _is_whole(atom: Atom) -> bool:
    return isinstance(atom, Literal) and isinstance(atom.value, int)


def _var_to_json(var: Var) -> dict[str, Any]:
    record: dict[str, Any] = {"name": var.name, "shape": list(var.shape), "dtype": var.dtype}
    if var.role is not None:
        record["role"] = var.role
    if var.facts:
        record["facts"] = sorted(var.facts)
    if var.anonymous:
        record["anonymous"] = True
    if var.adjoint_of is not None:
        record |= {"adjoint_of": var.adjoint_of, "derivative": list(var.derivative)}
    return record


def _var_from_json(record: Mapping[str, Any]) -> Var:
    return Var(
        record["name"],
        tuple(record["shape"]),
        record["dtype"],
        record.get("role"),
        frozenset(record.get("facts", ())),
        record.get("anonymous", False),
        record.get("adjoint_of"),
        tuple(record.get("derivative", ())),
    )


def _atom_to_json(atom: Atom) -> Any:
    return atom.name if isinstance(atom, Var) else {"value": atom.value}


def _atom_from_json(data: Any, known: Mapping[str, Var]) -> Atom:
    if isinstance(data, str):
        if data not in known:
            raise ProgramError(f"a program description uses {data}, which is not defined before it")
        return known[data]
    return Literal(data["value"])


def _frozen(value: Any) -> Any:
    """Lists of a JSON text as the tuples they were."""
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
