"""What phases cost: floating-point operations, and bytes read and written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.kernel import element_bytes
from chainrule.engines.native.phases import Loop, Phase, Product, Reduction, Scatter, Schedule, View
from chainrule.shapes import Shape, Size


@dataclass(frozen=True)
class Cost:
    """Of one run of a phase: operations (a product and a sum count as two), and bytes of memory."""

    flops: int
    bytes: int


def phase_cost(phase: Phase, form: Form, rows: int) -> Cost:
    """The cost of a phase for a batch of so many rows."""

    def count(shape: Shape) -> int:
        return prod(_number(s, rows) for s in shape)

    def memory(view: View) -> int:
        own = [s for s, stride in zip(view.shape, view.strides, strict=True) if stride or view.index is not None]
        return count(tuple(own)) * element_bytes(view.buffer.dtype, form)

    def work(loop: Loop) -> int:
        return len(loop.statements) * count(loop.space)

    flops = work(phase.body)
    inner = phase.inner
    if isinstance(inner, Product):
        flops += 2 * count(phase.body.space) * _number(inner.contracted, rows)
    elif isinstance(inner, Reduction):
        flops += work(inner.loop) + len(inner.results) * count(inner.loop.space)
    elif isinstance(inner, Scatter):
        flops += count(inner.source.shape)
    return Cost(flops, sum(memory(v) for v in (*phase.reads(), *phase.writes())))


def schedule_flops(schedule: Schedule, rows: int) -> int:
    """Operations of all phases."""
    return sum(phase_cost(p, schedule.form, rows).flops for p in schedule.phases)


def _number(size: Size, rows: int) -> int:
    return rows if isinstance(size, str) else size
