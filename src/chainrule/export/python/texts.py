"""The text of exported Python files: a template, and the functions of modules that it needs."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from types import ModuleType
from typing import Any, Final

from chainrule._version import __version__
from chainrule.export.checked import Check
from chainrule.export.preprocessing import Input

_STANDARD: Final = ("csv", "datetime", "math", "sys")


def filled(template: str, check: Check | None, needed: str, **values: Any) -> str:
    """A template of this package with its values; ``needed`` is the text for which modules are imported."""
    import jinja2

    loader = jinja2.PackageLoader("chainrule.export")
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    written = f"Written by chainrule {__version__}. {check.sentence if check else ''}"
    imports = [name for name in _STANDARD if name == "sys" or re.search(rf"\b{name}\.", needed)]
    typing = ["Any", "Callable", "Dict", "Iterable", "List", "Mapping", "Sequence", "TextIO"]
    text = environment.get_template(template).render(
        written=textwrap.fill(written, 118),
        quoted=_quoted,
        standard="\n".join(f"import {name}" for name in imports),
        typing=", ".join(name for name in typing if re.search(rf"\b{name}\b", needed)),
        **values,
    )
    text = re.sub(r"(?<!\n)\n\n(?=class |def |@)", "\n\n\n", text)
    return re.sub(r"\n{4,}", "\n\n\n", text).rstrip("\n") + "\n"


def _quoted(name: str) -> str:
    """Words that stand between triple quotes, whatever a column's name does to end them."""
    return name.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def columns_text(inputs: tuple[Input, ...]) -> str:
    """The table of what reads the cells of each column."""
    rows = [f"    {json.dumps(i.name, ensure_ascii=False)}: {_reader(i)},\n" for i in inputs]
    return "COLUMNS = {\n" + "".join(rows) + "}"


def _reader(taken: Input) -> str:
    match taken.kind:
        case "number":
            return "number"
        case "date":
            return "days"
        case "boolean":
            return f"boolean({dict(taken.codes)!r})"
        case _:
            return f"category({dict(taken.codes)!r}, {taken.other})"


def functions_of(module: ModuleType, used_in: str) -> str:
    """The definitions of a module that a text needs, and those that they need, in order."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    texts: dict[tuple[str, ...], str] = {}
    for node in ast.parse(source).body:
        if names := _defined(node):
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            around = "\n\n" if isinstance(node, ast.FunctionDef) else ""
            texts[names] = f"{around}{text}\n{around}"
    needed: set[tuple[str, ...]] = set()
    read = used_in
    while more := {names for names in texts if names not in needed and _mentions(read, names)}:
        needed |= more
        read = "\n".join(texts[names] for names in more)
    return re.sub(r"\n{3,}", "\n\n\n", "".join(texts[names] for names in texts if names in needed)).strip("\n") + "\n"


def _defined(node: ast.stmt) -> tuple[str, ...]:
    """The names that a statement of a module defines; none for imports and the docstring."""
    match node:
        case ast.FunctionDef(name=name):
            return (name,)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return (name,)
        case ast.Assign(targets=[ast.Tuple(elts=parts)]):
            return tuple(part.id for part in parts if isinstance(part, ast.Name))
    return ()


def _mentions(text: str, names: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{name}\b", text) for name in names)


def names_in(*modules: ModuleType) -> frozenset[str]:
    """Every name that modules define or import."""
    return frozenset(name for module in modules for name in vars(module))
