"""What a look at a training run finds: a sentence, the numbers behind it, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar, get_args

Severity = Literal["warning", "note", "good"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""The weightiest first."""

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        name: what it is called: ``"overfitting"``.
        severity: ``"warning"`` (something to mend), ``"note"`` (worth knowing) or ``"good"`` (as it should be).
        sentence: what was found, with its numbers.
        remedy: what to do about it; empty where there is nothing to do.
        evidence: the numbers by name.
    """

    name: str
    severity: Severity
    sentence: str
    remedy: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence, and what to do."""
        return f"{self.sentence} {self.remedy}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON can hold them."""
        return asdict(self)


@dataclass(frozen=True)
class Rule(Generic[T]):
    """How one kind of finding is found.

    Attributes:
        name: of the finding.
        holds: when it is found, with the threshold, in words.
        source: where the rule or its threshold comes from.
        look: from what is known of a run to the finding; ``None`` where there is none, or too little is known.
    """

    name: str
    holds: str
    source: str
    look: Callable[[T], Finding | None]
