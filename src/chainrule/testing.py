"""Tests that follow from an operation's record alone.

You wrote an operation; this checks it::

    softsign = cr.operation("softsign", "x", ...)
    cr.testing.assert_operation(softsign)

Nothing here knows an operation's formula. The value that runs is the reference; shapes, types, texts and
derivatives must agree with it. :func:`mutants` gives wrong versions of an operation, with which to test
the tests: each must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from math import prod
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from chainrule.check.oracles import EPSILON, Floats, central_differences, complex_step, one_sided
from chainrule.derive import derive_program
from chainrule.engines import numpy as reference
from chainrule.errors import ChainruleError, NotDifferentiableError
from chainrule.expression import REGISTRY, Example, Expression, Kink, Operation, Spelling, lift, symbol
from chainrule.ops.arrays import broadcast_to
from chainrule.ops.reductions import sum as total
from chainrule.program import Program, Var
from chainrule.shapes import DType, Shape, broadcast, concrete, show_shape
from chainrule.show import to_latex, to_python, to_text
from chainrule.trace import atom_expression, expressions_of, trace

Array: TypeAlias = NDArray[Any]
Engine: TypeAlias = str | Callable[[Program, Mapping[str, Any], str], Mapping[str, Any]]
Oracle: TypeAlias = Callable[[Program, Mapping[str, Any], str], tuple[Floats, Floats]]

ELEMENTWISE_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((),),
    ((3,),),
    ((1,),),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 1, 3)),
)
"""Shapes on which an elementwise operation is tried; each row is repeated over the arguments."""

INTEGERS: Mapping[str, int | None] = {"indices": None, "key": 1000, "step": 1000}
"""Arguments of these names hold whole numbers below the bound; indices, below the number of rows."""

CONDITION = "condition"
"""Arguments of this name hold truth values."""

SMALL = 1e-8
RELATIVE = 1e-9
"""Relative error allowed to a derivative beyond the oracle's own: cancellation costs digits."""

HELD_CONSTANT = "stop_gradient"
"""Its rule contradicts its value on purpose; it must be exactly zero."""


