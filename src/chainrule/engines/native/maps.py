"""Kernels of loops: elementwise work, reductions, rows added up by an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.elementwise import Value, write
from chainrule.engines.native.emit import Function, Index
from chainrule.engines.native.kernel import Kernel, Values, as_text, value_of
from chainrule.engines.native.phases import Load, Move, Reduction, Scatter, Store, View
from chainrule.shapes import Size

COLUMNS_AT_ONCE = 4
"""Vectors of columns that a reduction over rows carries along: enough to hide the latency of an addition."""

ROWS_AHEAD = 4
"""How many rows ahead those that are looked up by number are asked for: they come from anywhere in memory."""


def write_map(kernel: Kernel) -> None:
    """Only a body."""
    body = kernel.phase.body
    if not body.space:
        kernel.start(False)
        a = kernel.arithmetic(vector=False)
        _once(kernel.function, lambda: kernel.body(a, body, (), {}))
        return
    kernel.start(True)
    a = kernel.arithmetic(vector=True)

    def vectors(outer: Sequence[Index]) -> None:
        low, high = _range(kernel, body.space, len(outer))

        def one(i: Index) -> None:
            if outer:
                kernel.prefetch_rows(body, (kernel.function.add(outer[0], ROWS_AHEAD), *outer[1:], i))
            kernel.body(a, body, (*outer, i), {})

        kernel.function.loop(low, high, a.form.lanes, one)

    _nest(kernel, body.space[:-1], vectors)


def write_reduction(kernel: Kernel) -> None:
    """Reductions, then the body; over the last axis of the inner space or over others."""
    inner = kernel.phase.inner
    assert isinstance(inner, Reduction)
    if len(inner.loop.space) - 1 in inner.axes:
        _across(kernel, inner)
    else:
        _down(kernel, inner)


def _down(kernel: Kernel, inner: Reduction) -> None:
    """Over rows: each lane has its own column."""
    vector = inner.dtype == "float"
    kernel.start(vector)
    a, f, body = kernel.arithmetic(vector=vector), kernel.function, kernel.phase.body
    lanes = a.form.lanes

    def panel(outer: Sequence[Index], column: Index, count: int) -> None:
        columns = [f.add(column, c * lanes) for c in range(count)]

        def one(position: Sequence[Index], totals: Sequence[str]) -> list[str]:
            result: list[str] = []
            for c, at in enumerate(columns):
                values = kernel.body(a, inner.loop, (*position[:-1], at), {})
                result += _combined(a, inner, values, totals[c * len(inner.results) :])
            return result

        f.comment("totals over rows")
        totals = _reduce(kernel, inner, outer, one, [v for _ in columns for v in _first(a, inner)], a)
        for c, at in enumerate(columns):
            part = totals[c * len(inner.results) :]
            known = {r[0]: Value(t, inner.dtype) for r, t in zip(inner.results, part, strict=False)}
            kernel.body(a, body, (*outer, at), known)

    def vectors(outer: Sequence[Index]) -> None:
        low, high = _range(kernel, body.space, len(outer))
        width = COLUMNS_AT_ONCE * lanes
        whole = f.add(low, f.multiply(f.divide(f.subtract(high, low), width), width))
        f.loop(low, whole, width, lambda i: panel(outer, i, COLUMNS_AT_ONCE))
        f.loop(whole, high, lanes, lambda i: panel(outer, i, 1))

    _nest(kernel, body.space[:-1], vectors)


def _across(kernel: Kernel, inner: Reduction) -> None:
    """Over the last axis (and maybe others): lanes are added up at the end, and the body has one element."""
    kernel.start(True, False)
    a, single, f = kernel.arithmetic(vector=inner.dtype == "float"), kernel.arithmetic(vector=False), kernel.function
    size, lanes = kernel.size(inner.loop.space[-1]), a.form.lanes
    whole = f.multiply(f.divide(size, lanes), lanes)

    def row(position: Sequence[Index], totals: Sequence[str]) -> list[str]:
        def vector(at: Index, *carried: str) -> list[str]:
            return _combined(a, inner, kernel.body(a, inner.loop, (*position[:-1], at), {}), carried)

        def rest(at: Index, *carried: str) -> list[str]:
            mask = kernel.mask(a, f.subtract(size, at))
            return [a.select(mask, new, old) for new, old in zip(vector(at, *carried), carried, strict=True)]

        sums = f.loop(0, whole, lanes, vector, [(_kind(a, inner), t) for t in totals])
        return f.loop(whole, size, lanes, rest, [(a.type, t) for t in sums]) if lanes > 1 else sums

    def element(outer: Sequence[Index]) -> None:
        f.comment("totals over a row")
        totals = _reduce(kernel, inner, outer, row, _first(a, inner), a)
        known: Values = {}
        for (target, how, _), total in zip(inner.results, totals, strict=True):
            known[target] = Value(a.total(total) if how == "sum" else a.largest(total, _maximum(a)), inner.dtype)
        kernel.body(single, kernel.phase.body, outer, known)

    if kernel.phase.body.space:
        _nest(kernel, kernel.phase.body.space, element)
    else:
        _once(f, lambda: element(()))


def _kind(a: Arithmetic, inner: Reduction) -> str:
    """The type of a total; whole numbers are added up one by one."""
    return "i64" if inner.dtype == "int" else a.type


def _first(a: Arithmetic, inner: Reduction) -> list[str]:
    if inner.dtype == "int":
        return ["0" if how == "sum" else str(-(2**63)) for _, how, _ in inner.results]
    return [a.constant(0.0 if how == "sum" else float("-inf")) for _, how, _ in inner.results]


def _combined(a: Arithmetic, inner: Reduction, values: Values, totals: Sequence[str]) -> list[str]:
    result = []
    for (_, how, operand), total in zip(inner.results, totals, strict=False):
        value = value_of(operand, values)
        operation = "add" if how == "sum" else "maximum"
        result.append(write(a, operation, [Value(total, inner.dtype), value]).text)
    return result


def _maximum(a: Arithmetic) -> Callable[[str, str], str]:
    return lambda x, y: write(a, "maximum", [Value(x, "float"), Value(y, "float")]).text


def _reduce(
    kernel: Kernel,
    inner: Reduction,
    outer: Sequence[Index],
    step: Callable[[Sequence[Index], Sequence[str]], list[str]],
    first: Sequence[str],
    a: Arithmetic,
) -> list[str]:
    """Loops over the reduced axes but the last axis of all, which belongs to ``step``; the totals after them."""
    space = inner.loop.space
    kept = iter(outer)
    fixed: list[Index | None] = [None if axis in inner.axes else next(kept, None) for axis in range(len(space))]
    axes = [axis for axis in inner.axes if axis != len(space) - 1]

    def nest(remaining: Sequence[int], totals: Sequence[str]) -> list[str]:
        if not remaining:
            return step([0 if i is None else i for i in fixed], totals)

        def one(index: Index, *carried: str) -> list[str]:
            fixed[remaining[0]] = index
            return nest(remaining[1:], carried)

        return kernel.function.loop(0, kernel.size(space[remaining[0]]), 1, one, [(_kind(a, inner), t) for t in totals])

    return nest(axes, first)


def write_move(kernel: Kernel) -> None:
    """Element after element, in the order of their indices."""
    inner, f = kernel.phase.inner, kernel.function
    assert isinstance(inner, Move)
    kernel.start(False)
    a, source, target = kernel.arithmetic(vector=False), inner.source, inner.target
    total: Index = 1
    for size in source.shape:
        total = f.multiply(total, kernel.size(size))

    def one(number: Index) -> None:
        value = kernel.load(a, Load("element", source), source.shape, _position(kernel, source.shape, number))
        at = _position(kernel, target.shape, number)
        kernel.store(a, Store(target, "element"), target.shape, at, value)

    _once(f, lambda: f.loop(0, total, 1, one))


def _position(kernel: Kernel, shape: Sequence[Size], number: Index) -> list[Index]:
    """The indices of the element of that number."""
    f, position = kernel.function, list[Index]()
    for size in reversed(shape):
        if isinstance(size, int):
            position.append(f.remainder(number, size))
            number = f.divide(number, size)
        else:
            position.append(f.value(f"urem i64 {number}, {kernel.size(size)}"))
            number = f.value(f"udiv i64 {number}, {kernel.size(size)}")
    return position[::-1]


def write_scatter(kernel: Kernel) -> None:
    """Rows of zeros, to which rows are added in order; each thread has columns of its own."""
    inner, f, space = kernel.phase.inner, kernel.function, kernel.phase.body.space
    assert isinstance(inner, Scatter)
    vector = bool(space) and inner.target.buffer.dtype == "float"
    kernel.start(vector)
    a = kernel.arithmetic(vector=vector)
    index, source, target = _without_ones(inner.index), _without_ones(inner.source), _without_ones(inner.target, 1)

    def every(at: Sequence[Index]) -> None:
        def clear(row: Index) -> None:
            kernel.store(a, Store(target, 0), target.shape, (row, *at), Value("", target.buffer.dtype, 0))

        def add(position: Sequence[Index]) -> None:
            row = f.load("i64", kernel.address(index, position))
            old = kernel.load(a, Load("old", target), target.shape, (row, *at))
            value = kernel.load(a, Load("value", source), source.shape, (*position, *at))
            kernel.store(a, Store(target, "new"), target.shape, (row, *at), _added(a, old, value))

        f.comment("clear, then add row by row")
        f.loop(0, kernel.size(target.shape[0]), 1, clear)
        _loops(kernel, index.shape, add)

    def columns(outer: Sequence[Index]) -> None:
        low, high = _range(kernel, space, len(outer))
        f.loop(low, high, a.form.lanes, lambda i: every((*outer, i)))

    if space:
        _nest(kernel, space[:-1], columns)
    else:
        _once(f, lambda: every(()))


def _without_ones(view: View, first: int = 0) -> View:
    """The view without axes of one element from the axis ``first`` on."""
    kept = [axis for axis, size in enumerate(view.shape) if axis < first or size != 1]
    return replace(view, shape=tuple(view.shape[a] for a in kept), strides=tuple(view.strides[a] for a in kept))


def _added(a: Arithmetic, x: Value, y: Value) -> Value:
    """The sum; of truth values, whether one holds."""
    if x.dtype != "bool":
        return write(a, "add", [x, y])
    return Value(a.select(x.text, a.constant(1.0), as_text(a, y, "bool")), "float")


def _loops(kernel: Kernel, sizes: Sequence[Size], inside: Callable[[Sequence[Index]], None]) -> None:
    """Loops over all of some sizes."""

    def nest(outer: Sequence[Index]) -> None:
        if len(outer) == len(sizes):
            inside(outer)
        else:
            kernel.function.loop(0, kernel.size(sizes[len(outer)]), 1, lambda i: nest((*outer, i)))

    nest(())


def _nest(kernel: Kernel, sizes: Sequence[Size], inside: Callable[[Sequence[Index]], None]) -> None:
    """Loops over ``sizes``, the first of them over the indices of this thread; with none, only what is inside."""

    def nest(outer: Sequence[Index]) -> None:
        if len(outer) == len(sizes):
            inside(outer)
            return
        low, high = _range(kernel, sizes, len(outer))
        kernel.function.loop(low, high, 1, lambda i: nest((*outer, i)))

    nest(())


def _range(kernel: Kernel, sizes: Sequence[Size], axis: int) -> tuple[Index, Index]:
    """The indices of an axis that this thread goes through."""
    return ("%low", "%high") if axis == 0 else (0, kernel.size(sizes[axis]))


def _once(function: Function, then: Callable[[], object]) -> None:
    """For the one thread that has something to do."""
    function.when(function.compare("slt", "%low", "%high"), lambda: _done(then()))


def _done(_: object) -> None:
    return None
