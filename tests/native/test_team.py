"""Threads lent to fits: results, sharing, interruptions, forks."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host
from chainrule.engines.native.team import TEAM, Crew, borrow

COUNTS = 100
"""Counts that take about a microsecond."""


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_THREADS", "3")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))


def counting():
    """Machine code ``count(slots, n, thread)``, with a row of 8 numbers for each thread.

    It adds 1 to the first number of the thread's row, ``n`` times 1 to the second, and 1 to the third.
    """
    module = Module()
    f = module.function("count", ["i64 %slots", "i64 %n", "i64 %thread"], exported=True)
    row = f.offset(f.value("inttoptr i64 %slots to ptr"), f.multiply("%thread", 64))

    def one_more(place):
        f.do(f"atomicrmw add ptr {f.offset(row, 8 * place)}, i64 1 seq_cst, align 8")

    one_more(0)
    f.loop(0, "%n", 1, lambda i: one_more(1))
    one_more(2)
    return compile_text(module.text, host())


@pytest.fixture
def count():
    machine = counting()
    yield machine.address("count")
    assert machine


def test_every_thread_runs_once(count):
    slots = np.zeros((4, 8), np.int64)
    with borrow(3) as crew:
        assert crew.size == 3
        for runs in range(1, 200):
            crew.run(count, slots.ctypes.data, 5)
            assert slots[:, :3].tolist() == [[runs, 5 * runs, runs]] * 3 + [[0, 0, 0]]


@pytest.mark.parametrize("arguments", [0, 1, 2, 7])
def test_arguments_arrive_in_order_and_the_thread_is_last(arguments):
    module = Module()
    names = [f"i64 %a{i}" for i in range(arguments)]
    f = module.function("write", ["i64 %out", *names, "i64 %thread"], exported=True)
    row = f.offset(f.value("inttoptr i64 %out to ptr"), f.multiply("%thread", 64))
    for place, name in enumerate([*names, "i64 %thread"]):
        f.store("i64", name.removeprefix("i64 "), f.offset(row, 8 * place))
    machine = compile_text(module.text, host())
    values = [-1, 2**62, np.int64(3), -(2**63), 5, 6, 7][:arguments]
    out = np.zeros((2, 8), np.int64)
    with borrow(2) as crew:
        crew.run(machine.address("write"), out.ctypes.data, *values)
    assert out[:, : arguments + 1].tolist() == [[*values, 0], [*values, 1]]


def test_one_is_the_calling_thread_alone(count):
    slots = np.zeros((2, 8), np.int64)
    before = threading.active_count()
    with borrow(1) as crew:
        assert crew.size == 1
        crew.run(count, slots.ctypes.data, 5)
    assert threading.active_count() == before
    assert slots[:, :3].tolist() == [[1, 5, 1], [0, 0, 0]]


def test_no_more_than_there_are_cores():
    with borrow(100) as crew:
        assert crew.size == 3


def test_fewer_where_others_hold_them(count):
    slots = np.zeros((3, 8), np.int64)
    with borrow(2) as first, borrow(2) as second, borrow(2) as third:
        assert [crew.size for crew in (first, second, third)] == [2, 1, 1]
        assert not {*first.workers} & {*second.workers}
        for crew in (first, second, third):
            crew.run(count, slots.ctypes.data, 1)
    assert slots[:, 0].tolist() == [3, 1, 0]
    with borrow(3) as crew:
        assert crew.size == 3


def test_threads_are_made_once():
    with borrow(3):
        workers = list(TEAM.workers)
    for _ in range(10):
        with borrow(3):
            assert TEAM.workers == workers


def test_fits_at_once_each_get_their_own(count):
    wrong = []

    def fit(wanted):
        slots = np.zeros((3, 8), np.int64)
        expected = [0, 0, 0]
        for _ in range(150):
            with borrow(wanted) as crew:
                crew.run(count, slots.ctypes.data, 20)
                expected = [n + (t < crew.size) for t, n in enumerate(expected)]
        if slots[:, 0].tolist() != expected or slots[:, 2].tolist() != expected:
            wrong.append(slots)

    fits = [threading.Thread(target=fit, args=(wanted,)) for wanted in (3, 2, 3, 1)]
    for thread in fits:
        thread.start()
    for thread in fits:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
    with borrow(3) as crew:
        assert crew.size == 3


def test_the_system_may_have_no_more_threads(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    TEAM.forget()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with borrow(3) as crew:
        assert crew.size == 1


def test_a_crew_that_is_lost_frees_its_threads():
    crew = Crew()
    TEAM.lend(crew, 3)
    assert crew.size == 3
    del crew
    with borrow(3) as crew:
        assert crew.size == 3


def test_an_exception_gives_the_threads_back(count):
    with pytest.raises(KeyError), borrow(3):
        raise KeyError
    slots = np.zeros((3, 8), np.int64)
    with borrow(3) as crew:
        assert crew.size == 3
        with pytest.raises(TypeError):
            crew.run(count, slots.ctypes.data, 1.5)
        assert slots.sum() == 0
        crew.run(count, slots.ctypes.data, 1)
        assert slots[:, :3].tolist() == [[1, 1, 1]] * 3


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer that interrupts on this system")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see where it is armed
def test_interruptions_at_any_moment_leave_nobody_working(count):
    """A signal handler raises again and again, at moments that drift through borrowing, handing over and waiting."""
    armed = interrupted = 0

    def interrupt(*_):
        nonlocal armed
        if armed:
            armed = 0
            raise KeyboardInterrupt

    slots = np.zeros((3, 8), np.int64)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.00037)
    try:
        for attempt in range(150):
            try:
                while True:
                    armed = 1  # again and again: Python drops what is raised while it clears an object away
                    with borrow(3) as crew:
                        crew.run(count, slots.ctypes.data, COUNTS * (attempt % 7))
            except KeyboardInterrupt:
                interrupted += 1
            assert np.array_equal(slots[:, 0], slots[:, 2])
    finally:
        armed = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 150
    with borrow(3) as crew:
        assert crew.size == 3


def in_a_process(code, **how):
    """A Python process that has ``count``, ``slots`` and ``borrow``."""
    lines = f"""
