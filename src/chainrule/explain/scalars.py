"""Programs over arrays as programs over scalars: every element becomes a variable of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, require
from chainrule.expression import REGISTRY, Expression, lift, symbol
from chainrule.program import Atom, Equation, Program, Var
from chainrule.shapes import broadcast, concrete, normalise_axes
from chainrule.trace import trace

Elements: TypeAlias = "NDArray[Any]"
"""An array of expressions, one for each element."""

MOST_ELEMENTS = 20_000
"""Elements in one array up to which a program is taken apart; a person reads a few dozen."""


@dataclass(frozen=True)
class Element:
    """One element of an array: ``W1[0,1]``; of a scalar, the scalar itself.

    With ``rows``, the first index counts the rows of the batch.

    >>> str(Element("W1", (0, 1))), str(Element("L", ()))
    ('W1[0,1]', 'L')
    """

    name: str
    index: tuple[int, ...]
    rows: bool = False

    @property
    def variable(self) -> str:
        """A name for the scalar that an identifier may have."""
        return "_".join([self.name, *map(str, self.index)])

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.index))}]" if self.index else self.name


@dataclass(frozen=True, eq=False)
class Scalars:
    """A program over scalars, and which element of which array each of its named variables is.

    ``ones`` are the sets of inputs that are declared to add up to 1: rows of targets that are probabilities.
    """

    program: Program
    elements: Mapping[str, Element]
    ones: tuple[frozenset[str], ...] = ()

    def values(self, arrays: Mapping[str, Any]) -> dict[str, float]:
        """The elements of arrays as values for the inputs of the program."""
        given = {name: np.asarray(value) for name, value in arrays.items()}
        return {v.name: given[(e := self.elements[v.name]).name][e.index].item() for v in self.program.inputs}


def scalars_of(program: Program, sizes: Mapping[str, int], *, weights_first: bool = False) -> Scalars:
    """Take a program apart: each named variable becomes one named scalar for each of its elements.

    Matrix products and sums are written out, and ``softmax``, ``log_softmax`` and ``logsumexp`` as textbooks write
    them, without subtracting the largest element first (which changes no value, but prevents overflow).

    Args:
        program: what to take apart.
        sizes: the value of each named size.
        weights_first: write the products of ``x @ W`` as ``w * x``, as those do who write ``W x``.

    Returns:
        The program over scalars, of the same name; outputs that are arrays become one output for each element.
    """
    return _Split(sizes, weights_first).run(program)


class _Split:
    """One walk over a program."""

    def __init__(self, sizes: Mapping[str, int], weights_first: bool) -> None:
        self.sizes, self.weights_first = sizes, weights_first
        self.elements: dict[str, Element] = {}
        self.known: dict[str, Elements] = {}

    def run(self, program: Program) -> Scalars:
        inputs = []
        for var in program.inputs:
            made = self.known[var.name] = self._symbols(var)
            inputs += list(made.flat)
        order = []
        for equation in program.equations:
            made = self._named(equation.target, self._value(equation))
            self.known[equation.target.name] = made
            order += [e for e in made.flat if e.name is not None]
        outputs: dict[str, Expression] = {}
        for label, atom in program.outputs:
            for index, expression in np.ndenumerate(self._atom(atom)):
                outputs[Element(label, index).variable] = expression
                self.elements.setdefault(Element(label, index).variable, Element(label, index))
        split = trace(outputs, name=program.name, inputs=inputs, order=order)
        return Scalars(split, self.elements, tuple(_adding_to_one(program.inputs, self.known)))

    def _symbols(self, var: Var) -> Elements:
        made = np.empty(self._shape(var.shape), dtype=object)
        for index in np.ndindex(made.shape):
            name = self._claimed(Element(var.name, index, _has_rows(var)))
            made[index] = symbol(name, (), var.dtype, var.role or "input")
        return made

    def _named(self, target: Var, made: Elements) -> Elements:
        if target.anonymous:
            return made
        named = np.empty(made.shape, dtype=object)
        for index, expression in np.ndenumerate(made):
            named[index] = expression.named(self._claimed(Element(target.name, index, _has_rows(target))))
        return named

    def _claimed(self, element: Element) -> str:
        """The name of the scalar, which no other may have."""
        other = self.elements.setdefault(element.variable, element)
        require(other is element, f"{other} and {element} would both be called {element.variable}: rename one of them")
        return element.variable

    def _shape(self, shape: Any) -> tuple[int, ...]:
        sizes = concrete(shape, self.sizes)
        if np.prod(sizes, dtype=float) > MOST_ELEMENTS:
            raise ArgumentError(
                f"an array of {' x '.join(map(str, sizes))} elements is too large to be taken apart into scalars "
                f"(the limit is {MOST_ELEMENTS}): explain a smaller network, or fewer rows"
            )
        return sizes

    def _atom(self, atom: Atom) -> Elements:
        if isinstance(atom, Var):
            return self.known[atom.name]
        made = np.empty((), dtype=object)
        made[()] = lift(atom.value)
        return made

    def _value(self, equation: Equation) -> Elements:
        arguments = [self._atom(a) for a in equation.arguments]
        return self._apply(equation, arguments, dict(equation.attributes))

    def _apply(self, equation: Equation, arguments: list[Elements], settings: dict[str, Any]) -> Elements:
        operation = equation.operation
        name = operation.name
        if operation.shape is broadcast or name in ("constant", "to_float", "to_int", "stop_gradient"):
            return _elementwise(operation, arguments)
        if name == "matmul":
            return _matmul(arguments[0], arguments[1], self.weights_first)
        if name in _RULES:
            made: Elements = _RULES[name](*arguments, **self._concrete(settings))
            return made
        if name == "size":
            return _filled((), lift(concrete((settings["of"],), self.sizes)[0]))
        if name == "concatenate":
            return np.concatenate(arguments, axis=settings["axis"])
        if operation.expansion is not None:
            return self._expanded(equation, arguments, settings)
        raise ArgumentError(f"{name} cannot be taken apart into scalars: explain a network without it")

    def _concrete(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {k: concrete(v, self.sizes) if k == "shape" else v for k, v in settings.items()}

    def _expanded(self, equation: Equation, arguments: list[Elements], settings: dict[str, Any]) -> Elements:
        """The value through the operation's expansion, taken apart in turn."""
        operation = equation.operation
        assert operation.expansion is not None
        places = [symbol(f"argument_{i}", a.shape) for i, a in enumerate(arguments)]
        inner = trace({"result": operation.expansion(*places, **settings)}, inputs=places)
        known = self.known
        self.known = {p.name: a for p, a in zip(places, arguments, strict=True) if p.name is not None}
        for step in inner.equations:
            self.known[step.target.name] = self._value(step)
        result = self._atom(inner.output("result"))
        self.known = known
        return result


