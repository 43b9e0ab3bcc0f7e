"""Matrix products, and operations that only move elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.errors import ShapeError
from chainrule.expression import REQUIRED, Example, Expression, Operation, Spelling
from chainrule.ops.arithmetic import ZERO, equal, to_float
from chainrule.ops.define import free, operation
from chainrule.shapes import Bounds, Shape, as_shape, broadcast, normalise_axes, show_shape, take_bounds
from chainrule.shapes import matmul as matmul_shape
from chainrule.shapes import reshape as reshape_shape


def _swap(x: Expression) -> Expression:
    """The last two axes exchanged."""
    if x.rank == 2:
        return transpose(x)
    return transpose(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


matmul = operation(
    "matmul", "x y",
    shape=matmul_shape,
    python=("{x:20} @ {y:21}", 20), latex=(r"{x:20} \, {y:21}", 20), words=("{x:20} times the matrix {y:21}", 20),
    analytic=True, flops=lambda out, x, y: (2, *out, x[-1]),
    examples=(
        Example(((3, 4), (4, 2))), Example(((1, 1), (1, 1))), Example(((5, 1), (1, 3))),
        Example(((2, 3, 4), (2, 4, 5))), Example(((2, 3, 4), (4, 5))), Example(((3, 4), (2, 4, 5))),
    ),
    vjp=lambda g, z, x, y: (g @ _swap(y), _swap(x) @ g),
    source="Z = X Y: dX = dZ Y^T, dY = X^T dZ",
)  # fmt: skip


def _permuted(x: Shape, axes: tuple[int, ...] | None) -> Shape:
    order = tuple(range(len(x)))[::-1] if axes is None else axes
    if sorted(order) != list(range(len(x))):
        raise ShapeError(f"{order} is not an order of the {len(x)} axes of {show_shape(x)}")
    return tuple(x[a] for a in order)


def _inverse(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _transpose_python(x: Any, attributes: Mapping[str, Any]) -> str:
    return f"{x:90}.T" if attributes["axes"] is None else f"np.transpose({x}, {attributes['axes']})"


transpose: Operation = operation(
    "transpose", "x",
    shape=_permuted, attributes={"axes": None},
    python=Spelling(_transpose_python), latex=(r"{{{x:41}}}^{{\top}}", 40), words="{x:100} transposed",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((3, 4),)), Example(((2, 3, 4),), {"axes": (1, 2, 0)}), Example(((5,),))),
    vjp=lambda g, y, x, *, axes: (transpose(g, axes=_inverse(axes)),),
    source="each element moves back where it came from",
)  # fmt: skip


def _reshape_python(x: Any, attributes: Mapping[str, Any]) -> str:
    """Inserted or dropped axes of size 1 are written as indexing, everything else as ``reshape``."""
    new = attributes["shape"]
    bare = tuple(s for s in x.shape if s != 1)
    if x.shape == bare and tuple(s for s in new if s != 1) == bare and 0 < len(bare) < len(new):
        return f"{x:90}[{', '.join('None' if s == 1 else ':' for s in new)}]"
    if new == bare and 0 < len(bare) < len(x.shape):
        return f"{x:90}[{', '.join('0' if s == 1 else ':' for s in x.shape)}]"
    return f"{x:90}.reshape({', '.join(map(str, new)) or '()'})"


reshape: Operation = operation(
    "reshape", "x",
    shape=lambda x, shape: reshape_shape(x, as_shape(shape)), attributes={"shape": REQUIRED},
    python=Spelling(_reshape_python), latex=("{x:100}", 100), words="{x}, reshaped",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((3, 4),), {"shape": (2, 6)}), Example(((3,),), {"shape": (3, 1)}),
              Example(((3, 1),), {"shape": (3,)}), Example(((1, 1),), {"shape": ()})),
    vjp=lambda g, y, x, *, shape: (reshape(g, shape=x.shape),),
    facts=lambda x, *, shape: x.facts & {"row_weights"},
    source="each element moves back where it came from",
)  # fmt: skip


def _stretched(x: Shape, shape: Shape) -> Shape:
    if broadcast(x, shape) != shape:
        raise ShapeError(f"{show_shape(x)} does not broadcast to {show_shape(shape)}")
    return shape


broadcast_to = operation(
    "broadcast_to", "x",
    shape=_stretched, attributes={"shape": REQUIRED},
    python=Spelling(lambda x, a: f"np.broadcast_to({x}, {show_shape(a['shape'])})"),
    latex=("{x}", 0), words="{x}",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(
        Example(((4,),), {"shape": (3, 4)}), Example(((),), {"shape": (2, 3)}), Example(((3, 1),), {"shape": (3, 4)}),
    ),
    vjp=lambda g, y, x, *, shape: (sum_to(g, x.shape),),
    source="what is read several times collects the sum of its adjoints",
)  # fmt: skip


def sum_to(g: Expression, shape: Shape) -> Expression:
    """The adjoint of broadcasting: ``g`` summed over the axes along which ``shape`` was stretched."""
    if g.shape == shape:
        return g
    extra = g.rank - len(shape)
    stretched = tuple(i for i, s in enumerate(g.shape) if i < extra or (shape[i - extra] == 1 and s != 1))
    total = g.sum(axis=None if len(stretched) == g.rank else stretched[0] if len(stretched) == 1 else stretched)
    return total.reshape(*shape)


def _joined(*parts: Shape, axis: int) -> Shape:
    (at,) = normalise_axes(axis, len(parts[0]))
    sizes = [p[at] if len(p) == len(parts[0]) else None for p in parts]
    if any(not isinstance(s, int) for s in sizes) or len({p[:at] + p[at + 1 :] for p in parts}) > 1:
        raise ShapeError(f"cannot join {' and '.join(map(show_shape, parts))} along axis {axis}")
    return (*parts[0][:at], sum(s for s in sizes if isinstance(s, int)), *parts[0][at + 1 :])


def _split(g: Expression, parts: tuple[Expression, ...], axis: int) -> list[Expression]:
    (at,) = normalise_axes(axis, g.rank)
    result, start = [], 0
    for part in parts:
        width = part.shape[at]
        assert isinstance(width, int)
        result.append(g[(*[slice(None)] * at, slice(start, start + width))])
        start += width
    return result


def _concatenate_python(*parts: Any) -> str:
    *operands, attributes = parts
    joined = ", ".join(map(str, operands)) + ("," if len(operands) == 1 else "")
    return f"np.concatenate(({joined}), axis={attributes['axis']})"


concatenate = operation(
    "concatenate", "*parts",
    shape=_joined, attributes={"axis": -1},
    python=Spelling(_concatenate_python),
    latex=Spelling(lambda *p: r"\left[" + r" \;\; ".join(map(str, p[:-1])) + r"\right]"),
    words=Spelling(lambda *p: " and ".join(map(str, p[:-1])) + ", side by side"),
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((3, 4), (3, 2)), {"axis": 1}), Example(((2,), (3,), (1,)), {"axis": 0})),
    vjp=lambda g, z, *parts, axis: _split(g, parts, axis),
    source="each part takes its own piece of the adjoint",
)  # fmt: skip


def _bounds(bounds: Bounds) -> str:
    """``[:, 1:3]``: trailing axes that are taken whole are left out."""
    parts = list(bounds)
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    return f"[{', '.join(':' if b is None else f'{b[0]}:{b[1]}' for b in parts)}]"


def _widths(x: Shape, bounds: Bounds) -> tuple[tuple[int, int], ...]:
    """What :func:`pad` must put before and after, to undo taking ``bounds`` of ``x``."""
    return tuple((0, 0) if b is None else (b[0], int(s) - b[1]) for s, b in zip(x, bounds, strict=True))


slice_ = operation(
    "slice", "x",
    shape=take_bounds, attributes={"bounds": REQUIRED},
    python=Spelling(lambda x, a: f"{x:90}{_bounds(a['bounds'])}"),
    latex=Spelling(lambda x, a: f"{{{x:41}}}_{{{_bounds(a['bounds'])}}}", 40),
    words="a part of {x}",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((3, 4),), {"bounds": (None, (1, 3))}), Example(((5,),), {"bounds": ((2, 3),)})),
    vjp=lambda g, y, x, *, bounds: (pad(g, widths=_widths(x.shape, bounds)),),
    source="what was not taken has adjoint 0",
)  # fmt: skip


def _inside(x: Shape, widths: tuple[tuple[int, int], ...]) -> Bounds:
    """Where :func:`pad` put the elements of ``x``."""
    return tuple(None if w == (0, 0) else (w[0], w[0] + int(s)) for w, s in zip(widths, x, strict=True))


pad: Operation = operation(
    "pad", "x",
    shape=lambda x, widths: tuple(s if w == (0, 0) else int(s) + w[0] + w[1] for s, w in zip(x, widths, strict=True)),
    attributes={"widths": REQUIRED},
    python="np.pad({x}, {widths})", latex=r"\operatorname{{pad}}({x})", words="{x} with zeros around it",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((3, 2),), {"widths": ((0, 0), (1, 3))}),),
    vjp=lambda g, y, x, *, widths: (slice_(g, bounds=_inside(x.shape, widths)),),
    source="the zeros around take nothing",
)  # fmt: skip


def _rows_taken(x: Shape, indices: Shape) -> Shape:
    if not x:
        raise ShapeError("cannot take rows of a number")
    return (*indices, *x[1:])


take = operation(
    "take", "x indices",
    shape=_rows_taken,
    python="{x:90}[{indices}]", latex=("{{{x:41}}}_{{{indices}}}", 40), words="the rows {indices} of {x}",
    kind="same", analytic=True, flops=free, accuracy=0.0,
    examples=(Example(((4, 3), (5,)), {}), Example(((4, 2), (3, 2)), {}), Example(((6,), (4,)), {})),
    vjp=lambda g, y, x, indices: (add_rows(g, indices, shape=x.shape), None),
    source="each row collects the adjoints of the places that read it",
)  # fmt: skip


def _rows_added(x: Shape, indices: Shape, shape: Shape) -> Shape:
    if x != (*indices, *shape[1:]):
        raise ShapeError(
            f"rows of shape {show_shape(x)} for indices {show_shape(indices)} do not fit {show_shape(shape)}"
        )
    return shape


add_rows: Operation = operation(
    "add_rows", "x indices",
    shape=_rows_added, attributes={"shape": REQUIRED},
    python=Spelling(lambda x, i, a: f"add_rows({x}, {i}, {show_shape(a['shape'])})"),
    latex=r"\textstyle\sum_{{{indices}}} {x:90}", words="{x} added up by the rows {indices}",
    kind="same", analytic=True, flops=lambda out, x, indices: x,
    examples=(Example(((5, 3), (5,)), {"shape": (4, 3)}), Example(((3, 2, 2), (3, 2)), {"shape": (4, 2)})),
    vjp=lambda g, y, x, indices, *, shape: (take(g, indices), None),
    source="a sum into rows of zeros: each addend reads the adjoint of its row",
)  # fmt: skip


def _one_hot(x: Expression, *, size: int) -> Expression:
    column = x.reshape(*x.shape, 1)
    return concatenate(*(to_float(equal(column, code)) for code in range(size)), axis=-1)


one_hot = operation(
    "one_hot", "x",
    shape=lambda x, size: (*x, size), attributes={"size": REQUIRED},
    python=Spelling(lambda x, a: f"({x:90}[{':, ' * len(x.shape)}None] == np.arange({a['size']})).astype(dtype)"),
    latex=Spelling(lambda x, a: rf"\operatorname{{one\_hot}}_{{{a['size']}}}({x})"),
    words=Spelling(lambda x, a: f"{x} as zeros and a one in {a['size']} columns"),
    expansion=_one_hot, kind="number", flops=free, accuracy=0.0,
    examples=(Example(((3,),), {"size": 4}), Example(((2, 3),), {"size": 2})),
    vjp=lambda g, y, x, *, size: (ZERO,),
    note="A code outside 0, 1, ..., size - 1 gives zeros alone.",
    source="1 in the column that the code names, 0 elsewhere: constant between jumps",
)  # fmt: skip
