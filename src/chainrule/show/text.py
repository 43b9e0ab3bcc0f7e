"""Programs in plain words."""

from __future__ import annotations

from chainrule.program import Program, Var
from chainrule.shapes import show_shape
from chainrule.show.layout import Language, Written, lay_out


def to_text(program: Program) -> str:
    """The program as numbered sentences, with shapes and where each line comes from."""
    language = Language(lambda name, var: name, lambda value: Written(f"{value:g}"), lambda operation: operation.words)
    layout = lay_out(program, language)
    rows = [_inputs(program)]
    for number, line in enumerate(layout.lines, 1):
        equation = line.equation
        notes = [f"shape {show_shape(equation.target.shape)}"] if equation.target.shape else []
        notes += [equation.origin] if equation.origin else []
        note = f" ({'; '.join(notes)})" if notes else ""
        rows.append(f"{number}. {line.name} is {line.text}{note}.")
    results = [
        text if isinstance(atom, Var) and label == atom.name else f"{label} = {text}"
        for (label, atom), (_, text) in zip(program.outputs, layout.outputs, strict=True)
    ]
    return "\n".join([*rows, f"The results are {', '.join(results)}."])


def _inputs(program: Program) -> str:
    if not program.inputs:
        return f"{program.name} takes nothing."
    taken = [f"{v.name} {show_shape(v.shape)}" if v.shape else v.name for v in program.inputs]
    return f"{program.name} takes {', '.join(taken)}."
