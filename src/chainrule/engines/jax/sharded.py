"""Training on several devices, of one process or of several.

The step stays one program over the whole batch. It is said where its rows lie and where what it carries lies; XLA's
partitioner divides everything between. So means are over the batch, random numbers depend on a row's place in it, and
rows that the devices do not divide are padded and masked by XLA, whatever the layers do with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax import lax
from numpy.typing import NDArray

from chainrule.engines.jax.mesh import MODEL, layout_of, on_host, place, place_share
from chainrule.engines.jax.namespace import Array
from chainrule.engines.jax.processes import check_same, largest, reported_losses, several
from chainrule.engines.jax.run import JaxRun, Slice
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.jax.stepping import KEPT, Parts, Step, Stepped
from chainrule.engines.protocol import Steps
from chainrule.engines.replaying import Call, State
from chainrule.errors import EngineError, require
from chainrule.program import Program

ASKED = 16
"""Of so many times that a copy of the state could be due, one is looked at: processes must ask each other."""

_held = lax.with_sharding_constraint


class ShardedStep(Step):
    """A step of which it is said where arrays lie."""

    def __init__(self, program: Program, precision: str, settings: JaxEngine) -> None:
        super().__init__(program, precision, settings)
        self.layout = layout_of(settings)
        self._batched = {v.name for v in self.program.inputs if v.shape[:1] == ("B",) and v.name != "rows"}

    def add_rows(self, x: Array, indices: Array, shape: tuple[int, ...]) -> Array:
        """Zeros of ``shape`` with each row of ``x`` added at its index; where units are divided, each device adds all.

        XLA gives another sum where both the rows and the units behind what is added are divided.
        """
        if self.layout.mesh.shape[MODEL] > 1:
            x, indices = _held(x, self.layout.whole), _held(indices, self.layout.whole)
        return super().add_rows(x, indices, shape)

    def read(self, array: Array) -> NDArray[Any]:
        """An array of what is carried, on the host."""
        return on_host(array)

    def put(self, array: NDArray[Any]) -> Array:
        """An array of what is carried, on the devices."""
        return place(array, self.layout.part(array.shape))

    def laid(self, parts: Parts) -> Parts:
        """What is carried, each array where it belongs."""
        return {name: _held(a, self.layout.part(a.shape)) for name, a in parts.items()}

    def once(self, parts: Parts, data: Parts, rows: Array, number: Array, constants: Mapping[str, Any]) -> Stepped:
        """One step, its rows divided among the devices."""
        by_rows = self.layout.rows
        rows = _held(rows, by_rows) if self.gathers else rows
        data = {name: _held(a, by_rows) if name in self._batched else a for name, a in data.items()}
        made = super().once(parts, data, rows, number, constants)
        return made._replace(parts=self.laid(made.parts))

    def advance(self, *arguments: Any) -> Stepped:
        """Steps in one loop; what is told of them is on every device."""
        made = super().advance(*arguments)
        told: Stepped = jax.tree.map(lambda a: _held(a, self.layout.whole), made._replace(parts={}))
        return told._replace(parts=self.laid(made.parts))


class ShardedRun(JaxRun):
    """A run on several devices; each has all rows of the table, or of a stream its part of the window."""

    def __init__(self, steps: Steps, settings: JaxEngine) -> None:
        if several():
            check_same({**(steps.data if steps.share.parts == 1 else {}), **steps.state})
        self._layout, self._asked = layout_of(settings), 0
        super().__init__(steps, settings)
        divided = [self._layout.part(a.shape) != self._layout.whole for a in self._parts.values()]
        require(
            settings.split == 1 or any(divided),
            f"split={settings.split} divides no layer: none has {settings.wide} units or more, a multiple of "
            f"{settings.split}; lower wide, or leave split out",
        )

    def compiled(self, steps: Steps, settings: JaxEngine) -> tuple[Step, Slice]:
        """The step, and the loop of it."""
        return _compiled(steps.program, steps.precision, settings)

    def on_device(self, array: NDArray[Any]) -> Array:
        """Rows of the table, on every device, or each device's part of them."""
        if self.share.parts == 1:
            return place(array, self._layout.whole)
        return place_share(array, self._layout.rows, self.share)

    def table(self) -> State:
        """All rows; where processes have a share of them each, all of them ask for it together."""
        return self.data if self.share.parts == 1 else {name: on_host(a) for name, a in self._on_device.items()}

    def due(self) -> bool:
        """Whether it is time for another copy of the state; several processes see to it every few calls, together."""
        self._asked += 1
        return self._asked % ASKED == 0 and bool(largest(super().due())[0])

    def go(self, call: Call) -> NDArray[np.float64]:
        """Make the steps of a call; their losses."""
        try:
            with reported_losses():
                return super().go(call)
        except EngineError:
            self._parts = self._step.split(self._kept)  # what the devices had is lost
            raise


@lru_cache(KEPT)
def _compiled(program: Program, precision: str, settings: JaxEngine) -> tuple[Step, Slice]:
    step = ShardedStep(program, precision, settings)
    return step, Slice(step.advance)
