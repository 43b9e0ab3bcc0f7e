"""The native engine as users meet it: networks that train, predict, explore and profile on it."""

import os
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main
from chainrule.engines import numpy as reference
from chainrule.engines.fallback import warn_of_fallback
from chainrule.engines.native import jit
from chainrule.engines.native.call import NativeCall
from chainrule.engines.native.code import generate_call
from chainrule.engines.native.driver import ENTRY
from chainrule.engines.native.target import host
from chainrule.errors import EngineError
from chainrule.expression import symbol
from chainrule.trace import trace

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(**settings):
    settings = {"hidden": "tanh", "loss": "binary_cross_entropy", "seed": 3, "dtype": "float64"} | settings
    return cr.mlp([6, 40, 1], **settings)


def fitted(engine, **settings):
    net = network()
    history = net.fit(X, y, **({"epochs": 4, "batch_size": 32, "engine": engine} | settings))
    return net, history


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": cr.SGD(0.1, momentum=0.9), "validation": 0.25, "metrics": ["accuracy"], "patience": 2},
        {"batch_size": "all", "optimizer": cr.LBFGS()},
        {"batch_size": 1, "epochs": 1},
        {"optimizer": cr.Adam(cr.schedules.ReduceOnPlateau(1e-2, patience=1)), "shuffle": "once"},
    ],
    ids=["adam", "validated", "lbfgs", "online", "plateau"],
)
def test_both_engines_take_the_same_path(settings):
    (ours, history), (theirs, wanted) = fitted("native", **settings), fitted("numpy", **settings)
    np.testing.assert_allclose(history.loss, wanted.loss, rtol=1e-8)
    np.testing.assert_allclose(ours.parameters.theta, theirs.parameters.theta, rtol=1e-6, atol=1e-9)
    assert history.steps == wanted.steps
    assert history.best_epoch == wanted.best_epoch


def test_predictions_losses_and_gradients_agree():
    net = network()
    np.testing.assert_allclose(net.predict(X, engine="native"), net.predict(X, engine="numpy"), rtol=1e-12)
    assert net.loss(X, y, engine="native") == pytest.approx(net.loss(X, y, engine="numpy"), rel=1e-13)
    ours, theirs = (net.gradients(X, y, engine=engine) for engine in ("native", "numpy"))
    for name, gradient in theirs.items():
        np.testing.assert_allclose(ours[name], gradient, rtol=1e-10, atol=1e-14)


@pytest.fixture
def no_warning_yet():
    warn_of_fallback.cache_clear()


def refuse(*arguments, **settings):
    raise EngineError("not today")


@pytest.mark.usefixtures("no_warning_yet")
@pytest.mark.parametrize("what", ["fit", "predict", "loss", "gradients", "explore"])
def test_a_fallback_is_told_once_at_the_line_that_asked_for_it(what, monkeypatch):
    from chainrule.engines import native

    monkeypatch.setattr(native, "native_run", refuse)
    monkeypatch.setattr(NativeCall, "__init__", refuse)
    ask = {
        "fit": lambda net, rows: net.fit(rows, rows[:, 0], epochs=3000, callbacks=[lambda moment: True]),
        "predict": lambda net, rows: net.predict(rows),
        "loss": lambda net, rows: net.loss(rows, rows[:, 0]),
        "gradients": lambda net, rows: net.gradients(rows, rows[:, 0]),
        "explore": lambda net, rows: net.explore(rows[:8], rows[:8, 0], starts=1, validation=(rows, rows[:, 0])),
    }[what]
    rows = np.zeros((30_000, 6))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            ask(cr.mlp([6, 400, 400, 1]), rows[: 300 if what == "fit" else None])
    assert [str(w.message) for w in told] == ["not today; engine='numpy' computes instead"]
    assert [(w.filename, w.lineno) for w in told] == [(__file__, ask.__code__.co_firstlineno)]


