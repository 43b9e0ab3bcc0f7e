"""Any program, called with values, on JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from chainrule.engines.indices import RowNumbers, guarded
from chainrule.engines.jax.namespace import scope, text_function
from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.numpy import label_outputs, prepare, sizes_of
from chainrule.program import Program

KEPT = 256
"""Programs that are kept, with what was compiled of them."""


class JaxCall:
    """A program that XLA compiles for each set of shapes with which it is called.

    Args:
        program: any program.
        precision: of its floats.
        settings: of the engine.
    """

    def __init__(self, program: Program, precision: str, settings: JaxEngine) -> None:
        self.program, self.precision = program, precision
        names = [v.name for v in program.inputs]
        self._row_numbers = RowNumbers(program, names, precision)
        self._function = _compiled(guarded(program, names), precision, settings)

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by label, for a value of each input.

        Raises:
            ArgumentError: for a missing or an unknown input.
            ShapeError: for a shape that does not fit.
            DataError: for a row number that is not in its table.
        """
        prepared = prepare(self.program, values, self.precision)
        sizes = sizes_of(self.program, prepared)
        self._row_numbers.check(prepared, sizes)
        with scope():
            results = tuple(np.array(value)[()] for value in self._function(*prepared.values()))
        return label_outputs(self.program, results, self.precision)


@lru_cache(KEPT)
def _compiled(program: Program, precision: str, settings: JaxEngine) -> Callable[..., tuple[Any, ...]]:
    function: Callable[..., tuple[Any, ...]] = jax.jit(text_function(program, precision, settings))
    return function


def run(program: Program, values: Mapping[str, Any], precision: str = "float64") -> dict[str, Any]:
    """The outputs of the program by label."""
    return JaxCall(program, precision, JaxEngine()).run(values)
