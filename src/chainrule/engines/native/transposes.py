"""The kernel that transposes a matrix: square blocks are turned in registers."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.emit import Index
from chainrule.engines.native.kernel import Kernel
from chainrule.engines.native.phases import Phase


def is_transpose(phase: Phase) -> bool:
    """Whether a phase only moves the elements of one matrix of known size into memory of its own, rows to columns."""
    body = phase.body
    if phase.inner is not None or len(body.loads) != 1 or body.statements or len(body.stores) != 1:
        return False
    source, store = body.loads[0].view, body.stores[0]
    return (
        len(body.space) == 2
        and all(isinstance(s, int) for s in body.space)
        and source.buffer.dtype == "float"
        and not source.buffer.user
        and source.index is None
        and source.strides[0] == 1
        and source.strides[1] > 1
        and store.view.strides[1] == 1
        and not store.exact
    )


def write_transpose(kernel: Kernel) -> None:
    """``target[i, j] = source[j, i]``, in blocks of as many rows and columns as a vector has lanes."""
    kernel.start(True)
    a, f, body = kernel.arithmetic(vector=True), kernel.function, kernel.phase.body
    lanes, size = a.form.lanes, a.form.bytes
    rows, columns = (int(s) for s in body.space)
    source, target = body.loads[0].view, body.stores[0].view
    whole = rows // lanes * lanes

    def block(row: Index, count: int, column: Index) -> None:
        f.comment(f"a block of {lanes} columns and {count} rows")
        start = f.offset(kernel.address(source, ()), f.multiply(row, size))
        lines = [f.smaller(f.add(column, lane), columns - 1) for lane in range(lanes)]
        vectors = [a.load(f.offset(start, f.multiply(line, source.strides[1] * size))) for line in lines]
        goal = f.offset(kernel.address(target, ()), f.multiply(column, size))
        for r, vector in enumerate(turned(a, vectors)[:count]):
            a.store(vector, f.offset(goal, f.multiply(f.add(row, r), target.strides[0] * size)))

    def strip(row: Index, count: int) -> None:
        f.loop(0, columns, lanes, lambda column: block(row, count, column))

    f.loop("%low", f.smaller("%high", whole), lanes, lambda row: strip(row, lanes))
    if whole < rows:
        f.when(f.compare("sgt", "%high", whole), lambda: strip(whole, rows - whole))


def turned(a: Arithmetic, vectors: Sequence[str]) -> list[str]:
    """As many vectors as they have lanes, as a matrix transposed: blocks are exchanged by halves."""
    rows, lanes = list(vectors), a.form.lanes
    distance = lanes // 2
    while distance:
        low = [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
        high = [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
        for r in range(lanes):
            if not r & distance:
                x, y = rows[r], rows[r + distance]
                rows[r], rows[r + distance] = a.shuffle(x, y, low), a.shuffle(x, y, high)
        distance //= 2
    return rows
