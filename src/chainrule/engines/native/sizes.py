"""Programs with numbers in the place of named sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chainrule.program import Atom, Equation, Literal, Program, Var


def bind_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program in which these sizes are numbers: in shapes, in attributes, and where their value is asked for."""
    if not sizes:
        return program
    atoms: dict[Atom, Atom] = {v: _bound(v, sizes) for v in program.inputs}
    equations: list[Equation] = []
    for equation in program.equations:
        attributes = dict(equation.attributes)
        if equation.operation.name == "size" and attributes["of"] in sizes:
            atoms[equation.target] = Literal(float(sizes[attributes["of"]]))
            continue
        atoms[equation.target] = target = _bound(equation.target, sizes)
        given = tuple((name, _numbered(value, sizes)) for name, value in equation.attributes)
        arguments = tuple(atoms.get(a, a) for a in equation.arguments)
        equations.append(replace(equation, target=target, arguments=arguments, attributes=given))
    inputs = tuple(_bound(v, sizes) for v in program.inputs)
    outputs = tuple((label, atoms.get(atom, atom)) for label, atom in program.outputs)
    return Program(program.name, inputs, tuple(equations), outputs)


def _bound(var: Var, sizes: Mapping[str, int]) -> Var:
    return replace(var, shape=_numbered(var.shape, sizes))


def _numbered(value: Any, sizes: Mapping[str, int]) -> Any:
    """A shape, or whatever else an attribute holds, with numbers for names."""
    if isinstance(value, tuple):
        return tuple(_numbered(v, sizes) for v in value)
    return sizes.get(value, value) if isinstance(value, str) else value
