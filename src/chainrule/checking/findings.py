"""Where a derived program goes wrong first, and the likely cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.certificates.certificate import Finding
from chainrule.certificates.judge import Comparison, judge
from chainrule.certificates.primitives import Array
from chainrule.checking.causes import explains, factor_of, slip_of
from chainrule.checking.describe import cut, describe, forward_of
from chainrule.checking.sampling import ELEMENTS
from chainrule.engines import numpy as reference
from chainrule.expression import symbol
from chainrule.ops.reductions import sum as total
from chainrule.passes import drop_unused
from chainrule.program import Equation, Literal, Program, Var
from chainrule.shapes import broadcast
from chainrule.show import to_python
from chainrule.trace import trace


def first_wrong_line(program: Program, values: Mapping[str, Any], comparisons: Sequence[Comparison]) -> Finding:
    """The first adjoint, in the order of the backward pass, that is not the slope of the value by its variable.

    The program is cut open at every variable that has an adjoint: what is measured there knows nothing of the lines
    before. Everything that the first wrong line reads is right, so that the slip is in that line.
    """
    seen = _Seen(program, reference.run_all(program, values))
    for adjoint in seen.adjoints():
        comparison = seen.judged(adjoint)
        if not comparison.holds.all():
            whole = comparison.elements.size == np.prod(comparison.shape, dtype=int)
            return Finding(seen.line(adjoint), _cause(seen, adjoint, comparison) if whole else "")
    return Finding(f"d{next(c.name for c in comparisons if not c.holds.all())}", "")


@dataclass(frozen=True)
class _Seen:
    """A derived program, with the value of every variable."""

    program: Program
    values: Mapping[str, Any]

    @cached_property
    def forward(self) -> Program:
        """What the derived value needs."""
        return drop_unused(replace(self.program, outputs=self.program.outputs[:1]))

    def adjoints(self) -> Iterator[Var]:
        """The named adjoints of the derived value, in the order in which they are computed."""
        label, value = self.program.outputs[0]
        derived = value.derivative if isinstance(value, Var) and value.derivative else (label,)
        for equation in self.program.equations:
            target = equation.target
            if target.adjoint_of in self.program.variables and target.derivative == (*derived, target.adjoint_of):
                yield target

    def judged(self, adjoint: Var) -> Comparison:
        """The adjoint beside the slope by its variable, which becomes an input."""
        name = str(adjoint.adjoint_of)
        opened = cut(replace(self.program, outputs=(self.program.outputs[0], (f"d{name}", adjoint))), {name})
        opened = drop_unused(opened)
        size = int(np.size(self.values[name]))
        (comparison,) = judge(describe(opened, self._of(opened), size if size <= ELEMENTS else ELEMENTS))
        return comparison

    def slope(self, program: Program, name: str, **values: Any) -> Array:
        """The slope of the first output of a program by every element of a variable, which becomes an input."""
        opened = cut(program, {name})
        forward = forward_of(opened, {**self._of(opened), **values})
        shape = forward.base[name].shape[1:]
        return forward.slopes(name, np.arange(int(np.prod(shape)))).right.reshape(shape)

    def _of(self, program: Program) -> dict[str, Any]:
        return {v.name: self.values[v.name] for v in program.inputs if v.name in self.values}

    def readers(self, name: str) -> list[Equation]:
        """The forward equations that read a variable."""
        return [e for e in self.forward.equations if any(isinstance(a, Var) and a.name == name for a in e.arguments)]

    def shown(self, name: str) -> str:
        """The name of the line that a reader sees for a variable: that of the first named one behind it."""
        variables = self.forward.variables
        while variables[name].anonymous and self.readers(name):
            name = self.readers(name)[0].target.name
        return name

    def line(self, adjoint: Var) -> str:
        """The line of the printed program that computes an adjoint."""
        lines = to_python(self.program).splitlines()
        return next((text.strip() for text in lines if text.startswith(f"    {adjoint.name} = ")), adjoint.name)


def _cause(seen: _Seen, adjoint: Var, comparison: Comparison) -> str:
    """The slip that explains a wrong adjoint; empty if none does."""
    name = str(adjoint.adjoint_of)
    claimed, measured = (a.reshape(comparison.shape) for a in (comparison.claimed, comparison.measured))
    batch = next((np.shape(seen.values[v])[axis] for v, axis in seen.program.sizes.values()), None)
    candidates = (*_missing_branches(seen, name), *_at_the_output(seen, name), *_products(seen, name))
    structural = next((words for words, candidate in candidates if explains(candidate, claimed)), "")
    return structural or slip_of(claimed, measured, batch) or factor_of(claimed, measured)


def _missing_branches(seen: _Seen, name: str) -> Iterator[tuple[str, Array]]:
    """What is left at a fork where the adjoint of one branch is not added."""
    readers = seen.readers(name)
    if len(readers) < 2:
        return
    parts = [seen.slope(_split(seen.forward, name, reader), "branch", branch=seen.values[name]) for reader in readers]
    for reader, part in zip(readers, parts, strict=True):
        lost = seen.shown(reader.target.name)
        yield (
            f"the part that comes through {lost} is missing: adjoints add where a value is read twice",
            sum(parts) - part,
        )


def _split(program: Program, name: str, reader: Equation) -> Program:
    """The program in which one equation reads an input of its own, ``branch``, in the place of a variable."""
    old = program.variables[name]
    branch = Var("branch", old.shape, old.dtype, "input")
    arguments = tuple(branch if a == old else a for a in reader.arguments)
    equations = tuple(replace(e, arguments=arguments) if e is reader else e for e in program.equations)
    return replace(program, inputs=(*program.inputs, branch), equations=equations)


def _at_the_output(seen: _Seen, name: str) -> Iterator[tuple[str, Array]]:
    """The derivative of an elementwise function taken at its value: f'(h) instead of f'(z), where h = f(z)."""
    for reader in seen.readers(name):
        if reader.operation.shape is not broadcast or reader.target.shape != seen.forward.variables[name].shape:
            continue
        output = reader.target.name
        made = {a: symbol(a.name, a.shape, a.dtype) for a in reader.arguments if isinstance(a, Var)}
        arguments = [a.value if isinstance(a, Literal) else made[a] for a in reader.arguments]
        local = trace({"value": total(reader.operation(*arguments))}, inputs=list(made.values()))
        slope = seen.slope(local, name, **{name: seen.values[output]})
        place = "its value" if reader.target.anonymous else output
        words = f"the derivative of {reader.operation.name} is taken at {place}, not at {name}"
        yield words, seen.slope(seen.forward, output) * slope


def _products(seen: _Seen, name: str) -> Iterator[tuple[str, Array]]:
    """A matrix product whose adjoint lacks a transpose; a value read by all rows whose adjoint is that of one."""
    for reader in seen.readers(name):
        g = seen.slope(seen.forward, reader.target.name)
        others = [a for a in reader.arguments if isinstance(a, Var) and a.name != name]
        if reader.operation.name == "matmul" and others:
            other, factor = others[0].name, seen.values[others[0].name]
            pair = (factor, g) if reader.arguments[0] == others[0] else (g, factor)
            if pair[0].shape[-1] == pair[1].shape[-2]:
                yield f"the transpose of {other} is missing", pair[0] @ pair[1]
        elif g.ndim > np.ndim(seen.values[name]) and len(g) > 1:
            for row, part in ((0, g[0]), (len(g) - 1, g[-1])):
                yield f"only row {row} is taken: the sum over the batch is missing", part
            yield "the mean over the batch is taken, not the sum", g.mean(axis=0)
