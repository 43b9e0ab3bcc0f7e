"""What the machine does in a step, as data: a list of phases over named buffers.

A phase runs over an index space, element by element (``body``); before that, each element may need an ``inner`` part: a
matrix product, or a reduction over further axes. Phases can be listed, costed, and executed in NumPy; the kernels of
this package make machine code of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from chainrule.engines.native.arithmetic import Form
from chainrule.shapes import DType, Shape, Size

Operand: TypeAlias = str | float | int
"""The name of a value, or a number."""


@dataclass(frozen=True)
class Buffer:
    """Memory for one array. ``rows`` of a batch (``"B"``) count as many as a full batch has.

    ``user`` memory belongs to the caller: it is only read, and nothing lies between or after its rows.
    """

    name: str
    shape: Shape
    dtype: DType = "float"
    user: bool = False


@dataclass(frozen=True)
class View:
    """Elements of a buffer in the order of an index space.

    Attributes:
        buffer: the memory.
        shape: the sizes of the axes.
        strides: elements from one index of an axis to the next; 0 where all read the same.
        offset: elements before the first.
        index: row numbers of the buffer, over the first axes of ``shape``; the stride of each is then 0.
        row: elements from one row of the buffer to the next, for ``index``.
    """

    buffer: Buffer
    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0
    index: View | None = None
    row: int = 0


@dataclass(frozen=True)
class Load:
    """``target`` is the element of a view; its strides are those of the space, 0 where it is broadcast."""

    target: str
    view: View


@dataclass(frozen=True)
class Statement:
    """``target = operation(operands)`` for one element."""

    target: str
    dtype: DType
    operation: str
    operands: tuple[Operand, ...]
    attributes: tuple[tuple[str, Any], ...] = ()
    shared: bool = False
    """Whether the program reads it more than once: then each reader must see the same, rounded number."""


@dataclass(frozen=True)
class Store:
    """An element of ``view`` becomes ``value``. ``exact``: memory after the last element of a row is not ours."""

    view: View
    value: Operand
    exact: bool = False


@dataclass(frozen=True)
class Loop:
    """What is done for each element of ``space``: loads, then statements, then stores."""

    space: Shape
    loads: tuple[Load, ...] = ()
    statements: tuple[Statement, ...] = ()
    stores: tuple[Store, ...] = ()


@dataclass(frozen=True)
class Product:
    """``target[m, n]`` is the sum over k of ``left[m, k] * right[k, n]``, under leading axes of the space, if any.

    ``along`` says what lies side by side in a register: columns of ``right`` (``"columns"``), or, for a single column,
    the elements that are multiplied (``"contracted"``).
    """

    target: str
    left: View
    right: View
    along: Literal["columns", "contracted"] = "columns"

    @property
    def contracted(self) -> Size:
        """The size of the axis that is summed over."""
        return self.right.shape[-2]


@dataclass(frozen=True)
class Reduction:
    """Sums or maxima of values of ``loop``, over ``axes`` of its space: (target, ``sum`` or ``max``, value).

    All are of one element type.
    """

    loop: Loop
    axes: tuple[int, ...]
    results: tuple[tuple[str, Literal["sum", "max"], Operand], ...]
    dtype: DType = "float"


@dataclass(frozen=True)
class Scatter:
    """``target`` starts at 0; each row of ``source`` is added to the row that ``index`` names, in order."""

    target: View
    source: View
    index: View


@dataclass(frozen=True)
class Move:
    """``target`` holds the elements of ``source``, both in the order of their indices: a reshape that mixes axes."""

    target: View
    source: View


Inner: TypeAlias = Product | Reduction | Scatter | Move | None


@dataclass(frozen=True)
class Phase:
    """One pass: for every element of ``body.space`` the inner part, then the body.

    ``scalars`` are the numbers of this step that it reads.
    """

    name: str
    body: Loop
    inner: Inner = None
    scalars: tuple[str, ...] = ()

    def reads(self) -> Iterator[View]:
        """The views that it reads."""
        loops = [self.body]
        if isinstance(self.inner, Product):
            yield from (self.inner.left, self.inner.right)
        elif isinstance(self.inner, Scatter):
            yield from (self.inner.source, self.inner.index)
        elif isinstance(self.inner, Move):
            yield self.inner.source
        elif self.inner is not None:
            loops.append(self.inner.loop)
        for view in (load.view for loop in loops for load in loop.loads):
            yield view
            if view.index is not None:
                yield view.index

    def writes(self) -> Iterator[View]:
        """The views that it writes."""
        loops = [self.body, self.inner.loop] if isinstance(self.inner, Reduction) else [self.body]
        yield from (store.view for loop in loops for store in loop.stores)
        if isinstance(self.inner, Scatter | Move):
            yield self.inner.target


@dataclass(frozen=True)
class Split:
    """How a phase is shared among threads: one axis in units of so many indices; ``None``: by one thread."""

    extent: Size | None
    unit: int
    axis: int = 0
    """The first axis, or 1 for the columns of a product."""


@dataclass(frozen=True)
class Scalar:
    """A number of the step, computed by every thread for itself: ``target = operation(operands)``.

    ``double``: a plain number, of double precision, as the learning rate is.
    """

    statement: Statement
    double: bool


@dataclass(frozen=True)
class Schedule:
    """A program as phases.

    Attributes:
        name: of the program.
        form: of its floats in registers.
        rows: how many rows ``B`` may stand for, or ``None`` where there is no such size.
        constants: numbers that are given for each step, by name, with their type.
        scalars: numbers computed from them, in order.
        phases: in order.
        splits: how each phase is shared among threads.
        barriers: phases, by place, before which all threads must have finished what came earlier.
        inputs: what the caller fills in, by name.
        outputs: where results stand, by label: a view, or the name or value of a number.
        pieces: for a batch in pieces, the places of the first phase that runs for each piece and of the first after
            them; ``rows`` is then the size of a piece.
    """

    name: str
    form: Form
    rows: int | None
    constants: tuple[tuple[str, DType], ...]
    scalars: tuple[Scalar, ...]
    phases: tuple[Phase, ...]
    splits: tuple[Split, ...] = ()
    barriers: frozenset[int] = frozenset()
    inputs: dict[str, View] = field(default_factory=dict)
    outputs: dict[str, View | Operand] = field(default_factory=dict)
    pieces: tuple[int, int] | None = None

    def buffers(self) -> dict[str, Buffer]:
        """Every buffer by name, in order of first use."""
        found = {view.buffer.name: view.buffer for view in self.inputs.values()}
        for phase in self.phases:
            for view in (*phase.reads(), *phase.writes()):
                found.setdefault(view.buffer.name, view.buffer)
        for output in self.outputs.values():
            if isinstance(output, View):
                found.setdefault(output.buffer.name, output.buffer)
        return found

    def __str__(self) -> str:
        from chainrule.engines.native.listing import listing

        return listing(self)
