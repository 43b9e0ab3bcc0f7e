"""What a certificate is about: a program, the point, and the derivatives that are claimed there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.moves import Indices
from chainrule.certificates.plan import Own, Plan
from chainrule.certificates.primitives import Array
from chainrule.certificates.slopes import Forward
from chainrule.errors import DataError
from chainrule.oracles import Floats


@dataclass(frozen=True)
class Statement:
    """Claimed derivatives of a program's value, with all that is needed to judge them.

    Attributes:
        program: computes the value and its derivatives: equations over primitives, as plain data; every size a number.
        operations: by name, what is known of operations with kinks.
        values: of the program's inputs.
        output: the label of the value.
        gradients: for each checked input the label of its derivative.
        elements: for each checked input the places that are checked, in the flat array.
        claimed: for each checked input the claimed derivatives at those places.
        own: by name, operations that nothing but their text defines; a statement with some cannot be written down.
    """

    program: Mapping[str, Any]
    operations: Mapping[str, Any]
    values: Mapping[str, Array]
    output: str
    gradients: Mapping[str, str]
    elements: Mapping[str, Indices]
    claimed: Mapping[str, Floats]
    own: Mapping[str, Own]

    def plan(self) -> Plan:
        """The program, ready to run."""
        return Plan.of(self.program, self.operations, self.own)

    def forward(self) -> Forward:
        """The value as a function of the inputs."""
        return Forward(self.plan(), self.output, self.values)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an input."""
        return np.shape(self.values[name])

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` reads it back, every number exactly."""
        return {
            "program": self.program,
            "operations": self.operations,
            "values": {name: np.asarray(value).tolist() for name, value in self.values.items()},
            "output": self.output,
            "gradients": dict(self.gradients),
            "elements": {name: places.tolist() for name, places in self.elements.items()},
            "claimed": {name: values.tolist() for name, values in self.claimed.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Statement:
        """The statement that :meth:`to_json` described.

        Raises:
            DataError: if it is none.
        """
        try:
            statement = Statement(
                data["program"],
                data["operations"],
                {v["name"]: _array(v, data["values"][v["name"]]) for v in data["program"]["inputs"]},
                data["output"],
                data["gradients"],
                {name: np.asarray(places, np.int64) for name, places in data["elements"].items()},
                {name: np.asarray(values, np.float64) for name, values in data["claimed"].items()},
                {},
            )
            for name in statement.gradients:
                statement._check_elements(name)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"the statement is damaged: {error!r}") from None
        return statement

    def _check_elements(self, name: str) -> None:
        """Make sure that each place is named once, lies in its array and has one claim."""
        elements, size = self.elements[name], int(np.prod(self.shape(name)))
        if elements.shape != self.claimed[name].shape or elements.ndim != 1:
            raise ValueError(f"{name} needs one claim for each of its places")
        if np.any(np.diff(elements, prepend=-1, append=size) <= 0):
            raise ValueError(f"the places of {name} have to rise from 0 to at most {size - 1}")


def _array(record: Mapping[str, Any], value: Any) -> NDArray[Any]:
    types: dict[str, Any] = {"float": np.float64, "int": np.int64, "bool": np.bool_}
    array = np.asarray(value, types[record["dtype"]])
    if array.shape != tuple(record["shape"]):
        raise ValueError(f"{record['name']} has shape {array.shape}, not {tuple(record['shape'])}")
    return array
