"""The native engine: programs as machine code for this processor, made from Python through LLVM.

A program goes through these modules, in order: ``engines.regions`` (flat vectors taken apart), ``expand`` (primitives
only), ``lower`` (phases), ``order`` (their order, and where threads meet), ``memory`` (where buffers lie), ``driver``
with ``maps`` and ``products`` (LLVM's text), ``jit`` (machine code), ``run`` (training).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.engines.many import SeparateRuns, each_network
from chainrule.engines.protocol import Run, Steps
from chainrule.program import Program

if TYPE_CHECKING:
    from chainrule.engines.native.code import Code


def step_code(step: Program, precision: str, batch_size: int) -> Code:
    """The phases of a training step; those of the general form, for one that is small enough to be unrolled."""
    from chainrule.engines.indices import guarded
    from chainrule.engines.native.code import generate
    from chainrule.engines.native.target import host

    user = [v.name for v in step.inputs if v.role == "input"]
    return generate(guarded(step, user), precision, host(), rows=batch_size, user=user)


def step_text(step: Program, precision: str, batch_size: int) -> str:
    """LLVM's text of a training step, as :func:`native_run` would run it."""
    from chainrule.engines.native.target import host
    from chainrule.engines.native.unrolled import fits, unrolled_text

    if fits(step, batch_size):
        return unrolled_text(step, batch_size, precision, host())
    return step_code(step, precision, batch_size).module.titled()


def native_run(steps: Steps, threads: int | None = None) -> Run:
    """A run of training steps in the form that suits the program, on so many threads, or as many as turn out to pay.

    Raises:
        EngineError: where the program cannot be compiled, or not here.
    """
    from chainrule.engines.native.run import NativeRun
    from chainrule.engines.native.unrolled import UnrolledRun, fits

    arguments = (steps.program, steps.precision, steps.data, steps.state)
    if fits(steps.program, steps.batch_size):
        return UnrolledRun(*arguments)
    return NativeRun(*arguments, batch_size=steps.batch_size, threads=threads)


def many_run(steps: Steps) -> Run:
    """A run of several networks from ``steps.state``, whose arrays have a leading axis for the networks.

    Tiny networks lie side by side in registers; others are trained one on each core.

    Raises:
        EngineError: where the program cannot be compiled, or not here.
    """
    from chainrule.engines.native.run import NativeRun
    from chainrule.engines.native.target import cores
    from chainrule.engines.native.unrolled import ManyRun, fits

    if fits(steps.program, steps.batch_size):
        return ManyRun(steps.program, steps.precision, steps.data, steps.state)
    start, *others = each_network(steps.state)
    arguments = (steps.program, steps.precision, steps.data, start)
    first = NativeRun(*arguments, batch_size=steps.batch_size, threads=1)
    return SeparateRuns([first, *map(first.twin, others)], cores())
