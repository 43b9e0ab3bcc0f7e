"""Kernels of products with one column: what is multiplied lies side by side in registers."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.elementwise import Value
from chainrule.engines.native.emit import Index
from chainrule.engines.native.kernel import Kernel
from chainrule.engines.native.phases import Product


def write_contracted(kernel: Kernel, capacity: int) -> None:
    """A product with one column: rows are multiplied elementwise, and the sums of several rows gathered in a vector."""
    inner, f = kernel.phase.inner, kernel.function
    assert isinstance(inner, Product)
    kernel.start(True)
    a = kernel.arithmetic(vector=True)
    lanes, size = a.form.lanes, a.form.bytes
    rows = min(lanes, capacity)
    count = kernel.size(inner.contracted)
    down = inner.left.strides[-2] * size
    whole = f.multiply(f.divide(count, lanes), lanes)
    masked = inner.left.buffer.user or inner.right.buffer.user
    left, right = kernel.address(inner.left, ()), kernel.address(inner.right, ())
    last = f.subtract(kernel.size(inner.left.shape[-2]), 1)

    def group(row: Index) -> None:
        starts = [f.offset(left, f.multiply(f.smaller(f.add(row, r), last), down)) for r in range(rows)]

        def step(k: Index, *sums: str) -> list[str]:
            at = f.multiply(k, size)
            y = a.load(f.offset(right, at))
            return [a.fma(a.load(f.offset(s, at)), y, total) for s, total in zip(starts, sums, strict=True)]

        def rest(k: Index, *sums: str) -> list[str]:
            mask, at = kernel.mask(a, f.subtract(count, k)), f.multiply(k, size)

            def load(pointer: str) -> str:
                return a.load_some(pointer, mask) if masked else a.load(pointer)

            y = load(f.offset(right, at))
            products = [a.fma(load(f.offset(s, at)), y, t) for s, t in zip(starts, sums, strict=True)]
            return [a.select(mask, new, old) for new, old in zip(products, sums, strict=True)]

        f.comment(f"sums of {rows} rows")
        sums = f.loop(0, whole, lanes, step, [(a.type, a.constant(0.0))] * rows)
        if not (isinstance(count, int) and count == whole):
            sums = f.loop(whole, count, lanes, rest, [(a.type, s) for s in sums])
        f.comment("one vector of them")
        total = gathered(a, sums)
        kernel.body(a, kernel.phase.body, (row,), {inner.target: Value(total, "float")})

    f.loop("%low", "%high", lanes, group)


def gathered(a: Arithmetic, vectors: Sequence[str]) -> str:
    """One vector whose lane i is the sum of the lanes of vector i; lanes without a vector are 0."""
    lanes = a.form.lanes
    even, odd = list(range(0, 2 * lanes, 2)), list(range(1, 2 * lanes, 2))
    parts = list(vectors)
    width = lanes
    while width > 1:
        nothing = a.constant(0.0)
        following = []
        for i in range(0, len(parts), 2):
            x, y = parts[i], parts[i + 1] if i + 1 < len(parts) else nothing
            following.append(a.add(a.shuffle(x, y, even), a.shuffle(x, y, odd)))
        parts, width = following, width // 2
    return parts[0]
