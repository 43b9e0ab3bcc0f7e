"""Programs as text: Python, LaTeX, plain words. Deterministic; nothing is run."""

from chainrule.show.latex import to_latex
from chainrule.show.python import standalone, to_python
from chainrule.show.text import to_text

__all__ = ["standalone", "to_latex", "to_python", "to_text"]
