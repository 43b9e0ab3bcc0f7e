"""Pages as HTML in one file: mathematics as MathML, figures as SVG, no network and no scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

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
from chainrule.document.text import inline, is_number

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str = "chainrule.document") -> Environment:
    """Templates of a package, which may include the style that all pages share, ``page.css``."""
    from jinja2 import ChoiceLoader, PackageLoader, StrictUndefined
    from jinja2 import Environment as Templates

    return Templates(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("chainrule.document")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def to_html(document: Document) -> str:
    """The whole file."""
    return environment().get_template("document.html").render(title=document.title, body=body(document))


def to_fragment(document: Document) -> str:
    """The page as a part of another one, such as a notebook, with its style."""
    return environment().get_template("fragment.html").render(title=document.title, body=body(document))


def body(document: Document) -> str:
    """The blocks alone, for a page of one's own."""
    return "\n".join(_block(block) for block in document.blocks)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Remark():
            return f'<p class="remark">{_inline(block.parts)}</p>'
        case Paragraph():
            return f"<p>{_inline(block.parts)}</p>"
        case Equations():
            return _equations(block.lines)
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)
        case Code():
            return f'<pre class="box" tabindex="0">{escape(block.text)}</pre>'
        case Listing():
            kind = "ol" if block.numbered else "ul"
            return f"<{kind}>{''.join(f'<li>{_inline(item)}</li>' for item in block.items)}</{kind}>"
        case Details():
            inner = "\n".join(_block(b) for b in block.blocks)
            return f"<details><summary>{escape(block.title)}</summary>\n{inner}\n</details>"


def _inline(parts: Sequence[Inline]) -> str:
    return "".join(
        f"<math>{mathml(part.latex)}</math>" if isinstance(part, Formula) else escape(part) for part in parts
    )


def _equations(lines: Sequence[Line]) -> str:
    """A table of MathML; the box around it scrolls where a line is wider than the page."""
    rows = "".join(
        f"<mtr><mtd>{mathml(line.left.latex) if line.left else ''}</mtd>"
        f"<mtd>{'' if line.continues else '<mo>=</mo>'}</mtd>"
        f"<mtd>{mathml(line.right.latex)}</mtd>"
        f"<mtd>{f'<mtext>{escape(line.note)}</mtext>' if line.note else ''}</mtd></mtr>"
        for line in lines
    )
    label = escape("; ".join(_spoken(line) for line in lines), quote=True)
    return (
        f'<div class="box equations" tabindex="0" role="region" aria-label="{label}">'
        f'<math display="block"><mtable displaystyle="true">{rows}</mtable></math></div>'
    )


def _spoken(line: Line) -> str:
    return f"{line.left.text if line.left else ''} = {line.right.text}".strip()


def _figure(figure: Figure) -> str:
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    if not figure.wide:
        return f"<figure>{figure.svg}{caption}</figure>"
    label = escape(figure.description, quote=True)
    box = f'<div class="box" tabindex="0" role="region" aria-label="{label}">{figure.svg}</div>'
    return f'<figure class="wide">{box}{caption}</figure>'


def _table(table: Table) -> str:
    right = [bool(table.rows) and all(is_number(row[n]) for row in table.rows) for n in range(len(table.columns))]
    kinds = [' class="number"' if r else "" for r in right]
    head = "".join(f'<th scope="col"{k}>{_inline([c])}</th>' for c, k in zip(table.columns, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{_inline([cell])}</td>" for cell, k in zip(row, kinds, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    label = escape(table.caption or inline([table.columns[0]]) or "table", quote=True)
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{label}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


@cache
def mathml(latex: str) -> str:
    r"""The inside of a MathML element.

    >>> mathml(r"x^{2}")
    '<mrow><msup><mi>x</mi><mrow><mn>2</mn></mrow></msup></mrow>'
    """
    from latex2mathml.converter import convert

    text = re.sub(r"^<math[^>]*>|</math>$", "", convert(latex))
    # Names of several letters stand in one piece, or they would read as a product.
    text = re.sub(r'<mrow>((?:<mi mathvariant="italic">[^<]*</mi>)+)</mrow>', _joined, text)
    # The name of a function and what it is of are set apart, unless a parenthesis does that.
    text = re.sub(r"(<mi>(?:log|tanh|sin|cos|exp)</mi>)(?!<mo|</)", r'\1<mspace width="0.17em" />', text)
    # A minus behind a parenthesis is a sign, close to its number.
    text = re.sub(r"(&#x00028;</mo>)<mo>&#x02212;</mo>", r'\1<mo form="prefix">&#x02212;</mo>', text)
    # Words keep the backslash of a letter that LaTeX would read otherwise.
    text = re.sub(r"<mtext>[^<]*</mtext>", lambda words: re.sub(r"\\([_%$&#])", r"\1", words[0]), text)
    return text.replace("<mo>&#x022A4;</mo>", "<mi>&#x022A4;</mi>")


def _joined(letters: re.Match[str]) -> str:
    name = "".join(re.findall(r">([^<]*)</mi>", letters[1]))
    return f'<mi class="name">{name}</mi>'
