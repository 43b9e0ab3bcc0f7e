"""Training on JAX: the same path of parameters, states that stay, steps that fail."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
import pytest
from paths import check

import chainrule as cr
from chainrule.engines.jax import jax_run
from chainrule.engines.jax.namespace import scope
from chainrule.engines.jax.stepping import make_step, step_of
from chainrule.engines.protocol import NonFiniteStep
from chainrule.engines.steps import NumpyRun
from chainrule.running import clock, training_steps

ROWS, BATCH = 23, 5
OPTIMIZERS = {
    "momentum": cr.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": cr.Adam(cr.schedules.Warmup(0.01, 2, cr.schedules.Cosine(0.01)), clip_norm=0.5),
    "AdamW": cr.AdamW(0.01, weight_decay=0.1, clip_value=0.2),
    "RMSProp": cr.RMSProp(0.01),
    "Adagrad": cr.Adagrad(0.05),
}
CLOCK = clock(ROWS // BATCH, 100.0, key=7)
ORDER = np.concatenate([np.random.default_rng(epoch).permutation(ROWS) for epoch in range(3)])
FULL = ORDER[: 10 * BATCH]
"""Row numbers of ten full batches."""


def rows_of(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, 4)), rng.integers(0, 3, ROWS)


def steps_of(optimizer=None, dtype="float64", batch_size=BATCH):
    """Steps of a small network with random masks; many tests take the same, which is compiled once."""
    net = cr.Network(cr.Dense(6, "tanh"), cr.Dropout(0.3), cr.Dense(3), loss="cross_entropy", seed=1, dtype=dtype)
    return training_steps(net, net.prepare(*rows_of()), optimizer or cr.Adam(0.01), batch_size)


def numpy_run(steps):
    return NumpyRun(steps.program, steps.precision, steps.data, steps.state)


def largest_difference(one, other):
    return max(np.max(np.abs(one[name] - a)) / max(np.max(np.abs(a)), 1e-300) for name, a in other.items())


@pytest.mark.parametrize(("seed", "steps"), [(1, 1), (2, 50), (3, 1), (6, 50)])
def test_random_networks_follow_the_path_of_numpy_and_of_the_native_engine(seed, steps):
    check(seed, steps)


def test_in_float32_five_steps_of_descent_agree_to_rounding():
    check(2000, 5, "float32", tame=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_follows_numpy(name):
    steps = steps_of(OPTIMIZERS[name])
    runs = [jax_run(steps), numpy_run(steps)]
    losses = [run.advance(FULL, BATCH, 0, CLOCK) for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-13)
    assert largest_difference(*(run.state for run in runs)) < 1e-12
    assert runs[0].rate() == runs[1].rate()


def test_lbfgs_follows_numpy():
    nets = [cr.mlp([4, 5, 3], loss="cross_entropy", seed=0, dtype="float64") for _ in range(2)]
    for net, engine in zip(nets, ("numpy", "jax"), strict=True):
        net.fit(*rows_of(), epochs=5, batch_size="all", optimizer=cr.LBFGS(), engine=engine)
    assert nets[1].parameters.theta == pytest.approx(nets[0].parameters.theta, rel=1e-9)


def test_masks_are_the_same_bits_in_float32():
    """Without them the paths would part at once."""
    steps = steps_of(cr.SGD(0.01), "float32")
    runs = [jax_run(steps), numpy_run(steps)]
    for run in runs:
        run.advance(FULL, BATCH, 0, CLOCK)
    assert largest_difference(*(run.state for run in runs)) < 1e-5


def test_any_slices_give_the_same_bits():
    steps = steps_of()
    whole, sliced = jax_run(steps), jax_run(steps)
    losses = whole.advance(ORDER, BATCH, 0, CLOCK)
    ends = [0, 1, 2, 7, 8, len(losses)]
    pieces = [sliced.advance(ORDER[BATCH * a : BATCH * b], BATCH, a, CLOCK) for a, b in pairwise(ends)]
    assert np.array_equal(np.concatenate(pieces), losses)
    assert all(np.array_equal(sliced.state[name], whole.state[name]) for name in steps.state)
    reference = numpy_run(steps)
    assert losses == pytest.approx(reference.advance(ORDER, BATCH, 0, CLOCK), rel=1e-13)
    assert largest_difference(whole.state, reference.state) < 1e-12


def test_a_state_that_was_read_stays_though_its_memory_is_given_away():
    run = jax_run(steps_of())
    before = dict(run.state)
    kept = {name: a.copy() for name, a in before.items()}
    run.advance(FULL, BATCH, 0, CLOCK)
    assert all(np.array_equal(before[name], kept[name]) for name in kept)
    assert not np.array_equal(run.state["theta"], kept["theta"])
    given = {name: array.copy() for name, array in before.items()}
    run.restore(given)
    given["theta"][:] = 0
    assert all(np.array_equal(run.state[name], kept[name]) for name in kept)


def test_other_rows_can_be_loaded_fewer_too():
    steps = steps_of()
    X, y = rows_of(5)
    runs = [jax_run(steps), numpy_run(steps)]
    for run in runs:
        run.advance(FULL, BATCH, 0, CLOCK)
        run.load({"all_X": X[:11], "all_Y": np.eye(3)[y[:11]]})
        run.advance(np.arange(10), BATCH, 10, CLOCK)
    assert largest_difference(*(run.state for run in runs)) < 1e-12
    with pytest.raises(cr.DataError, match="outside the table of 11 rows"):
        runs[0].advance(np.array([11]), BATCH, 12, CLOCK)


def test_all_rows_at_once():
    steps = steps_of(batch_size=ROWS)
    runs = [jax_run(steps), numpy_run(steps)]
    for run in runs:
        run.advance(np.tile(np.arange(ROWS), 7), ROWS, 0, CLOCK)
    assert largest_difference(*(run.state for run in runs)) < 1e-12


def advanced_and_verified(run):
    run.advance(FULL, BATCH, 0, CLOCK)
    run.verify()


@pytest.mark.parametrize("what", ["a loss", "an update"])
def test_a_step_that_is_not_finite_is_found_and_leaves_the_state_before_it(what):
    steps = steps_of()
    runs = [jax_run(steps), numpy_run(steps)]
    for run in runs:
        if what == "a loss":
            X, y = rows_of()
            X[FULL[17], 2] = np.nan
            run.load({"all_X": X, "all_Y": np.eye(3)[y]})
        else:
            run.restore({"m": np.full_like(steps.state["m"], 1e308)})  # divided by hardly anything
        with pytest.raises(NonFiniteStep) as found:
            advanced_and_verified(run)
        position = 3 if what == "a loss" else 0
        assert (found.value.position, found.value.what, len(found.value.losses)) == (position, what, position)
        assert np.array_equal(run.failed["rows"], FULL[position * BATCH : (position + 1) * BATCH])
        assert (run.failed["step"], run.failed["t"]) == (position, position + 1.0)
        assert np.isfinite(run.state["theta"]).all()
    assert largest_difference(runs[0].state, runs[1].state) < 1e-12
    assert largest_difference({"theta": runs[0].failed["theta"]}, {"theta": runs[1].failed["theta"]}) < 1e-12


def test_the_error_of_a_fit_names_step_line_and_row():
    X, y = rows_of()
    X[13] = 1e4
    net = cr.mlp([4, 5, 3], loss="cross_entropy", hidden="exp", seed=0)
    with pytest.raises(cr.NonFiniteError, match=r"in step 3 .*line h1 = np.exp\(z1\).*row 14") as found:
        net.fit(X, y, epochs=1, batch_size=BATCH, shuffle=False, engine="jax")
    assert found.value.row == 13


def test_predictions_of_steps_are_those_of_numpy():
    net = cr.mlp([4, 3], loss="cross_entropy", seed=0, dtype="float64")
    given = training_steps(net, net.prepare(*rows_of()), cr.SGD(0.1), BATCH)
    steps = replace(given, program=net.model.online_program(cr.SGD(0.1)))
    runs = [jax_run(steps), numpy_run(steps)]
    for run in runs:
        run.advance(np.arange(ROWS), BATCH, 0, CLOCK)
    assert runs[0].predictions.shape == (ROWS, 3)
    assert runs[0].predictions == pytest.approx(runs[1].predictions, rel=1e-13)


def test_the_step_is_a_pure_function_that_can_be_mapped_over_states():
    steps = steps_of()
    other = {name: a + 0.1 for name, a in steps.state.items()}
    both = {name: np.stack([a, other[name]]) for name, a in steps.state.items()}
    with scope():
        mapped = jax.vmap(make_step(steps), in_axes=(0, None, None, None, None))
        made = jax.jit(mapped)(both, steps.data, FULL.reshape(-1, BATCH), 0, CLOCK)
    for k, state in enumerate((steps.state, other)):
        run = numpy_run(replace(steps, state=state))
        assert np.asarray(made.loss)[k] == pytest.approx(run.advance(FULL, BATCH, 0, CLOCK), rel=1e-12)
        assert largest_difference({name: np.asarray(a)[k] for name, a in made.parts.items()}, run.state) < 1e-12


def fitted(seed, epochs=4, **more):
    """A network after a fit; all of them compile the same step."""
    net = cr.mlp([4, 5, 3], loss="cross_entropy", seed=seed)
    net.history = net.fit(*rows_of(), epochs=epochs, batch_size=BATCH, engine="jax", **more)
    return net


def test_fits_in_threads_have_the_bits_of_fits_one_after_another():
    one_after_another = [fitted(seed).parameters.theta for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = [net.parameters.theta for net in pool.map(fitted, range(4))]
    assert all(map(np.array_equal, one_after_another, at_once))


def test_a_fit_goes_on_to_the_bits_of_one_that_was_not_interrupted():
    net = fitted(0, epochs=2)
    net.fit(*rows_of(), epochs=2, batch_size=BATCH, engine="jax", resume=net.history)
    assert np.array_equal(net.parameters.theta, fitted(0).parameters.theta)


# Settings


def products_of(steps, settings):
    """The matrix products of a step as XLA is given them."""
    step = step_of(steps.program, steps.precision, settings)
    order = np.zeros((1, BATCH), np.int32)
    with scope():
        arguments = (step.split(steps.state), dict(steps.data), order, np.int32(1), np.int64(0), CLOCK)
        text = jax.jit(step.advance).lower(*arguments).as_text()
    return [line for line in text.splitlines() if "dot_general" in line]


def test_products_in_bfloat16_add_up_in_float32():
    steps = steps_of(cr.SGD(0.1), "float32")
    products = products_of(steps, cr.JaxEngine(products="bfloat16"))
    assert len(products) == 5
    assert all(line.count("xbf16>") == 2 and "-> tensor<" in line and line.endswith("xf32>") for line in products)


def test_products_in_float32_keep_all_digits_on_every_device():
    products = products_of(steps_of(dtype="float32"), cr.JaxEngine())
    assert len(products) == 5
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)


def test_bfloat16_changes_products_alone_and_by_its_own_rounding():
    steps = steps_of(cr.SGD(0.1), "float32")
    exact, narrow = jax_run(steps), jax_run(steps, cr.JaxEngine(products="bfloat16"))
    one, other = (run.advance(FULL[:BATCH], BATCH, 0, CLOCK)[0] for run in (exact, narrow))
    assert one != other
    assert one == pytest.approx(other, rel=2.0**-7)
    assert narrow.state["theta"].dtype == np.float32


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(cr.UnknownNameError, match="unknown type of products 'bfloat61': did you mean 'bfloat16'"):
        cr.JaxEngine(products="bfloat61")
    with pytest.raises(cr.ArgumentError, match="products='bfloat16' is for networks with dtype='float32'"):
        jax_run(steps_of(dtype="float64"), cr.JaxEngine(products="bfloat16"))


def test_without_jax_the_error_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    net = cr.mlp([4, 5, 3], loss="cross_entropy")
    with pytest.raises(cr.EngineError, match=r"engine='jax' needs JAX .*pip install 'chainrule\[jax\]'"):
        net.fit(*rows_of(), epochs=1, engine="jax")
