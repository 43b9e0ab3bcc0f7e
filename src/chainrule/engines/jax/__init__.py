"""The JAX engine: the printed text of a program with ``np`` bound to ``jax.numpy``, compiled by XLA.

``namespace`` has the names that a text uses; ``stepping`` makes a training step a pure function, and a slice of steps
one compiled loop; ``run`` trains with it, ``many`` several networks at once, ``sharded`` on several devices, where
``mesh`` says what lies on which; ``call`` runs any program. JAX is imported when one of them is. ``processes``: how
several of them train together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.engines.jax.processes import several
from chainrule.engines.jax.settings import JaxEngine, need_jax
from chainrule.errors import require
from chainrule.program import Program

if TYPE_CHECKING:
    from chainrule.engines.jax.call import JaxCall
    from chainrule.engines.jax.many import ManyRun
    from chainrule.engines.jax.run import JaxRun
    from chainrule.engines.protocol import Share, Steps

__all__ = ["JaxEngine", "divides", "jax_call", "jax_many_run", "jax_run", "jax_share"]


def divides(settings: JaxEngine) -> bool:
    """Whether the work of a step is divided among devices, of this process or of several."""
    return not settings.one_device or several()


def jax_run(steps: Steps, settings: JaxEngine | None = None) -> JaxRun:
    """A run of training steps.

    Raises:
        EngineError: without JAX; the message has the command that installs it.
        ArgumentError: for settings that do not fit the steps.
    """
    need_jax()
    from chainrule.engines.jax.run import JaxRun
    from chainrule.engines.jax.sharded import ShardedRun

    settings = settings or JaxEngine()
    return ShardedRun(steps, settings) if divides(settings) else JaxRun(steps, settings)


def jax_share(settings: JaxEngine) -> Share:
    """Which rows of a stream this process reads: those of its devices."""
    from chainrule.engines.protocol import WHOLE

    if not divides(settings):
        return WHOLE
    need_jax()
    from chainrule.engines.jax.mesh import layout_of

    return layout_of(settings).share


def jax_many_run(steps: Steps, settings: JaxEngine | None = None) -> ManyRun:
    """A run of several networks from ``steps.state``, whose arrays have a leading axis for the networks.

    Errors are those of :func:`jax_run`.
    """
    need_jax()
    from chainrule.engines.jax.many import ManyRun

    settings = settings or JaxEngine()
    require(settings.one_device, "several networks train on one device at once: leave devices and split out")
    return ManyRun(steps, settings)


def jax_call(program: Program, precision: str, settings: JaxEngine | None = None) -> JaxCall:
    """A program to be called with values; errors as for :func:`jax_run`."""
    need_jax()
    from chainrule.engines.jax.call import JaxCall

    return JaxCall(program, precision, settings or JaxEngine())
