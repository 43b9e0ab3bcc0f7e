"""Tiny networks, wholly unrolled: against NumPy, and many networks against one."""

import ctypes
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host
from chainrule.engines.native.unrolled import ManyRun, UnrolledRun, fits
from chainrule.engines.native.unrolled.exponential import exponential, tangent
from chainrule.engines.native.unrolled.powers import Powers
from chainrule.engines.protocol import NonFiniteStep
from chainrule.engines.steps import NumpyRun
from chainrule.errors import DataError

ROWS = 17
CONSTANTS = {"S": 6.0, "T": 300.0, "key": 1234567, "plateau_factor": 0.7}
DRAWN = np.random.default_rng(7)
X = DRAWN.normal(size=(ROWS, 3))
TARGETS = {
    "numbers": DRAWN.normal(size=(ROWS, 2)),
    "binary": (DRAWN.random((ROWS, 2)) < 0.5) * 1.0,
    "classes": DRAWN.integers(0, 2, ROWS),
    "signs": np.where(DRAWN.random((ROWS, 2)) < 0.5, -1.0, 1.0),
    "counts": DRAWN.integers(0, 5, (ROWS, 2)) * 1.0,
}


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "off")


def mlp(hidden="tanh", loss="squared_error", dtype="float64"):
    return cr.mlp([3, 4, 2], hidden=hidden, loss=loss, dtype=dtype, seed=1)


def network(*layers, loss="squared_error", dtype="float64", **settings):
    return cr.Network(*layers, loss=loss, dtype=dtype, seed=1, **settings)


def run_arguments(net, optimizer, *, gather=True, scale=1.0):
    """Step program, precision, data and state of a run."""
    data = net.prepare(X * scale, TARGETS[net.loss_function.target])
    step = net.model.step_program(optimizer, gather=gather)
    theta = net.parameters.theta
    state = {"theta": theta.copy(), **{name: np.zeros_like(theta) for name in optimizer.slots}}
    state |= {name: values.copy() for name, values in net.states.items()}
    return step, net.dtype, {f"all_{k}" if gather else k: v for k, v in data.items()}, state


def order_of(length, seed=3):
    return np.random.default_rng(seed).integers(0, ROWS, length)


def assert_close(actual, expected, bound=1e-12):
    """Relative to the largest element, as errors of sums are."""
    scale = np.abs(expected).max() or 1.0
    assert np.abs(actual - expected).max() <= bound * scale


def assert_same_path(arguments, batch_size, steps=(1, 50), bound=1e-12):
    """One step, and fifty of which the last is short, from the same start as NumPy."""
    assert fits(arguments[0], batch_size)
    native, reference = UnrolledRun(*arguments), NumpyRun(*arguments)
    for count in steps:
        order = order_of(count * batch_size - (batch_size > 1 and count > 1))
        for run in (native, reference):
            run.restore(arguments[3])
        assert_close(
            native.advance(order, batch_size, 3, CONSTANTS), reference.advance(order, batch_size, 3, CONSTANTS), bound
        )
        for name, expected in reference.state.items():
            assert native.state[name].shape == expected.shape
            assert_close(native.state[name], expected, bound)
        assert_close(native.rate(), reference.rate(), bound)


# Against NumPy


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    "loss", ["squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "huber",
             "binary_cross_entropy", "cross_entropy", "hinge", "poisson", "quantile"],
)  # fmt: skip
def test_losses(loss, reduction):
    made = getattr(cr.losses, loss)(reduction=reduction, **({"q": 0.3} if loss == "quantile" else {}))
    assert_same_path(run_arguments(mlp(loss=made), cr.SGD(0.01)), 2)


@pytest.mark.parametrize(
    "hidden", ["relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softsign", "hard_tanh",
               "sigmoid", "tanh", "softplus"],
)  # fmt: skip
def test_activations(hidden):
    assert_same_path(run_arguments(mlp(hidden), cr.SGD(0.01)), 1)


