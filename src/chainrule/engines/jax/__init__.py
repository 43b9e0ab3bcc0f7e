"""The JAX engine: the printed text of a program with ``np`` bound to ``jax.numpy``, compiled by XLA.

``namespace`` has the names that a text uses; ``stepping`` makes a training step a pure function, and a slice of steps
one compiled loop; ``run`` trains with it, ``many`` several networks at once; ``call`` runs any program. JAX is imported
when one of them is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.engines.jax.settings import JaxEngine
from chainrule.errors import EngineError
from chainrule.program import Program

if TYPE_CHECKING:
    from chainrule.engines.jax.call import JaxCall
    from chainrule.engines.jax.many import ManyRun
    from chainrule.engines.jax.run import JaxRun
    from chainrule.engines.protocol import Steps

__all__ = ["JaxEngine", "jax_call", "jax_many_run", "jax_run", "run"]


def jax_run(steps: Steps, settings: JaxEngine | None = None) -> JaxRun:
    """A run of training steps.

    Raises:
        EngineError: without JAX; the message has the command that installs it.
        ArgumentError: for settings that do not fit the steps.
    """
    _need_jax()
    from chainrule.engines.jax.run import JaxRun

    return JaxRun(steps, settings or JaxEngine())


def jax_many_run(steps: Steps, settings: JaxEngine | None = None) -> ManyRun:
    """A run of several networks from ``steps.state``, whose arrays have a leading axis for the networks.

    Errors are those of :func:`jax_run`.
    """
    _need_jax()
    from chainrule.engines.jax.many import ManyRun

    return ManyRun(steps, settings or JaxEngine())


def jax_call(program: Program, precision: str, settings: JaxEngine | None = None) -> JaxCall:
    """A program to be called with values; errors as for :func:`jax_run`."""
    _need_jax()
    from chainrule.engines.jax.call import JaxCall

    return JaxCall(program, precision, settings or JaxEngine())


def run(program: Program, values: Mapping[str, Any], precision: str = "float64") -> dict[str, Any]:
    """The outputs of the program by label."""
    return jax_call(program, precision).run(values)


def _need_jax() -> None:
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise EngineError(
            f"engine='jax' needs JAX ({error}): pip install 'chainrule[jax]', or choose another engine"
        ) from None
