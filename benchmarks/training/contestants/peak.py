"""The peak: fused multiply-adds of full vectors that stay in registers, on as many threads as are asked for."""

from __future__ import annotations

from time import perf_counter

from benchmarks.training.contestants.base import LeftOut, Turn
from benchmarks.training.cores import cores
from benchmarks.training.problem import Problem
from chainrule.engines.native.peak import MultiplyAdds
from chainrule.engines.native.team import borrow
from chainrule.errors import ChainruleError

ROUNDS = 4_000_000
"""Rounds of the loop in a call."""


class Peak:
    """Calls of the loop, one on each thread at once."""

    def __init__(self, precision: str, threads: int) -> None:
        self.loop, self.threads = MultiplyAdds(precision), threads
        self.flops = float(self.loop.flops * ROUNDS * threads)

    def turn(self, seconds: float) -> Turn:
        """The time of each call."""
        times: list[float] = []
        begin = perf_counter()
        with borrow(self.threads) as crew:
            while len(times) < 2 or perf_counter() - begin < seconds:
                times.append(self.loop.seconds(crew, ROUNDS))
        return Turn(times[1:], [])


def prepare(problem: Problem, form: str) -> Peak:
    """The peak in the problem's precision."""
    try:
        return Peak(problem.workload.precision, cores())
    except ChainruleError as error:
        raise LeftOut(str(error)) from None
