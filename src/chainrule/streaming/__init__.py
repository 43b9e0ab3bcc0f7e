"""Tables larger than memory: read a chunk at a time, mixed, and learnt from while the next rows are read."""

from chainrule.streaming.findings import stream_findings
from chainrule.streaming.memory import Memory, available
from chainrule.streaming.quality import Mixed, Mixing
from chainrule.streaming.stream import Stream, StreamedTable
from chainrule.streaming.windows import ChunkWindows, StreamedRows

__all__ = [
    "ChunkWindows",
    "Memory",
    "Mixed",
    "Mixing",
    "Stream",
    "StreamedRows",
    "StreamedTable",
    "available",
    "stream_findings",
]
