"""The file in which work is handed in: a problem and the answers to it, as TOML.

A file has either ``[network]``, ``[weights]`` and ``[data]``, or ``[formulas]`` and ``[values]``; then ``[answers]``.
``docs/check-work.md`` describes it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from chainrule.errors import ChainruleError, DataError, unknown_name
from chainrule.explain import notation_of
from chainrule.network import Network, mlp
from chainrule.work.checking import mark
from chainrule.work.counts import training_counts
from chainrule.work.marked import Marked
from chainrule.work.problem import Problem, formula_problem, network_problem

_SECTIONS: dict[str, Any] = {
    "notation": str,
    "lr": (int, float, Decimal),
    "names": Mapping,
    "network": Mapping,
    "weights": Mapping,
    "data": Mapping,
    "formulas": Mapping,
    "values": Mapping,
    "training": Mapping,
    "answers": Mapping,
}

MOST_BYTES = 1_000_000


@dataclass(frozen=True, eq=False)
class Work:
    """A problem and the answers to it, as a file holds them."""

    problem: Problem
    answers: Mapping[str, Any]

    def check(self) -> Marked:
        """The verdict on each answer."""
        return mark(self.problem, self.answers)


def read_work(path: str | Path) -> Work:
    """Read a file of answers.

    Raises:
        DataError: where it cannot be read; says what is wrong and where.
    """
    place = Path(path)
    try:
        if place.stat().st_size > MOST_BYTES:
            raise DataError(f"{place} is too large for work that is done by hand: at most {MOST_BYTES:,} bytes")
        described = tomllib.loads(place.read_text(encoding="utf-8"), parse_float=Decimal)
    except UnicodeDecodeError:
        raise DataError(f"{place} is no text in UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{place} is no TOML: {error}; a formula stands in quotes") from None
    try:
        return work_of(described)
    except ChainruleError as error:
        raise DataError(f"{place}: {error}") from None


def work_of(described: Mapping[str, Any]) -> Work:
    """The problem and the answers of a description, as TOML gives it."""
    for name, value in described.items():
        if name not in _SECTIONS:
            raise unknown_name("section", name, _SECTIONS)
        if not isinstance(value, _SECTIONS[name]):
            raise DataError(
                f"{name} holds {value!r:.40}; it is a {'section' if _SECTIONS[name] is Mapping else 'value'}"
            )
    if ("network" in described) == ("formulas" in described):
        raise DataError("the file needs a section [network] or a section [formulas], one of the two")
    problem = _network(described) if "network" in described else _formulas(described)
    training = described.get("training")
    if training is not None:
        _known(training, ("rows", "batch_size", "epochs"), "training")
        counts = training_counts(*(_need(training, key, "training") for key in ("rows", "batch_size", "epochs")))
        problem = replace(problem, counts={**problem.counts, **counts})
    return Work(problem, described.get("answers", {}))


def network_of(described: Mapping[str, Any]) -> Network:
    """The network of a description, with its weights."""
    settings = described["network"]
    _known(settings, ("sizes", "hidden", "output", "loss", "bias"), "network")
    chosen = {name: value for name, value in settings.items() if name != "sizes"}
    network = mlp(_need(settings, "sizes", "network"), dtype="float64", **chosen)
    weights = described.get("weights", {})
    _known(weights, tuple(network.parameters), "weights")
    for name in network.parameters:
        network.parameters[name] = _plain(_need(weights, name, "weights"))
    return network


def _network(described: Mapping[str, Any]) -> Problem:
    network = network_of(described)
    data = described.get("data", {})
    _known(data, ("x", "y"), "data")
    x, y = (_plain(_need(data, key, "data")) for key in ("x", "y"))
    notation = notation_of(described.get("notation", "names"))
    names = {str(name): str(text) for name, text in described.get("names", {}).items()}
    if names:
        notation = replace(notation, names=names)
    return network_problem(network, x, y, notation, float(described.get("lr", 0.1)))


def _formulas(described: Mapping[str, Any]) -> Problem:
    formulas = {name: str(text) for name, text in described["formulas"].items()}
    return formula_problem(formulas, _plain(described.get("values", {})), float(described.get("lr", 0.1)))


def _known(section: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in section:
        if name not in names:
            raise unknown_name(f"setting in [{where}]", name, names)


def _need(section: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in section:
        raise DataError(f"the section [{where}] needs {name}")
    return section[name]


def _plain(value: Any) -> Any:
    """Numbers with digits as floats."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def to_toml(described: Mapping[str, Any], comment: str = "") -> str:
    """A description as the text of a file.

    >>> print(to_toml({"lr": 0.1, "answers": {"dL/dW1": ""}}, "Exercise"))
    # Exercise
    <BLANKLINE>
    lr = 0.1
    <BLANKLINE>
    [answers]
    "dL/dW1" = ""
    <BLANKLINE>
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += ["", *(f"{key} = {_toml(value)}" for key, value in described.items() if not isinstance(value, Mapping))]
    for name, section in described.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").isalnum() else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
