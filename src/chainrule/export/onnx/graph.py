"""An ONNX graph that is being written: its nodes and constants."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.shapes import DType

ELEMENTS: Final[dict[str, Any]] = {"float32": np.float32, "float64": np.float64, "int": np.int64, "bool": np.bool_}


class Graph:
    """Nodes in order, and the constants that they read; every value has a name of its own.

    Args:
        taken: names that the caller chose, of inputs and outputs.
    """

    def __init__(self, taken: set[str]) -> None:
        self.nodes: list[Any] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        self.constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.taken = set(taken)

    def node(self, kind: str, *operands: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        """Append a node with one result, whose name is returned: ``name`` where that is free."""
        from onnx import helper

        result = self.fresh(name or kind.lower())
        self.nodes.append(helper.make_node(kind, operands, [result], domain=domain, **attributes))
        return result

    def rename(self, value: str, name: str) -> None:
        """Give a value a second name, which was asked for with :meth:`fresh`."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def fresh(self, wanted: str) -> str:
        """A name that nothing has yet."""
        number = 1
        name = wanted
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def array(self, values: Any, element: str, name: str) -> str:
        """An array that comes with the graph: a parameter, or a constant."""
        name = self.fresh(name)
        self.arrays[name] = np.asarray(values, ELEMENTS[element])
        return name

    def constant(self, values: Any, element: str) -> str:
        """A constant; equal ones are one."""
        array = np.asarray(values, ELEMENTS[element])
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = self.array(array, element, "constant")
        return self.constants[key]

    def cast(self, value: str, element: str) -> str:
        """The value as another element type."""
        from onnx import helper

        return self.node("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(ELEMENTS[element])))


def element_of(dtype: DType, precision: str) -> str:
    """The element type of a program's type: floats have the precision of the stage."""
    return precision if dtype == "float" else dtype