@dataclass(frozen=True, eq=False)
class Case:
    """An operation with values for its arguments, and for the gradient ``g`` that comes in."""

    operation: Operation
    arguments: tuple[Array, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    g_scale: float = 1.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each argument."""
        if self.operation.variadic:
            stem = self.operation.arguments[0].removeprefix("*")
            return tuple(f"{stem}_{i}" for i in range(1, len(self.arguments) + 1))
        return self.operation.arguments

    @cached_property
    def symbols(self) -> tuple[Expression, ...]:
        """The arguments as symbols; where there are none, data that carries the named size ``B``."""
        if not self.names:
            return (symbol("rows", ("B",)),)
        kinds: dict[str, DType] = {"f": "float", "i": "int", "b": "bool"}
        return tuple(
            symbol(name, value.shape, kinds[value.dtype.kind])
            for name, value in zip(self.names, self.arguments, strict=True)
        )

    @cached_property
    def result(self) -> Expression:
        """The operation applied to the symbols."""
        return self.operation(*(self.symbols if self.names else ()), **self.attributes)

    @cached_property
    def values(self) -> dict[str, Array]:
        """The arguments by name."""
        return dict(zip(self.names, self.arguments, strict=True)) if self.names else {"rows": np.ones(3)}

    @cached_property
    def program(self) -> Program:
        """The operation as a program."""
        return trace({"result": self.result}, name="value", inputs=self.symbols)

    @cached_property
    def g(self) -> Array:
        """A gradient to come in, neither 1 nor the same everywhere."""
        generator = np.random.default_rng(7)
        shape = concrete(self.result.shape, {"B": 3})
        signs = generator.choice([-1, 1], shape)
        return np.asarray(self.g_scale * signs * generator.uniform(0.5, 1.5, shape))

    @cached_property
    def pulled(self) -> Program:
        """The single number ``sum(g * result)``, whose derivatives are what the rule sends back."""
        g = symbol("g_in", self.result.shape)
        return trace({"value": total(g * self.result)}, name="value", inputs=[*self.symbols, g])

    @cached_property
    def differentiable(self) -> tuple[str, ...]:
        """The arguments by which the operation has a derivative."""
        if self.result.dtype != "float":
            return ()
        return tuple(
            name for name, a in zip(self.names, self.arguments, strict=True) if self._varies(name, a)
        )

    def _varies(self, name: str, value: Array) -> bool:
        if value.dtype.kind != "f":
            return False
        try:
            derive_program(self.pulled, [name])
        except NotDifferentiableError:
            return False
        return True

    def __str__(self) -> str:
        pairs = zip(self.names, self.arguments, strict=True)
        shapes = ", ".join(f"{name} {show_shape(value.shape)}" for name, value in pairs)
        settings = "".join(f", {key}={value}" for key, value in self.attributes.items())
        return f"{self.operation.name}({shapes}{settings})"


def assert_operation(operation: Operation, engines: Sequence[Engine] = ("numpy",)) -> None:
    """Check everything that an operation's record claims.

    The shape and element type of the result, in float32 and float64; the accuracy stated; the texts; the
    expansion against the operation's own spelling; the vector-Jacobian rule against a complex step (where
    ``analytic``) or central differences, with bounds relative to the derivative; the second derivative;
    the kinks, where the value must lie between the slopes on both sides and be the one documented.

    Args:
        operation: the record, registered or not.
        engines: engines to compare with the printed text: names, or functions of a program, its values and
            a precision that return outputs by label.

    Raises:
        AssertionError: with one line that names the operation, the argument, both numbers and the bound.

    >>> import chainrule as cr
    >>> from chainrule.testing import assert_operation
    >>> assert_operation(cr.softsign)
    """
    tried = cases(operation)
    for case in tried:
        assert_case(case, engines)
    for kink in operation.kinks:
        _assert_kink(operation, kink)
    if not operation.analytic:
        for case in tried:
            _assert_ties(case)


def assert_case(case: Case, engines: Sequence[Engine] = ("numpy",)) -> None:
    """The part of :func:`assert_operation` that concerns one set of arguments, away from kinks."""
    _assert_value(case)
    _assert_texts(case)
    _assert_expansion(case)
    for engine in engines:
        if engine != "numpy":
            _assert_engine(case, engine)
    if case.operation.name == HELD_CONSTANT:
        _assert_held_constant(case)
        return
    if case.differentiable:
        values = case.values | {"g_in": case.g}
        oracle = _by_complex_step if case.operation.analytic else _by_differences
        derived = _assert_derivative(case, case.pulled, values, oracle, "the derivative by")
        second, weights = _weighted(case, derived)
        _assert_derivative(case, second, values | weights, _by_differences, "the second derivative by")


# Which arguments an operation is tried on.


def cases(operation: Operation) -> list[Case]:
    """Arguments inside the domain, for every example of the record, and some of size 1e-8."""
    generator = np.random.default_rng(crc32(operation.name.encode()))
    examples = operation.examples or _elementwise_examples(operation)
    drawn = [draw(operation, example, generator) for example in examples]
    largest = max(drawn, key=lambda case: max((a.size for a in case.arguments), default=0))
    return [*drawn, replace(largest, g_scale=SMALL), replace(largest, arguments=_shrunk(largest))]


def _elementwise_examples(operation: Operation) -> list[Example]:
    count = len(operation.arguments)
    repeated = [tuple(row[i % len(row)] for i in range(count)) for row in ELEMENTWISE_SHAPES]
    return [Example(shapes) for shapes in dict.fromkeys(repeated)]


def draw(operation: Operation, example: Example, generator: np.random.Generator) -> Case:
    """Arguments of the example's shapes; floats lie inside the domain and are exact in float32."""
    arguments: list[Array] = []
    for position, shape in enumerate(example.shapes):
        sizes = concrete(shape, {"B": 3})
        name = operation.arguments[0 if operation.variadic else position]
        if name == CONDITION:
            arguments.append(np.asarray(generator.random(sizes) > 0.5))
        elif name in INTEGERS:
            into = example.attributes.get("shape", example.shapes[0])
            arguments.append(np.asarray(generator.integers(0, INTEGERS[name] or into[0], sizes)))
        else:
            low, high = domain(operation, position)
            arguments.append(np.asarray(generator.uniform(low, high, sizes), np.float32).astype(np.float64))
    return Case(operation, tuple(arguments), example.attributes)


