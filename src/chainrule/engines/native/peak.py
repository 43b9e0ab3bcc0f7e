"""The peak of this machine: how many floating-point operations a second its cores reach at best."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import numpy as np

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host
from chainrule.engines.native.team import Crew, borrow

CHAINS = 12
"""Sums that run side by side: enough to hide the latency of four cycles of two units."""
SECONDS = 0.02
REPEATS = 5


class MultiplyAdds:
    """A loop of multiply-adds of full vectors that stay in registers: each goes from s to s / 2 + 1.

    Attributes:
        flops: operations of one round; a multiply-add counts as two for each lane.
        sums: what the chains come to, a row for each; they begin at 0, 1, 2, ...
    """

    def __init__(self, precision: str) -> None:
        target = host()
        form = Form.filling(precision, target.vector_bytes)
        module = Module()
        f = module.function("work", ["ptr %memory", "i64 %rounds", "i64 %thread"], exported=True)
        a = Arithmetic(f, form)
        x, y = (a.load_one(f.offset("%memory", form.bytes * i)) for i in range(2))

        def one_round(_: str, *sums: str) -> list[str]:
            return [a.fma(s, x, y) for s in sums]

        sums = f.loop(0, "%rounds", 1, one_round, [(a.type, a.constant(float(i))) for i in range(CHAINS)])
        start, vector = 2 * form.bytes, form.lanes * form.bytes
        for place, total in enumerate(sums):  # every thread stores the same
            a.store(total, f.offset("%memory", start + place * vector))
        self._machine = compile_text(module.text, target)
        self._address = self._machine.address("work")
        self._memory = np.zeros(2 + CHAINS * form.lanes, precision)
        self._memory[:2] = 0.5, 1.0
        self.sums = self._memory[2:].reshape(CHAINS, form.lanes)
        self.flops = 2 * CHAINS * form.lanes

    def seconds(self, crew: Crew, rounds: int) -> float:
        """How long so many rounds take on every thread of a crew."""
        place = int(self._memory.ctypes.data)
        start = perf_counter()
        crew.run(self._address, place, rounds)
        return perf_counter() - start


@cache
def peak_flops(precision: str, threads: int = 1) -> float:
    """Operations a second of ``threads`` cores at multiply-adds of full vectors in registers: the best of a few tries.

    It is measured when first asked for, which takes about 0.1 seconds.
    """
    loop = MultiplyAdds(precision)
    with borrow(threads) as crew:
        rounds = 10_000
        while (spent := loop.seconds(crew, rounds)) < SECONDS / 4:
            rounds *= 2
        rounds = max(1, int(rounds * SECONDS / spent))
        best = min(loop.seconds(crew, rounds) for _ in range(REPEATS))
        return crew.size * rounds * loop.flops / best