def test_a_process_without_llvmlite_warns_once():
    script = """
import sys, warnings
sys.modules["llvmlite"] = None
import numpy as np, chainrule as cr
X = np.zeros((300, 6))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        cr.mlp([6, 40, 1]).fit(X, X[:, 0], epochs=1000, callbacks=[lambda moment: True])
        cr.mlp([6, 400, 400, 1]).predict(np.zeros((30_000, 6)))
(warning,) = told
assert "needs llvmlite" in str(warning.message), warning
assert warning.filename == "<string>", warning
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.usefixtures("no_warning_yet")
def test_large_work_is_compiled_and_small_work_is_not(monkeypatch):
    made = []

    def refuse(self, *arguments, **settings):
        made.append(self)
        raise EngineError("no")

    monkeypatch.setattr(NativeCall, "__init__", refuse)
    net = cr.mlp([6, 400, 400, 1], loss="binary_cross_entropy")
    net.predict(X)
    assert not made
    with pytest.warns(UserWarning, match="no; engine='numpy' computes instead"):
        net.predict(np.zeros((30_000, 6)))
    assert len(made) == 1  # what was refused is not tried again for other rows


@pytest.mark.usefixtures("no_warning_yet")
def test_what_cannot_be_compiled_falls_back_or_says_so(monkeypatch):
    from chainrule.engines import native

    monkeypatch.setattr(native, "native_run", refuse)
    with pytest.raises(EngineError, match="not today"):
        network().fit(X, y, engine="native")
    with pytest.warns(UserWarning, match="not today; engine='numpy' computes instead"):
        network().fit(X, y, epochs=3000, callbacks=[lambda moment: True])


def test_a_chain_may_have_thousands_of_operations():
    x = symbol("x", (3,))
    value = x
    for k in range(1000):
        value = cr.maximum(value, -1.0) * 0.99 + 0.01 * (k % 3) if k % 50 else cr.sin(value)
    program = trace({"value": value}, name="long")
    assert len(program.equations) > 2000
    values = {"x": np.array([-2.0, 0.3, 5.0])}
    given = NativeCall(program).run(values)["value"]
    np.testing.assert_allclose(given, reference.run(program, values)["value"], rtol=1e-12)


def test_whole_numbers_by_rows_work_in_large_batches():
    n, keep = symbol("n", ("B",), "int"), symbol("keep", ("B", 3), "bool")
    program = trace({"total": cr.sum(cr.where(keep, 1.0, 0.0)), "count": cr.sum(1.0 * n)}, name="counts")
    values = {"n": np.arange(5000), "keep": RNG.random((5000, 3)) > 0.5}
    given = NativeCall(program, sizes={"B": 5000}).run(values)
    for label, want in reference.run(program, values).items():
        assert given[label] == want


@pytest.mark.parametrize("size", [88.72, -86.9])
def test_the_exponential_of_a_tiny_network_goes_about_as_far_as_floats_do(size):
    scale = 1e-37 if size > 0 else 1e38
    net = cr.mlp([1, 1], loss=lambda p, t: cr.exp(p) * scale, bias=False, weights=size)
    history = net.fit([[1.0]], [0.0], epochs=1, batch_size=1, optimizer=cr.SGD(1e-30), engine="native")
    assert history.loss[0] == pytest.approx(np.exp(np.float64(np.float32(size))) * scale, rel=1e-5)


def test_threads_with_small_stacks_can_train():
    failed = []

    def train():
        try:
            net = cr.mlp([700, 256, 10], loss="cross_entropy")
            net.fit(np.zeros((1000, 700)), np.zeros(1000, int), epochs=1, batch_size=1000, engine="native")
        except BaseException as error:  # whatever it is, the test is to see it
            failed.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert not failed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_memory_of_its_own():
    script = """