def domain(operation: Operation, position: int) -> tuple[float, float]:
    """The interval from which the argument in that position is drawn; the last one repeats."""
    return operation.domain[min(position, len(operation.domain) - 1)]


def _shrunk(case: Case) -> tuple[Array, ...]:
    """The arguments scaled to 1e-8, where their domain reaches there."""
    shrunk = []
    for position, a in enumerate(case.arguments):
        low, high = domain(case.operation, position)
        inside = a.dtype.kind == "f" and low <= 0 <= high
        shrunk.append((SMALL * a).astype(np.float32).astype(np.float64) if inside else a)
    return tuple(shrunk)


# What is checked of the value.


def _assert_value(case: Case) -> None:
    """Shape, element types, accuracy, and facts."""
    shape = concrete(case.result.shape, {"B": 3})
    outcomes = {}
    for precision in ("float32", "float64"):
        everything = reference.run_all(case.program, case.values, precision)
        for equation in case.program.equations:
            _assert_type(case, equation.target, everything[equation.target.name], precision)
        outcomes[precision] = result = _result(case.program, case, precision)
        if result.shape != shape:
            raise AssertionError(f"{case}: the rule says shape {show_shape(shape)}, the text {result.shape}")
        if "rows_sum_to_one" in case.result.facts and not np.allclose(result.sum(-1), 1, rtol=1e-5, atol=0):
            raise AssertionError(f"{case}: rows are said to sum to 1, but sum to {result.sum(-1).tolist()}")
    flops = case.operation.flops(case.result.shape, *(s.shape for s in case.symbols))
    if prod(concrete(flops, {"B": 3})) < 0:
        raise AssertionError(f"{case}: a negative number of floating-point operations, {show_shape(flops)}")
    if case.result.dtype == "float":
        _assert_accuracy(case, outcomes["float32"], outcomes["float64"])


def _result(program: Program, case: Case, precision: str) -> Array:
    return np.asarray(reference.run(program, case.values, precision)["result"])


def _assert_type(case: Case, var: Var, value: Any, precision: str) -> None:
    wanted = {"float": precision, "int": "int64", "bool": "bool"}[var.dtype]
    # A plain Python number takes the precision of what it meets.
    plain = isinstance(value, int | float) and not hasattr(value, "dtype")
    if not plain and str(value.dtype) != wanted:
        raise AssertionError(f"{case}: a result is {value.dtype}, not {wanted}, in a program of {precision}")


def _assert_accuracy(case: Case, rounded: Array, exact: Array) -> None:
    """The float32 value against the float64 value of the same arguments.

    An elementwise result is as accurate as the record says; other results add up, and are compared with
    the largest.
    """
    unit = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    bound = (case.operation.accuracy + 0.5) * unit
    if case.operation.shape is not broadcast:
        bound = np.full(exact.shape, 1e-5 * np.max(np.abs(exact), initial=0.0))
    _assert_close(case, "the float32 value", rounded.astype(np.float64), exact, bound, "the float64 value")


def _assert_texts(case: Case) -> None:
    """Python runs (that was the value); LaTeX is balanced; words are words."""
    latex, words, python = to_latex(case.program), to_text(case.program), to_python(case.program)
    for opening, closing in (("{", "}"), (r"\left", r"\right"), (r"\begin", r"\end")):
        if latex.replace(r"\leftarrow", "").count(opening) != latex.count(closing):
            raise AssertionError(f"{case}: {opening} and {closing} do not match in its LaTeX: {latex!r}")
    for text in (words, python):
        if text.count("(") != text.count(")") or "{" in text:
            raise AssertionError(f"{case}: its text is not complete: {text!r}")


def _assert_expansion(case: Case) -> None:
    """An operation with a spelling of its own says the same as its expansion."""
    operation = case.operation
    if operation.expansion is None or operation.python.helper:
        return
    expanded = trace({"result": operation.expansion(*case.symbols, **_attributes(case))}, inputs=case.symbols)
    for precision, epsilon in (("float32", 2**-23), ("float64", EPSILON)):
        own, other = _result(case.program, case, precision), _result(expanded, case, precision)
        bound = np.full(own.shape, 8 * epsilon * np.max(np.abs(own), initial=0.0))
        _assert_close(case, f"the {precision} value", own, other, bound, "its expansion")


