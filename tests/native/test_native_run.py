"""Training runs in machine code: threads, slices, memory, numbers that are not finite, what is refused."""

import ctypes
import mmap
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from agreement import NAN_BYTES, WIDTHS, assert_outputs, check_training, native, results
from programs import random_training

import chainrule as cr
from chainrule.engines import numpy as reference
from chainrule.engines.native.call import NativeCall
from chainrule.engines.native.run import NativeRun
from chainrule.engines.native.target import host
from chainrule.engines.protocol import NonFiniteStep
from chainrule.engines.steps import NumpyRun
from chainrule.expression import symbol
from chainrule.trace import trace

SEEDS = range(3000, 3016)


def small(**changes):
    """A classifier with dropout, and its data."""
    rng = np.random.default_rng(0)
    layers = [cr.Dense(9, "relu"), cr.Dropout(0.3), cr.Dense(3)]
    net = cr.Network(*layers, loss="cross_entropy", inputs=5, dtype="float64")
    data = net.prepare(rng.normal(size=(50, 5)), rng.integers(0, 3, 50))
    data = {f"all_{name}": value for name, value in data.items()} | changes
    optimizer = cr.Adam(0.01)
    theta = net.parameters.theta
    state = {"theta": theta.copy(), "m": np.zeros_like(theta), "v": np.zeros_like(theta)}
    return net.model.step_program(optimizer), data, state


CONSTANTS = {"S": 1.0, "T": 1.0, "key": 7}


def run_on(engine, order, batch_size=8, **changes):
    step, data, state = small(**changes)
    more = {} if engine is NumpyRun else {"batch_size": batch_size, "threads": 1, "fill": NAN_BYTES}
    run = engine(step, "float64", data, state, **more)
    return run, lambda: run.advance(np.asarray(order), batch_size, 0, CONSTANTS)


def assert_same_bits(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        assert np.array_equal(value, other[name], equal_nan=isinstance(value, np.ndarray)), name


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("seed", SEEDS)
def test_neither_threads_nor_what_memory_held_before_change_a_bit(seed):
    t = random_training(seed, 7)
    one = results(native(t), t)
    assert_same_bits(one, results(native(t, fill=0), t))
    for threads in (2, 3, 4):
        run = native(t, threads=threads)
        assert_same_bits(one, results(run, t))
        run._arena.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_cut_into_slices_gives_the_same_bits(seed):
    t = random_training(seed, 9)
    whole, parts = native(t), native(t)
    wanted = whole.advance(t.order, t.batch_size, 0, t.constants)
    losses, done = [], 0
    for steps in (1, 3, 0, 2, 9):
        rows = t.order[done * t.batch_size : (done + steps) * t.batch_size]
        if len(rows):
            losses.append(parts.advance(rows, t.batch_size, done, t.constants))
            done += len(losses[-1])
    assert np.array_equal(np.concatenate(losses), wanted)
    for name in whole.state:
        assert np.array_equal(whole.state[name], parts.state[name]), name


@pytest.mark.parametrize("width", WIDTHS)
def test_masks_of_dropout_are_those_of_numpy(width):
    """Row i of the weights is 2^i and inputs are 1: the loss says which elements were kept, bit by bit."""
    weights = 2.0 ** np.arange(40).reshape(40, 1)
    net = cr.Network(
        cr.Dropout(0.5), cr.Dense(1, "linear", bias=False, weights=weights), loss=_itself, inputs=40, dtype="float64"
    )
    data = {f"all_{name}": value for name, value in net.prepare(np.ones((33, 40)), np.zeros(33)).items()}
    step, state = net.model.step_program(cr.SGD(1e-300)), {"theta": net.parameters.theta}
    for key in (0, 1, 2**31, 2**32 - 1):
        one = NumpyRun(step, "float64", data, state)
        other = NativeRun(step, "float64", data, state, batch_size=1, threads=1, target=host(width))
        losses = [run.advance(np.arange(33), 1, 5, {"key": key}) for run in (one, other)]
        assert len(set(losses[0])) == 33
        assert np.array_equal(*losses)


def _itself(p, y):
    return p + 0.0 * y


@pytest.mark.parametrize("shape", [("B",), ("B", 17), (3, "B", 2), (33, 5)])
def test_random_numbers_are_those_of_numpy(shape):
    key, step, X = symbol("key", (), "int", role="constant"), symbol("step", (), "int"), symbol("X", ("B", 1))
    drawn = cr.operations["uniform"](key, step, stream=3, shape=shape)
    program = trace({"u": drawn, "kept": drawn >= 0.25}, inputs=[key, step, X])
    values = {"key": 2**32 - 1, "step": 2**32 - 3, "X": np.zeros((19, 1))}
    for precision in ("float32", "float64"):
        for width in WIDTHS:
            given = NativeCall(program, precision, {"B": 32}, target=host(width), fill=NAN_BYTES).run(values)
            assert_outputs(given, reference.run(program, values, precision), 0.0)


# Numbers that are not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("row", [0, 13, 49])
def test_a_step_that_is_not_finite_is_the_same_on_both_engines(bad, row):
    X = np.random.default_rng(0).normal(size=(50, 5))
    X[row, 2] = bad
    found = []
    for engine in (NumpyRun, NativeRun):
        run, go = run_on(engine, np.arange(50), all_X=X)
        try:
            losses = go()
            run.verify()
            found.append(("finite", losses, dict(run.state)))
        except NonFiniteStep as failure:
            kept = run.failed
            found.append((failure.position, failure.what, np.array(failure.losses), dict(run.state), kept["rows"]))
    one, other = found
    assert one[:2] == other[:2] if one[0] != "finite" else other[0] == "finite"
    for a, b in zip(one[1:], other[1:], strict=True):
        if isinstance(a, dict):
            for name in a:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-10, atol=1e-14)
        elif not isinstance(a, str):
            np.testing.assert_allclose(a, b, rtol=1e-11)


