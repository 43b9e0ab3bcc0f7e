"""Parameters: one flat vector, with named views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, ShapeError, unknown_name
from chainrule.shapes import show_shape


class Parameters(Mapping[str, NDArray[Any]]):
    """Arrays by name (``W1``, ``b1``, ...) that share one flat vector, ``theta``.

    Reading gives a view: changing its elements changes the network. Assigning copies values in, after a check of
    the shape.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: str) -> None:
        self._places: dict[str, tuple[slice, tuple[int, ...]]] = {}
        start = 0
        for name, shape in shapes.items():
            stop = start + int(np.prod(shape))
            self._places[name] = (slice(start, stop), shape)
            start = stop
        self.theta: NDArray[Any] = np.zeros(start, dtype)

    def views_of(self, theta: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The parts of another flat vector of the same layout, by name."""
        return {name: theta[place].reshape(shape) for name, (place, shape) in self._places.items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        place, shape = self._place(name)
        return self.theta[place].reshape(shape)

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        place, shape = self._place(name)
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"the values given for {name} are not numbers: {values!r:.60}") from None
        if array.shape != shape:
            raise ShapeError(f"{name} has shape {show_shape(shape)}, the values given have {show_shape(array.shape)}")
        with np.errstate(over="ignore"):
            array = array.astype(self.theta.dtype)
        if not np.isfinite(array).all():
            raise DataError(f"the values given for {name} are not all finite in {array.dtype}")
        self.theta[place] = array.ravel()

    def _place(self, name: str) -> tuple[slice, tuple[int, ...]]:
        if name not in self._places:
            raise unknown_name("parameter", name, self._places)
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        listed = ", ".join(f"{name} {show_shape(shape)}" for name, (_, shape) in self._places.items())
        return f"<parameters {listed}>"
