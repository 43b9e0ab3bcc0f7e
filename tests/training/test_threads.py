"""Several fits at once, in threads of Python: the same bits as one after another, and Ctrl-C for all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import chainrule as cr
from chainrule.engines.native import call, run
from chainrule.training.interrupt import Interrupt

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def member(seed: int, engine: str, threads: int | None) -> tuple[Any, ...]:
    """A fit that also predicts while it trains; every other one is small enough to be unrolled."""
    units = 3 if seed % 2 else 40 + seed
    net = cr.mlp([5, units, 1], hidden="relu", loss="binary_cross_entropy", dropout=0.1, seed=seed)
    seen = []

    def look(moment: Any) -> None:
        seen.append(net.predict(X[:20], engine=engine))

    history = net.fit(
        X, y, epochs=3, engine=engine, threads=threads, validation=0.3, metrics=["roc_auc"], callbacks=[look]
    )
    return net.parameters.theta, history.loss, history.validation_loss, history.metrics["roc_auc"], np.stack(seen)


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_eight_fits_in_two_threads_give_the_bits_of_one_after_another(
    engine: str, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", "off")  # so that threads compile at the same time, too
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(lambda seed: member(seed, engine, threads), range(8)))
    for seed, found in enumerate(beside):
        for ours, alone in zip(found, member(seed, engine, threads), strict=True):
            assert_array_equal(ours, alone)


def test_one_network_predicts_in_several_threads() -> None:
    net = cr.mlp([5, 60, 1], loss="binary_cross_entropy")
    expected = net.predict(X, engine="native")
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: net.predict(X[i::7], engine="native"), [i % 7 for i in range(70)]))
    for i, part in enumerate(parts):
        assert_array_equal(part, expected[i % 7 :: 7])


def test_one_thread_is_all_that_a_fit_takes_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    @contextmanager
    def counting(wanted: int) -> Iterator[Any]:
        with borrow(wanted) as crew:
            sizes.append(crew.size)
            yield crew

    borrow = run.borrow
    for module in (run, call):
        monkeypatch.setattr(module, "borrow", counting)
    rows = RNG.normal(size=(3000, 60))
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 1000, "engine": "native", "validation": 0.3}
    net = cr.mlp([60, 500, 1])
    net.fit(rows, rows[:, 0], threads=1, **settings)
    assert set(sizes) == {1}
    again = cr.mlp([60, 500, 1])
    again.fit(rows, rows[:, 0], **settings)
    assert_array_equal(net.parameters.theta, again.parameters.theta)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two"])
def test_a_number_of_threads_that_is_none_is_refused(threads: Any) -> None:
    with pytest.raises(cr.ArgumentError, match="threads must be a whole number"):
        cr.mlp([5, 1]).fit(X, y, threads=threads)


POOL = """
import os, signal
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import chainrule as cr
from chainrule.training import Interrupt

X = np.random.default_rng(0).normal(size=(200, 5))

def one(seed):
    def press(moment):
        if seed == 0 and moment.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)
    return cr.mlp([5, 3, 1], seed=seed).fit(X, X.sum(axis=1), epochs=10**7, threads=1, callbacks=[press])

before = signal.getsignal(signal.SIGINT)
with Interrupt() as interrupt, ThreadPoolExecutor(2) as pool:
    histories = list(pool.map(one, range(4)))
print(interrupt.pressed, [h.interrupted for h in histories], signal.getsignal(signal.SIGINT) is before)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")
def test_an_interrupt_ends_the_fits_of_a_pool_that_the_main_thread_waits_for() -> None:
    result = subprocess.run([sys.executable, "-c", POOL], capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr == ""
    assert result.stdout == "True [True, True, True, True] True\n"


def test_an_interrupt_within_others_presses_all_of_them() -> None:
    with Interrupt() as outer, Interrupt() as middle:
        with Interrupt() as inner:
            signal.raise_signal(signal.SIGINT)
            assert (outer.pressed, middle.pressed, inner.pressed) == (True, True, True)
        with Interrupt() as later:
            assert later.pressed
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    with Interrupt() as alone:
        assert not alone.pressed


def test_fits_one_after_another_end_together() -> None:
    """The second fit of a series does not begin in earnest when Ctrl-C came in the first."""

    def press(moment: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    with Interrupt():
        first = cr.mlp([5, 3, 1]).fit(X, y, epochs=50, callbacks=[press])
        second = cr.mlp([5, 3, 1]).fit(X, y, epochs=50)
    assert (first.interrupted, second.interrupted) == (True, True)
    assert len(second) == 0
