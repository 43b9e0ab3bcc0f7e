"""A model as one Python file: weights, preprocessing and arithmetic, without a package."""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.export.checked import Check, Outputs
from chainrule.export.python import cells, lists
from chainrule.export.python.statements import function, spelled
from chainrule.export.python.texts import columns_text, filled, functions_of
from chainrule.export.subject import Stage, Subject

_MATHEMATICS: Final = ("cos", "erf", "sin", "tanh")


def render(subject: Subject, stem: str, check: Check | None) -> dict[str, bytes]:
    """The files of a model: one, ``stem.py``."""
    functions = [function(stage.program) for stage in subject.stages]
    columns = columns_text(subject.inputs) if subject.of_table else ""
    body = "\n".join(functions)
    table = functions_of(cells, f"{columns} read_csv write_csv") if subject.of_table else ""
    text = filled(
        "single.py.jinja",
        check,
        table + (arithmetic := functions_of(lists, body)),
        subject=subject,
        stem=stem,
        cells=table,
        lists=arithmetic,
        columns=columns,
        classes=list(subject.classes),
        mathematics=", ".join(name for name in _MATHEMATICS if re.search(rf"\b{name}\(", body)),
        weights=[row for stage in subject.stages for row in _weights(stage, subject)],
        functions=functions,
        arguments=", ".join(spelled(v.name) for v in subject.network.data),
    )
    return {f"{stem}.py": text.encode()}


def _weights(stage: Stage, subject: Subject) -> list[tuple[str, str, str, list[str], str]]:
    """Each array of a stage: its name, type code, shape, lines of base64, and what makes a number of one element."""
    kind, dtype = ("f", "<f4") if stage.precision == "float32" else ("d", "<f8")
    rows = []
    for var in stage.arrays:
        array = np.ascontiguousarray(subject.arrays[var.name], dtype)
        lines = textwrap.wrap(base64.b64encode(array.tobytes()).decode(), 114)
        rows.append((spelled(var.name), kind, str(var.shape), lines, "[0]" if array.size == 1 else ""))
    return rows


def run(path: Path, rows: Mapping[str, NDArray[Any]], subject: Subject) -> Outputs:
    """What the file makes of rows: outputs by label."""
    module = load(path)
    each = zip(*rows.values(), strict=True)
    if not subject.of_table:
        found = [module.predict(*(a.ravel().tolist() if a.size > 1 else a.item() for a in row)) for row in each]
        return {"prediction": np.array([np.ravel(row) for row in found])}
    results = [module.predict(dict(zip(rows, row, strict=True))) for row in each]
    outputs: dict[str, NDArray[Any]] = {"prediction": np.array([row["prediction"] for row in results])}
    if subject.classes:
        outputs["probabilities"] = np.array([list(row["probabilities"].values()) for row in results])
    return outputs


def load(path: Path) -> Any:
    """The module in a file."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_bytes(), path, "exec"), vars(module))  # an import takes older bytecode of the same second
    return module
