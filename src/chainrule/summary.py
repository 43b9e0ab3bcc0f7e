"""What a network is and costs, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from chainrule.errors import whole_number
from chainrule.expression import symbol
from chainrule.nn.build import Build
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Dropout
from chainrule.nn.model import Model
from chainrule.optim import Adam
from chainrule.passes.cost import cost, item_bytes
from chainrule.shapes import show_shape
from chainrule.show.numbers import bytes_text

if TYPE_CHECKING:
    from chainrule.document import Document

_COLUMNS = ("layer", "output", "parameters", "count")


@dataclass(frozen=True)
class SummaryRow:
    """One layer: what it is, the shape of its output, its parameters by name and number."""

    layer: str
    output: str
    parameters: str
    count: int


@dataclass(frozen=True)
class Summary:
    """A network in numbers.

    Attributes:
        rows: one for each layer.
        parameters: the number of parameters.
        batch_size: the rows of the step that the following are for.
        forward_flops: floating-point operations of a prediction.
        step_flops: those of a training step with Adam.
        parameter_bytes: memory of the parameters.
        step_bytes: memory of all that a training step with Adam computes, its slots and the batch included: an
            upper bound of what it needs besides the data.
    """

    rows: tuple[SummaryRow, ...]
    parameters: int
    batch_size: int
    forward_flops: int
    step_flops: int
    parameter_bytes: int
    step_bytes: int

    def __str__(self) -> str:
        cells = [_COLUMNS, *((r.layer, r.output, r.parameters, f"{r.count:,}") for r in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in cells
        ]
        lines.insert(1, "-" * (sum(widths) + 6))
        return "\n".join([*lines, "", *self._costs])

    __repr__ = __str__

    @property
    def document(self) -> Document:
        """The same as a page."""
        from chainrule.document import Document, Paragraph, Table

        rows = [(r.layer, r.output, r.parameters, f"{r.count:,}") for r in self.rows]
        return Document("Network", (Table(_COLUMNS, rows), Paragraph("; ".join(self._costs) + ".")))

    def _repr_html_(self) -> str:
        return self.document._repr_html_()

    @property
    def _costs(self) -> tuple[str, ...]:
        return (
            f"{self.parameters:,} parameters, {bytes_text(self.parameter_bytes)}",
            f"a prediction of {self.batch_size} rows: {_flops(self.forward_flops)}",
            f"a training step of {self.batch_size} rows (Adam): {_flops(self.step_flops)}, "
            f"at most {bytes_text(self.step_bytes)}",
        )


def summarise(model: Model, batch_size: int, precision: str) -> Summary:
    """The summary of a model for a batch size."""
    batch_size = whole_number("batch_size", batch_size, 1)
    optimizer = Adam()
    sizes = {"B": batch_size, "N": batch_size}
    step = model.step_program(optimizer)
    step_cost = cost(step, sizes, precision)
    item = item_bytes("float", precision)
    count = sum(prod(p.shape) for p in model.assemble(training=False).parameters)
    return Summary(
        tuple(_rows(model)),
        count,
        batch_size,
        cost(model.prediction_program(), sizes, precision).flops,
        step_cost.flops,
        count * item,
        step_cost.bytes + count * item * (1 + len(optimizer.slots)),
    )


def _rows(model: Model) -> list[SummaryRow]:
    """Apply the layers one at a time, to see what each one adds."""
    build = Build({name: symbol(name, shape) for name, shape in model.inputs}, training=True)
    x = next(iter(build.inputs.values()))
    rows = [SummaryRow("input", ", ".join(show_shape(s) for _, s in model.inputs), "", 0)]
    for layer in model.layers:
        before = len(build.parameters)
        x = build.run([layer], x)
        added = build.parameters[before:]
        names = ", ".join(f"{p.name} {show_shape(p.shape)}" for p in added)
        rows.append(SummaryRow(_title(layer), show_shape(x.shape), names, sum(prod(p.shape) for p in added)))
    return rows


def _title(layer: Layer) -> str:
    name = type(layer).__name__
    activation = getattr(layer, "activation", None)
    if isinstance(layer, Dropout):
        return f"{name} {layer.rate:g}"
    return f"{name} {getattr(activation, 'name', activation)}" if activation else name


def _flops(number: int) -> str:
    for unit, size in (("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} FLOP"
