"""chainrule itself, as anyone would call it."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

import chainrule as cr
from benchmarks.training.contestants.base import LeftOut, Turn
from benchmarks.training.problem import SEED, Problem
from chainrule.training import Moment


class Ours:
    """Training by :meth:`chainrule.Network.fit` on one engine."""

    def __init__(self, problem: Problem, engine: str) -> None:
        w = problem.workload
        self.problem, self.engine = problem, engine
        self.flops = float(w.flops_per_row * len(problem.order))
        self.net = cr.mlp(w.sizes, hidden=w.hidden, loss=w.loss, dtype=w.precision)
        self.optimizer = getattr(cr, w.optimizer)(w.lr)

    def turn(self, seconds: float) -> Turn:
        """Train from the starting weights; an epoch lasts from the end of the one before to its own."""
        for name, values in self.problem.start.items():
            self.net.parameters[name] = values
        ends: list[float] = []

        def note(moment: Moment) -> bool:
            ends.append(perf_counter())
            return len(ends) >= 2 and ends[-1] - ends[0] >= seconds

        history = self.net.fit(
            self.problem.X, self.problem.y, epochs=10**9, batch_size=self.problem.workload.batch,
            optimizer=self.optimizer, shuffle="once", seed=SEED, engine=self.engine, callbacks=[note],
        )  # fmt: skip
        return Turn([after - before for before, after in pairwise(ends)], history.loss[:2])


def prepare(problem: Problem, form: str) -> Ours:
    """Train on the engine ``form``."""
    try:
        cr.mlp([1, 1]).fit([[0.0]], [0.0], epochs=0, engine=form)
    except cr.ChainruleError as error:
        raise LeftOut(str(error)) from None
    return Ours(problem, form)
