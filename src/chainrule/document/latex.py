"""Pages as LaTeX files that compile with pdflatex and amsmath."""

from __future__ import annotations

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
from chainrule.document.text import is_number

HEAD = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{amsmath, amssymb}
\usepackage{graphicx}
\usepackage[margin=2.3cm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\allowdisplaybreaks
\newcommand{\fitted}[1]{\sbox0{#1}\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}
"""
"""``\\fitted`` makes a table smaller where it is wider than the page."""

_CODE_SIZES = {80: r"\normalsize", 97: r"\footnotesize"}
"""The largest letters in which lines of so many characters fit on the page."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "∂": r"$\partial$",
    "ᵀ": r"$^\top$",
    "σ": r"$\sigma$",
    "η": r"$\eta$",
    "φ": r"$\varphi$",
    "…": r"\ldots{}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "’": "'",
    "ŷ": r"$\hat{y}$",
    **{c: f"$^{plain}$" for c, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻", "0123456789()+-", strict=True)},
    **{c: f"$_{plain}$" for c, plain in zip("₀₁₂₃₄₅₆₇₈₉₍₎₊₋", "0123456789()+-", strict=True)},
}


def to_latex(document: Document) -> str:
    """The whole file."""
    body = "\n\n".join(_block(block) for block in document.blocks)
    title = rf"\title{{{escape(document.title)}}}"
    return f"{HEAD}{title}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n\n{body}\n\n\\end{{document}}\n"


def escape(text: str) -> str:
    r"""Plain words, with every character that LaTeX would read otherwise made safe.

    >>> escape("50% of W_1 & b")
    '50\\% of W\\_1 \\& b'
    """
    return "".join(_SPECIAL.get(c, c if ord(c) < 0x250 else "?") for c in text)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return rf"\{'sub' * (block.level - 2)}section*{{{escape(block.text)}}}"
        case Remark():
            return f"\\begin{{quote}}\n{_inline(block.parts)}\n\\end{{quote}}"
        case Paragraph():
            return _inline(block.parts)
        case Equations():
            return "\\begin{align*}\n" + " \\\\\n".join(map(_line, block.lines)) + "\n\\end{align*}"
        case Table():
            return _table(block)
        case Figure():
            return rf"\emph{{[Picture: {escape(block.description)}.]}} {escape(block.caption)}"
        case Code():
            return _code(block.text.rstrip())
        case Listing():
            kind = "enumerate" if block.numbered else "itemize"
            items = "\n".join(rf"\item {_inline(item)}" for item in block.items)
            return f"\\begin{{{kind}}}\n{items}\n\\end{{{kind}}}"
        case Details():
            return "\n\n".join([rf"\subsection*{{{escape(block.title)}}}", *(_block(inner) for inner in block.blocks)])


def _inline(parts: Sequence[Inline]) -> str:
    return "".join(f"${part.latex}$" if isinstance(part, Formula) else escape(part) for part in parts)


def _line(line: Line) -> str:
    left = line.left.latex if line.left else ""
    note = rf" && \text{{{escape(line.note)}}}" if line.note else ""
    sign = r"&\quad" if line.continues else "&="
    return f"{left} {sign} {line.right.latex}{note}"


def _table(table: Table) -> str:
    numbers = [all(is_number(row[n]) for row in table.rows) for n in range(len(table.columns))]
    layout = "".join("r" if right else "l" for right in numbers)
    rows = [" & ".join(_inline([cell]) for cell in row) for row in (table.columns, *table.rows)]
    body = rows[0] + " \\\\\n\\hline\n" + "".join(f"{row} \\\\\n" for row in rows[1:])
    caption = f"{escape(table.caption)}\n\n" if table.caption else ""
    return f"{caption}\\fitted{{\\begin{{tabular}}{{{layout}}}\n{body}\\end{{tabular}}}}"


def _code(text: str) -> str:
    width = max(map(len, text.splitlines()), default=0)
    size = next((size for fits, size in _CODE_SIZES.items() if width <= fits), r"\scriptsize")
    return f"{{{size}\n\\begin{{verbatim}}\n{_ascii(text)}\n\\end{{verbatim}}\n}}"


def _ascii(text: str) -> str:
    """Verbatim text: what the fonts of ``verbatim`` do not have becomes a question mark."""
    plain = {"−": "-", "·": "*", "×": "x", "∂": "d", "│": "|", "─": "-", "├": "+", "└": "+", "┐": "+", "→": ">"}
    return "".join(plain.get(c, c if ord(c) < 0x250 else "?") for c in text)
