"""Models for other programs: ONNX, Python, source code of frameworks, safetensors; each checked before it is kept."""

from chainrule.export.checked import Check
from chainrule.export.exporting import Exported, export_network, export_table, random_rows
from chainrule.export.formats import FORMATS
from chainrule.export.preprocessing import synthetic
from chainrule.export.subject import subject_of_network, subject_of_table

__all__ = [
    "FORMATS",
    "Check",
    "Exported",
    "export_network",
    "export_table",
    "random_rows",
    "subject_of_network",
    "subject_of_table",
    "synthetic",
]
