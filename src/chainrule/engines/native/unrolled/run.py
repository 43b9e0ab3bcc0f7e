"""Training runs of unrolled steps: one network, or many at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.target import Target, cores, host
from chainrule.engines.native.unrolled.code import Code
from chainrule.engines.native.unrolled.loop import padded, state_places
from chainrule.engines.protocol import NonFiniteStep, Rows, batches, prediction_shape
from chainrule.errors import DataError
from chainrule.program import Program

GROUPS = 2
"""Registers of networks that a step goes through side by side: one computes while the other waits."""

SHARED_STEPS = 1000
"""From so many steps on, threads go through the networks side by side; fewer are over before threads have begun."""

State = Mapping[str, NDArray[Any]]


class ManyRun:
    """A run of several networks that differ in their parameters alone, each in a lane of the machine's registers.

    All see the same rows in the same order, and share their random masks. What a network computes does not depend on
    how many there are, nor on its lane. One that is no longer finite stays so and disturbs no other; the run fails
    when there is no other.

    Args:
        step, precision, data: see :class:`chainrule.engines.protocol.Steps`; the program is one that
            :func:`chainrule.engines.native.unrolled.fits`.
        state: as there, each array with a leading axis for the networks.
        target: the machine; this one, by default.
    """

    slice_factor = 1.0

    def __init__(
        self, step: Program, precision: str, data: State, state: State, *, target: Target | None = None
    ) -> None:
        self.program, self.precision = step, precision
        self.failed: dict[str, Any] | None = None
        """Not known for many networks."""
        predicted = prediction_shape(step)
        self._outputs = prod(predicted) if predicted else 0
        self.predictions: NDArray[Any] | None = None
        """With a trailing axis for the networks; as doubles."""
        self._target = target or host()
        dtype = np.dtype(precision)
        self._codes: dict[int, Code] = {}
        self.load(data)
        self._gathers = any(v.name == "rows" for v in step.inputs)
        self._shapes = {name: array.shape[1:] for name, array in state.items()}
        self._places = state_places(self._shapes)
        self._count = len(next(iter(state.values())))
        widest = Form.filling(precision, self._target.vector_bytes)
        self._lanes = min(widest.lanes, 1 << (self._count - 1).bit_length())
        registers = -(-self._count // self._lanes)
        self._groups = max(1, min(GROUPS, registers // cores()))
        self._width = self._lanes * self._groups
        self._chunks = -(-self._count // self._width)
        self._pool = ThreadPoolExecutor(min(cores(), self._chunks), "chainrule-networks")
        size = sum(padded(shape) for shape in self._shapes.values())
        self._buffer = np.zeros((self._chunks, size, self._width), dtype)
        self._address = self._buffer.ctypes.data
        at = self._places["theta"]
        self._parameters = self._buffer[:, at : at + prod(self._shapes["theta"])]
        self._rate = float("nan")
        self.restore(state)

    # State

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from step to step, by name: copies, with a leading axis for the networks."""
        networks = self._buffer.transpose(0, 2, 1).reshape(self._chunks * self._width, -1)[: self._count]
        return {
            name: networks[:, at : at + prod(self._shapes[name])].reshape(-1, *self._shapes[name]).copy()
            for name, at in self._places.items()
        }

    def restore(self, state: State) -> None:
        """Go back to a state that was read, or to a part of it."""
        state = {**self.state, **state}
        networks = np.zeros((self._chunks * self._width, self._buffer.shape[1]), self._buffer.dtype)
        for name, at in self._places.items():
            networks[: self._count, at : at + prod(self._shapes[name])] = state[name].reshape(self._count, -1)
        self._buffer[:] = networks.reshape(self._chunks, self._width, -1).transpose(0, 2, 1)

    def load(self, data: State) -> None:
        """Read other rows from now on."""
        self.data = {name: np.ascontiguousarray(array, self.precision) for name, array in data.items()}
        for code in self._codes.values():
            code.read_from(self.data)

    def verify(self) -> None:
        """Nothing is left to look at: :meth:`advance` looks at the parameters."""

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._rate

    # Steps

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch of ``order``; see :class:`chainrule.engines.protocol.Run`.

        Returns:
            The loss of each step, shape (steps, networks).

        Raises:
            NonFiniteStep: when no network has a finite loss and finite parameters after it; its losses are those of
                all networks, step after step.
        """
        order = np.ascontiguousarray(order, np.int64)
        rows = len(next(iter(self.data.values())))
        if self._gathers and len(order) and (int(order.min()) < 0 or int(order.max()) >= rows):
            raise DataError(f"a row number is outside the table of {rows} rows")
        start = self._buffer.copy()
        losses = self._advance(order, batch_size, first, constants)
        if self._sound(losses):
            return losses
        self._buffer[:] = start
        return self._step_by_step(order, batch_size, first, constants)

    def _advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make steps without a look at what comes out."""
        whole, rest = divmod(len(order), batch_size)
        losses = np.empty((self._chunks * self._width, whole + (rest > 0)))
        told = np.empty((len(order), self._outputs, self._chunks * self._width))
        at = whole * batch_size
        if whole:
            self._run(batch_size, order[:at], first, constants, losses[:, :whole], told[:at])
        if rest:
            self._run(rest, order[at:], first + whole, constants, losses[:, whole:], told[at:])
        if self._outputs:
            self.predictions = told[..., : self._count]
        return losses[: self._count].T

    def _run(
        self,
        rows: int,
        order: Rows,
        first: int,
        constants: Mapping[str, float],
        losses: NDArray[np.float64],
        predictions: NDArray[np.float64],
    ) -> None:
        """Make steps of whole batches of so many rows."""
        if rows not in self._codes:
            form = (self._lanes, self._groups, self._target)
            self._codes[rows] = Code(self.program, rows, self.precision, *form, self.data)
        code = self._codes[rows]
        steps = losses.shape[1]
        code.prepare(steps, first, constants)
        numbers, results, told = order.ctypes.data, losses.ctypes.data, predictions.ctypes.data
        apart, stride = losses.strides[0], predictions.strides[-2]

        def one(chunk: int) -> float:
            state, number = self._address + chunk * self._buffer.strides[0], chunk * self._width
            places = results + number * apart, told + number * predictions.itemsize
            return code.run(numbers, *places, apart, stride, state)

        each = self._pool.map if self._chunks > 1 and steps >= SHARED_STEPS else map
        self._rate = list(each(one, range(self._chunks)))[-1]

    def _sound(self, losses: NDArray[np.float64]) -> bool:
        """Whether some network was finite in all these steps and is so after them."""
        if np.isfinite(losses).all() and np.isfinite(self._parameters).all():
            return True
        finite = np.isfinite(self._parameters).all(axis=1).reshape(-1)[: self._count]
        return bool((finite & np.isfinite(losses).all(axis=0)).any())

    def _step_by_step(
        self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """Go through a slice again, up to the step after which no network is finite."""
        losses = np.empty((0, self._count))
        for number, batch in enumerate(batches(order, batch_size)):
            start = self._buffer.copy()
            loss = self._advance(batch, batch_size, first + number, constants)
            if not self._sound(loss):
                self._buffer[:] = start
                what = "an update" if np.isfinite(loss).any() else "a loss"
                raise NonFiniteStep(number, losses.ravel().tolist(), what)
            losses = np.concatenate([losses, loss])
        return losses


class UnrolledRun:
    """A run of one network: a :class:`ManyRun` of one."""

    slice_factor = 1.0

    def __init__(
        self, step: Program, precision: str, data: State, state: State, *, target: Target | None = None
    ) -> None:
        self.program, self.precision = step, precision
        self.failed: dict[str, Any] | None = None
        """What the step that was not finite had read."""
        self._many = ManyRun(step, precision, data, _one(state), target=target)

    @property
    def predictions(self) -> NDArray[Any] | None:
        """See :class:`chainrule.engines.protocol.Run`."""
        told = self._many.predictions
        return None if told is None else told[..., 0].astype(self.precision)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from step to step, by name: copies."""
        return {name: array[0] for name, array in self._many.state.items()}

    def restore(self, state: State) -> None:
        """Go back to a state that was read."""
        self._many.restore(_one(state))

    def load(self, data: State) -> None:
        """Read other rows from now on."""
        self._many.load(data)

    def verify(self) -> None:
        """Nothing is left to look at: :meth:`advance` looks at the parameters."""

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._many.rate()

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch of ``order``; see :class:`chainrule.engines.protocol.Run`."""
        try:
            return self._many.advance(order, batch_size, first, constants)[:, 0]
        except NonFiniteStep as error:
            number, batch = first + error.position, batches(order, batch_size)[error.position]
            steps = {"rows": batch, "t": number + 1.0, "step": number}
            values = {**self._many.data, **self.state, **constants, **steps}
            self.failed = {v.name: values[v.name] for v in self.program.inputs}
            raise


def _one(state: State) -> dict[str, NDArray[Any]]:
    """The state of one network as that of many."""
    return {name: array[None] for name, array in state.items()}
