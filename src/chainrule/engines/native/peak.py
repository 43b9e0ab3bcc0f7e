"""The peak of this machine: how many floating-point operations a second its cores reach at best."""

from __future__ import annotations

from functools import cache
from time import perf_counter

from chainrule.engines.native.emit import Arithmetic, Form, Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host
from chainrule.engines.native.team import borrow

CHAINS = 12
"""Sums that run side by side: enough to hide the latency of four cycles of two units."""
SECONDS = 0.02
REPEATS = 5


@cache
def peak_flops(precision: str, threads: int = 1) -> float:
    """Operations a second of ``threads`` cores at multiply-adds of full vectors in registers: the best of a few tries.

    One multiply-add counts as two operations for each lane. It is measured when first asked for, which takes about 0.1
    seconds.
    """
    target = host()
    form = Form(precision, target.vector_bytes // (4 if precision == "float32" else 8))
    module = Module()
    f = module.function("work", ["ptr %result", "i64 %rounds", "i64 %thread"], exported=True)
    a = Arithmetic(f, form)
    x, y = (a.load_one(f.offset("%result", form.bytes * i)) for i in range(2))

    def one_round(_: str, *sums: str) -> list[str]:
        return [a.fma(s, x, y) for s in sums]

    sums = f.loop(0, "%rounds", 1, one_round, [(a.type, a.constant(float(i))) for i in range(CHAINS)])
    total = sums[0]
    for s in sums[1:]:
        total = a.add(total, s)
    f.when(f.compare("slt", "%rounds", 0), lambda: a.store(total, "%result"))
    machine = compile_text(module.text, target)
    return _measure(machine.address("work"), threads, 2 * CHAINS * form.lanes)


def _measure(address: int, threads: int, flops_a_round: int) -> float:
    import numpy as np

    result = np.zeros(64)
    place = int(result.ctypes.data)
    with borrow(threads) as crew:

        def seconds(rounds: int) -> float:
            start = perf_counter()
            crew.run(address, place, rounds)
            return perf_counter() - start

        rounds = 10_000
        while (spent := seconds(rounds)) < SECONDS / 4:
            rounds *= 2
        rounds = max(1, int(rounds * SECONDS / spent))
        best = min(seconds(rounds) for _ in range(REPEATS))
        return crew.size * rounds * flops_a_round / best
