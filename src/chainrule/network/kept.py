"""How a network is kept: as JSON and arrays, in files, in copies and pickles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from chainrule.errors import ModelFileError
from chainrule.network.described import Described
from chainrule.nn.layer import Layer
from chainrule.nn.reading import layer_from_json
from chainrule.storage import write_model


class Kept(Described):
    """Descriptions and files; see :class:`chainrule.Network`."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and running states by name."""
        return {**self.parameters, **self.states}

    def save(self, path: str | Path) -> None:
        """Write the network to a file, or to a folder if the path is one; :func:`chainrule.load` reads it."""
        try:
            write_model(path, self.to_json(), self.arrays())
        except OSError as error:
            raise ModelFileError(f"cannot write {path}: {error.strerror}") from None

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: descriptions and arrays, not programs."""
        settings = {name: getattr(self, name) for name in ("layers", "seed", "dtype", "l1", "l2", "_inputs")}
        arrays = {name: a.copy() for name, a in self.arrays().items()} if self._inputs else {}
        shape = self._assembled.prediction.shape if self._inputs else ("B", "k")
        return {**settings, "loss": self.loss_function.to_json(shape), "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = {name: state[name] for name in ("loss", "seed", "dtype", "l1", "l2")}
        self.__init__(*state["layers"], **settings)  # type: ignore[misc]
        if state["_inputs"] is not None:
            self._set_inputs(state["_inputs"])
            self.take(state["arrays"])

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copy values, such as :meth:`arrays` gives, into parameters and running states.

        Raises:
            ModelFileError: if one of them has no value.
        """
        for place in (self.parameters, self.states):
            for name in place:
                if name not in arrays:
                    raise ModelFileError(f"the model file has no values for {name}")
                place[name] = arrays[name]

    @classmethod
    def from_json(
        cls,
        description: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        layers: Sequence[type[Layer]] = (),
    ) -> Self:
        """The network that :meth:`to_json` and :meth:`arrays` described; ``layers`` are classes of your own in it."""
        network = cls(
            *(layer_from_json(d, layers) for d in description["layers"]),
            loss=description["loss"],
            inputs={name: tuple(shape)[1:] for name, shape in description["inputs"]},
            seed=description["seed"],
            dtype=description["dtype"],
            l1=description["l1"],
            l2=description["l2"],
        )
        network.take(arrays)
        return network
