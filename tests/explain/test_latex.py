"""The LaTeX of explanations compiles."""

import shutil
import subprocess

import pytest

import chainrule as cr
from chainrule.explain import NOTATIONS

pytestmark = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def compiled(page, folder):
    page.save(folder / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (folder / "page.log").read_text(errors="replace")
    return (folder / "page.tex").read_text()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_derivations_compile_in_every_notation(two_two_one, tmp_path, notation):
    net = two_two_one(hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
    text = compiled(net.explain([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0], "W1[0,1]", notation=notation), tmp_path)
    assert "?" not in text.partition(r"\begin{document}")[2]


@pytest.mark.parametrize("notation", ["textbook", "columns"])
def test_backward_passes_compile(tmp_path, notation):
    net = cr.mlp([3, 4, 2], hidden="relu", loss="cross_entropy")
    compiled(net.explain([[1.0, 2.0, 3.0]] * 6, [0, 1] * 3, notation=notation), tmp_path)


def test_circuits_paths_and_steps_compile(two_two_one, tmp_path):
    x, w = cr.symbols("x w")
    compiled(cr.circuit(cr.sigmoid(w * x) - x, x=1.0, w=1e-12), tmp_path)
    compiled(cr.paths(cr.sigmoid(w * x) - x, "x", x=1.0, w=1e-12), tmp_path)
    compiled(two_two_one().circuit([1.0, 2.0], 1.0, notation="phi"), tmp_path)
    compiled(two_two_one().stepper([1.0, 2.0], 1.0, notation="net"), tmp_path)
