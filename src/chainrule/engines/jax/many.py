"""Several networks at once on JAX: one program, mapped over a leading axis of what they carry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from chainrule.engines.jax.run import JaxRun, Slice
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.jax.stepping import KEPT, Step, Stepped
from chainrule.engines.protocol import NonFiniteStep, Rows, Steps
from chainrule.engines.replaying import Call
from chainrule.errors import require
from chainrule.program import Program


class ManySteps(Step):
    """A step of several networks: what is carried has a leading axis for them, data and constants are shared."""

    def split(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of the states."""
        parts: dict[str, Any] = jax.vmap(super().split)(dict(state))
        return parts

    def vector(self, name: str, parts: Mapping[str, Any]) -> NDArray[Any]:
        """One array of the states with flat vectors, copied to the host."""
        return np.array(jax.vmap(self.join)(dict(parts))[name])

    def advance(self, *arguments: Any) -> Stepped:
        """Steps in one loop for all networks; losses have the shape (steps, networks)."""
        axes = Stepped._make((0, 1, None, None, 0))  # of parts, losses, rate, predictions, whether all are finite
        made: Stepped = jax.vmap(super().advance, (0, None, None, None, None, None), axes)(*arguments)
        return made


class ManyRun(JaxRun):
    """A run of several networks; arrays of the state have a leading axis for them, losses the shape (steps, networks).

    All see the same rows in the same order, and share their random masks. One that is no longer finite stays so and
    disturbs no other; the run fails when there is no other.
    """

    least_room = 1024

    def compiled(self, steps: Steps, settings: JaxEngine) -> tuple[Step, Slice]:
        """The step of all networks, and the loop of it."""
        require(
            settings.products == "float32" or jax.default_backend() != "cpu",
            "XLA does not multiply the matrices of many networks in bfloat16 on this processor: take engine='jax'",
        )
        return _compiled(steps.program, steps.precision, settings)

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make the steps with every network."""
        losses = self.go(Call(order, batch_size, first, dict(constants)))
        if not (np.isfinite(losses).all(axis=0) & np.asarray(self._finite)).any():
            raise NonFiniteStep(int(np.isfinite(losses).any(axis=1).sum()))
        return losses

    def verify(self) -> None:
        """Nothing is left to look at: :meth:`advance` looks at the parameters."""


@lru_cache(KEPT)
def _compiled(program: Program, precision: str, settings: JaxEngine) -> tuple[Step, Slice]:
    step = ManySteps(program, precision, settings)
    return step, Slice(step.advance)
