"""Write one page for each operation, from its record: python -m docs.operation_pages."""

from __future__ import annotations

from pathlib import Path

from chainrule.expression import Expression, Operation, symbol
from chainrule.ops import activations, arithmetic, arrays, elementary, random, reductions
from chainrule.show import to_latex, to_python
from chainrule.trace import trace

FOLDER = Path(__file__).parent / "operations"
GROUPS = {
    "Arithmetic, comparisons, selection": arithmetic,
    "Exponentials, logarithms, powers, sigmoid functions": elementary,
    "Activations": activations,
    "Arrays": arrays,
    "Reductions": reductions,
    "Random numbers": random,
}


def operations_of(module: object) -> list[Operation]:
    """The registered operations that a module defines."""
    found = {id(v): v for v in vars(module).values() if isinstance(v, Operation)}
    # A module also sees the operations that it imports: an operation belongs to the first module that has it.
    order = list(GROUPS.values())
    earlier = {id(v) for m in order[: order.index(module)] for v in vars(m).values() if isinstance(v, Operation)}
    return sorted((v for k, v in found.items() if k not in earlier), key=lambda o: o.name)


def page(operation: Operation) -> str:
    """The page of one operation."""
    lines = [f"# {operation.name}", ""]
    arguments = ", ".join([*operation.arguments, *(f"{k}=" for k in operation.attributes)])
    lines += [f"`{operation.name}({arguments})`: {_kind(operation)}", ""]
    lines += _formula(operation)
    if operation.expansion is not None:
        lines += ["It is made of other operations:", "", "```text", _expansion(operation).rstrip(), "```", ""]
    lines += _derivative(operation)
    if operation.kinks:
        lines += ["## Kinks and ties", "", "| at | slope chosen | because |", "|---|---|---|"]
        lines += [f"| {_numbers(k.point)} | {_numbers(k.slopes)} | {k.reason} |" for k in operation.kinks] + [""]
    facts = [f"- Tests draw arguments from {', '.join(f'[{a:g}, {b:g}]' for a, b in operation.domain)}."]
    facts.append(f"- The value is within {operation.accuracy:g} units in the last place there.")
    if operation.note:
        facts.append(f"- {operation.note}")
    if operation.source:
        facts.append(f"- Source: {operation.source}.")
    return "\n".join([*lines, "## Facts", "", *facts, ""])


def _kind(operation: Operation) -> str:
    what = "a machine primitive" if operation.primitive else "given as an expansion"
    defaults = ", ".join(f"{k} = {v:g}" for k, v in operation.defaults.items())
    return f"{what}{f'; by default {defaults}' if defaults else ''}."


def _applied(operation: Operation) -> tuple[list[Expression], Expression] | None:
    """The operation applied to symbols of the first shapes that fit."""
    example = operation.examples[0] if operation.examples else None
    names = (
        [f"x{i}" for i in range(1, len(example.shapes) + 1)] if operation.variadic and example else operation.arguments
    )
    shapes = example.shapes if example else ((),) * len(names)
    kinds = {"indices": "int", "key": "int", "step": "int", "condition": "bool"}
    symbols = [symbol(n, s, kinds.get(n, "float")) for n, s in zip(names, shapes, strict=True)]  # type: ignore[arg-type]
    settings = dict(example.attributes) if example else {}
    if operation.name == "uniform":
        settings = {"shape": (2, 3)}
    return symbols, operation(*symbols, **settings)


def _formula(operation: Operation) -> list[str]:
    applied = _applied(operation)
    assert applied is not None
    symbols, value = applied
    name = _value_name(operation)
    program = trace({name: value}, name="example", inputs=symbols)
    lines = [line.strip() for line in to_python(program, comments=False).splitlines()]
    body = [line for line in lines if line.startswith(f"{name} =")]
    latex = to_latex(program).splitlines()[1].replace("&= ", "= ")
    return ["```text", *body, "```", "", f"$$ {latex} $$", ""]


def _value_name(operation: Operation) -> str:
    """The name of the value, as in the rules: y, or z where y is an argument."""
    return "z" if "y" in operation.arguments else "y"


def _expansion(operation: Operation) -> str:
    applied = _applied(operation)
    assert applied is not None
    assert operation.expansion is not None
    symbols, value = applied
    result = operation.expansion(*symbols, **value.attributes)
    return to_python(trace({_value_name(operation): result}, name=operation.name, inputs=symbols), comments=False)


def _derivative(operation: Operation) -> list[str]:
    if operation.vjp is None and operation.expansion is None:
        return ["## Derivative", "", "None: no derivative passes through it.", ""]
    if operation.vjp is None:
        return ["## Derivative", "", "By the chain rule, through the expansion.", ""]
    applied = _applied(operation)
    assert applied is not None
    symbols, value = applied
    name = _value_name(operation)
    g, out = symbol("g", value.shape), symbol(name, value.shape)
    adjoints = operation.vjp(g, out, *symbols, **value.attributes)
    rows = ["## Derivative", "", f"From the adjoint `g` of the value `{name}`:", "", "```text"]
    for s, adjoint in zip(symbols, adjoints, strict=True):
        if s.dtype != "float":
            continue
        if isinstance(adjoint, Expression) and adjoint.operation is not None:
            text = to_python(trace({f"d{s.name}": adjoint}, name="rule"), comments=False)
            rows += [line.strip() for line in text.splitlines()[1:] if "return" not in line and "shape[" not in line]
        else:
            named = adjoint.name if isinstance(adjoint, Expression) else adjoint
            rows.append(f"d{s.name} = {'not defined' if named is None else named}")
    return [*rows, "```", ""]


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:.6g}" for v in values)


def pages() -> dict[str, str]:
    """Every page by file name, and the index."""
    groups = {title: operations_of(module) for title, module in GROUPS.items()}
    texts = {f"{operation.name}.md": page(operation) for group in groups.values() for operation in group}
    index = [
        "# Operations",
        "",
        f"{len(texts)} operations, each one record; these pages are made from the records.",
        "",
    ]
    for title, group in groups.items():
        index += [f"## {title}", "", ", ".join(f"[{o.name}]({o.name}.md)" for o in group), ""]
    index += ["```{toctree}", ":hidden:", ":glob:", "*", "```", ""]
    return texts | {"index.md": "\n".join(index)}


def main() -> None:
    """Write the pages, and remove those of operations that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(texts)} pages in {FOLDER}")


if __name__ == "__main__":
    main()
