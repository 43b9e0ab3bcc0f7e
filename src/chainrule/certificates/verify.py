"""A certificate, judged again from its file alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.certificates.certificate import FORMAT, Certificate, Finding, seal
from chainrule.certificates.judge import judge
from chainrule.certificates.statement import Statement
from chainrule.errors import DataError

VALUE = 1e-9
"""Relative difference that the value may have on another computer."""


@dataclass(frozen=True, eq=False)
class Verification:
    """A certificate beside the one that came out when its check was repeated; true if both hold.

    Attributes:
        recorded: whether the file says that every derivative holds.
        certificate: what the repeated check found.
    """

    recorded: bool
    certificate: Certificate

    def __bool__(self) -> bool:
        return self.recorded and bool(self.certificate)

    @property
    def agrees(self) -> bool:
        """Whether both come to the same verdict."""
        return self.recorded == bool(self.certificate)


def verify(path: str | Path) -> Verification:
    """Repeat the check of a certificate that :meth:`Certificate.save` wrote.

    The program in the file is run again, its inputs are moved, and the claimed derivatives are compared with what
    comes out. Bounds are formed anew; nothing in the file decides them but the program.

    Args:
        path: the ``.json`` file.

    Raises:
        DataError: if the file is no certificate, was changed after it was written, or holds no program.

    >>> import chainrule as cr
    >>> x = cr.symbols("x")
    >>> written = cr.check(cr.derive(x * x), x=3.0).save("certificate.json")
    >>> verification = cr.verify("certificate.json")
    >>> bool(verification), verification.agrees
    (True, True)
    >>> written.unlink()
    """
    content = _read(Path(path))
    if content.get("statement", {}) is None:
        raise DataError(
            f"{path} is about functions of which nothing but their Python text is known, which no file holds: "
            "repeat the check with cr.check"
        )
    try:
        statement = Statement.from_json(content["statement"])
        certificate = Certificate(
            str(content["subject"]),
            statement.forward().value,
            judge(statement),
            Finding(**content["finding"]) if content["finding"] else None,
            statement,
        )
        _compare(content, certificate)
        return Verification(bool(content["holds"]), certificate)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error}") from None


def _read(path: Path) -> Mapping[str, Any]:
    """The content of a file, if it is a certificate as it was written."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is no certificate: it is not JSON") from None
    if not isinstance(content, dict) or content.get("kind") != "gradient certificate":
        raise DataError(f"{path} is no certificate: write one with chainrule check --out, or certificate.save")
    if content.get("format") != FORMAT:
        raise DataError(f"{path} has format {content.get('format')}; this version of chainrule reads {FORMAT}")
    if content.get("sha256") != seal(content):
        raise DataError(f"{path} was changed after it was written: its SHA-256 differs")
    return content


def _compare(content: Mapping[str, Any], certificate: Certificate) -> None:
    """Make sure that the numbers in the file are those of its program."""
    assert certificate.statement is not None
    statement, plan = certificate.statement, certificate.statement.plan()
    with np.errstate(all="ignore"):
        values = plan.run({name: np.asarray(a)[None] for name, a in statement.values.items()})
    for record, c in zip(content["comparisons"], certificate.comparisons, strict=True):
        for what, own in (("name", c.name), ("shape", list(c.shape)), ("elements", c.elements.tolist())):
            if record[what] != own:
                raise ValueError(f"the derivatives by {c.name} have another {what} in the program")
        computed = np.broadcast_to(plan.of_output(statement.gradients[c.name], values)[0], c.shape)
        for what, words, numbers, apart in (
            ("claimed", "claimed derivatives", np.asarray(computed).reshape(-1)[c.elements], c.bound),
            ("measured", "measured derivatives", c.measured, c.bound),
            ("error", "errors of the derivatives", c.error, c.allowed),
        ):
            if not _near(record[what], numbers, apart):
                raise ValueError(f"the {words} by {c.name} are not those of its program")
        if record["holds"] != c.holds.tolist():
            raise ValueError(f"the verdicts on the derivatives by {c.name} are not those of its program")
    _compare_summary(content, certificate)


def _compare_summary(content: Mapping[str, Any], certificate: Certificate) -> None:
    """Make sure that what the file says of the whole is what it says of the parts."""
    if not certificate.checked:
        raise ValueError("it checks no derivative")
    for what, own in (("checked", certificate.checked), ("total", certificate.total)):
        if content[what] != own:
            raise ValueError(f"{what} is {content[what]}, but its program has {own}")
    if not _near(content["value"], certificate.value, VALUE * abs(certificate.value)):
        raise ValueError(f"the value is {content['value']}, but its program gives {certificate.value}")
    largest = np.max([np.max(np.asarray(r["error"], np.float64), initial=0.0) for r in content["comparisons"]])
    if not _near(content["max_error"], largest, 0.0):
        raise ValueError(f"max_error is {content['max_error']}, but the largest of its errors is {largest}")


def _near(written: Any, numbers: Any, apart: Any) -> bool:
    """Whether numbers of a file are the computed ones; what is not finite there is not finite here."""
    read = np.asarray(written, np.float64)
    with np.errstate(invalid="ignore"):
        return bool(np.all((np.abs(read - numbers) <= apart) | ~(np.isfinite(read) | np.isfinite(numbers))))