def _attributes(case: Case) -> dict[str, Any]:
    return dict(case.operation.attributes) | dict(case.attributes)


def _assert_engine(case: Case, engine: Engine) -> None:
    """Value and derivatives of another engine against those of the printed text."""
    run = engine if callable(engine) else import_module(f"chainrule.engines.{engine}").run
    programs = [(case.program, case.values)]
    if case.differentiable:
        derived = derive_program(case.pulled, case.differentiable)
        programs.append((derived, case.values | {"g_in": case.g}))
    source = "the printed text"
    for program, values in programs:
        for precision, tolerance in (("float32", 1e-5), ("float64", 1e-13)):
            expected, results = reference.run(program, values, precision), run(program, values, precision)
            for label, want in expected.items():
                bound = np.full(np.shape(want), tolerance * np.max(np.abs(want), initial=0.0))
                _assert_close(case, f"{label} on {engine}", results[label], want, bound, source)


# What is checked of the derivative.


def _by_complex_step(program: Program, values: Mapping[str, Any], name: str) -> tuple[Floats, Floats]:
    names = reference.namespace("float64") | {"dtype": np.complex128}
    exec(to_python(program, helpers=True), names)
    function = names[program.name]
    slope = complex_step(lambda x: function(**{**values, name: x}), values[name])
    return slope, np.zeros_like(slope)


def _by_differences(program: Program, values: Mapping[str, Any], name: str) -> tuple[Floats, Floats]:
    return central_differences(_along(program, values, name), values[name])


def _along(program: Program, values: Mapping[str, Any], name: str) -> Callable[[Array], Any]:
    """The program's first output as a function of one input."""
    function = reference.compile_program(program)
    order = [v.name for v in program.inputs]
    return lambda x: function(*({**values, name: x}[n] for n in order))[0]


def _assert_derivative(
    case: Case, program: Program, values: Mapping[str, Any], oracle: Oracle, what: str
) -> Program:
    """Derive the first output of ``program`` and compare with the oracle; the derived program."""
    try:
        derived = derive_program(program, case.differentiable)
    except ChainruleError as error:
        raise AssertionError(f"{case}: {what} its arguments cannot be formed: {error}") from None
    results = reference.run(derived, values)
    for name in case.differentiable:
        measured, uncertainty = oracle(program, values, name)
        # Sums of many terms round relative to the largest; everything else is relative to the value itself.
        largest = np.max(np.abs(measured), initial=0.0)
        bound = RELATIVE * np.abs(measured) + 64 * EPSILON * largest + 10 * uncertainty
        _assert_close(case, f"{what} {name}", results[f"d{name}"], measured, bound, "the measured one")
    return derived


def _weighted(case: Case, derived: Program) -> tuple[Program, dict[str, Array]]:
    """A single number that mixes all first derivatives, to be derived again, and its weights."""
    known = expressions_of(derived)
    generator = np.random.default_rng(11)
    value, weights = lift(0.0), {}
    for name in case.differentiable:
        weights[f"{name}_weight"] = generator.uniform(0.5, 1.5, case.values[name].shape)
        weight = symbol(f"{name}_weight", case.values[name].shape)
        value = value + total(weight * atom_expression(derived.output(f"d{name}"), known))
    inputs = [*(known[v.name] for v in derived.inputs), *(symbol(n, w.shape) for n, w in weights.items())]
    return trace({"value": value}, name="value", inputs=inputs), weights


def _assert_held_constant(case: Case) -> None:
    results = reference.run(derive_program(case.pulled, case.differentiable), case.values | {"g_in": case.g})
    if any(np.any(results[f"d{name}"] != 0) for name in case.differentiable):
        raise AssertionError(f"{case}: a value held constant has a derivative")


def _assert_kink(operation: Operation, kink: Kink) -> None:
    """The slope at a kink is the documented one, and lies between those on both sides."""
    case = Case(operation, tuple(np.asarray(p, np.float64) for p in kink.point))
    values = case.values | {"g_in": np.float64(0.7)}
    results = reference.run(derive_program(case.pulled, case.differentiable), values)
    for name, slope in zip(case.names, kink.slopes, strict=True):
        if name in case.differentiable:
            given, chosen = np.asarray(results[f"d{name}"]), np.asarray(0.7 * slope)
            where = f"the derivative by {name} at the kink {kink.point}"
            _assert_close(case, where, given, chosen, 8 * EPSILON * np.abs(chosen), "the documented one")
            _assert_between(case, values, name, float(given))


