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
    if content["statement"] is None:
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
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    return Verification(bool(content["holds"]), certificate)


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
        computed = np.broadcast_to(plan.of_output(statement.gradients[c.name], values)[0], c.shape)
        for what, numbers in (
            ("claimed", np.asarray(computed).reshape(-1)[c.elements]),
            ("measured", c.measured),
        ):
            written = np.asarray(record[what], np.float64)
            same = (np.abs(written - numbers) <= c.bound) | ~(np.isfinite(written) | np.isfinite(numbers))
            if not np.all(same):
                raise ValueError(f"the {what} derivatives by {c.name} are not those of its program")
