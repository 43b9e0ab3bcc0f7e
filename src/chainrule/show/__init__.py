"""Programs as text: Python, LaTeX, plain words. Deterministic; nothing is run."""

from chainrule.show.latex import to_latex
from chainrule.show.python import to_python
from chainrule.show.text import to_text

__all__ = ["to_latex", "to_python", "to_text"]