def _assert_ties(case: Case) -> None:
    """Where all elements are equal, a kink of maxima, what goes to all of them together is a slope."""
    arguments = []
    for position, a in enumerate(case.arguments):
        low, high = domain(case.operation, position)
        arguments.append(np.full(a.shape, 0.4 * low + 0.6 * high) if a.dtype.kind == "f" else a)
    tied = replace(case, arguments=tuple(arguments))
    if tied.differentiable and case.operation.name != HELD_CONSTANT:
        values = tied.values | {"g_in": np.abs(tied.g)}
        results = reference.run(derive_program(tied.pulled, tied.differentiable), values)
        for name in tied.differentiable:
            _assert_between(tied, values, name, float(np.sum(results[f"d{name}"])))


def _assert_between(case: Case, values: Mapping[str, Any], name: str, slope: float) -> None:
    """The slope along the sum of an argument's elements lies between those on both sides of the point."""
    function = _along(case.pulled, values, name)
    right, right_error = one_sided(function, values[name], 1.0)
    left, left_error = one_sided(function, values[name], -1.0)
    low, high = min(-left, right), max(-left, right)
    scale = float(np.sum(np.abs(values["g_in"])))
    slack = 10 * (left_error + right_error) + RELATIVE * max(abs(low), abs(high)) + 64 * EPSILON * scale
    if not low - slack <= slope <= high + slack:
        raise AssertionError(
            f"{case}: the slope by {name} at a kink, {slope:.12g}, is not between those on both sides, "
            f"{low:.12g} and {high:.12g} (allowed difference {slack:.2g})"
        )


def _assert_close(case: Case, what: str, given: Any, expected: Any, bound: Any, source: str) -> None:
    """``given`` is within ``bound`` of ``expected``, element by element."""
    given, expected = np.asarray(given), np.asarray(expected)
    if given.shape != expected.shape:
        raise AssertionError(f"{case}: {what} has shape {given.shape}, {source} {expected.shape}")
    wrong = ~(np.abs(given - expected) <= bound) if given.dtype.kind == "f" else given != expected
    if np.any(wrong):
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        here = f"{what}{list(at) if at else ''} is {given[at]:.17g}"
        allowed = np.broadcast_to(bound, given.shape)[at]
        raise AssertionError(
            f"{case}: {here}, but {source} is {expected[at]:.17g} (allowed difference {allowed:.2g})"
        )


# Wrong operations, to test the tests.


def mutants(operation: Operation) -> Iterator[tuple[str, Operation]]:
    """Copies of an operation with a wrong rule, each with what is wrong.

    For each argument: the sign, a factor 1.001, an extra term, and each term or factor of the rule dropped.
    Where the rule follows from the expansion, an identity with a wrong slope stands before the argument.

    >>> import chainrule as cr
    >>> from chainrule.testing import mutants
    >>> for what, mutant in mutants(cr.operations["exp"]): print(what)
    x: sign
    x: times 1.001
    x: an extra term
    x: g * y without y
    x: g * y without g
    """
    case = next((c for c in cases(operation) if c.differentiable), None)
    if case is None:
        return
    for position, name in enumerate(case.names):
        if name not in case.differentiable:
            continue
        if operation.vjp is None:
            for what, change in CHANGES.items():
                yield f"{name}: {what}", _with_expansion(operation, position, change)
            yield f"{name}: dropped", _with_expansion(operation, position, lambda g, x: lift(0.0))
            continue
        g, y = symbol("g", case.result.shape), symbol("y", case.result.shape, facts=case.result.facts)
        rule = _adjoints(operation, g, y, *case.symbols, **_attributes(case))[position]
        for what, change in CHANGES.items():
            assert rule is not None
            # The sign and a multiple of zero are zero.
            if rule.literal != 0 or what == "an extra term":
                yield f"{name}: {what}", _with_rule(operation, position, change)
        for number, part in enumerate(_parts(rule, {id(e) for e in (g, y, *case.symbols)})):
            what = f"{_brief(part.whole)} without {_brief(part.dropped)}"
            yield f"{name}: {what}", _with_rule(operation, position, None, number)


