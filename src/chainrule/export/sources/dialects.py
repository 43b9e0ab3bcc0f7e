"""How operations are spelled in PyTorch and Keras: what is not in a table is spelled by its expansion.

NumPy's spellings are those of the registry, and JAX's are NumPy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.expression import REGISTRY, Spelling
from chainrule.ops.define import written
from chainrule.shapes import show_shape

_OPERATORS = (
    "add", "subtract", "multiply", "divide", "negative", "power", "matmul", "slice", "stop_gradient", "size",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
)  # fmt: skip
_MATHEMATICS = (
    "abs", "sign", "floor", "exp", "expm1", "log", "log1p", "sin", "cos", "sqrt", "tanh", "sigmoid", "erf",
)  # fmt: skip
_ACTIVATIONS = ("relu", "selu", "silu", "softplus", "softsign")

Attributes = Mapping[str, Any]


def _shared() -> dict[str, Spelling]:
    """Operators, which all of them spell alike."""
    spellings = {name: REGISTRY[name].python for name in _OPERATORS}
    return spellings | {"constant": written("{x}")}


def _reduction(template: str, keep: str, axis: str) -> Spelling:
    """A sum or a maximum; settings that have their default value are left out."""

    def write(x: Any, attributes: Attributes) -> str:
        settings = f", {axis}={attributes['axis']}" if attributes["axis"] is not None else ""
        settings += f", {keep}=True" if attributes.get("keepdims") else ""
        return f"{template}({x}{settings})"

    return Spelling(write)


def _joined(function: str, axis: str) -> Spelling:
    return Spelling(lambda *parts: f"{function}([{', '.join(map(str, parts[:-1]))}], {axis}={parts[-1]['axis']})")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _torch_bound(function: str, side: str) -> Spelling:
    """``torch.maximum`` takes tensors alone; a bound that is a number clamps."""

    def write(x: Any, y: Any, attributes: Attributes) -> str:
        for value, bound in ((x, y), (y, x)):
            if _is_number(str(bound)):
                return f"{value:90}.clamp({side}={bound})"
        return f"{function}({x}, {y})"

    return Spelling(write)


def _torch_pad(x: Any, attributes: Attributes) -> str:
    widths = [width for pair in reversed(attributes["widths"]) for width in pair]  # the last axis first
    return f"F.pad({x}, {tuple(widths)})"


def _torch_permute(x: Any, attributes: Attributes) -> str:
    axes = attributes["axes"] or tuple(range(len(x.shape)))[::-1]
    return f"{x:90}.T" if len(x.shape) == 2 else f"{x:90}.permute{axes}"


def torch_spellings() -> dict[str, Spelling]:
    """PyTorch, with ``F`` for ``torch.nn.functional``."""
    return _shared() | {
        **{name: written(f"torch.{name}({{x}})") for name in _MATHEMATICS},
        **{name: written(f"F.{name}({{x}})") for name in (*_ACTIVATIONS, "gelu", "mish")},
        "gelu_tanh": written('F.gelu({x}, approximate="tanh")'),
        "hard_tanh": written("F.hardtanh({x})"),
        "maximum": _torch_bound("torch.maximum", "min"),
        "minimum": _torch_bound("torch.minimum", "max"),
        "where": written("torch.where({condition}, {x}, {y})"),
        "to_float": written("{x:90}.to(dtype)"),
        "to_int": written("{x:90}.long()"),
        "transpose": Spelling(_torch_permute),
        "reshape": REGISTRY["reshape"].python,
        "broadcast_to": Spelling(lambda x, a: f"torch.broadcast_to({x}, {show_shape(a['shape'])})"),
        "concatenate": _joined("torch.cat", "dim"),
        "pad": Spelling(_torch_pad),
        "take": written("{x:90}[{indices}]"),
        "sum": _reduction("torch.sum", "keepdim", "dim"),
        "max": _reduction("torch.amax", "keepdim", "dim"),
        "softmax": _reduction("torch.softmax", "", "dim"),
        "log_softmax": _reduction("torch.log_softmax", "", "dim"),
    }  # fmt: skip


def _keras_shape(shape: tuple[int | str, ...]) -> str:
    """A shape in which the number of rows follows from the rest."""
    return show_shape(tuple(-1 if isinstance(size, str) else size for size in shape))


def keras_spellings() -> dict[str, Spelling]:
    """Keras 3, with ``ops`` for ``keras.ops``: the same on each of its backends."""
    names = (*_MATHEMATICS, *_ACTIVATIONS, "hard_tanh")
    return _shared() | {
        **{name: written(f"ops.{name}({{x}})") for name in names},
        "gelu": written("ops.gelu({x}, approximate=False)"),
        "gelu_tanh": written("ops.gelu({x}, approximate=True)"),
        "matmul": written("ops.matmul({x}, {y})"),
        "maximum": written("ops.maximum({x}, {y})"),
        "minimum": written("ops.minimum({x}, {y})"),
        "where": written("ops.where({condition}, {x}, {y})"),
        "to_float": written("ops.cast({x}, dtype)"),
        "to_int": written('ops.cast({x}, "int32")'),
        "transpose": Spelling(lambda x, a: f"ops.transpose({x}{', ' + str(a['axes']) if a['axes'] else ''})"),
        "reshape": Spelling(lambda x, a: f"ops.reshape({x}, {_keras_shape(a['shape'])})"),
        "broadcast_to": Spelling(lambda x, a: f"ops.broadcast_to({x}, {show_shape(a['shape'])})"),
        "concatenate": _joined("ops.concatenate", "axis"),
        "pad": written("ops.pad({x}, {widths})"),
        "take": written("ops.take({x}, {indices}, axis=0)"),
        "sum": _reduction("ops.sum", "keepdims", "axis"),
        "max": _reduction("ops.max", "keepdims", "axis"),
        "softmax": _reduction("ops.softmax", "", "axis"),
        "log_softmax": _reduction("ops.log_softmax", "", "axis"),
    }
