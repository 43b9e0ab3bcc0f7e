"""What there is to say of a stream before training: what is read, in how much memory, how well it is mixed."""

from __future__ import annotations

from chainrule.show.numbers import bytes_text, counted
from chainrule.streaming.facts import MOST_COUNTED
from chainrule.streaming.stream import Stream, StreamedTable
from chainrule.streaming.windows import ChunkWindows
from chainrule.training import Finding


def stream_findings(stream: Stream, table: StreamedTable, windows: ChunkWindows, batch_size: int) -> list[Finding]:
    """The findings.

    Args:
        stream: the files.
        table: what was learnt of them.
        windows: of an epoch.
        batch_size: rows of a step.
    """
    found, mixing = table.survey, table.mixing(windows.mixed, batch_size)
    files, size = counted(len(stream.paths), "file"), bytes_text(stream.files.size)
    per_epoch = f"in {windows.count} windows of {windows.capacity} rows" if windows.count > 1 else "in one window"
    left = f"; {counted(found.without_target, 'row')} without a target left out" if found.without_target else ""
    findings = [
        Finding(
            "stream",
            "note",
            f"{found.rows} rows are read from {files} ({size}{left}), {per_epoch}: "
            f"at most {bytes_text(stream.memory.bytes)} of memory besides the program itself.",
            evidence={"memory": stream.memory.bytes, "windows": windows.count, "window_rows": windows.capacity},
        ),
        Finding(
            "mixing",
            "note" if mixing.good else "warning",
            f"Shuffling: {mixing.sentence}",
            ""
            if mixing.good
            else "Give more memory, write smaller row groups (10,000 rows or so), or shuffle the files once.",
            mixing.to_json(),
        ),
    ]
    if found.sampled:
        findings.append(
            Finding(
                "sample",
                "note",
                f"Medians come from a sample of {len(found.sample.numbers)} rows; counts, means, standard deviations "
                f"and the categories of columns of up to {MOST_COUNTED:,} are exact.",
            )
        )
    return findings
