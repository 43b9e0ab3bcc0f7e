"""Norms and units of each layer on a fixed sample of rows: once, or again and again while a network is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.diagnosis.units import Activations, activations_of
from chainrule.nn.places import places
from chainrule.program import Program, Var
from chainrule.runnable import Runnable
from chainrule.training import Callback, LayerSeries, Moment

if TYPE_CHECKING:
    from chainrule.network import Network

SAMPLE_ROWS: Final = 128
"""Rows that layers are looked at with."""


@dataclass(frozen=True)
class LayerState:
    """One layer at one time; :class:`chainrule.training.LayerSeries` says what the numbers are."""

    layer: str
    parameters: tuple[str, ...]
    units: str
    weight_norm: float
    gradient_norm: float
    signal: float
    dead: float
    saturated: float


@dataclass(frozen=True)
class _Layer:
    """What is looked at of one layer: its parameters, its activations, and what it computes before them."""

    name: str
    parameters: tuple[str, ...]
    activations: Activations | None
    source: str


class LayerMeter:
    """Looks at the layers of a network, on the same rows each time.

    Args:
        network: whose layers; it is only read.
        X: rows as for ``fit``, of which :data:`SAMPLE_ROWS` are taken, evenly.
        y: their targets.
    """

    def __init__(self, network: Network, X: Any, y: Any) -> None:
        self.network = network
        self.data = sample(network.prepare(X, y), SAMPLE_ROWS)

    @cached_property
    def _layers(self) -> list[_Layer]:
        activations = {a.source: a for a in activations_of(self.network.program("activations"))}
        adjoints = {e.target.adjoint_of for e in self.network.program("gradients").equations}
        owned = set(self.network.parameters)
        by_place: dict[str, list[str]] = {}
        for name, place in places(self.network.model).items():
            by_place.setdefault(place, []).append(name)
        layers = []
        for place, names in by_place.items():
            parameters = tuple(name for name in names if name in owned)
            inner = next((activations[name] for name in names if name in activations), None)
            values = [name for name in names if name in adjoints and name not in owned]
            if parameters or inner:
                source = inner.source if inner else (values[-1] if values else "")
                layers.append(_Layer(place, parameters, inner, source))
        return layers

    @cached_property
    def _program(self) -> Runnable:
        """The gradients, and the derivatives by what the layers compute before their activation functions."""
        gradients = self.network.program("gradients")
        adjoints = {e.target.adjoint_of: e.target for e in gradients.equations if e.target.adjoint_of}
        sources = [layer.source for layer in self._layers if layer.source in adjoints]
        wanted: dict[str, Var] = {f"by {source}": adjoints[source] for source in sources}
        own = tuple((label, atom) for label, atom in gradients.outputs if label != "L")
        return Runnable.of(Program("layers", gradients.inputs, gradients.equations, (*own, *wanted.items())))

    def measure(self) -> tuple[LayerState, ...]:
        """The layers as they are now."""
        values = {**self.data, **self.network.parameters, **self.network.states}
        found, made = (
            program(dtype=self.network.dtype, **{v.name: values[v.name] for v in program.inputs})
            for program in (self._program, self.network.program("activations"))
        )
        return tuple(self._state(layer, found, made) for layer in self._layers)

    def _state(self, layer: _Layer, found: Mapping[str, Any], made: Mapping[str, Any]) -> LayerState:
        by = f"by {layer.source}"
        inner = layer.activations
        return LayerState(
            layer.name,
            layer.parameters,
            inner.name if inner else "",
            norm(self.network.parameters[name] for name in layer.parameters),
            norm(found[f"d{name}"] for name in layer.parameters),
            norm([found[by]]) if by in found else 0.0,
            inner.dead(made[inner.source]) if inner else 0.0,
            inner.saturated(made[inner.source]) if inner else 0.0,
        )


class LayerRecorder(Callback):
    """Records norms and units of each layer while a network is trained, in ``history.layers``.

    It looks before the first step, after epochs 1, 2, 4, 8, 16, ..., and at the weights that are kept at the end, each
    time with the same 128 rows at most.

    Args:
        X: rows as for ``fit``.
        y: their targets.

    >>> import chainrule as cr
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = cr.mlp([2, 8, 1], hidden="relu", loss="binary_cross_entropy")
    >>> history = net.fit(X, y, epochs=10, callbacks=[cr.LayerRecorder(X, y)])
    >>> [series.layer for series in history.layers], history.layers[0].epochs
    (['layer 1 (Dense)', 'layer 2 (Dense)'], (0, 1, 2, 4, 8, 10))
    """

    def __init__(self, X: Any, y: Any) -> None:
        self._rows = (X, y)

    def on_start(self, moment: Moment) -> None:
        """Look at the starting values."""
        self._meter = LayerMeter(moment.network, *self._rows)
        if not moment.history.layers:  # else an earlier run, which goes on, has looked
            self._look(len(moment.history), moment)

    def on_epoch(self, moment: Moment) -> None:
        """Look, if it is time."""
        if moment.epoch & (moment.epoch - 1) == 0:  # a power of 2
            self._look(moment.epoch, moment)

    def on_end(self, moment: Moment) -> None:
        """Look at what is kept."""
        self._look(len(moment.history), moment)

    def _look(self, epoch: int, moment: Moment) -> None:
        moment.history.layers[:] = series_of(self._meter.measure(), epoch, moment.history.layers)


def series_of(states: Sequence[LayerState], epoch: int, before: Sequence[LayerSeries] = ()) -> list[LayerSeries]:
    """A series for each layer that ends with these states; they take the place of others of the same epoch."""
    return [_extended(state, epoch, series) for state, series in zip_longest(states, before)]


def _extended(state: LayerState, epoch: int, series: LayerSeries | None) -> LayerSeries:
    earlier = [i for i, e in enumerate(series.epochs) if e != epoch] if series else []

    def column(name: str, last: float) -> tuple[float, ...]:
        return (*(getattr(series, name)[i] for i in earlier), last)

    return LayerSeries(
        state.layer,
        state.parameters,
        state.units,
        tuple(int(e) for e in column("epochs", epoch)),
        column("weight_norms", state.weight_norm),
        column("gradient_norms", state.gradient_norm),
        column("signals", state.signal),
        column("dead", state.dead),
        column("saturated", state.saturated),
    )


def sample(data: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """So many rows of the data at most, evenly from all of them."""
    chosen = evenly(len(data["Y"]), rows)
    return {name: array[chosen] for name, array in data.items()}


def evenly(rows: int, most: int) -> NDArray[np.int64]:
    """The numbers of ``most`` rows, or of all, evenly from all of them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def norm(arrays: Any) -> float:
    """The root of the sum of all squares."""
    return sqrt(sum(float(np.sum(np.asarray(a, np.float64) ** 2)) for a in arrays))