def _adding_to_one(inputs: Iterable[Var], known: Mapping[str, Elements]) -> Iterator[frozenset[str]]:
    """The names in each row of inputs whose rows sum to 1."""
    for var in inputs:
        if "rows_sum_to_one" in var.facts:
            for row in known[var.name].reshape(-1, known[var.name].shape[-1]):
                yield frozenset(e.name for e in row)


def _has_rows(var: Var) -> bool:
    return bool(var.shape) and isinstance(var.shape[0], str)


def _elementwise(operation: Any, arguments: list[Elements]) -> Elements:
    spread = np.broadcast_arrays(*arguments)
    made = np.empty(spread[0].shape, dtype=object)
    for index in np.ndindex(made.shape):
        made[index] = operation(*(a[index] for a in spread))
    return made


def _filled(shape: tuple[int, ...], value: Expression) -> Elements:
    made = np.empty(shape, dtype=object)
    made[...] = value
    return made


def _added(terms: list[Expression]) -> Expression:
    """The sum of the terms, from left to right."""
    total = terms[0] if terms else lift(0.0)
    for term in terms[1:]:
        total = total + term
    return total


def _matmul(x: Elements, y: Elements, swapped: bool) -> Elements:
    """Each element as the sum of its products, written out."""
    rows, columns = np.broadcast_arrays(x[..., :, None, :], np.swapaxes(y, -1, -2)[..., None, :, :])
    made = np.empty(rows.shape[:-1], dtype=object)
    for index in np.ndindex(made.shape):
        made[index] = _added([b * a if swapped else a * b for a, b in zip(rows[index], columns[index], strict=True)])
    return made


def _reduced(x: Elements, axis: Any, keepdims: bool, reduce: Any) -> Elements:
    axes = normalise_axes(axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), -1)
    made = np.empty(moved.shape[:-1], dtype=object)
    for index in np.ndindex(made.shape):
        made[index] = reduce(list(moved[index]))
    return made.reshape([1 if a in axes else size for a, size in enumerate(x.shape)]) if keepdims else made


def _largest(terms: list[Expression]) -> Expression:
    result = terms[0]
    for term in terms[1:]:
        result = REGISTRY["maximum"](result, term)
    return result


def _mean(terms: list[Expression]) -> Expression:
    return _added(terms) if len(terms) == 1 else _added(terms) / len(terms)


def _along(x: Elements, axis: int, function: Any) -> Elements:
    """A function from the elements along an axis to as many elements."""
    moved = np.moveaxis(x, axis, -1)
    made = np.empty(moved.shape, dtype=object)
    for index in np.ndindex(moved.shape[:-1]):
        made[index] = function(list(moved[index]))
    return np.moveaxis(made, -1, axis)


def _exponentials(terms: list[Expression]) -> list[Expression]:
    return [REGISTRY["exp"](t) for t in terms]


def _log_of_sum(terms: list[Expression]) -> Expression:
    return REGISTRY["log"](_added(_exponentials(terms)))


def _softmax(terms: list[Expression]) -> list[Expression]:
    powers = _exponentials(terms)
    total = _added(powers)
    return [p / total for p in powers]


def _log_softmax(terms: list[Expression]) -> list[Expression]:
    total = _log_of_sum(terms)
    return [t - total for t in terms]


def _padded(x: Elements, widths: Any) -> Elements:
    made = _filled(tuple(size + low + high for size, (low, high) in zip(x.shape, widths, strict=True)), lift(0.0))
    made[tuple(slice(low, low + size) for size, (low, _) in zip(x.shape, widths, strict=True))] = x
    return made


_RULES: dict[str, Any] = {
    "transpose": lambda x, axes: x.transpose(axes) if axes is not None else x.T,
    "reshape": lambda x, shape: x.reshape(shape),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "slice": lambda x, bounds: x[tuple(slice(None) if b is None else slice(*b) for b in bounds)],
    "pad": _padded,
    "sum": lambda x, axis, keepdims: _reduced(x, axis, keepdims, _added),
    "mean": lambda x, axis, keepdims: _reduced(x, axis, keepdims, _mean),
    "max": lambda x, axis, keepdims: _reduced(x, axis, keepdims, _largest),
    "softmax": lambda x, axis: _along(x, axis, _softmax),
    "log_softmax": lambda x, axis: _along(x, axis, _log_softmax),
    "logsumexp": lambda x, axis, keepdims: _reduced(x, axis, keepdims, _log_of_sum),
}
"""Operations that move or combine elements."""
