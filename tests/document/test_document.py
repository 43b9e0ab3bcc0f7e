"""Pages: one description, read by a terminal, by LaTeX and by browsers."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from chainrule.document import Code, Document, Formula, Paragraph, Table
from chainrule.document.html import mathml
from chainrule.errors import ArgumentError

VOID = {"meta", "br", "hr", "img", "link"}


class Balance(HTMLParser):
    """Checks that elements close in the order in which they opened."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_balanced_and_holds_every_block(page):
    parser = Balance()
    parser.feed(page.html)
    assert parser.open == []
    assert {"h1", "h2", "h3", "math", "mfrac", "table", "svg", "pre", "ol", "details", "figcaption"} <= set(parser.seen)


def test_html_needs_nothing_from_elsewhere(page):
    links = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)', page.html)
    assert all(link.startswith("#") for pair in links for link in pair if link)
    assert "<script" not in page.html


@pytest.mark.parametrize("form", ["html", "latex", "text"])
def test_what_people_write_arrives_as_written(page, form):
    shown = getattr(page, form)
    expected = {
        "html": "50% of &lt;everything&gt; &amp; more_1",
        "latex": r"50\% of \textless{}everything\textgreater{} \& more\_1",
    }
    assert expected.get(form, page.title) in shown


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{\partial L}{\partial W^{(1)}_{1,2}} = -2 (t - \hat{y}) \, \varphi'(z)",
        r"{W_{2}}^{\top} \odot \left[z > 0\right]",
        r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
        r"\begin{cases} x & c \\ y & \text{otherwise} \end{cases}",
        r"\sum_{k=1}^{3} e^{z_{k}}",
        r"\mathit{learning\_rate}",
    ],
)
def test_mathematics_becomes_well_formed_mathml(latex):
    root = ElementTree.fromstring(f"<math>{mathml(latex)}</math>")
    assert "\\" not in "".join(root.itertext())


def test_a_name_of_several_letters_is_one_identifier():
    inside = mathml(r"\mathit{learning\_rate}")
    root = ElementTree.fromstring(f"<math>{inside}</math>")
    assert [node.text for node in root.iter("mi")] == ["learning_rate"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(page, tmp_path):
    page.save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_wide_tables_and_long_lines_of_code_stay_on_the_page(tmp_path):
    row = ["a cell that is rather long"] * 6
    Document("t", (Table(row, [row]), Code("x" * 96), Code("y" * 105))).save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Overfull" not in done.stdout


def test_a_file_with_another_ending_is_refused_and_not_made(page, tmp_path):
    with pytest.raises(ArgumentError, match=r"\.html, \.tex, \.txt"):
        page.save(tmp_path / "page.pdf")
    assert list(tmp_path.iterdir()) == []


def test_long_sentences_are_filled_and_long_words_stay_whole():
    page = Document("t", (Paragraph("word " * 60, Formula("x", "y" * 120)),))
    lines = page.text.splitlines()
    assert max(len(line) for line in lines if "y" not in line) <= 96
    assert "y" * 120 in page.text
