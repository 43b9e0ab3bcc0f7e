"""Threads meet: none goes on before all have come, and all see what each wrote."""

import ctypes
import threading

import numpy as np
import pytest

from chainrule.engines.native.barrier import write_barrier
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import binding, host


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))


def lock_step():
    """``go(counter, slots, errors, threads, rounds, thread)``.

    In each round a thread writes the round into its slot, meets the others, counts the slots that hold anything else,
    and meets them again.
    """
    target = host()
    module = Module()
    barrier = write_barrier(module, target.triple)
    arguments = ["ptr %counter", "ptr %slots", "ptr %errors", "i64 %threads", "i64 %rounds", "i64 %thread"]
    f = module.function("go", arguments, exported=True)

    def meet(number):
        f.do(f"call void @{barrier}(ptr %counter, i64 {f.multiply(number, '%threads')})")

    def one_round(r, errors):
        f.store("i64", r, f.offset("%slots", f.multiply("%thread", 64)))
        meet(f.add(f.multiply(r, 2), 1))

        def check(slot, wrong):
            differs = f.compare("ne", f.load("i64", f.offset("%slots", f.multiply(slot, 64))), r)
            return [f.add(wrong, f.value(f"zext i1 {differs} to i64"))]

        (errors,) = f.loop(0, "%threads", 1, check, [("i64", errors)])
        meet(f.add(f.multiply(r, 2), 2))
        return [errors]

    (errors,) = f.loop(0, "%rounds", 1, one_round, [("i64", "0")])
    f.store("i64", errors, f.offset("%errors", f.multiply("%thread", 8)))
    return compile_text(module.text, target).function("go", *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)


@pytest.mark.parametrize(("threads", "rounds"), [(1, 1000), (2, 20_000), (3, 2000), (8, 500)])
def test_threads_count_in_lock_step(threads, rounds):
    """More threads than cores too."""
    go = lock_step()
    counter, slots = np.zeros(1, np.int64), np.full((threads, 8), -1, np.int64)
    errors = np.full(threads, -1, np.int64)
    addresses = [a.ctypes.data for a in (counter, slots, errors)]
    members = [threading.Thread(target=go, args=(*addresses, threads, rounds, t)) for t in range(threads)]
    for member in members:
        member.start()
    for member in members:
        member.join(60)
        assert not member.is_alive()
    assert errors.tolist() == [0] * threads
    assert counter[0] == 2 * rounds * threads


@pytest.mark.parametrize(
    ("triple", "words"),
    [
        ("x86_64-unknown-linux-gnu", ["llvm.x86.sse2.pause", "sched_yield"]),
        ("x86_64-pc-windows-msvc", ["llvm.x86.sse2.pause", "SwitchToThread"]),
        ("aarch64-unknown-linux-gnu", ["llvm.aarch64.isb", "sched_yield"]),
        ("arm64-apple-darwin24.0.0", ["llvm.aarch64.isb", "sched_yield"]),
        ("riscv64-unknown-linux-gnu", ["sched_yield"]),
    ],
)
def test_each_system_waits_in_its_own_way(triple, words):
    module = Module()
    assert write_barrier(module, triple) == "barrier"
    binding().parse_assembly(f'target triple = "{triple}"\n{module.text}').verify()
    assert all(word in module.text for word in words)
    assert ("readcyclecounter" in module.text) == triple.startswith("x86_64")