import os, warnings
import numpy as np, chainrule as cr
warnings.simplefilter("ignore")
net = cr.mlp([4, 50, 1], seed=1)
mine, yours = np.full((64, 4), 1.0), np.full((64, 4), -2.0)
wanted = [net.predict(X, engine="native") for X in (mine, yours)]
child = os.fork()
X, want = (yours, wanted[1]) if child == 0 else (mine, wanted[0])
same = all(np.array_equal(net.predict(X, engine="native"), want) for _ in range(500))
if child == 0:
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and same
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_in_the_middle_of_a_call_can_call_too():
    """The thread that was in the call does not exist in the child, and so can never leave it."""
    script = """
import os, signal, threading, time, warnings
import numpy as np, chainrule as cr
from chainrule.engines.native.call import NativeCall
warnings.simplefilter("ignore")
net = cr.mlp([500, 2000, 2000, 1], seed=1)
program = net.program("predict")
call = NativeCall(program, "float32", {"B": 512})
values = {"X": np.ones((512, 500), np.float32), **net.parameters}
values = {v.name: values[v.name] for v in program.inputs}
wanted = call.run(values)["prediction"]
threading.Thread(target=lambda: [call.run(values) for _ in range(10**6)], daemon=True).start()
while not call._lock._lock.locked():
    time.sleep(1e-4)
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if np.array_equal(call.run(values)["prediction"], wanted) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_threads_that_want_the_same_program_compile_it_once(monkeypatch, tmp_path):
    """While one compiles, the others wait; all get the same code."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    program, target = cr.mlp([3, 5, 2]).program("predict"), host()
    compiled = []
    generate_object = jit._generate
    monkeypatch.setattr(jit, "_generate", lambda *arguments: compiled.append(1) or generate_object(*arguments))
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: generate_call(program, "float64", target, rows=7), range(4)))
        addresses = set(pool.map(lambda code: code.machine.address(ENTRY), codes))
    assert len(compiled) == len(addresses) == 1


@pytest.mark.parametrize("hidden", [2, 40], ids=["unrolled", "phases"])
def test_a_profile_accounts_for_the_whole_step(hidden):
    net = cr.mlp([6, hidden, 1], loss="binary_cross_entropy")
    before = net.parameters.theta.copy()
    profile = net.profile(X, y, batch_size=1, seconds=0.02)
    np.testing.assert_array_equal(net.parameters.theta, before)
    assert 0 < profile.share_of_peak < 1
    total = sum(p.seconds + p.waiting for p in profile.phases)
    assert total == pytest.approx(profile.seconds, rel=1e-6)
    assert "A step of 1 row takes" in str(profile)
    assert "those in caches included" in str(profile)


def test_a_history_profiles_its_training_and_can_be_pickled():
    _, history = fitted("native")
    assert history.profile.rows == 32
    kept = pickle.loads(pickle.dumps(history))
    assert kept.loss == history.loss
    with pytest.raises(cr.ArgumentError, match="cannot be profiled"):
        _ = kept.profile


def test_phases_and_machine_text_can_be_printed():
    net = network()
    text = str(net.program("phases", optimizer="sgd", batch_size=16))
    assert "W2 = W2 - 0.01 * " in text
    assert "batches of 16 rows" in text
    assert "define void @run(" in net.program("llvm", optimizer="sgd")


def test_profile_on_the_command_line():
    result = CliRunner().invoke(main, ["profile", "6,40,1", "--batch-size", "16", "--seconds", "0.02", "--json"])
    assert result.exit_code == 0, result.output
    assert '"share_of_peak"' in result.output


def test_several_fits_at_once_are_the_same_as_one_after_another():
    wanted = fitted("native")[0].parameters.theta
    found = []
    threads = [threading.Thread(target=lambda: found.append(fitted("native")[0].parameters.theta)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for theta in found:
        np.testing.assert_array_equal(theta, wanted)


@pytest.mark.parametrize("hidden", [1, 4, 300], ids=["unrolled", "wider", "phases"])
def test_zero_times_infinity_is_no_number_in_either_form(hidden):
    messages = []
    for engine in ("numpy", "native"):
        net = cr.mlp([1, hidden, 1], hidden="relu")
        net.parameters["W1"], net.parameters["b1"] = np.zeros((1, hidden)), -np.ones(hidden)
        net.parameters["W2"] = np.full((hidden, 1), 1e30)
        with pytest.raises(cr.NonFiniteError) as caught:
            net.fit([[1.0]], [[1e10]], epochs=1, batch_size=1, optimizer=cr.SGD(1e-3), engine=engine)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_settings_that_make_no_sense_are_refused():
    net = network()
    with pytest.raises(cr.ArgumentError, match="seconds must be above 0"):
        net.profile(X, y, seconds=0)
    with pytest.raises(cr.ArgumentError, match="batch_size must be a whole number from 1"):
        net.program("phases", batch_size=0)
    with pytest.raises(cr.ArgumentError, match="validation is a pair"):
        net.explore(X, y, validation=0.2)
