"""Where the arrays of a step lie on several devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from chainrule.engines.jax.namespace import Array
from chainrule.engines.jax.processes import several
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.protocol import Share
from chainrule.errors import ArgumentError, EngineError
from chainrule.show.numbers import counted

DATA, MODEL = "data", "model"
"""The axes of the mesh: devices along the first have other rows, devices along the second other units."""


@dataclass(frozen=True)
class Layout:
    """A mesh of devices, and what lies where on it.

    Attributes:
        mesh: with the axes ``data`` and ``model``.
        wide: units from which a layer is divided along ``model``.
    """

    mesh: Mesh
    wide: int

    @property
    def whole(self) -> NamedSharding:
        """All of an array on each device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def rows(self) -> NamedSharding:
        """The first axis over the devices along ``data``; they need not divide it."""
        return NamedSharding(self.mesh, PartitionSpec(DATA))

    @property
    def share(self) -> Share:
        """Which rows this process has, where they lie over the devices along ``data``."""
        own = [n for n, row in enumerate(self.mesh.devices) if any(d.process_index == jax.process_index() for d in row)]
        return Share(own[0], own[-1] + 1, len(self.mesh.devices))

    def part(self, shape: Sequence[int]) -> NamedSharding:
        """Of something carried from step to step: its last wide axis over the devices along ``model``."""
        across = self.mesh.shape[MODEL]
        wide = [axis for axis, size in enumerate(shape) if size >= self.wide and size % across == 0]
        if across == 1 or not wide:
            return self.whole
        return NamedSharding(self.mesh, PartitionSpec(*[None] * wide[-1], MODEL))


def place(array: NDArray[Any], sharding: NamedSharding) -> Array:
    """The array on the devices, its memory no longer shared; every process has all of it and puts its own part."""
    return jax.make_array_from_callback(np.shape(array), sharding, lambda part: np.array(array[part]))


def place_share(array: NDArray[Any], sharding: NamedSharding, share: Share) -> Array:
    """An array on the devices of which every process has its share of the rows."""
    rows = share.rows(len(array))
    before = share.own(rows).start

    def part(index: tuple[slice, ...]) -> NDArray[Any]:
        start, stop, _ = index[0].indices(rows)
        return np.array(array[(slice(start - before, stop - before), *index[1:])])

    return jax.make_array_from_callback((rows, *array.shape[1:]), sharding, part)


def on_host(array: Array) -> NDArray[Any]:
    """All of an array; where other processes have parts of it, all processes ask for it together."""
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        from jax.experimental.multihost_utils import process_allgather

        return np.asarray(process_allgather(array, tiled=True))
    return np.asarray(array)


@lru_cache
def layout_of(settings: JaxEngine) -> Layout:
    """The layout that the settings ask for.

    Raises:
        EngineError: where JAX has fewer devices.
        ArgumentError: for devices that do not make a mesh, and for a part of those of several processes.
    """
    found = jax.devices()
    wanted = settings.devices or (len(found) if several() else 1)
    if wanted > len(found):
        raise EngineError(f"JAX has {len(found)} {found[0].platform} device(s) here, not {wanted}: ask for fewer")
    if several() and wanted < len(found):
        raise ArgumentError(f"several processes use all of their {len(found)} devices: leave devices out")
    if wanted % settings.split:
        raise ArgumentError(
            f"split={settings.split} does not divide {counted(wanted, 'device')}: choose one that does, or more devices"
        )
    grid = np.array(found[:wanted]).reshape(-1, settings.split)
    return Layout(Mesh(grid, (DATA, MODEL)), settings.wide)
