"""Training runs on JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from chainrule.engines.jax.namespace import Array, scope
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.jax.stepping import KEPT, Step, Stepped, step_of
from chainrule.engines.protocol import Steps
from chainrule.engines.replaying import Call, Carried, ReplayingRun, State, converted
from chainrule.errors import require
from chainrule.program import Program

ROWS_IN_A_CALL = 1 << 17
"""Row numbers that one call of the device is given at most; a slice of more rows is several calls."""


class JaxRun(ReplayingRun):
    """A run of a step program on the device that JAX finds; see :class:`chainrule.engines.protocol.Run`.

    The rows of the table go to the device once, and so does the state, which stays there: its memory is given to each
    call and reused for what comes out.
    """

    slice_factor = 5.0
    least_room = 1
    """Steps for which a call of the device has room, where its rows allow it: several short epochs are one call."""

    def __init__(self, steps: Steps, settings: JaxEngine) -> None:
        require(
            settings.products != "bfloat16" or steps.precision == "float32",
            "products='bfloat16' is for networks with dtype='float32'",
        )
        super().__init__(steps.program, steps.precision, steps.data, steps.batch_size, steps.share)
        self.predictions: NDArray[Any] | None = None
        self._step, self._slice = self.compiled(steps, settings)
        self._names, self._capacity = list(steps.state), self.rows
        self._parts: dict[str, Array] = {}
        self._host: dict[str, NDArray[Any]] = {}
        self._rate = float("nan")
        self._finite: Any = True
        self.place()
        self.restore(steps.state)

    def compiled(self, steps: Steps, settings: JaxEngine) -> tuple[Step, Slice]:
        """The step, and the loop of it; runs of equal steps share them."""
        step = step_of(steps.program, steps.precision, settings)
        return step, _compiled(steps.program, steps.precision, settings)

    def as_read(self, data: State) -> dict[str, NDArray[Any]]:
        """The arrays in the element types that the text expects."""
        return converted(self.program, data, {"float": self.precision, "int": np.int64, "bool": np.bool_})

    def place(self) -> None:
        """Put :attr:`data` on the device, with room for as many rows as it had first, so that the code fits."""
        missing = max(self._capacity - self.rows, 0) if self.gathers else 0
        with scope():
            self._on_device = {
                name: self.on_device(np.pad(a, [(0, missing)] + [(0, 0)] * (a.ndim - 1)) if missing else a)
                for name, a in self.data.items()
            }

    def on_device(self, array: NDArray[Any]) -> Array:
        """Rows of the table."""
        return jnp.array(array)  # a copy on every device: a window's memory is used again for the next one

    # State

    @property
    def state(self) -> State:
        """What is carried from step to step; each array is copied to the host when it is first read after a step."""
        return Carried(self._names, self._read)

    def _read(self, name: str) -> NDArray[Any]:
        if name not in self._host:
            self._host[name] = self._step.vector(name, self._parts)
            self._host[name].flags.writeable = False  # whoever reads it gets the same one
        return self._host[name]

    def write(self, state: State) -> None:
        """Take over a state, or a part of it."""
        self._host = {}
        with scope():
            self._parts |= {name: self._step.put(a) for name, a in self._step.split(state).items()}
        if "theta" in state:
            self._finite = np.isfinite(state["theta"]).all()

    def finite(self) -> bool:
        """Whether all parameters are."""
        return bool(self._finite)

    # Steps

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._rate

    def go(self, call: Call) -> NDArray[np.float64]:
        """Make the steps of a call; their losses."""
        size = call.batch_size
        full, rest = divmod(len(call.order), size)
        room = min(max(self.least_room, -(-self._capacity // size)), max(ROWS_IN_A_CALL // size, 1))
        made = [self._several(call, start, min(room, full - start), room) for start in range(0, full, room)]
        if rest:
            made.append(self._several(call, full, 1, 1))
        losses, told = zip(*made, strict=True)
        if told[0] is not None:
            self.predictions = np.concatenate([a.reshape(-1, *a.shape[2:]) for a in told])
        return np.concatenate(losses)

    def _several(
        self, call: Call, start: int, count: int, room: int
    ) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        """Losses and predictions of steps of as many rows each, from number ``start`` of a call on.

        The compiled code makes up to ``room`` such steps. What it returns is cut here, on the host: cutting it on the
        device would be compiled for every length.
        """
        rows = call.order[start * call.batch_size : (start + count) * call.batch_size]
        order = np.zeros((room, len(rows) // count if self.gathers else 0), np.int32)
        if self.gathers:
            order[:count] = rows.reshape(count, -1)
        steps = (order, np.int32(count), np.int64(call.first + start))
        constants = {name: value for name, value in call.constants.items() if name in self._step.inputs}
        with scope():
            parts, numbers, prediction = self._slice(self._parts, self._on_device, *steps, constants)
        self._parts, self._host = dict(parts), {}
        told = np.asarray(numbers)
        self._rate, self._finite = float(told[-2].flat[0]), told[-1] > 0
        return told[:count], None if prediction is None else np.asarray(prediction)[:count]


Told = tuple[Mapping[str, Array], Array, Array | None]
"""What is carried on; the losses, the rate and whether all parameters are finite, as doubles; the predictions."""


def _packed(made: Stepped) -> Told:
    """What steps leave, the numbers in one array: fetching each takes as long as fetching all."""
    one = (1, *made.loss.shape[1:])
    others = (jnp.broadcast_to(jnp.asarray(a, jnp.float64), one) for a in (made.rate, made.finite))
    return made.parts, jnp.concatenate([made.loss.astype(jnp.float64), *others]), made.prediction


class Slice:
    """The compiled loop over the steps of a slice; its first argument is given away."""

    def __init__(self, function: Callable[..., Stepped]) -> None:
        self._function = jax.jit(lambda *arguments: _packed(function(*arguments)), donate_argnums=0)
        self._known: set[tuple[Any, ...]] = set()
        self._lock = Lock()

    def __call__(self, parts: Any, data: Mapping[str, Array], order: Any, *others: Any) -> Told:
        """Call it; of several threads that need the same code, one compiles and the others wait."""
        shapes = (order.shape, *(a.shape for a in data.values()))
        if shapes in self._known:
            return self._function(parts, data, order, *others)  # type: ignore[no-any-return]
        with self._lock:
            made: Told = self._function(parts, data, order, *others)
            self._known.add(shapes)
        return made


@lru_cache(KEPT)
def _compiled(program: Program, precision: str, settings: JaxEngine) -> Slice:
    return Slice(step_of(program, precision, settings).advance)