import os, sys, threading, time
import numpy as np
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_team import borrow, counting
machine = counting(); count = machine.address("count"); slots = np.zeros((3, 8), np.int64)
{code}"""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", lines], stdout=subprocess.PIPE, text=True, **how
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_waits_for_all_threads():
    process = in_a_process("""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
def watch():
    while not slots[:, 1].all():
        time.sleep(0.001)
    print("ready", flush=True)

threading.Thread(target=watch, daemon=True).start()
with borrow(3) as crew:
    try:
        crew.run(count, slots.ctypes.data, 1_000_000_000)
    except KeyboardInterrupt:
        print(crew.size, *slots[:, 1], *slots[:, 2])
""")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert printed.split() == ["3", *["1000000000"] * 3, *["1"] * 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_threads_of_its_own():
    process = in_a_process("""
def rest(crew):
    for runs in range(1, 50):
        slots[:] = 0
        crew.run(count, slots.ctypes.data, 10)
        assert slots[:, :3].tolist() == [[1, 10, 1]] * crew.size + [[0] * 3] * (3 - crew.size)
    with borrow(3) as other:
        other.run(count, slots.ctypes.data, 10)
        return crew.size, other.size

with borrow(2) as crew:
    crew.run(count, slots.ctypes.data, 10)
    child = os.fork()
    sizes = rest(crew)  # in both, with the crew from before
    if child == 0:
        print(*sizes, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(*sizes, flush=True)
""")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert printed.splitlines() == ["2 3", "2 1"]


@pytest.mark.parametrize("where", ["here", "thread"])
def test_the_process_ends_while_threads_sleep_or_work(where):
    process = in_a_process(f"""
def work(times):
    for _ in range(times):
        with borrow(3) as crew:
            crew.run(count, slots.ctypes.data, 1000)
if {where == "thread"}:
    threading.Thread(target=work, args=(10**9,), daemon=True).start()
    time.sleep(0.1)
else:
    work(3)
""")
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_counter_has_a_cache_line_of_its_own():
    for _ in range(20):
        crew = Crew()
        start, place = ctypes.addressof(crew._memory), ctypes.addressof(crew._finished)
        assert place % 64 == 0
        assert start <= place <= start + len(crew._memory) - 64
