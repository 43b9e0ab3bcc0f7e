"""From a derived program and its values to the statement that is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.certificates.plan import Own, Plan
from chainrule.certificates.primitives import PRIMITIVES, Array, Function, aligned
from chainrule.certificates.slopes import Forward
from chainrule.certificates.statement import Statement
from chainrule.checking.sampling import spread_evenly
from chainrule.engines import numpy as reference
from chainrule.engines.native.expand import expand
from chainrule.engines.native.sizes import bind_sizes
from chainrule.errors import require
from chainrule.expression import REGISTRY, Operation, symbol
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import bind, broadcast
from chainrule.show.layout import Written, spell
from chainrule.trace import trace

HELD = frozenset({"uniform", "stop_gradient"})
"""Operations whose values are held fixed: random masks, and what the chain rule takes as a constant."""


def describe(program: Program, values: Mapping[str, Any], elements: int | str) -> Statement:
    """What a derived program claims at these values, as a statement.

    Args:
        program: with a value as its first output, and derivatives of it.
        values: of its inputs, all in float64.
        elements: how many derivatives to check at most, or ``"all"``.
    """
    gradients = gradients_of(program)
    results = reference.run(program, values)
    plain, inputs = lower(program, values)
    chosen = spread_evenly({name: inputs[name].size for name in gradients}, elements)
    return Statement(
        program=plain.to_json(),
        operations=_operations(plain),
        values=inputs,
        output=program.outputs[0][0],
        gradients=gradients,
        elements=chosen,
        claimed={
            name: _flat(results[label], inputs[name])[chosen[name]].astype(np.float64)
            for name, label in gradients.items()
        },
        own=_own(plain),
    )


def forward_of(program: Program, values: Mapping[str, Any]) -> Forward:
    """The first output of a program as a function of its inputs."""
    plain, inputs = lower(replace(program, outputs=program.outputs[:1]), values)
    plan = Plan.of(plain.to_json(), _operations(plain), _own(plain))
    return Forward(plan, program.outputs[0][0], inputs)


def lower(program: Program, values: Mapping[str, Any]) -> tuple[Program, dict[str, Array]]:
    """The program as verifiers read it, and the values of its inputs in float64.

    Sizes are numbers; what is held fixed is an input; operations are primitives, but for those with kinks.
    """
    inputs = reference.prepare(program, values, "float64")
    sizes: dict[str, int] = {}
    for var in program.inputs:
        bind(var.name, var.shape, np.shape(inputs[var.name]), sizes)
    fixed, held = hold(program, values)
    plain = expand(bind_sizes(fixed, sizes), keep=has_kinks)
    return plain, {v.name: np.asarray((inputs | held)[v.name]) for v in plain.inputs}


def _flat(gradient: Any, value: Array) -> Array:
    """The elements of a derivative, which is a plain number where it is the same everywhere."""
    return np.broadcast_to(gradient, value.shape).reshape(-1)


def gradients_of(program: Program) -> dict[str, str]:
    """For each input the label of the derivative of the first output by it."""
    value = program.outputs[0][0]
    labels = {label for label, _ in program.outputs[1:]}
    floats = [v.name for v in program.inputs if v.dtype == "float"]
    found = {}
    for name in floats:
        for label in (f"d{name}", f"d{value}_d{name}"):
            if label in labels:
                found[name] = label
    require(
        bool(found), f"{program.name} has no derivatives to check: derive it first, as in cr.derive({program.name})"
    )
    return found


def hold(program: Program, values: Mapping[str, Any]) -> tuple[Program, dict[str, Any]]:
    """The program with what is held fixed as inputs, and the values of those."""
    names = {e.target.name for e in program.equations if e.operation.name in HELD}
    if not names:
        return program, {}
    everything = reference.run_all(program, values)
    return cut(program, names), {name: everything[name] for name in names}


def cut(program: Program, names: set[str]) -> Program:
    """The program in which variables that it computes are inputs."""
    new = {
        e.target: Var(e.target.name, e.target.shape, e.target.dtype, "input")
        for e in program.equations
        if e.target.name in names
    }

    def renewed(atom: Atom) -> Atom:
        return new.get(atom, atom) if isinstance(atom, Var) else atom

    kept = (e for e in program.equations if e.target not in new)
    return Program(
        program.name,
        (*program.inputs, *new.values()),
        tuple(replace(e, arguments=tuple(map(renewed, e.arguments))) for e in kept),
        tuple((label, renewed(atom)) for label, atom in program.outputs),
    )


def has_kinks(operation: Operation) -> bool:
    """Whether an operation's record chooses slopes, so that it is judged as a whole."""
    return bool(operation.kinks) and operation.shape is broadcast and not operation.attributes


def _kinked(program: Program) -> list[Operation]:
    """The operations of a program that are judged as a whole, each once."""
    found = {e.operation.name: e.operation for e in program.equations if has_kinks(e.operation)}
    return [o for o in found.values() if is_primitive(o) or o.expansion is not None]


def _operations(program: Program) -> dict[str, Any]:
    return {
        operation.name: {
            "kinks": [{"point": list(k.point), "slopes": list(k.slopes), "reason": k.reason} for k in operation.kinks],
            "program": None if is_primitive(operation) else _definition(operation).to_json(),
        }
        for operation in _kinked(program)
    }


def _definition(operation: Operation) -> Program:
    """An operation as a program over single numbers, of primitives."""
    symbols = [symbol(name) for name in operation.arguments]
    assert operation.expansion is not None
    return expand(trace({"result": operation.expansion(*symbols)}, name="definition", inputs=symbols))


def is_primitive(operation: Operation) -> bool:
    """Whether the verifier knows the operation, by its name and by how it is written."""
    known = REGISTRY.get(operation.name)
    return operation.name in PRIMITIVES and known is not None and known.python == operation.python


def _own(program: Program) -> dict[str, Own]:
    """The operations that only their text defines, those in definitions included."""
    found = {
        e.operation.name: Own(_from_text(e), e.operation.analytic)
        for e in program.equations
        if e.operation.primitive and not is_primitive(e.operation)
    }
    for operation in _kinked(program):
        if not is_primitive(operation):
            found |= _own(_definition(operation))
    return found


def _from_text(equation: Equation) -> Function:
    """What the text of an equation computes."""
    names = [f"x{i}" for i in range(len(equation.arguments))]
    shapes = [() if isinstance(a, Literal) else a.shape for a in equation.arguments]
    operands = [Written(n, shape=s) for n, s in zip(names, shapes, strict=True)]
    text = spell(equation.operation.python, equation, operands).text
    function = eval(f"lambda {', '.join(names)}: {text}", reference.namespace("float64"))

    def apply(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
        if equation.operation.shape is broadcast:
            return np.asarray(function(*aligned(arguments)))
        copies = max(map(len, arguments))
        return np.stack([function(*(a[min(i, len(a) - 1)] for a in arguments)) for i in range(copies)])

    return apply
