"""The table of results, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log
from statistics import fmean, stdev

from benchmarks.tabular.measure import Run
from benchmarks.tabular.sets import SETS

REFERENCE = "RealMLP"


def markdown(runs: Sequence[Run]) -> str:
    """Each table's errors and seconds, and what they come to."""
    who = list(dict.fromkeys(run.who for run in runs))
    lines = [
        "Error (1 - accuracy in %, or RMSE), mean ± standard deviation over the seeds; *: the difference from "
        f"{REFERENCE} exceeds the spread over the seeds.\n",
        *_grid(runs, who, _error),
        "\nSeconds to learn and to predict, geometric mean over the seeds that were timed.\n",
        *_grid(runs, who, _seconds_of),
    ]
    rows: dict[str, Callable[[str], str]] = {
        f"error relative to {REFERENCE}, geometric mean": lambda name: f"{_relative(runs, name, _errors):.3f}",
        f"log loss relative to {REFERENCE}": lambda name: f"{_relative(runs, name, _log_losses):.3f}",
        f"tables with a smaller error than {REFERENCE}": lambda name: _wins(runs, name, REFERENCE),
        "tables with a smaller error than scikit-learn's MLP": lambda name: _wins(runs, name, "scikit-learn MLP"),
        "more accurate than logistic regression / of these with a smaller log loss": lambda name: _surer(runs, name),
        "seconds, geometric mean": lambda name: f"{_seconds(runs, name):.2f}",
        f"seconds relative to {REFERENCE}": lambda name: f"{_relative(runs, name, _times):.3f}",
    }
    lines += ["", f"| together | {' | '.join(who)} |", f"|---|{'---|' * len(who)}"]
    lines += [f"| {title} | {' | '.join(cell(name) for name in who)} |" for title, cell in rows.items()]
    return "\n".join(lines)


def _grid(runs: Sequence[Run], who: Sequence[str], cell: Callable[[Sequence[Run], str, str], str]) -> list[str]:
    """A row for each table, a column for each contestant."""
    lines = [f"| table | rows x columns | {' | '.join(who)} |", f"|---|---|{'---|' * len(who)}"]
    for table in SETS:
        if any(run.table == table.name for run in runs):
            frame = table.table()
            cells = [cell(runs, table.name, name) for name in who]
            lines.append(f"| {table.name} | {frame.height} x {frame.width - 1} | {' | '.join(cells)} |")
    return lines


def _of(runs: Sequence[Run], table: str, who: str) -> list[Run]:
    return sorted((r for r in runs if r.table == table and r.who == who), key=lambda r: r.seed)


def _error(runs: Sequence[Run], table: str, who: str) -> str:
    found = _of(runs, table, who)
    if not found:
        return "-"
    factor = 100 if found[0].log_loss is not None else 1
    errors = [factor * run.error for run in found]
    spread = f" ± {stdev(errors):.3g}" if len(errors) > 1 else ""
    return f"{fmean(errors):.4g}{spread}{'*' if _differs(runs, table, who) else ''}"


def _differs(runs: Sequence[Run], table: str, who: str) -> bool:
    """Whether the mean of the paired differences is more than twice its standard error."""
    theirs = {run.seed: run.error for run in _of(runs, table, REFERENCE)}
    differences = [run.error - theirs[run.seed] for run in _of(runs, table, who) if run.seed in theirs]
    if who == REFERENCE or len(differences) < 2:
        return False
    return bool(abs(fmean(differences)) > 2 * stdev(differences) / len(differences) ** 0.5)


def _errors(found: Sequence[Run]) -> float | None:
    """The mean error; of classes at least half a row, so that a table without errors has a logarithm."""
    least = 0.5 / found[0].rows / len(found) if found[0].log_loss is not None else 0.0
    return max(fmean(run.error for run in found), least)


def _log_losses(found: Sequence[Run]) -> float | None:
    return None if found[0].log_loss is None else fmean(run.log_loss or 0.0 for run in found)


def _times(found: Sequence[Run]) -> float | None:
    timed = [log(run.seconds) for run in found if run.seconds is not None]
    return exp(fmean(timed)) if timed else None


def _seconds_of(runs: Sequence[Run], table: str, who: str) -> str:
    found = _of(runs, table, who)
    seconds = _times(found) if found else None
    return "-" if seconds is None else f"{seconds:.2f}"


def _pairs(
    runs: Sequence[Run], who: str, reference: str, of: Callable[[Sequence[Run]], float | None]
) -> list[tuple[float, float]]:
    """What two contestants reached on the tables that both had, over the seeds that both had."""
    pairs = []
    for table in SETS:
        ours, theirs = _of(runs, table.name, who), _of(runs, table.name, reference)
        seeds = {run.seed for run in ours} & {run.seed for run in theirs}
        if seeds:
            values = [of([run for run in some if run.seed in seeds]) for some in (ours, theirs)]
            if values[0] is not None and values[1] is not None:
                pairs.append((values[0], values[1]))
    return pairs


def _relative(runs: Sequence[Run], who: str, of: Callable[[Sequence[Run]], float | None]) -> float:
    pairs = _pairs(runs, who, REFERENCE, of)
    return exp(fmean(log(ours / theirs) for ours, theirs in pairs)) if pairs else float("nan")


def _wins(runs: Sequence[Run], who: str, reference: str) -> str:
    pairs = _pairs(runs, who, reference, _errors)
    return "-" if who == reference else f"{sum(ours < theirs for ours, theirs in pairs)} of {len(pairs)}"


def _surer(runs: Sequence[Run], who: str) -> str:
    errors, losses = (
        _pairs([r for r in runs if r.log_loss is not None], who, "linear", of) for of in (_errors, _log_losses)
    )
    better = [loss for error, loss in zip(errors, losses, strict=True) if error[0] < error[1]]
    return "-" if who == "linear" else f"{len(better)} / {sum(ours <= theirs for ours, theirs in better)}"


def _seconds(runs: Sequence[Run], who: str) -> float:
    timed = [log(run.seconds) for run in runs if run.who == who and run.seconds is not None]
    return exp(fmean(timed)) if timed else float("nan")
