"""Random numbers from a counter: the same bits on every engine, whatever the order of evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.expression import REQUIRED, Example, Expression, Spelling
from chainrule.ops.define import operation
from chainrule.shapes import as_shape, show_shape


def _uniform_python(key: Any, step: Any, attributes: Mapping[str, Any]) -> str:
    return f"uniform({key}, {step}, stream={attributes['stream']}, shape={show_shape(attributes['shape'])})"


uniform = operation(
    "uniform", "key step",
    shape=lambda key, step, stream, shape: as_shape(shape), attributes={"stream": 0, "shape": REQUIRED},
    python=Spelling(_uniform_python),
    latex=r"u_{{{step}}}", words="uniform random numbers for step {step}",
    kind="number", accuracy=0.0, flops=lambda out, key, step: (60, *out),
    examples=(Example(((), ()), {"shape": (3, 4)}), Example(((), ()), {"shape": (5,), "stream": 2})),
    note="24 random bits each, so that float32 and float64 hold the same numbers in [0, 1). Element e of the "
    "flattened shape is half a block of Threefry-2x32 with 20 rounds: counter (e // 2, step), key (key, stream).",
    source="Salmon, Moraes, Dror, Shaw (2011): Parallel random numbers: as easy as 1, 2, 3",
)  # fmt: skip


def dropout_mask(key: Expression, step: Expression, rate: float, like: Expression, stream: int) -> Expression:
    """Truth values: whether an element of ``like`` is kept, each with probability ``1 - rate``."""
    return uniform(key, step, stream=stream, shape=like.shape) >= rate
