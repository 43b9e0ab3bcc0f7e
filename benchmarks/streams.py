"""A table on disk, learnt from as a stream, beside the same network on rows in memory: rows a second, peak memory.

Run it: python -m benchmarks.streams --size 200MB
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import write
from chainrule.network import Network
from chainrule.recipes import Recipe
from chainrule.streaming import Memory, StreamedTable

FEATURES = 20
ROW_BYTES = 8 * (FEATURES + 1)
FILE_ROWS = 1 << 20
GROUP_ROWS = 1 << 14
ROWS_IN_MEMORY = 1_000_000


def make(folder: Path, size: str, *, in_order: bool) -> dict[str, Any]:
    """Parquet files of so many bytes, of rows in random order or sorted by the target."""
    start, rows = time.perf_counter(), Memory.of(size).bytes // ROW_BYTES
    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        rng = np.random.default_rng(number)
        count = min(FILE_ROWS, rows - first)
        y = rng.normal(size=count)
        if in_order:  # the quantiles of this file among all
            y = np.sort(y) / 8 + 4 * (first + count / 2) / rows
        noise = rng.normal(size=(count, FEATURES))
        columns = {f"x{n}": noise[:, n] + (n < 4) * (np.sin(y) if n % 2 else y) for n in range(FEATURES)}
        pl.DataFrame({**columns, "y": y}).write_parquet(folder / f"{number:05}.parquet", row_group_size=GROUP_ROWS)
    return {"rows": rows, "seconds": time.perf_counter() - start}


def network_for(table: StreamedTable) -> tuple[Network, Recipe]:
    """What a table of so many rows gets where nobody says."""
    encoder, target = table.encoder, table.encoder.target
    recipe = Recipe.choose(table.rows.rows, len(encoder.feature_names))
    shape = (len(encoder.feature_names), encoder.numbers, encoder.codes, target.outputs)
    return recipe.network(target.task, *shape, seed=0), recipe


def streamed(folder: Path, memory: str) -> dict[str, Any]:
    """One epoch over the files, in this process."""
    before, start = peak(), time.perf_counter()
    table = cr.Stream(folder, memory=memory).learn("y")
    surveyed = time.perf_counter() - start
    network, recipe = network_for(table)
    batch = recipe.batch_rows(table.rows.rows)
    history = network.fit(
        table.rows, None, epochs=1, batch_size=batch, optimizer=recipe.optimizer, validation=table.validation
    )
    return {
        "rows": table.rows.rows,
        "survey_seconds": surveyed,
        "seconds": history.seconds[0],
        "rate": table.rows.rows / history.seconds[0],
        "validation_loss": history.validation_loss[0],
        "peak": peak(),
        "peak_before": before,
    }


def in_memory(folder: Path, memory: str) -> dict[str, Any]:
    """Two epochs over the first rows, of which the second counts: all is compiled and has been touched."""
    table = cr.Stream(sorted(folder.iterdir())[:1], memory=memory).learn("y")
    frame = pl.concat([pl.read_parquet(path) for path in sorted(folder.iterdir())[:1]]).head(ROWS_IN_MEMORY)
    network, recipe = network_for(table)
    X, y = table.encoder.encode(frame), table.encoder.encode_target(frame)
    files = len(list(folder.iterdir()))
    batch = Recipe.choose(files * len(X), X.shape[1]).batch_rows(len(X))
    history = network.fit(X, y, epochs=2, batch_size=batch, optimizer=recipe.optimizer)
    return {"rows": len(X), "seconds": history.seconds[1], "rate": len(X) / history.seconds[1], "peak": peak()}


def peak() -> int:
    """Bytes of memory that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def apart(way: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One of them in a process of its own: what another one took at most would count as taken by this one."""
    command = [sys.executable, "-m", "benchmarks.streams", "--way", way, "--folder", str(folder)]
    command += ["--memory", arguments.memory, "--size", arguments.size, *(["--sorted"] if arguments.sorted else [])]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="200MB", help="of the table, before it is packed")
    parser.add_argument("--memory", default="500MB", help="that the stream may take")
    parser.add_argument("--sorted", action="store_true", help="rows sorted by the target")
    parser.add_argument("--folder", type=Path, help="with the files, which stay; made and deleted by default")
    parser.add_argument("--way", choices=["make", "streamed", "in_memory"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        ways = {"streamed": streamed, "in_memory": in_memory}
        print(
            json.dumps(
                make(arguments.folder, arguments.size, in_order=arguments.sorted)
                if arguments.way == "make"
                else ways[arguments.way](arguments.folder, arguments.memory)
            )
        )
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="chainrule-streams-"))
    try:
        folder.mkdir(exist_ok=True)
        if not any(folder.iterdir()):
            apart("make", folder, arguments)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{size / 1e9:.2f} GB of Parquet in {folder}")
        found = [apart(way, folder, arguments) for way in ("in_memory", "streamed", "in_memory")]
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)
    memory_rate = (found[0]["rate"] + found[2]["rate"]) / 2
    stream = found[1]
    listing = Table("", "rows", "rows a second", "share", "peak memory")
    listing.add_row(
        "in memory", f"{found[0]['rows']:,}", f"{memory_rate:,.0f}", "100 %", f"{found[0]['peak'] / 1e6:.0f} MB"
    )
    share = stream["rate"] / memory_rate
    listing.add_row(
        "streamed", f"{stream['rows']:,}", f"{stream['rate']:,.0f}", f"{share:.0%}", f"{stream['peak'] / 1e6:.0f} MB"
    )
    Console().print(listing)
    print(f"Before training, the stream was read once in {stream['survey_seconds']:.0f} s.")
    write("streams", {"bytes": size, "memory": arguments.memory, "in_memory": found[::2], "streamed": stream})


if __name__ == "__main__":
    main()
