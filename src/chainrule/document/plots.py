"""Plots as SVG that takes its colours from the page around it, so that it reads in light and in dark.

Matplotlib draws with colours that stand for roles; in its text they are replaced by what the page defines.
Nothing in a plot comes from a table but numbers, so no font needs to know the letters of a column's name.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT, FAINT = "#010203", "#010204"
SERIES: Final = ("#010205", "#010206", "#010207", "#010208")
"""Colours of the first, second, third and fourth thing that a plot shows."""
LINES: Final = ("-", "--", "-.", ":")
"""Lines of different kinds: for more things than colours, or for those that coincide."""
_ROLES: Final = {
    TEXT: "currentColor",
    FAINT: "var(--line)",
    **dict(zip(SERIES, ("var(--first)", "var(--second)", "var(--third)", "var(--fourth)"), strict=True)),
}
_STYLE: Final[dict[str, Any]] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "font.size": 10,
    "axes.formatter.limits": (-4, 5),
    "svg.fonttype": "none",
    "svg.hashsalt": "chainrule",
}
SIZE: Final = (4.6, 3.3)


def plot(name: str, label: str, draw: Callable[[Figure], None], size: tuple[float, float] = SIZE) -> str:
    """The text of one ``<svg>`` element to stand in a page.

    Args:
        name: begins the names inside, so that several plots can share a page: letters, digits and hyphens.
        label: what the plot shows, for those who don't see it.
        draw: draws on an empty figure, with the colours of this module.
        size: width and height in inches, which set how large letters are beside the plot.
    """
    from matplotlib import rc_context, style
    from matplotlib.figure import Figure

    file = io.StringIO()
    with style.context("default"), rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", text)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(label, quote=True)}"', 1)
    # Several figures share a page, so each gets names of its own.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (\w+ )?(\d+(?:\.\d+)?px) [^;\"]*", r"font-size: \2", text)
    for colour, role in _ROLES.items():
        text = text.replace(colour, role)
    return text
