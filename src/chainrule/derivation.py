"""The chain rule, as a transformation of programs.

Walk the equations from the last to the first. The adjoint of a variable, written ``dv``, is the
derivative of the output by ``v``: the sum of what each equation that reads ``v`` sends back. An equation
``y = f(x)`` with adjoint ``dy`` sends ``dy`` through the rule of ``f`` to the adjoint of ``x``.

The rules stand with the operations; nothing here knows an operation by name but ``add``, which joins
paths, and the adjoint of broadcasting. The result is a program again, so it can be derived again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from chainrule.errors import NotDifferentiableError, ProgramError, ShapeError, unknown_name
from chainrule.expression import REGISTRY, Expression, Gradient, Label, lift
from chainrule.ops.arrays import broadcast_to, sum_to
from chainrule.program import Equation, Program, Var
from chainrule.shapes import show_shape
from chainrule.trace import atom_expression, expressions_of, substitute, trace


def derive_program(
    program: Program, wrt: Iterable[str] | None = None, output: str | None = None, keep: Iterable[str] = ()
) -> Program:
    """The program that computes ``output`` of ``program`` and its derivatives.

    Args:
        program: what to derive.
        wrt: names of the inputs by which to derive; every float input that is not a constant, by default.
        output: label of the output to derive, a single number; the first, by default.
        keep: labels of other outputs that the result has too.

    Returns:
        A program with the inputs of ``program``, the derived output, and an output ``dv`` for each ``v`` in
        ``wrt``. Where the derived output is itself a derivative ``du``, the second ones are called ``ddu_dv``.
    """
    label = output if output is not None else program.outputs[0][0]
    if program.output(label) not in program.inputs and getattr(program.output(label), "dtype", "float") != "float":
        raise NotDifferentiableError(f"{label} is a truth value or a whole number, which has no derivative")
    known = expressions_of(program)
    value = atom_expression(program.output(label), known)
    if value.shape != ():
        raise ShapeError(
            f"{label} has shape {show_shape(value.shape)}, and a derivative needs a single number: take its sum or mean"
        )
    names = list(wrt) if wrt is not None else differentiable_inputs(program)
    inputs = {v.name: v for v in program.inputs}
    for name in names:
        if name not in inputs:
            raise unknown_name("input", name, inputs)
        if inputs[name].dtype != "float":
            raise NotDifferentiableError(f"{name} holds {inputs[name].dtype} values, which have no derivative")
    seed = program.output(label)
    second = isinstance(seed, Var) and seed.adjoint_of is not None
    prefix = f"d{label}_d" if second else "d"
    seeds = {seed.name: lift(1)} if isinstance(seed, Var) else {}
    derived = (seed.derivative or (label,)) if isinstance(seed, Var) else (label,)
    adjoints = backward(program, known, seeds, names, prefix=prefix, derived=derived)
    gradients = {f"{prefix}{name}": adjoints[name] for name in names}
    return trace(
        {label: value, **gradients, **{k: atom_expression(program.output(k), known) for k in keep}},
        name=f"{program.name}_and_gradients",
        inputs=[known[v.name] for v in program.inputs],
        order=[*(known[e.target.name] for e in program.equations if not e.target.anonymous), value, *adjoints.values()],
    )


def differentiable_inputs(program: Program) -> list[str]:
    """The inputs by which a program is derived unless told otherwise: every float that is not a constant."""
    return [v.name for v in program.inputs if v.dtype == "float" and v.role != "constant"]


def backward(
    program: Program,
    known: Mapping[str, Expression],
    seeds: Mapping[str, Expression],
    wrt: Sequence[str],
    *,
    prefix: str = "d",
    derived: tuple[str, ...] = (),
) -> dict[str, Expression]:
    """The adjoints of the variables of ``program``, from those of its outputs.

    Args:
        program: the equations to walk.
        known: the expression of each variable.
        seeds: the adjoints of outputs, by variable: 1 for the value that is derived.
        wrt: the inputs whose adjoints are wanted; only what lies between them and the seeds is computed.
        prefix: what stands before the name of a variable in that of its adjoint; without it, adjoints stay unnamed.
        derived: what is derived, as in :class:`chainrule.program.Var`: ``("L",)``, or ``("L", "x")`` for dL/dx.

    Returns:
        Adjoints by variable, in the order in which the walk completes them.
    """
    active = _active(program, wrt)
    seen_as = _visible(program)
    finished_by = _finished_by(program, active)
    parts: dict[str, list[Expression]] = {name: [seeds[name]] if name in seeds else [] for name in active}
    readers: dict[str, list[str]] = {name: [] for name in active}
    adjoints: dict[str, Expression] = {}

    def complete(name: str) -> Expression:
        total = _join(parts[name], known[name])
        origin = " and ".join(dict.fromkeys(filter(None, (seen_as[r] for r in readers[name]))))
        if prefix:
            shown = f"{prefix}{name}" if seen_as[name] == name else None
            derivative = (*derived, name) if shown else ()
            total = total.labelled(Label(shown, shown and name, derivative, origin and f"from {origin}", "backward"))
        adjoints[name] = total
        return total

    for equation in reversed(program.equations):
        name = equation.target.name
        if name not in active:
            continue
        if parts[name]:
            for argument, part in _pull_back(equation, complete(name), known, active):
                parts[argument].append(part)
                readers[argument].append(name)
        for input_name in finished_by.get(name, ()):
            complete(input_name)
    for name in wrt:
        if name not in adjoints:  # nothing reads it
            complete(name)
    return adjoints


def _finished_by(program: Program, active: Mapping[str, None]) -> dict[str, list[str]]:
    """The inputs by the equation that reads them first: behind it, in the walk, their adjoints are complete."""
    first: dict[str, str] = {}
    for equation in program.equations:
        if equation.target.name in active:
            for argument in equation.arguments:
                if isinstance(argument, Var) and argument.role is not None and argument.name in active:
                    first.setdefault(argument.name, equation.target.name)
    finished: dict[str, list[str]] = {}
    for name, reader in first.items():
        finished.setdefault(reader, []).append(name)
    return finished


def _active(program: Program, wrt: Sequence[str]) -> dict[str, None]:
    """The float variables that depend on ``wrt``, in order."""
    active = dict.fromkeys(wrt)
    for equation in program.equations:
        if equation.target.dtype == "float" and any(
            isinstance(a, Var) and a.name in active for a in equation.arguments
        ):
            active[equation.target.name] = None
    return active


def _visible(program: Program) -> dict[str, str]:
    """For each variable the name under which people see it: its own, or that of the first line it is folded into."""
    seen_as = {v.name: v.name for v in program.inputs}
    for equation in reversed(program.equations):
        target = equation.target
        shown = seen_as.get(target.name, "") if target.anonymous else target.name
        seen_as[target.name] = shown
        for argument in equation.arguments:
            if isinstance(argument, Var) and argument.anonymous:
                seen_as[argument.name] = shown
    return seen_as


def _pull_back(
    equation: Equation, g: Expression, known: Mapping[str, Expression], active: Mapping[str, None]
) -> Iterator[tuple[str, Expression]]:
    """What the equation sends back to each of its arguments: its rule, then the adjoint of broadcasting."""
    arguments = [atom_expression(a, known) for a in equation.arguments]
    wanted = [i for i, a in enumerate(equation.arguments) if isinstance(a, Var) and a.name in active]
    rule = _rule(equation, g, known, arguments, wanted)
    for i in wanted:
        variable, part = equation.arguments[i], rule[i]
        if part is None and not _is_constant(arguments[i]):
            raise NotDifferentiableError(
                f"{equation.operation.name} has no derivative by its argument {i + 1} (at {equation.target.name}): "
                "hold that argument constant with stop_gradient"
            )
        if part is not None and lift(part).literal != 0 and isinstance(variable, Var):
            yield variable.name, sum_to(lift(part), arguments[i].shape)


def _rule(
    equation: Equation,
    g: Expression,
    known: Mapping[str, Expression],
    arguments: Sequence[Expression],
    wanted: Sequence[int],
) -> Mapping[int, Gradient]:
    """The adjoints of an equation's arguments by position: by its rule, or by the walk through its expansion."""
    operation, attributes = equation.operation, dict(equation.attributes)
    if operation.vjp is not None:
        rule: Any = operation.vjp(g, known[equation.target.name], *arguments, **attributes)
        if isinstance(rule, Expression) or len(rule) != len(arguments):
            given = "one expression" if isinstance(rule, Expression) else f"{len(rule)} adjoints"
            raise ProgramError(
                f"the rule of {operation.name} gives {given}, where a sequence of {len(arguments)} is needed: one for "
                "each argument"
            )
        return dict(enumerate(rule))
    if operation.expansion is not None:
        expansion = operation.expansion(*_stand_ins(arguments), **attributes)
        return _through_expansion(expansion, g, arguments, wanted)
    raise NotDifferentiableError(f"{operation.name} has no derivative (at {equation.target.name})")


