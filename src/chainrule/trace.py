"""From expressions to programs and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from chainrule.errors import ProgramError
from chainrule.expression import NO_LABEL, Expression, Label, lift
from chainrule.program import Atom, Equation, Literal, Program, Var, typecheck


def postorder(roots: Iterable[Expression]) -> list[tuple[Expression, Expression]]:
    """Every expression below the roots with the root that first needs it, arguments first, each once.

    There is no recursion, so depth is no limit.
    """
    seen: set[int] = set()
    order: list[tuple[Expression, Expression]] = []
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append((node, root))
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((a, False) for a in reversed(node.arguments) if id(a) not in seen)
    return order


def trace(
    outputs: Mapping[str, Expression],
    *,
    name: str = "program",
    inputs: Sequence[Expression] | None = None,
    order: Sequence[Expression] = (),
) -> Program:
    """The program that computes ``outputs``.

    Args:
        outputs: label -> expression; an expression without a name takes its label as name.
        name: the name of the program.
        inputs: the symbols that the program takes, in order; those that occur, by default.
        order: expressions whose equations come first, in this order (arguments before them, of course).
    """
    labelled = {label: expression.labelled(Label(label)) for label, expression in outputs.items()}
    swapped = {id(old): labelled[label] for label, old in outputs.items()}
    nodes = postorder([swapped.get(id(e), e) for e in (*order, *labelled.values())])
    leaves = _merge_symbols([*(inputs or ()), *(n for n, _ in nodes if n.is_symbol)])
    taken = set(leaves) | {s for var in leaves.values() for s in var.shape if isinstance(s, str)}
    taken |= {n.name for n, _ in nodes if n.name is not None}
    numbers = (f"t{i}" for i in count(1))
    used: set[str] = set(leaves)
    atoms: dict[int, Atom] = {}
    equations: list[Equation] = []
    for node, root in nodes:
        if node.literal is not None:
            atoms[id(node)] = Literal(node.literal)
        elif node.is_symbol:
            assert node.name is not None
            atoms[id(node)] = leaves[node.name]
        else:
            assert node.operation is not None
            wanted = node.name or next(n for n in numbers if n not in taken)
            target = Var(
                _unused(wanted, used),
                node.shape,
                node.dtype,
                facts=node.facts,
                anonymous=node.name is None,
                adjoint_of=node.label.adjoint_of,
                derivative=node.label.derivative,
            )
            used.add(target.name)
            atoms[id(node)] = target
            equations.append(
                Equation(
                    target,
                    node.operation,
                    tuple(atoms[id(a)] for a in node.arguments),
                    tuple(sorted(node.attributes.items())),
                    node.label.origin,
                    node.label.section or root.label.section or "forward",
                )
            )
    declared = tuple(leaves.values())
    if inputs is not None and len(declared) > len(inputs):
        extra = ", ".join(v.name for v in declared[len(inputs) :])
        raise ProgramError(f"{name} uses {extra}, which is not among its inputs")
    results = tuple((label, atoms[id(e)]) for label, e in labelled.items())
    return typecheck(Program(name, declared, tuple(equations), results))


def expressions_of(program: Program) -> dict[str, Expression]:
    """The program's variables as expressions, by name, so that more can be built on them."""
    made: dict[str, Expression] = {}
    for var in program.inputs:
        made[var.name] = symbol_of(var)
    for equation in program.equations:
        made[equation.target.name] = expression_of(equation, [atom_expression(a, made) for a in equation.arguments])
    return made


def substitute(program: Program, values: Mapping[str, Expression], *, label: bool = True) -> dict[str, Expression]:
    """The program's variables, with other expressions in the place of inputs; names stay unless ``label`` is off."""
    known = dict(values)
    for var in program.inputs:
        known.setdefault(var.name, symbol_of(var))
    for equation in program.equations:
        operands = [atom_expression(a, known) for a in equation.arguments]
        value = equation.operation(*operands, **dict(equation.attributes))
        known[equation.target.name] = value.labelled(label_of(equation)) if label else value
    return known


def symbol_of(var: Var) -> Expression:
    """An input as a symbol."""
    return Expression(var.shape, var.dtype, label=Label(var.name), role=var.role, facts=var.facts)


def expression_of(equation: Equation, arguments: Sequence[Expression], *, label: bool = True) -> Expression:
    """The equation's value as an expression of other arguments, under its name or without one."""
    target = equation.target
    return Expression(
        target.shape,
        target.dtype,
        operation=equation.operation,
        arguments=tuple(arguments),
        attributes=dict(equation.attributes),
        label=label_of(equation) if label else NO_LABEL,
        facts=target.facts,
    )


def label_of(equation: Equation) -> Label:
    """What people see of the equation's target."""
    target = equation.target
    shown = None if target.anonymous else target.name
    return Label(shown, target.adjoint_of, target.derivative, equation.origin, equation.section)


def atom_expression(atom: Atom, known: Mapping[str, Expression]) -> Expression:
    """The expression of an atom."""
    return known[atom.name] if isinstance(atom, Var) else lift(atom.value)


def _merge_symbols(symbols: Iterable[Expression]) -> dict[str, Var]:
    """One variable a name; two different symbols of one name are an error."""
    merged: dict[str, Var] = {}
    for symbol in symbols:
        assert symbol.name is not None
        var = Var(symbol.name, symbol.shape, symbol.dtype, symbol.role, symbol.facts)
        if merged.setdefault(var.name, var) != var:
            raise ProgramError(f"two different symbols are called {var.name}: rename one of them")
    return merged


def _unused(name: str, used: set[str]) -> str:
    """``name``, or the first of ``name_2``, ``name_3``, ... that is free."""
    if name not in used:
        return name
    return next(f"{name}_{i}" for i in count(2) if f"{name}_{i}" not in used)
