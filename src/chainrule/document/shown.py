"""Results that show themselves as a page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from chainrule.document.blocks import Document


class Shown(ABC):
    """A result with a page: ``print`` shows it in a terminal, a notebook shows it as HTML."""

    @property
    @abstractmethod
    def document(self) -> Document:
        """The page."""

    @property
    def text(self) -> str:
        """The page for a terminal."""
        return self.document.text

    @property
    def latex(self) -> str:
        """The page as a LaTeX file."""
        return self.document.latex

    @property
    def html(self) -> str:
        """The page as one HTML file that needs no network."""
        return self.document.html

    def save(self, path: str | Path) -> Path:
        """Write the page; the ending of the name decides how: ``.html``, ``.tex`` or ``.txt``."""
        return self.document.save(path)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.document._repr_html_()
