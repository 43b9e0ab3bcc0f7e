"""Every format: what it is called, its file, what runs it, how it is written and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from chainrule.export import onnx, python, sources, weights
from chainrule.export.checked import Check, Outputs
from chainrule.export.sources.file import FRAMEWORKS
from chainrule.export.subject import Subject


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        ending: of its file's name; nothing for a folder.
        program: what runs it, as people write it.
        render: the content of its files by name, from the subject, the name without ending, and the check's result.
        run: what its file makes of rows.
        cells: whether rows are cells as Python has them, rather than arrays.
    """

    ending: str
    program: str
    render: Callable[[Subject, str, Check | None], dict[str, bytes]]
    run: Callable[[Path, Mapping[str, NDArray[Any]], Subject], Outputs]
    cells: bool = False


FORMATS: Final[dict[str, Format]] = {
    "onnx": Format(".onnx", "onnxruntime", onnx.render, onnx.run),
    "python": Format(".py", "Python alone", python.render, python.run, cells=True),
    **{
        name: Format(".py", framework.title, partial(sources.render, framework=framework), sources.run, cells=True)
        for name, framework in FRAMEWORKS.items()
    },
    "safetensors": Format("", "NumPy", weights.render, weights.run),
}
