"""Pages that people read: one description, shown as terminal text, LaTeX and HTML."""

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
    all_blocks,
    form_of,
)
from chainrule.document.shown import Shown

__all__ = [
    "Block",
    "Code",
    "Details",
    "Document",
    "Equations",
    "Figure",
    "Formula",
    "Heading",
    "Inline",
    "Line",
    "Listing",
    "Paragraph",
    "Remark",
    "Shown",
    "Table",
    "all_blocks",
    "form_of",
]