def _is_constant(x: Expression) -> bool:
    """Whether the rule of ``x`` itself sends back nothing but zeros, as that of a value held constant."""
    if x.operation is None or x.operation.vjp is None:
        return False
    pulled = x.operation.vjp(x, x, *x.arguments, **x.attributes)
    return all(part is not None and lift(part).literal == 0 for part in pulled)


def _stand_ins(arguments: Sequence[Expression]) -> list[Expression]:
    """Symbols in place of arguments."""
    return [
        Expression(a.shape, a.dtype, label=Label(f"x{i}"), role="input", facts=a.facts) for i, a in enumerate(arguments)
    ]


def _through_expansion(
    expansion: Expression, g: Expression, arguments: Sequence[Expression], wanted: Sequence[int]
) -> dict[int, Gradient]:
    """The rule of an operation that has none of its own: the same walk, through its expansion."""
    inner = trace({"out": expansion}, inputs=_stand_ins(arguments))
    known = substitute(inner, {f"x{i}": a for i, a in enumerate(arguments)}, label=False)
    out = inner.output("out")
    seeds = {out.name: g} if isinstance(out, Var) else {}
    adjoints = backward(inner, known, seeds, [f"x{i}" for i in wanted], prefix="")
    return {i: adjoints[f"x{i}"] for i in wanted}


def _join(parts: Sequence[Expression], variable: Expression) -> Expression:
    """Where paths meet, adjoints add; without a path the adjoint is 0."""
    if not parts:
        return lift(0.0) if variable.shape == () else broadcast_to(0.0, shape=variable.shape)
    return reduce(REGISTRY["add"], parts)
