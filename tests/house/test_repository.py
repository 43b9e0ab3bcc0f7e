"""The repository itself: its commands, its pages, its tests."""

import ast
import re
import runpy
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import chainrule as cr

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_the_readme_commands_exist(target):
    assert f"make {target}" in (ROOT / "README.md").read_text(encoding="utf-8")
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_continuous_integration_runs_the_command_of_the_readme():
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_test_hides_another_of_the_same_name(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for scope in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef))]:
        names = Counter(n.name for n in scope.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        assert not [name for name, count in names.items() if count > 1]


def test_the_changelog_knows_this_version():
    assert f"## {cr.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_pages_of_the_operations_are_those_of_their_records():
    """``make docs`` writes them."""
    made = runpy.run_path(str(ROOT / "docs" / "operation_pages.py"))["pages"]()
    folder = ROOT / "docs" / "operations"
    assert {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")} == made


def test_the_program_in_the_readme_is_the_one_that_is_printed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = str(cr.mlp([4, 8, 3], hidden="tanh", loss="cross_entropy").program())
    assert f"```text\n{printed}```" in readme


def test_the_derivation_in_the_readme_is_the_one_that_is_printed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    net = cr.mlp([2, 2, 1], hidden="sigmoid", loss="squared_error", dtype="float64", seed=1)
    shown = readme.split("```text\n")[2].split("```")[0]
    assert shown in str(net.explain([1.0, 2.0], 1.0, "W1[0,1]", notation="indexed"))