def test_an_update_that_overflows_is_found_with_its_step():
    net = cr.Network(cr.Dense(1, weights=1.0), loss="squared_error", inputs=1, dtype="float64")
    data = {f"all_{k}": v for k, v in net.prepare(np.array([[1.0], [1e100], [1.0]]), np.zeros(3)).items()}
    step, state = net.model.step_program(cr.SGD(1e250)), {"theta": net.parameters.theta}
    positions = []
    for run in (
        NumpyRun(step, "float64", data, state),
        NativeRun(step, "float64", data, state, batch_size=1, threads=1),
    ):
        with pytest.raises(NonFiniteStep) as caught:
            run.advance(np.array([0, 1, 2]), 1, 0, {})
        positions.append((caught.value.position, caught.value.what, list(caught.value.losses)))
        positions.append(run.state["theta"].tolist())
    assert positions[:2] == positions[2:]


# What is refused


def test_rows_outside_the_table_are_refused():
    for order in ([0, 50], [-1, 3]):
        _, go = run_on(NativeRun, order)
        with pytest.raises(cr.DataError, match="outside the table of 50 rows"):
            go()


def test_batches_larger_than_the_memory_for_them_are_refused():
    run, _ = run_on(NativeRun, [0])
    with pytest.raises(cr.ArgumentError, match="compiled for batches of 8 rows, not 9"):
        run.advance(np.arange(9), 9, 0, CONSTANTS)


@pytest.mark.parametrize("code", [-1.0, 7.0, np.nan, 1e300])
def test_codes_outside_an_embedding_are_refused_before_machine_code_sees_them(code):
    net = cr.Network(cr.Embedding(7, 3), cr.Dense(1), inputs=1, dtype="float64")
    data = {f"all_{k}": v for k, v in net.prepare(np.arange(6.0).reshape(6, 1), np.zeros(6)).items()}
    data["all_X"][4, 0] = code
    step, state = net.model.step_program(cr.SGD(0.1)), {"theta": net.parameters.theta}
    with pytest.raises(cr.DataError, match="has the rows 0 to 6"):
        NativeRun(step, "float64", data, state, batch_size=2, threads=1)


def test_data_of_another_shape_are_refused():
    with pytest.raises(cr.ShapeError, match="all_X has shape"):
        run_on(NativeRun, [0], all_X=np.zeros((50, 4)))
    with pytest.raises(cr.ShapeError, match="all_Y has shape"):
        run_on(NativeRun, [0], all_Y=np.zeros((49, 3)))


def test_data_of_other_element_types_and_orders_are_converted():
    X = np.random.default_rng(0).normal(size=(50, 5))
    wanted = run_on(NativeRun, np.arange(50), all_X=X.astype(np.float32))[1]()
    for other in (np.asfortranarray(X.astype(np.float32)), X.astype(np.float32).astype(np.float64)[::-1][::-1]):
        assert np.array_equal(run_on(NativeRun, np.arange(50), all_X=other)[1](), wanted)


# The user's memory


def test_nothing_is_read_or_written_beside_the_users_arrays():
    """Arrays end where memory that must not be touched begins; a touch would end the process."""
    program = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        from programs import random_training
        from agreement import native, results, WIDTHS
        from chainrule.engines.native.target import host
        from test_native_run import between_guards
        import numpy as np
        for seed in range(4000, 4024):
            t = random_training(seed, 3)
            for at_end in (True, False):
                fenced = {k: between_guards(v, at_end) for k, v in t.data.items()}
                before = {k: v.copy() for k, v in fenced.items()}
                t.data.update(fenced)
                run = native(t, target=host(WIDTHS[seed % len(WIDTHS)]))
                assert all(run.data[k] is v for k, v in fenced.items())
                order = between_guards(t.order.astype(np.int64), at_end)
                try:
                    run.advance(order, t.batch_size, 0, t.constants)
                except Exception as error:
                    assert type(error).__name__ == "NonFiniteStep", error
                assert all(np.array_equal(before[k], v) for k, v in fenced.items())
        print("untouched")
    """)
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", program, here], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "untouched"


def between_guards(array, at_end):
    """A copy with pages on both sides that may not be touched; it ends, or begins, right beside one."""
    page = mmap.PAGESIZE
    size = -(-max(array.nbytes, 1) // page) * page
    memory = mmap.mmap(-1, size + 2 * page)
    whole = np.frombuffer(memory, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start in (0, page + size):
        assert protect(whole.ctypes.data + start, page, 0) == 0
    start = page + (size - array.nbytes if at_end else 0)
    copy = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("width", WIDTHS)
def test_whole_numbers_and_several_inputs_in_a_step(width):
    """Codes of categories beside numbers, and a second input."""
    for seed in (3104, 3105, 3107):
        check_training(random_training(seed, 5), width)
