"""A module imports only from the layers above its own."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "chainrule"

# From the ground up; ARCHITECTURE.md says what each holds.
LAYERS = (
    "_version",
    "errors",
    "files",
    "shapes",
    "expression",
    "program",
    "trace",
    "ops",
    "derivation",
    "passes",
    "show",
    "document",
    "engines",
    "runnable",
    "oracles",
    "certificates",
    "checking",
    "testing",
    "init",
    "schedules",
    "optim",
    "losses",
    "explain",
    "nn",
    "parameters",
    "streams",
    "storage",
    "training",
    "callbacks",
    "nonfinite",
    "summary",
    "running",
    "given",
    "resuming",
    "fitting",
    "exploring",
    "evaluating",
    "diagnosis",
    "data",
    "streaming",
    "export",
    "network",
    "scaling",
    "recipes",
    "judging",
    "experiments",
    "importing",
    "comparing",
    "homework",
    "work",
    "gallery",
    "report",
    "tabular",
    "estimators",
    "online",
    "cli",
    "__main__",
)
MODULES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


def layer_of(module: str) -> int:
    name = module.split(".")[1]
    assert name in LAYERS, f"{module} belongs to no layer: give it a place in LAYERS and in ARCHITECTURE.md"
    return LAYERS.index(name)


def imports(path: Path) -> list[str]:
    """The chainrule modules that a file imports, wherever it does; annotations alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            base = node.module or ""
            found += [f"{base}.{a.name}" for a in node.names] if base == "chainrule" else [base]
        elif isinstance(node, ast.Import):
            found += [a.name for a in node.names]
    return [name for name in found if name.startswith("chainrule.")]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_imports_only_from_the_layers_above_its_own(path):
    own = "chainrule." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for imported in imports(path):
        same_package = imported.split(".")[1] == own.split(".")[1]
        assert same_package or layer_of(imported) < layer_of(own), f"{own} imports {imported}"


def test_only_derivation_and_what_is_below_it_knows_no_numpy():
    """The core reads and transforms programs; numbers enter with the engines."""
    for path in MODULES:
        module = "chainrule." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        if layer_of(module) < LAYERS.index("engines"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(import|from) numpy", text, re.MULTILINE), module
