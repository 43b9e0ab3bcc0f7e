"""Pages for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from chainrule.document.blocks import (
    Block,
    Code,
    Details,
    Document,
    Equations,
    Figure,
    Formula,
    Heading,
    Inline,
    Line,
    Listing,
    Paragraph,
    Remark,
    Table,
)

WIDTH = 96
INDENT = "    "


def to_text(document: Document) -> str:
    """The whole page."""
    parts = [_underlined(document.title, "="), *(_block(block) for block in document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _underlined(title: str, mark: str) -> str:
    return f"{title}\n{mark * len(title)}"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return _underlined(block.text, "-" if block.level == 2 else "~")
        case Remark():
            return _filled(inline(block.parts), "  | ", "  | ")
        case Paragraph():
            return _filled(inline(block.parts))
        case Equations():
            return _equations(block.lines)
        case Table():
            return _table(block)
        case Figure():
            picture = block.text or _filled(f"[picture: {block.description}]")
            return "\n".join([picture, *([_filled(block.caption)] if block.caption else [])])
        case Code():
            return _code(block.text.rstrip("\n"))
        case Listing():
            marks = [f"{n}. " if block.numbered else "- " for n in range(1, len(block.items) + 1)]
            rows = zip(marks, block.items, strict=True)
            return "\n".join(_filled(inline(item), mark, " " * len(mark)) for mark, item in rows)
        case Details():
            return "\n\n".join([_underlined(block.title, "~"), *(_block(inner) for inner in block.blocks)])


def inline(parts: Sequence[Inline]) -> str:
    """Words and mathematics in a row."""
    return "".join(part.text if isinstance(part, Formula) else part for part in parts)


def _filled(text: str, first: str = "", other: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=other, break_long_words=False)


def _code(text: str) -> str:
    """Indented, unless that would push lines over the edge of a terminal of 100 columns."""
    wide = any(len(line) + len(INDENT) > 100 for line in text.splitlines())
    return text if wide else textwrap.indent(text, INDENT)


def _equations(lines: Sequence[Line]) -> str:
    lefts = [line.left.text if line.left else "" for line in lines]
    width = max(map(len, lefts), default=0)
    texts = [
        f"{left:<{width}} {' ' if line.continues else '='} {line.right.text}"
        for left, line in zip(lefts, lines, strict=True)
    ]
    noted = [len(t) for t, line in zip(texts, lines, strict=True) if line.note and len(t) <= WIDTH - 32]
    column = max(noted, default=0)
    return "\n".join(_noted(t, line.note, column, width + 3) for t, line in zip(texts, lines, strict=True))


def _noted(text: str, note: str, column: int, indent: int) -> str:
    """A line with its note: beside it, or below it where both together are too long. A long line is broken."""
    beside = f"{text:<{column}}    {note}" if note else text
    fits = len(INDENT + beside) <= WIDTH
    parts = [beside] if fits else [*_split(text, indent), *([f"{'':{indent}}({note})"] if note else [])]
    return "\n".join(INDENT + part for part in parts)


def _split(text: str, indent: int) -> list[str]:
    wide = WIDTH - len(INDENT)
    return textwrap.wrap(
        text, wide, subsequent_indent=" " * (indent + 2), break_long_words=False, break_on_hyphens=False
    )


def _table(table: Table) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=SIMPLE_HEAD, pad_edge=False)
    for n, column in enumerate(table.columns):
        numbers = bool(table.rows) and all(is_number(row[n]) for row in table.rows)
        grid.add_column(Text(inline([column])), justify="right" if numbers else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(inline([cell])) for cell in row))
    console = Console(width=WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(grid)
    rows = (row.rstrip() for row in captured.get().rstrip().split("\n"))
    return "\n".join(filter(None, [_filled(table.caption), *rows]))


def is_number(cell: Inline) -> bool:
    """Whether a cell reads as a number."""
    text = inline([cell]).replace(",", "").replace("−", "-").rstrip(" %")
    try:
        float(text)
    except ValueError:
        return text in ("", "-")
    return True
