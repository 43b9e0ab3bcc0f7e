"""Programs as Python: the text that the NumPy engine executes and that people read."""

from __future__ import annotations

import re

from chainrule.expression import symbol
from chainrule.program import Equation, Program, Var
from chainrule.shapes import show_shape
from chainrule.show.layout import Language, Layout, Line, Written, lay_out, spell
from chainrule.trace import trace

COMMENT_COLUMN = 60


def _number(value: float | int) -> Written:
    text = repr(value)
    if text.lstrip("-") in ("inf", "nan"):
        text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    return Written(text, 30 if text.startswith("-") else 100)


PYTHON = Language(name=lambda name, var: name, number=_number, spelling=lambda operation: operation.python)


def standalone(program: Program) -> str:
    """A text that runs by itself: what it needs, the functions that it calls, and the program, in float64."""
    text = to_python(program, helpers=True)
    needs = ["import numpy as np"]
    needs += [f"from chainrule.engines.numpy import {name}" for name in ("add_rows",) if f"{name}(" in text]
    if "uniform(" in text:
        needs += ["from functools import partial", "from chainrule.engines.threefry import uniform"]
    names = ["dtype = np.float64"] if re.search(r"\bdtype\b", text) or "uniform(" in text else []
    names += ["uniform = partial(uniform, dtype=dtype)"] if "uniform(" in text else []
    return "\n".join(needs) + "\n\n" + ("\n".join(names) + "\n\n" if names else "") + "\n" + text


def to_python(program: Program, *, helpers: bool = False, fold: bool = True, comments: bool = True) -> str:
    """The program as a Python function over ``np``.

    Args:
        program: what to print.
        helpers: whether to print the functions that it calls (``softmax``, ...) before it.
        fold: whether to write unnamed values that are used once where they are used.
        comments: whether lines carry shapes and where they come from.
    """
    layout = lay_out(program, PYTHON, fold=fold)
    parts = [*helper_texts(program).values()] if helpers else []
    return "\n\n".join([*parts, function_text(program, layout, comments=comments)])


def function_text(program: Program, layout: Layout, header: str = "", *, comments: bool = True) -> str:
    """A function of the lines of a layout; its header is ``def name(inputs):`` unless another one is given."""
    arguments = ", ".join(v.name for v in program.inputs)
    rows = [header or f"def {program.name}({arguments}):"]
    rows += _sizes(program, layout)
    rows += _body(program, layout, comments)
    rows.append(_wrapped("    return ", [text for _, text in layout.outputs]))
    return "\n".join(rows) + "\n"


def _sizes(program: Program, layout: Layout) -> list[str]:
    """``B = X.shape[0]`` for each named size that the body mentions."""
    body = " ".join([*(line.text for line in layout.lines), *(text for _, text in layout.outputs)])
    mentioned = set(re.findall(r"\b[A-Za-z_]\w*\b", body))
    return [f"    {size} = {name}.shape[{axis}]" for size, (name, axis) in program.sizes.items() if size in mentioned]


def _body(program: Program, layout: Layout, comments: bool) -> list[str]:
    sections = list(dict.fromkeys(line.equation.section for line in layout.lines))
    shapes = any(v.shape for v in program.variables.values())
    codes = [f"    {line.name} = {line.text}" for line in layout.lines]
    column = max((len(code) for code in codes if len(code) <= COMMENT_COLUMN), default=0) + 2
    shape_width = max((len(show_shape(line.equation.target.shape)) for line in layout.lines), default=0)
    rows: list[str] = []
    section = ""
    for line, code in zip(layout.lines, codes, strict=True):
        if comments and len(sections) > 1 and line.equation.section != section:
            section = line.equation.section
            rows.append(f"    # {section}")
        note = _comment(line, shape_width if shapes else 0)
        rows.append(f"{code:<{column - 2}}  # {note}" if comments and note else code)
    return rows


def _comment(line: Line, shape_width: int) -> str:
    shape = f"{show_shape(line.equation.target.shape):<{shape_width}}" if shape_width else ""
    return f"{shape}  {line.equation.origin}".strip()


def _wrapped(start: str, parts: list[str]) -> str:
    line = start + ", ".join(parts)
    if len(line) <= 100:
        return line
    rows, row = [], "        "
    for part in parts:
        if len(row) + len(part) > 98:
            rows.append(row.rstrip())
            row = "        "
        row += f"{part}, "
    return "\n".join([start.rstrip() + " (", *rows, row.rstrip(), "    )"])


def helper_texts(program: Program) -> dict[str, str]:
    """The functions that the printed program calls, by name: each is an expansion, printed; callees first."""
    texts: dict[str, str] = {}
    for equation in program.equations:
        if equation.operation.python.helper and equation.operation.expansion is not None:
            name = _called(equation)
            if name not in texts:
                inner = _expanded(equation, name)
                texts |= helper_texts(inner)
                texts[name] = function_text(inner, lay_out(inner, PYTHON), comments=False)
    return texts


def _called(equation: Equation) -> str:
    """The name of the function that an equation's text calls."""
    operands = [Written("x")] * len(equation.arguments)
    return spell(equation.operation.python, equation, operands).text.split("(")[0]


def _expanded(equation: Equation, name: str) -> Program:
    operation = equation.operation
    assert operation.expansion is not None
    symbols = [
        symbol(n, a.shape if isinstance(a, Var) else (), a.dtype if isinstance(a, Var) else "float")
        for n, a in zip(operation.arguments, equation.arguments, strict=True)
    ]
    result = operation.expansion(*symbols, **dict(equation.attributes))
    return trace({"result": result}, name=name, inputs=symbols)
