"""How a network leaves for other programs: ONNX, Python, source code of frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.network.computing import Computing
from chainrule.network.kept import Kept

if TYPE_CHECKING:
    from chainrule.export import Exported


class Exportable(Computing, Kept):
    """Exports; see :class:`chainrule.Network`."""

    def export(self, path: str | Path, format: str | None = None, *, X: Any = None) -> Exported:
        """Write the network for another program, run what was written, and compare it with :meth:`predict`.

        Args:
            path: the file, or the folder for ``"safetensors"``.
            format: ``"onnx"``, ``"python"`` (one file that needs Python alone), ``"numpy"``, ``"jax"``, ``"torch"``,
                ``"keras"`` (source code, with the weights in a file beside it) or ``"safetensors"``; by default the
                file's ending decides.
            X: rows on which the two are compared; random ones by default.

        Returns:
            What was written, with the largest difference; it is written in the file too.

        Raises:
            ChainruleError: where a prediction differs by more than 1e-5; then nothing is written.

        >>> import chainrule as cr, tempfile
        >>> net = cr.mlp([2, 4, 1], loss="binary_cross_entropy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     exported = net.export(f"{folder}/net.py")
        >>> exported.check.rows, exported.check.largest_difference < 1e-6
        (200, True)
        """
        from chainrule.export import export_network, random_rows, subject_of_network

        subject = subject_of_network(self.program("predict"), self.arrays(), self.dtype)
        rows = random_rows(subject) if X is None else self.prepare_inputs(X)
        of = "drawn at random" if X is None else "of those given"
        return export_network(subject, path, format, rows, lambda data: {"prediction": self.predict(data)}, of)
