"""Who takes part: a file for each library, and the one list of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from benchmarks.training.contestants.base import LeftOut, Trainer
from benchmarks.training.problem import Problem

_HERE = "benchmarks.training.contestants"


@dataclass(frozen=True)
class Contestant:
    """One way to train.

    Attributes:
        title: what tables call it.
        module: the file that knows how.
        form: which of the file's forms.
    """

    title: str
    module: str
    form: str

    def prepare(self, problem: Problem) -> Trainer:
        """What trains this problem.

        Raises:
            LeftOut: when the library is not installed or cannot do it.
        """
        try:
            trainer: Trainer = import_module(f"{_HERE}.{self.module}").prepare(problem, self.form)
        except ImportError as error:
            raise LeftOut(str(error)) from None
        return trainer


OURS = ("chainrule", "chainrule-jax", "chainrule-numpy")
"""Ours: the one in front is what the others are compared with."""

PEAK = "peak"
"""Not a contestant: the most that this machine can do."""

CONTESTANTS = {
    "chainrule": Contestant("chainrule, native engine", "ours", "native"),
    "chainrule-numpy": Contestant("chainrule, NumPy engine", "ours", "numpy"),
    "chainrule-jax": Contestant("chainrule, JAX engine", "ours", "jax"),
    "jax": Contestant("JAX scan", "jax_scan", "dots"),
    "jax-optax": Contestant("JAX scan, optax", "jax_scan", "optax"),
    "jax-sums": Contestant("JAX scan, without dots", "jax_scan", "sums"),
    "torch": Contestant("PyTorch eager, fused", "pytorch", "eager"),
    "torch-compile": Contestant("PyTorch, step compiled", "pytorch", "compile"),
    "sklearn": Contestant("scikit-learn", "scikit_learn", "fit"),
    "numba": Contestant("Numba", "numba_loops", "loops"),
    PEAK: Contestant("FMA peak", "peak", "fma"),
}
