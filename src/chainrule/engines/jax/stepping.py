"""A training step as a pure function under JAX, and a slice of steps as one compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from chainrule.engines.indices import guarded
from chainrule.engines.jax.namespace import Array, add_rows, text_function
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.protocol import Steps
from chainrule.engines.regions import split_regions
from chainrule.program import Program

Parts = Mapping[str, Array]
"""What steps carry, each parameter (and each optimiser slot of it) an array of its own: ``W1``, ``m_W1``, ``mean1``."""

KEPT = 64
"""Steps that are kept, with what was compiled of them, for runs of the same step."""


class Stepped(NamedTuple):
    """What a step leaves, or several.

    Attributes:
        parts: what is carried on.
        loss: of the step, or of each step.
        rate: the learning rate of the last step.
        prediction: for the rows of the step before its update, or of each step; ``None`` where the program gives none.
        finite: whether all parameters are after several steps; ``None`` for one, where nobody looks.
    """

    parts: Parts
    loss: Array
    rate: Array
    prediction: Array | None
    finite: Array | None = None


class Step:
    """A training step for JAX to compile, map and shard: every method is a pure function of its arguments.

    XLA copies what is cut out of a flat vector and what is joined to one, in every step, so the program is run with its
    flat vectors taken apart.

    Args:
        program: of the step, with flat vectors as in :class:`chainrule.engines.protocol.Steps`.
        precision: of its floats.
        settings: of the engine.
    """

    def __init__(self, program: Program, precision: str, settings: JaxEngine) -> None:
        known = [v.name for v in program.inputs if v.role == "input"]
        self.program, self.regions = split_regions(guarded(program, known))
        self.precision = precision
        self.gathers = any(v.name == "rows" for v in program.inputs)
        self._function = text_function(self.program, precision, settings, add_rows=self.add_rows)
        self.inputs = [v.name for v in self.program.inputs]
        places = {label: place for place, (label, _) in enumerate(self.program.outputs)}
        self._carried = {n: places[f"new_{n}"] for n in self.inputs if f"new_{n}" in places}
        self._prediction = places.get("prediction")
        self.parameters = [v.name for v in self.program.inputs if v.role == "parameter"]

    def add_rows(self, x: Array, indices: Array, shape: tuple[int, ...]) -> Array:
        """Zeros of ``shape`` with each row of ``x`` added at its index."""
        return add_rows(x, indices, shape)

    def split(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a state with flat vectors, or of a piece of it."""
        vectors = {region.vector for region in self.regions}
        parts = {name: array for name, array in state.items() if name not in vectors}
        for r in self.regions:
            if r.vector in state:
                parts[r.name] = state[r.vector][r.start : r.stop].reshape(r.shape)
        return parts

    def vector(self, name: str, parts: Mapping[str, Any]) -> NDArray[Any]:
        """One array of the state with flat vectors, copied to the host."""
        own = [self.read(parts[r.name]).ravel() for r in self.regions if r.vector == name]
        return np.concatenate(own) if own else self.read(parts[name]).copy()

    def read(self, array: Array) -> NDArray[Any]:
        """An array of what is carried, on the host."""
        return np.asarray(array)

    def put(self, array: NDArray[Any]) -> Array:
        """An array of what is carried, on the device; its memory is given away."""
        return jnp.array(array)

    def join(self, parts: Parts) -> dict[str, Array]:
        """The state with flat vectors."""
        own = {name: array for name, array in parts.items() if name not in {r.name for r in self.regions}}
        for vector in dict.fromkeys(r.vector for r in self.regions):
            own[vector] = jnp.concatenate([parts[r.name].ravel() for r in self.regions if r.vector == vector])
        return own

    def once(self, parts: Parts, data: Parts, rows: Array, number: Array, constants: Mapping[str, Any]) -> Stepped:
        """One step; ``number``, a whole one, says how many were made before."""
        # From a whole number and a Python number JAX makes a double that leaves float32 arrays as they are.
        clock = {"rows": rows, "step": number, "t": number * 1.0 + 1.0}
        values = {**data, **parts, **constants, **clock}
        results = self._function(*(values[name] for name in self.inputs))
        carried = {name: results[self._carried[name]] if name in self._carried else parts[name] for name in parts}
        prediction = None if self._prediction is None else results[self._prediction]
        return Stepped(carried, results[0], jnp.asarray(results[1], jnp.float64), prediction)

    def advance(
        self, parts: Parts, data: Parts, order: Array, count: Any, first: Any, constants: Mapping[str, Any]
    ) -> Stepped:
        """Steps in one loop of the device, for the first ``count`` rows of ``order``.

        Args:
            parts: what is carried from step to step.
            data: the rows of the table, by name of the input.
            order: row numbers, shape (steps, B); (steps, 0) for a program that takes all rows in each step.
            count: steps to make; what is said of others is 0.
            first: how many steps were made before, a 64-bit integer.
            constants: what steps read besides.
        """

        def body(i: Array, before: Stepped) -> Stepped:
            rows = lax.dynamic_index_in_dim(order, i, keepdims=False, allow_negative_indices=False)
            after = self.once(before.parts, data, rows, first + i, constants)
            told = None if before.prediction is None else _put(before.prediction, after.prediction, i)
            return Stepped(after.parts, _put(before.loss, after.loss, i), after.rate, told)

        made = jax.eval_shape(self.once, parts, data, order[0], first, constants)
        empty = jax.tree.map(lambda one: jnp.zeros((len(order), *one.shape), one.dtype), (made.loss, made.prediction))
        start = Stepped(parts, empty[0], jnp.zeros((), jnp.float64), empty[1])
        result: Stepped = lax.fori_loop(0, count, body, start)
        finite = jnp.stack([jnp.isfinite(result.parts[name]).all() for name in self.parameters]).all()
        return result._replace(finite=finite)


def _put(into: Array, one: Array, place: Array) -> Array:
    return lax.dynamic_update_index_in_dim(into, one, place, 0, allow_negative_indices=False)


@lru_cache(KEPT)
def step_of(program: Program, precision: str, settings: JaxEngine) -> Step:
    """The step of a program; equal ones share it, and with it what was compiled."""
    return Step(program, precision, settings)


def make_step(
    steps: Steps, settings: JaxEngine | None = None
) -> Callable[[Mapping[str, Array], Mapping[str, Array], Array, Any, Mapping[str, Any]], Stepped]:
    """The steps of a slice as one pure function, for ``jax.vmap``, ``jax.jit`` and shardings.

    Trace and call it within :func:`chainrule.engines.jax.namespace.scope`.

    Returns:
        A function of the state (flat vectors, as in ``steps.state``), the data, the row numbers of each step, shape
        (steps, B), the number of steps made before, and the constants. Its ``parts`` are the state after the steps.
    """
    step = step_of(steps.program, steps.precision, settings or JaxEngine())

    def function(
        state: Mapping[str, Array], data: Mapping[str, Array], order: Array, first: Any, constants: Mapping[str, Any]
    ) -> Stepped:
        made = step.advance(step.split(state), data, order, len(order), first, constants)
        return made._replace(parts=step.join(made.parts))

    return function
