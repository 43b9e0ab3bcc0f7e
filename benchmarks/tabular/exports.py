"""``python -m benchmarks.tabular.exports``: exported models beside ``predict``, on the rows of every table.

Prints the largest difference of each format, on 2000 evenly spaced rows of a larger table. Of a format whose framework
is not installed it says so, and of one that is off by more than 1e-5, how.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.tabular.sets import SETS, TableSet
from chainrule.errors import ChainruleError
from chainrule.export import FORMATS
from chainrule.tabular import TableModel


def largest_differences(table: TableSet) -> dict[str, str]:
    """Train a model of a table for a moment, since any weights will do; export it, and compare."""
    frame = table.table()
    model = TableModel.train(frame, table.target, task=table.task, members=2, epochs=3)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, form in FORMATS.items():
            path = Path(folder, f"model_{name}{form.ending}")
            try:
                check = model.export(path, name, table=frame).check
            except ChainruleError as error:
                found[name] = str(error)
            else:
                found[name] = f"{check.largest_difference:.0e}" if check else "not installed"
    return found


def main() -> None:
    """Print a row of the table as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular.exports", description=__doc__)
    parser.add_argument("--tables", default=",".join(t.name for t in SETS), help="which, with commas between them")
    names = parser.parse_args().tables.split(",")
    print(f"| table | rows | {' | '.join(FORMATS)} |\n|---|--:|{'--:|' * len(FORMATS)}")
    for table in SETS:
        if table.name in names:
            differences = largest_differences(table)
            print(f"| {table.name} | {table.table().height} | {' | '.join(differences.values())} |", flush=True)


if __name__ == "__main__":
    main()