@pytest.mark.parametrize(
    "optimizer",
    [
        cr.SGD(0.1, momentum=0.9),
        cr.SGD(0.1, momentum=0.9, nesterov=True),
        cr.SGD(0.1, weight_decay=0.01),
        cr.SGD(0.1, clip_norm=0.5),
        cr.SGD(0.1, clip_value=0.1),
        cr.Adam(0.01),
        cr.Adam(0.01, weight_decay=0.1, clip_norm=1.0),
        cr.AdamW(0.01),
        cr.RMSProp(0.01),
        cr.Adagrad(0.1),
    ],
    ids=repr,
)
def test_optimizers(optimizer):
    assert_same_path(run_arguments(mlp(), optimizer), 3)


@pytest.mark.parametrize(
    "schedule",
    [
        cr.schedules.Step(0.1, 0.5, 2.0),
        cr.schedules.Exponential(0.1, 0.9),
        cr.schedules.InverseTime(0.1, 0.5),
        cr.schedules.Cosine(0.1, 0.001),
        cr.schedules.OneCycle(0.1),
        cr.schedules.Warmup(0.1, 2.0),
        cr.schedules.Warmup(0.1, 2.0, cr.schedules.Cosine(0.1)),
        cr.schedules.ReduceOnPlateau(0.1),
    ],
    ids=repr,
)
def test_schedules(schedule):
    assert_same_path(run_arguments(mlp(), cr.SGD(schedule)), 2)


NETWORKS = {
    "dropout": lambda **k: network(cr.Dense(4, "tanh"), cr.Dropout(0.3), cr.Dense(2), **k),
    "layer_norm": lambda **k: network(cr.Dense(4, "tanh"), cr.LayerNorm(), cr.Dense(2), **k),
    "residual": lambda **k: network(cr.Dense(4, "tanh"), cr.Residual(cr.Dense(4, "tanh")), cr.Dense(2), **k),
    "join": lambda **k: network(cr.Join(cr.Dense(2, "tanh"), cr.Dense(2, "relu")), cr.Dense(2), **k),
    "penalties": lambda **k: network(cr.Dense(3, "tanh"), cr.Dense(2), l1=0.01, l2=0.01, **k),
    "smoothing": lambda **k: network(
        cr.Dense(3, "tanh"), cr.Dense(2), loss=cr.losses.cross_entropy(label_smoothing=0.1), **k
    ),
    "linear": lambda **k: network(cr.Dense(2), **k),
}


