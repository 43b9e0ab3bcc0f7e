"""The chain rule, against closed forms, differences and PyTorch."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
import pytest

import chainrule as cr
from chainrule.derivation import derive_program
from chainrule.engines.numpy import compile_program, prepare, run, run_all
from chainrule.errors import ArgumentError, NotDifferentiableError, ShapeError, UnknownNameError
from chainrule.expression import Operation, Spelling, symbol
from chainrule.oracles import central_differences
from chainrule.shapes import broadcast, concrete
from chainrule.trace import trace


def test_where_paths_meet_adjoints_add():
    x = cr.symbols("x")
    program = cr.derive(x * x + x * cr.sin(x) + x)
    for value in [-1.3, 0.0, 1e-8, 2.0]:
        wanted = 2 * value + np.sin(value) + value * np.cos(value) + 1
        assert program(x=value)["dx"] == pytest.approx(wanted, rel=1e-14)


def test_a_value_used_twice_by_one_operation():
    x = cr.symbols("x")
    assert cr.derive(x * x)(x=3.0)["dx"] == 6
    assert cr.derive(x / x)(x=3.0)["dx"] == 0
    assert cr.derive(x**x)(x=2.0)["dx"] == pytest.approx(4 * (np.log(2) + 1), rel=1e-15)


@pytest.mark.parametrize("function", [cr.maximum, cr.minimum])
def test_the_larger_of_x_and_x_has_slope_1(function):
    x = cr.symbols("x")
    y = (1 * x).named("y")
    for f in [function(x, x), function(x, y), function(x, cr.relu(x))]:
        assert cr.derive(f)(x=1.5)["dx"] == 1
    X = cr.symbols("X", shape=(3,))
    np.testing.assert_array_equal(cr.derive(cr.sum(function(X, X)))(X=[1.0, 2.0, 2.0])["dX"], [1, 1, 1])


def test_equal_largest_elements_share():
    X = cr.symbols("X", shape=(4,))
    np.testing.assert_array_equal(cr.derive(cr.max(X))(X=[1.0, 2.0, 0.0, 2.0])["dX"], [0, 0.5, 0, 0.5])


def test_a_chain_of_10_000_operations():
    x = cr.symbols("x")
    y = x
    for _ in range(5_000):
        y = cr.sin(y) * 1.0001
    program = trace({"value": y})
    assert len(program.equations) == 10_000
    derived = derive_program(program)
    slope, value = 1.0, 0.5
    for _ in range(5_000):
        slope, value = slope * np.cos(value) * 1.0001, np.sin(value) * 1.0001
    results = run(derived, {"x": 0.5})
    assert results["value"] == pytest.approx(value, rel=1e-12)
    assert results["dx"] == pytest.approx(slope, rel=1e-12)


def loss(depth=2, width=6):
    X, Y = symbol("X", ("B", 5)), symbol("Y", ("B", 3))
    h, sizes = X, [5, *[width] * depth, 3]
    for number, (n, m) in enumerate(pairwise(sizes), 1):
        W, b = symbol(f"W{number}", (n, m), role="parameter"), symbol(f"b{number}", (m,), role="parameter")
        z = (h @ W + b).named(f"z{number}")
        h = cr.tanh(z).named(f"h{number}") if number <= depth else z
    return cr.mean(cr.sum((h - Y) ** 2, axis=1)), [f"{k}{i}" for i in range(1, depth + 2) for k in "Wb"]


def data(program, rows=7, seed=0):
    generator = np.random.default_rng(seed)
    return {v.name: generator.normal(size=concrete(v.shape, {"B": rows})) for v in program.inputs}


def test_by_any_of_the_inputs():
    f, parameters = loss()
    everything = cr.derive(f)
    values = data(everything)
    full = everything(**values)
    assert set(full) == {"value", "dX", "dY", *(f"d{p}" for p in parameters)}
    for wrt in ["X", "Y", "W1 b2", ["W3"], "b3, X"]:
        names = wrt if isinstance(wrt, list) else wrt.replace(",", " ").split()
        part = cr.derive(f, wrt=wrt)(**values)
        assert set(part) == {"value", *(f"d{n}" for n in names)}
        for name in names:
            np.testing.assert_allclose(part[f"d{name}"], full[f"d{name}"], rtol=1e-13)


def test_constants_are_not_derived_by_unless_asked():
    x, c = cr.symbols("x"), symbol("c", role="constant")
    assert set(cr.derive(c * x)(x=2.0, c=3.0)) == {"value", "dx"}
    assert cr.derive(c * x, wrt="c")(x=2.0, c=3.0)["dc"] == 2


def test_gradients_against_pytorch():
    torch = pytest.importorskip("torch")
    f, parameters = loss()
    program = cr.derive(f, wrt=parameters)
    values = data(program)
    results = program(**values)
    t = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in values.items()}
    h = t["X"]
    for number in (1, 2):
        h = torch.tanh(h @ t[f"W{number}"] + t[f"b{number}"])
    value = ((h @ t["W3"] + t["b3"] - t["Y"]) ** 2).sum(1).mean()
    value.backward()
    assert results["value"] == pytest.approx(value.item(), rel=1e-13)
    for name in parameters:
        np.testing.assert_allclose(results[f"d{name}"], t[name].grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("seed", range(25))
def test_random_formulas_against_differences(formula, seed):
    f, values = formula(seed)
    program = trace({"value": f})
    derived = derive_program(program)
    results = run(derived, values)
    function, prepared = compile_program(program), prepare(program, values, "float64")
    names = [v.name for v in program.inputs]
    for name in ["a", "v", "X", "Z", "W"]:
        x = np.asarray(prepared[name])
        slope, error, _ = central_differences(
            lambda moved, name=name: function(*({**prepared, name: moved}[n] for n in names))[0], x
        )
        if name in held(f):
            continue
        bound = 1e-8 * np.max(np.abs(slope)) + 10 * error
        assert np.all(np.abs(results[f"d{name}"] - slope) <= bound), name


def held(f):
    """Symbols below a ``stop_gradient``: there, differences measure something else."""
    found, stack, seen = set(), [(f, False)], set()
    while stack:
        node, inside = stack.pop()
        if (id(node), inside) in seen:
            continue
        seen.add((id(node), inside))
        inside = inside or (node.operation is not None and node.operation.name == "stop_gradient")
        if inside and node.is_symbol:
            found.add(node.name)
        stack += [(a, inside) for a in node.arguments]
    return found


# Second derivatives.


def test_hessian_times_vector_in_closed_form():
    x, v = cr.symbols("x v", shape=(3,))
    slope = cr.gradient(cr.sum(x**4) + x[0] * x[1], x)
    product = cr.derive(cr.sum(slope * v), wrt="x")
    at, along = np.array([1.0, -2.0, 3e-8]), np.array([1.0, 0.5, 2.0])
    wanted = 12 * at**2 * along + np.array([along[1], along[0], 0])
    np.testing.assert_allclose(product(x=at, v=along)["dx"], wanted, rtol=1e-14)


def test_hessian_times_vector_against_differences():
    f, _ = loss()
    values = data(cr.derive(f))
    symbols = {v.name: symbol(v.name, v.shape, role=v.role) for v in cr.derive(f).inputs}
    direction = np.random.default_rng(3).normal(size=values["W1"].shape)
    slope = cr.gradient(f, symbols["W1"])
    inner = cr.sum(slope * cr.symbols("V", shape=direction.shape))
    product = cr.derive(inner, wrt="W1 b2")
    results = product(**values, V=direction)
    gradient = cr.derive(f, wrt="W1")
    wanted, error, _ = central_differences(
        lambda moved: np.sum(gradient(**{**values, "b2": moved})["dW1"] * direction), values["b2"]
    )
    assert np.all(np.abs(results["db2"] - wanted) <= 10 * error + 1e-9 * np.max(np.abs(wanted)))
    # The curvature along the direction itself.
    wanted, error, _ = central_differences(
        lambda t: np.sum(gradient(**{**values, "W1": values["W1"] + t * direction})["dW1"] * direction), 0.0
    )
    assert np.sum(results["dW1"] * direction) == pytest.approx(float(wanted), rel=1e-8, abs=10 * float(error))


def test_derivatives_of_order_1_to_5():
    x = cr.symbols("x")
    f = cr.tanh(x)
    wanted = [lambda t: 1 - t**2, lambda t: -2 * t * (1 - t**2), lambda t: (6 * t**2 - 2) * (1 - t**2)]
    wanted += [
        lambda t: (16 * t - 24 * t**3) * (1 - t**2),
        lambda t: (16 - 120 * t**2 + 120 * t**4) * (1 - t**2),
    ]
    for closed in wanted:
        f = cr.gradient(f, x)
        assert cr.evaluate(f, x=0.3) == pytest.approx(closed(np.tanh(0.3)), rel=1e-12)


def test_deriving_a_derivative_names_both():
    first = cr.derive(cr.symbols("x") ** 3 * cr.symbols("y"), wrt="x")
    second = cr.derive(first, wrt="x y", output="dx")
    assert list(second(x=2.0, y=5.0)) == ["dx", "ddx_dx", "ddx_dy"]
    assert second(x=2.0, y=5.0) == {"dx": 60, "ddx_dx": 60, "ddx_dy": 12}


# What has no derivative, and what has derivative zero.


def test_the_derivative_by_what_does_not_matter_is_zero():
    x, y = cr.symbols("x y")
    X = cr.symbols("X", shape=("B", 3))
    program = trace({"value": x * 2}, inputs=[x, y, X])
    results = cr.derive(program, wrt="x y X")(x=1.0, y=2.0, X=np.ones((4, 3)))
    assert results["dx"] == 2
    assert results["dy"] == 0
    np.testing.assert_array_equal(results["dX"], np.zeros((4, 3)))
    results["dX"][0, 0] = 1  # an array of its own


def test_a_value_held_constant():
    x = cr.symbols("x")
    assert cr.derive(x * cr.stop_gradient(x))(x=3.0)["dx"] == 3
    assert cr.derive(cr.stop_gradient(x) ** 2)(x=3.0)["dx"] == 0


def none_for_the_second():
    return Operation(
        "half_differentiable", ("x", "y"), broadcast, Spelling("{x:20} * {y:21}", 20), Spelling("{x}{y}"),
        Spelling("{x} and {y}"), vjp=lambda g, z, x, y: (g * y, None),
    )  # fmt: skip


def test_none_is_not_zero():
    operation = none_for_the_second()
    x, y = cr.symbols("x y")
    assert cr.derive(operation(x, y), wrt="x")(x=2.0, y=5.0)["dx"] == 5
    with pytest.raises(NotDifferentiableError, match=r"half_differentiable has no derivative by its argument 2"):
        cr.derive(operation(x, y), wrt="y")
    held_constant = cr.derive(operation(x, cr.stop_gradient(y)), wrt="y")
    assert held_constant(x=2.0, y=5.0)["dy"] == 0


def test_an_operation_without_a_rule():
    opaque = Operation("opaque", ("x",), broadcast, Spelling("np.rint({x})"), Spelling("{x}"), Spelling("{x}"))
    x = cr.symbols("x")
    with pytest.raises(NotDifferentiableError, match="opaque has no derivative"):
        cr.derive(opaque(x) * x)
    assert cr.derive(cr.stop_gradient(opaque(x)) * x)(x=1.6)["dx"] == 2


def test_only_floats_have_derivatives():
    k, x = cr.symbols("k", dtype="int"), cr.symbols("x")
    assert set(cr.derive(k * x)(k=3, x=1.0)) == {"value", "dx"}
    with pytest.raises(NotDifferentiableError, match="k holds int values"):
        cr.derive(k * x, wrt="k")


def test_what_cannot_be_asked():
    x, X = cr.symbols("x"), cr.symbols("X", shape=(3,))
    with pytest.raises(ShapeError, match=r"value has shape \(3,\), and a derivative needs a single number"):
        cr.derive(X * 2)
    with pytest.raises(UnknownNameError, match="unknown input 'xx': did you mean 'x'"):
        cr.derive(x * 2, wrt="xx")
    with pytest.raises(ArgumentError, match="a name stands twice"):
        cr.derive(x * 2, wrt="x x")
    with pytest.raises(ArgumentError, match="by symbols or their names"):
        cr.derive(x * 2, wrt=[2 * x])


# Cost and precision.


def flops(program, sizes):
    total = 0
    for equation in program.equations:
        shapes = [getattr(a, "shape", ()) for a in equation.arguments]
        total += prod(concrete(equation.operation.flops(equation.target.shape, *shapes), sizes))
    return total


@pytest.mark.parametrize("simplified", [False, True])
def test_the_backward_pass_costs_a_constant_times_the_forward_pass(simplified):
    ratios, lines = [], []
    for depth in [1, 2, 4, 8, 16]:
        f, parameters = loss(depth, width=32)
        forward = trace({"value": f})
        derived = cr.derive(f, wrt=parameters, simplified=simplified)
        ratios.append(flops(derived, {"B": 64}) / flops(forward, {"B": 64}))
        lines.append(len(derived.equations) / len(forward.equations))
    assert max(ratios) <= 3.5
    assert max(lines) <= 5
    # The same for every depth, up to the ends.
    assert max(ratios) - min(ratios) < 0.8


def test_only_what_is_needed_is_computed():
    f, _ = loss(depth=8)
    last = cr.derive(f, wrt="b9")
    every = cr.derive(f, wrt=[f"{k}{i}" for i in range(1, 10) for k in "Wb"])
    assert len(last.equations) < len(every.equations) / 1.5
    assert not any("W" in v.name and v.adjoint_of for v in last.variables.values())


@pytest.mark.parametrize("simplified", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_float32_stays_float32_everywhere(formula, seed, simplified):
    f, values = formula(seed)
    program = cr.derive(f, simplified=simplified)
    values = {k: np.float32(v) if np.asarray(v).dtype.kind == "f" else v for k, v in values.items()}
    everything = run_all(program, values, "float32")
    wanted = {"float": np.float32, "int": np.int64, "bool": np.bool_}
    for equation in program.equations:
        computed = everything[equation.target.name]
        if isinstance(computed, np.ndarray | np.generic):
            assert computed.dtype == wanted[equation.target.dtype], equation
        else:
            assert equation.target.shape == (), equation
    assert all(r.dtype == np.float32 for r in run(program, values, "float32").values())
