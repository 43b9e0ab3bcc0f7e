"""The peak: fused multiply-adds of full vectors that stay in registers, on as many threads as are asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import perf_counter

from benchmarks.training.contestants.base import LeftOut, Turn
from benchmarks.training.cores import cores
from benchmarks.training.problem import Problem
from chainrule.engines.native.emit import Arithmetic, Form, Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host
from chainrule.errors import ChainruleError

CHAINS = 12
"""Independent chains of fma: enough to fill two units that each take four cycles, few enough for 16 registers."""
PASSES = 1_000_000
"""Passes of the loop in a call; each goes through all chains four times."""


def chains_text(form: Form) -> str:
    """A loop that does nothing but fma; its results are stored at the end, so that they are wanted."""
    module = Module()
    function = module.function("chains", ["i64 %count", "ptr %out"], exported=True)
    arithmetic = Arithmetic(function, form)
    factor, addend = arithmetic.constant(0.5), arithmetic.constant(1.0)

    def one_pass(_: object, *values: str) -> Sequence[str]:
        for _unused in range(4):
            values = tuple(arithmetic.fma(value, factor, addend) for value in values)
        return values

    first = [(form.type, arithmetic.constant(float(k))) for k in range(CHAINS)]
    for k, value in enumerate(function.loop(0, "%count", 1, one_pass, first)):
        arithmetic.store(value, function.offset("%out", k * form.lanes * form.bytes))
    return module.text


class Peak:
    """Calls of the loop, one on each thread at once."""

    def __init__(self, precision: str, threads: int) -> None:
        target = host()
        form = Form(precision, target.vector_bytes // (4 if precision == "float32" else 8))
        machine = compile_text(chains_text(form), target)
        self.chains = machine.function("chains", ctypes.c_int64, ctypes.c_void_p)
        self.threads = threads
        self.flops = 2.0 * 4 * CHAINS * form.lanes * PASSES * threads
        self.results = [ctypes.create_string_buffer(CHAINS * target.vector_bytes) for _ in range(threads)]

    def turn(self, seconds: float) -> Turn:
        """Each time is from when all threads are ready to when the last is done."""
        ready = Barrier(self.threads)

        def call(thread: int) -> tuple[float, float]:
            ready.wait()
            start = perf_counter()
            self.chains(PASSES, ctypes.addressof(self.results[thread]))
            return start, perf_counter()

        times: list[float] = []
        begin = perf_counter()
        with ThreadPoolExecutor(self.threads) as pool:
            while len(times) < 2 or perf_counter() - begin < seconds:
                spans = list(pool.map(call, range(self.threads)))
                times.append(max(end for _, end in spans) - min(start for start, _ in spans))
        return Turn(times[1:], [])


def prepare(problem: Problem, form: str) -> Peak:
    """The peak in the problem's precision."""
    try:
        return Peak(problem.workload.precision, cores())
    except ChainruleError as error:
        raise LeftOut(str(error)) from None
