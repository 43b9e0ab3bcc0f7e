"""Tests that follow from an operation's record alone.

You wrote an operation; this checks it::

    softsign = cr.operation("softsign", "x", ...)
    cr.testing.assert_operation(softsign)

Nothing here knows an operation's formula. The value that runs is the reference; shapes, types, texts and
derivatives must agree with it. :func:`mutants` gives wrong versions of an operation, with which to test
the tests: each must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from math import prod
from typing import Any, TypeAlias

import numpy as np

from chainrule.checking.cases import SIZES, Array, Case, cases, draw, tied
from chainrule.checking.mutants import mutants
from chainrule.derivation import derive_program
from chainrule.engines import numpy as reference
from chainrule.errors import ChainruleError, unknown_name
from chainrule.expression import Kink, Operation, lift, symbol
from chainrule.ops.reductions import sum as total
from chainrule.oracles import EPSILON, Floats, central_differences, complex_step, one_sided
from chainrule.program import Program
from chainrule.shapes import broadcast, concrete, show_shape
from chainrule.show import to_latex, to_python, to_text
from chainrule.trace import atom_expression, expressions_of, trace

__all__ = ["Case", "assert_between_slopes", "assert_case", "assert_operation", "cases", "draw", "mutants"]

Engine: TypeAlias = str | Callable[[Program, Mapping[str, Any], str], Mapping[str, Any]]
Oracle: TypeAlias = Callable[[Program, Mapping[str, Any], str], tuple[Floats, Floats]]

RELATIVE = 1e-9
"""Relative error allowed to a derivative beyond the oracle's own: cancellation costs digits."""

HELD_CONSTANT = "stop_gradient"
"""Its rule contradicts its value on purpose; it must be exactly zero."""


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
            assert_between_slopes(tied(case))


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
        _assert_types(case, derived, values, "float32")
        second, weights = _weighted(case, derived)
        _assert_derivative(case, second, values | weights, _by_differences, "the second derivative by")


# What is checked of the value.


def _assert_value(case: Case) -> None:
    """Shape, element types, accuracy, and facts."""
    try:
        shape = concrete(case.result.shape, SIZES)
    except ChainruleError as error:
        raise AssertionError(f"{case}: {error} (are the shapes of its examples meant?)") from None
    results = {}
    for precision in ("float32", "float64"):
        try:
            _assert_types(case, case.program, case.values, precision)
        except Exception as error:
            if isinstance(error, AssertionError):
                raise
            raise AssertionError(f"{case}: its text does not run: {type(error).__name__}: {error}") from error
        results[precision] = result = _result(case.program, case, precision)
        if result.shape != shape:
            raise AssertionError(f"{case}: the rule says shape {show_shape(shape)}, the text {result.shape}")
        if "rows_sum_to_one" in case.result.facts and not np.allclose(result.sum(-1), 1, rtol=1e-5, atol=0):
            raise AssertionError(f"{case}: rows are said to sum to 1, but sum to {result.sum(-1).tolist()}")
    flops = case.operation.flops(case.result.shape, *(s.shape for s in case.symbols))
    if prod(concrete(flops, SIZES)) < 0:
        raise AssertionError(f"{case}: a negative number of floating-point operations, {show_shape(flops)}")
    if case.result.dtype == "float":
        _assert_accuracy(case, results["float32"], results["float64"])


def _result(program: Program, case: Case, precision: str) -> Array:
    return np.asarray(reference.run(program, case.values, precision)["result"])


def _assert_types(case: Case, program: Program, values: Mapping[str, Any], precision: str) -> None:
    """Every value that the program computes has the element type that it should."""
    wanted = {"float": precision, "int": "int64", "bool": "bool"}
    everything = reference.run_all(program, values, precision)
    for equation in program.equations:
        value = everything[equation.target.name]
        # A plain Python number takes the precision of what it meets.
        if not hasattr(value, "dtype") and isinstance(value, int | float):
            continue
        if str(value.dtype) != wanted[equation.target.dtype]:
            text = f"{equation.operation.name} gives {value.dtype}, not {wanted[equation.target.dtype]}"
            raise AssertionError(f"{case}: {text}, in a program of {precision}")


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
    expanded = trace({"result": operation.expansion(*case.symbols, **case.settings)}, inputs=case.symbols)
    for precision, epsilon in (("float32", 2**-23), ("float64", EPSILON)):
        own, other = _result(case.program, case, precision), _result(expanded, case, precision)
        bound = np.full(own.shape, 8 * epsilon * np.max(np.abs(own), initial=0.0))
        _assert_close(case, f"the {precision} value", own, other, bound, "its expansion")


def _engine_named(name: str) -> Callable[[Program, Mapping[str, Any], str], Mapping[str, Any]]:
    places = {"numpy": "numpy", "native": "native.call", "jax": "jax.call"}
    if name not in places:
        raise unknown_name("engine", name, places)
    return import_module(f"chainrule.engines.{places[name]}").run  # type: ignore[no-any-return]


def _assert_engine(case: Case, engine: Engine) -> None:
    """Value and derivatives of another engine against those of the printed text."""
    run = engine if callable(engine) else _engine_named(engine)
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
    return central_differences(_along(program, values, name), values[name])[:2]


def _along(program: Program, values: Mapping[str, Any], name: str) -> Callable[[Array], Any]:
    """The program's first output as a function of one input."""
    function = reference.compile_program(program)
    order = [v.name for v in program.inputs]
    return lambda x: function(*({**values, name: x}[n] for n in order))[0]


def _assert_derivative(case: Case, program: Program, values: Mapping[str, Any], oracle: Oracle, what: str) -> Program:
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
    assert_between_slopes(case)


def assert_between_slopes(case: Case) -> None:
    """What each argument gets back lies between the slopes on both sides: true at kinks and elsewhere.

    The slopes are those along the sum of the argument's elements, for a positive ``g``.

    Raises:
        AssertionError: if it does not.
    """
    if not case.differentiable or case.operation.name == HELD_CONSTANT:
        return
    values = case.values | {"g_in": np.abs(case.g)}
    results = reference.run(derive_program(case.pulled, case.differentiable), values)
    for name in case.differentiable:
        slope = float(np.sum(results[f"d{name}"]))
        function = _along(case.pulled, values, name)
        right, right_error = one_sided(function, values[name], 1.0)
        left, left_error = one_sided(function, values[name], -1.0)
        low, high = min(-left, right), max(-left, right)
        scale = float(np.sum(values["g_in"]))
        slack = 10 * (left_error + right_error) + RELATIVE * max(-low, high, 0) + 64 * EPSILON * scale
        if not low - slack <= slope <= high + slack:
            raise AssertionError(
                f"{case}: the slope by {name} at {values[name].tolist()} is {slope:.12g}, not between those "
                f"on both sides, {low:.12g} and {high:.12g} (allowed difference {slack:.2g})"
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
        raise AssertionError(f"{case}: {here}, but {source} is {expected[at]:.17g} (allowed difference {allowed:.2g})")
