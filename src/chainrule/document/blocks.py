"""What a page is made of: headings, sentences, equations, tables, figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from chainrule.errors import ArgumentError
from chainrule.files import write_atomically


@dataclass(frozen=True)
class Formula:
    """A piece of mathematics: as LaTeX, and as a terminal shows it."""

    latex: str
    text: str


Inline: TypeAlias = "str | Formula"
"""What stands in a sentence or in a cell of a table."""


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 opens a section, level 3 a part of it."""

    text: str
    level: int = 2


class Paragraph:
    """Sentences, with mathematics among the words."""

    def __init__(self, *parts: Inline) -> None:
        self.parts = parts


class Remark(Paragraph):
    """A paragraph that is set apart: a condition, a convention, a misprint in a source."""


@dataclass(frozen=True)
class Line:
    """``left = right``, with a few words on why; without a left side it equals what stands on the line before.

    A line that ``continues`` has no equals sign: it is the rest of the line before, as ``+ b`` of a long sum.
    """

    left: Formula | None
    right: Formula
    note: str = ""
    continues: bool = False


class Equations:
    """Lines of mathematics below each other, aligned at the equals sign."""

    def __init__(self, *lines: Line) -> None:
        self.lines = lines


@dataclass(frozen=True)
class Table:
    """Rows under column titles. Cells that read as numbers stand to the right."""

    columns: Sequence[Inline]
    rows: Sequence[Sequence[Inline]]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture: SVG text, what it shows for those who don't see it, and a caption.

    ``text`` is the picture drawn with letters, where there is one. A ``wide`` picture keeps its size: where the page is
    narrower, the box around it scrolls.
    """

    svg: str
    description: str
    caption: str = ""
    text: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Code:
    """Text in which every blank counts: a program, what a terminal shows."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Items below each other, numbered or not; each is a sequence of words and mathematics."""

    items: Sequence[Sequence[Inline]]
    numbered: bool = False


@dataclass(frozen=True)
class Details:
    """Blocks that a page shows when asked: a closed part with a title."""

    title: str
    blocks: Sequence[Block]


Block: TypeAlias = "Heading | Paragraph | Equations | Table | Figure | Code | Listing | Details"


@dataclass(frozen=True)
class Document:
    r"""A page that people read: the same blocks as terminal text, as LaTeX and as HTML that needs no network.

    In a notebook it shows itself. Mathematics is MathML in HTML, which browsers set and screen readers read.

    >>> from chainrule.document import Document, Equations, Formula, Line, Paragraph
    >>> rule = Line(Formula(r"\sigma'(z)", "sigma'(z)"), Formula(r"a \, (1 - a)", "a * (1 - a)"), "a = sigma(z)")
    >>> page = Document("The slope of a sigmoid", (Paragraph("By the chain rule:"), Equations(rule)))
    >>> print(page.text)
    The slope of a sigmoid
    ======================
    <BLANKLINE>
    By the chain rule:
    <BLANKLINE>
        sigma'(z) = a * (1 - a)    a = sigma(z)
    <BLANKLINE>
    """

    title: str
    blocks: Sequence[Block] = field(default=())

    @property
    def text(self) -> str:
        """The page for a terminal."""
        from chainrule.document.text import to_text

        return to_text(self)

    @property
    def latex(self) -> str:
        """A whole LaTeX file; figures are given by what they show."""
        from chainrule.document.latex import to_latex

        return to_latex(self)

    @property
    def html(self) -> str:
        """A whole HTML file without anything from elsewhere: no network, no scripts."""
        from chainrule.document.html import to_html

        return to_html(self)

    def _repr_html_(self) -> str:
        from chainrule.document.html import to_fragment

        return to_fragment(self)

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, in the form that its name asks for: ``.html``, ``.tex`` or ``.txt``."""
        place = Path(path)
        write_atomically(place, str(getattr(self, form_of(place))).encode())
        return place


def form_of(path: Path) -> str:
    """The form that the name of a file asks for: ``html``, ``latex`` or ``text``."""
    forms = {".html": "html", ".tex": "latex", ".txt": "text"}
    if path.suffix not in forms:
        raise ArgumentError(f"{path}: a page is written as {', '.join(forms)}; give the file one of these endings")
    return forms[path.suffix]


def all_blocks(blocks: Iterable[Block]) -> Iterable[Block]:
    """Every block, those inside of others included."""
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from all_blocks(block.blocks)