Change: TypeAlias = Callable[[Expression, Expression], Expression]

CHANGES: dict[str, Change] = {
    "sign": lambda adjoint, x: -adjoint,
    "times 1.001": lambda adjoint, x: 1.001 * adjoint,
    "an extra term": lambda adjoint, x: adjoint + 0.001 * x,
}
"""What is done to an adjoint, from it and its argument."""


def _adjoints(operation: Operation, *arguments: Expression, **attributes: Any) -> list[Expression | None]:
    """What the rule sends back, numbers as expressions."""
    assert operation.vjp is not None
    return [a if a is None else lift(a) for a in operation.vjp(*arguments, **attributes)]


def _with_rule(operation: Operation, position: int, change: Change | None, part: int = 0) -> Operation:
    """The operation with one adjoint changed, or with a part of it dropped."""

    def wrong(g: Expression, y: Expression, *arguments: Expression, **attributes: Any) -> list[Any]:
        adjoints = _adjoints(operation, g, y, *arguments, **attributes)
        adjoint = adjoints[position]
        assert adjoint is not None
        if change is not None:
            adjoints[position] = change(adjoint, arguments[position])
            return adjoints
        leaves = {id(e) for e in (g, y, *arguments)}
        found = list(_parts(adjoint, leaves))
        if part < len(found):  # other shapes may have rules with fewer parts
            adjoints[position] = _replaced(adjoint, found[part].whole, found[part].rest, leaves)
        return adjoints

    return replace(operation, vjp=wrong)


def _with_expansion(operation: Operation, position: int, change: Change) -> Operation:
    """The operation with an identity of a wrong slope before one argument of its expansion."""
    assert operation.expansion is not None
    expansion = operation.expansion
    identity = Operation(
        "identity", ("x",), lambda x: x, Spelling("{x}", 0), Spelling("{x}", 0), Spelling("{x}", 0),
        vjp=lambda g, y, x: (change(g, x),),
    )  # fmt: skip

    def wrong(*arguments: Expression, **attributes: Any) -> Expression:
        changed = [identity(a) if i == position else a for i, a in enumerate(arguments)]
        return expansion(*changed, **attributes)

    return replace(operation, expansion=wrong)


class _Part(NamedTuple):
    """A term or factor of a rule: where it stands, and what is left of that without it."""

    whole: Expression
    dropped: Expression
    rest: Expression


def _parts(node: Expression, leaves: set[int]) -> Iterator[_Part]:
    """Each term or factor of a rule that can be dropped with a difference, arguments first."""
    if id(node) in leaves or node.operation is None:
        return
    for argument in node.arguments:
        yield from _parts(argument, leaves)
    if node.operation.name not in ("add", "subtract", "multiply", "divide", "power"):
        return
    x, y = node.arguments
    # To drop a factor 1 or a term 0 changes nothing.
    neutral = 0 if node.operation.name in ("add", "subtract") else 1
    if y.literal != neutral:
        yield _Part(node, y, x)
    if x.literal != neutral:
        yield _Part(
            node,
            x,
            -y if node.operation.name == "subtract" else 1.0 / y if node.operation.name == "divide" else y,
        )


def _replaced(node: Expression, old: Expression, new: Expression, leaves: set[int]) -> Expression:
    """``node`` with ``new`` in the place of ``old``, stretched to its shape."""
    if node is old:
        new = REGISTRY["to_float"](new) if new.dtype != "float" else new
        return new if new.shape == old.shape else broadcast_to(new, shape=old.shape)
    if id(node) in leaves or node.operation is None:
        return node
    arguments = [_replaced(a, old, new, leaves) for a in node.arguments]
    if all(a is b for a, b in zip(arguments, node.arguments, strict=True)):
        return node
    return node.operation(*arguments, **node.attributes)


def _brief(node: Expression) -> str:
    """A rule or a part of it, in the words of the printed program."""
    program = trace({"it": node})
    last = to_python(program, comments=False).rstrip().split("\n")[-2]
    if node.operation is None:
        return str(node.name or node.literal)
    return last.partition(" = ")[2]
