"""A gallery of published examples: what was printed, computed again to the digits given.

``entries()`` lists them, ``show("mazur")`` computes one and shows its page: the source, the published numbers beside
the computed ones, where the source differs and why, the derived program, and the code that did it.
"""

from chainrule.gallery.catalogue import ENTRIES, Gallery, entries, show
from chainrule.gallery.entry import Deviation, Entry, Work
from chainrule.gallery.page import Compared, Recomputed

__all__ = ["ENTRIES", "Compared", "Deviation", "Entry", "Gallery", "Recomputed", "Work", "entries", "show"]
