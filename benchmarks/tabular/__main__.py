"""``python -m benchmarks.tabular``: the defaults on real tables, beside other libraries' defaults.

Runs that were made before are kept in ``benchmarks/results/tabular.jsonl`` and not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings

from benchmarks.measure import RESULTS, machine
from benchmarks.tabular.contestants import CONTESTANTS
from benchmarks.tabular.measure import Run, measure
from benchmarks.tabular.sets import SETS
from benchmarks.tabular.table import markdown

FILE = RESULTS / "tabular.jsonl"


def main() -> None:
    """Make the runs that are missing, in turn; then print the table."""
    names = [table.name for table in SETS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular", description=__doc__)
    parser.add_argument("--tables", default=",".join(names), help="which, with commas between them")
    parser.add_argument("--contestants", default=",".join(CONTESTANTS), help="who, with commas between them")
    parser.add_argument("--seeds", type=int, default=5, help="splits of each table")
    parser.add_argument("--again", action="store_true", help="make runs again that were made before")
    parser.add_argument("--untimed", action="store_true", help="the machine is busy: note no seconds")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of other libraries, about convergence
    RESULTS.mkdir(exist_ok=True)
    runs = {(run.table, run.who, run.seed): run for run in read()}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CHAINRULE_CACHE"] = cache  # nothing is compiled before
        for seed in range(arguments.seeds):
            for table in SETS:
                for who in arguments.contestants.split(","):
                    key = (table.name, who, seed)
                    if table.name not in arguments.tables.split(",") or (key in runs and not arguments.again):
                        continue
                    runs[key] = measure(table, who, seed, timed=not arguments.untimed)
                    print(json.dumps(runs[key].to_json()), flush=True)
                    with FILE.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(runs[key].to_json()) + "\n")
    print(json.dumps(machine()))
    print(markdown(list(runs.values())))


def read() -> list[Run]:
    """The runs that were made before."""
    if not FILE.exists():
        return []
    return [Run(**json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