@pytest.mark.parametrize("batch_size", [1, 2, 3])
@pytest.mark.parametrize("optimizer", [cr.SGD(0.05), cr.Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_layers(name, optimizer, batch_size):
    assert_same_path(run_arguments(NETWORKS[name](), optimizer), batch_size)


def test_batch_norm_with_its_running_states():
    # The offset before it has gradient 0, of which Adam would magnify the rounding: SGD.
    net = network(cr.Dense(3), cr.BatchNorm(), cr.Activation("relu"), cr.Dense(2))
    assert_same_path(run_arguments(net, cr.SGD(0.05)), 4, steps=(1, 20))


def test_the_whole_table_in_order():
    arguments = run_arguments(network(cr.Dense(2, "tanh"), cr.Dense(2)), cr.SGD(0.05), gather=False)
    native, reference = UnrolledRun(*arguments), NumpyRun(*arguments)
    for first in range(3):
        losses = [run.advance(np.arange(ROWS), ROWS, first, CONSTANTS) for run in (native, reference)]
        assert_close(*losses)
    assert_close(native.state["theta"], reference.state["theta"])


@pytest.mark.parametrize("optimizer", [cr.SGD(0.05), cr.Adam(0.01)], ids=["sgd", "adam"])
def test_single_precision_follows_to_its_rounding(optimizer):
    assert_same_path(run_arguments(mlp("sigmoid", dtype="float32"), optimizer), 2, steps=(1, 20), bound=1e-4)


@pytest.mark.parametrize("scale", [1e4, 1e20, 1e100])
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh"])
def test_units_far_in_saturation(hidden, scale):
    arguments = run_arguments(mlp(hidden), cr.SGD(0.01), scale=scale)
    assert_same_path(arguments, 1, steps=(1, 5))


@pytest.mark.parametrize("hidden", ["gelu", "silu", "mish"])
def test_units_without_bounds_last_as_long_as_with_numpy(hidden):
    """Where a path diverges, a product may overflow in one order of its factors and not in another."""
    arguments = run_arguments(mlp(hidden, loss="absolute_error"), cr.SGD(0.001))
    native, reference = UnrolledRun(*arguments), NumpyRun(*arguments)
    rows, made = arguments[2]["all_X"].copy(), []
    for scale in 10.0 ** np.arange(0, 300, 20):
        native._many.data["all_X"][:] = reference.data["all_X"] = rows * scale
        for seed in range(3):
            for run in (native, reference):
                run.restore(arguments[3])
                made.append(steps_made(run, order_of(6, seed)))
    assert all(ours >= theirs for ours, theirs in zip(made[::2], made[1::2], strict=True))
    assert {0, 6} & set(made[1::2]) == {6}
    assert min(made) < 6


def steps_made(run, order):
    try:
        return len(run.advance(order, 1, 0, CONSTANTS))
    except NonFiniteStep as error:
        return error.position


# Slices


@pytest.mark.parametrize("optimizer", [cr.SGD(0.1, momentum=0.9), cr.Adam(cr.schedules.Cosine(0.01))], ids=repr)
def test_any_cut_into_slices_gives_the_same_bits(optimizer):
    net = NETWORKS["dropout"](dtype="float32")
    arguments, order = run_arguments(net, optimizer), order_of(399)
    whole = UnrolledRun(*arguments)
    losses = whole.advance(order, 2, 0, CONSTANTS)
    pieces, parts, done = UnrolledRun(*arguments), [], 0
    for steps in (1, 2, 61, 64, 3, 1, 68):
        parts.append(pieces.advance(order[2 * done : 2 * (done + steps)], 2, done, CONSTANTS))
        done += steps
    assert np.array_equal(losses, np.concatenate(parts))
    for name, value in whole.state.items():
        assert np.array_equal(value, pieces.state[name])


def test_a_state_that_was_read_stays_and_can_be_restored():
    run = UnrolledRun(*run_arguments(mlp(), cr.Adam(0.01)))
    run.advance(order_of(10), 1, 0, CONSTANTS)
    read = run.state
    kept = {name: value.copy() for name, value in read.items()}
    after = run.advance(order_of(5), 1, 10, CONSTANTS)
    assert all(np.array_equal(read[name], kept[name]) for name in kept)
    run.restore(read)
    assert np.array_equal(run.advance(order_of(5), 1, 10, CONSTANTS), after)


def test_no_rows_are_no_steps():
    run = UnrolledRun(*run_arguments(mlp(), cr.SGD(0.1)))
    assert run.advance(order_of(0), 2, 0, CONSTANTS).shape == (0,)


@pytest.mark.parametrize("row", [-1, ROWS])
def test_a_row_outside_the_table_is_refused(row):
    run = UnrolledRun(*run_arguments(mlp(), cr.SGD(0.1)))
    with pytest.raises(DataError, match="outside the table of 17 rows"):
        run.advance(np.array([0, row]), 1, 0, CONSTANTS)


# Steps that fail


def advance_until_it_fails(run, order, cut):
    """The steps before the slice that failed, and its error."""
    for first in range(0, len(order), cut):
        try:
            run.advance(order[first : first + cut], 1, first, CONSTANTS)
        except NonFiniteStep as error:
            return first, error
    raise AssertionError("no step failed")


@pytest.mark.parametrize("rate", [3.0, 30.0, 1e200])
@pytest.mark.parametrize("cut", [300, 7, 1])
def test_a_failing_step_is_found_as_numpy_finds_it(rate, cut):
    arguments = run_arguments(mlp("relu"), cr.SGD(rate))
    found = []
    for run in (UnrolledRun(*arguments), NumpyRun(*arguments)):
        first, error = advance_until_it_fails(run, order_of(300), cut)
        found.append((first + error.position, error.what, run.state["theta"], run.failed))
        assert len(error.losses) == error.position
        assert np.isfinite(run.state["theta"]).all()
    (step, what, theta, failed), (numpy_step, numpy_what, _, numpy_failed) = found
    assert (step, what) == (numpy_step, numpy_what)
    assert failed.keys() == numpy_failed.keys()
    assert np.array_equal(failed["rows"], numpy_failed["rows"])
    assert np.array_equal(failed["theta"], theta)


# Many networks


def many_states(arguments, count):
    """Networks around the one given; the first is it itself."""
    rng = np.random.default_rng(11)
    _, precision, _, state = arguments
    start = {name: np.repeat(value[None], count, axis=0) for name, value in state.items()}
    start["theta"][1:] += rng.normal(size=start["theta"][1:].shape).astype(precision)
    return start


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("dropout", cr.Adam(0.01)), ("residual", cr.SGD(0.1)), ("layer_norm", cr.RMSProp(0.01)), ("linear", cr.SGD(0.1))],
)
def test_a_network_has_the_same_bits_alone_and_among_many(name, optimizer, precision):
    arguments, order = run_arguments(NETWORKS[name](dtype=precision), optimizer), order_of(60)
    for count in (1, 3, 37):
        start = many_states(arguments, count)
        many = ManyRun(*arguments[:3], start)
        losses = many.advance(order, 2, 0, CONSTANTS)
        assert losses.shape == (30, count)
        for place in {0, count // 2, count - 1}:
            one = UnrolledRun(*arguments[:3], {k: v[place] for k, v in start.items()})
            assert np.array_equal(one.advance(order, 2, 0, CONSTANTS), losses[:, place])
            for key, value in one.state.items():
                assert np.array_equal(value, many.state[key][place])
            assert one.rate() == many.rate()


@pytest.mark.parametrize("width", [64, 32, 16])
def test_registers_of_every_width_give_the_same_bits(width):
    if width > host().vector_bytes:
        pytest.skip("this machine has no registers of that width")
    arguments = run_arguments(mlp("sigmoid", dtype="float32"), cr.Adam(0.01))
    start = many_states(arguments, 9)
    widest, other = ManyRun(*arguments[:3], start), ManyRun(*arguments[:3], start, target=host(width))
    losses = [run.advance(order_of(40), 1, 0, CONSTANTS) for run in (widest, other)]
    assert np.array_equal(*losses)
    assert np.array_equal(widest.state["v"], other.state["v"])


def test_a_network_that_diverges_disturbs_no_other():
    arguments = run_arguments(mlp("relu"), cr.SGD(0.01))
    start = many_states(arguments, 5)
    start["theta"][2] = 1e200
    run = ManyRun(*arguments[:3], start)
    losses = run.advance(order_of(30), 1, 0, CONSTANTS)
    alone = UnrolledRun(*arguments[:3], {k: v[4] for k, v in start.items()})
    assert not np.isfinite(losses[:, 2]).any()
    assert np.array_equal(losses[:, 4], alone.advance(order_of(30), 1, 0, CONSTANTS))


def test_many_networks_fail_when_all_have_failed():
    arguments = run_arguments(mlp("relu"), cr.SGD(0.01))
    start = {k: np.repeat(v[None], 3, axis=0) for k, v in arguments[3].items()}
    start["theta"][:] = 1e200
    run = ManyRun(*arguments[:3], start)
    with pytest.raises(NonFiniteStep) as caught:
        run.advance(order_of(4), 1, 0, CONSTANTS)
    assert caught.value.position == 0
    assert np.array_equal(run.state["theta"], start["theta"])


# What does not fit


def test_small_networks_fit_and_larger_ones_do_not():
    def step(sizes, optimizer):
        return cr.mlp(sizes, hidden="sigmoid", loss="squared_error").model.step_program(optimizer)

    assert fits(step([2, 2, 1], cr.Adam()), 4)
    assert fits(step([4, 8, 8, 1], cr.Adam()), 1)
    assert not fits(step([4, 8, 8, 1], cr.SGD()), 32)
    assert not fits(step([20, 64, 64, 1], cr.SGD()), 1)
    assert not fits(step([784, 1000, 1000, 10], cr.SGD()), 1)


def test_tables_read_at_run_time_do_not_fit():
    net = cr.Network(cr.Embedding(5, 2), cr.Flatten(), cr.Dense(1), loss="squared_error")
    net.prepare(np.array([[0.0], [4.0]]), np.zeros(2))
    assert not fits(net.model.step_program(cr.SGD(0.1)), 1)


# Functions


def evaluated(write, precision, values):
    """A function of one register, written by ``write(arithmetic, x)``, on values one by one."""
    module = Module()
    form = Form(precision, 1)
    f = module.function("go", ["ptr %x", "ptr %y", "i64 %n"], exported=True)
    a = Arithmetic(f, form)

    def body(i):
        at = f.multiply(i, form.bytes)
        a.store(write(a, a.load(f.offset("%x", at))), f.offset("%y", at))

    f.loop(0, "%n", 1, body)
    go = compile_text(module.text, host()).function("go", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    x = np.ascontiguousarray(values, precision)
    y = np.empty_like(x)
    go(x.ctypes.data, y.ctypes.data, len(x))
    return x, y


def whole_exponential(a, x):
    s, q = exponential(a, x)
    return a.fma(s, q, s)


def largest_error(function, x, y):
    """In units in the last place of the true value."""
    with mpmath.workprec(200):
        true = [function(mpmath.mpf(float(v))) for v in x]
        units = np.spacing(np.abs(np.array([float(t) for t in true])).astype(y.dtype)).astype(float)
        return max(
            float(abs(mpmath.mpf(float(got)) - t) / mpmath.mpf(float(u)))
            for got, t, u in zip(y, true, units, strict=True)
        )


@pytest.mark.parametrize(("precision", "least", "largest"), [("float32", -86.9, 88.72), ("float64", -708, 709.78)])
def test_the_exponential_is_exact_to_two_units(precision, least, largest):
    rng = np.random.default_rng(5)
    values = [rng.uniform(least, largest, 2000), rng.normal(size=2000), rng.uniform(largest - 1, largest, 500)]
    values = np.concatenate([*values, [0.0, 1e-8, -1e-8, least, largest]])
    assert largest_error(mpmath.exp, *evaluated(whole_exponential, precision, values)) < 2


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_exponential_overflows_where_numpy_does(precision):
    edge = np.log(np.finfo(precision).max).astype(precision)
    values = [edge]
    for _ in range(40):
        values = [np.nextafter(values[0], 0), *values, np.nextafter(values[-1], np.inf, dtype=precision)]
    x, y = evaluated(whole_exponential, precision, np.array(values, precision))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(np.exp(x)))
    assert np.isfinite(y).any()
    assert not np.isfinite(y).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_hyperbolic_tangent_is_exact_to_a_few_units(precision):
    rng = np.random.default_rng(5)
    values = [rng.uniform(-30, 30, 1000), rng.normal(size=2000), 10 ** rng.uniform(-8, 0, 1000)]
    values = np.concatenate([*values, rng.uniform(0.1, 0.5, 4000)])
    assert largest_error(mpmath.tanh, *evaluated(tangent, precision, values)) < 3.5


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_functions_at_the_edges(precision):
    big = float(np.finfo(precision).max)
    values = [0.0, 1000.0, -1000.0, big, -big, np.inf, -np.inf, np.nan]
    _, e = evaluated(whole_exponential, precision, values)
    np.testing.assert_array_equal(e, [1.0, np.inf, 0.0, np.inf, 0.0, np.inf, 0.0, np.nan])
    _, t = evaluated(tangent, precision, values)
    np.testing.assert_array_equal(t, [0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, np.nan])


@pytest.mark.parametrize("base", [0.9, 0.999, 0.5, 1.0, 0.0])
def test_powers_are_exact_to_two_units_and_depend_on_the_exponent_alone(base):
    one, other = Powers(base), Powers(base)

    def read(powers, t, count):
        return np.ctypeslib.as_array((ctypes.c_double * count).from_address(powers.address(t, count))).copy()

    table = read(one, 1, 6000)
    for t, count in ((1, 1), (2, 100), (63, 3), (5000, 1000), (17, 2), (4097, 64)):
        assert np.array_equal(read(other, t, count), table[t - 1 : t - 1 + count])
    for t in (1, 2, 64, 65, 700):
        exact = float(Fraction(base) ** t)
        assert abs(table[t - 1] - exact) <= 2 * np.spacing(exact)
