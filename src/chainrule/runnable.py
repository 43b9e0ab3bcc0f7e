"""Programs with their readers attached: call one, print it, derive it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule.derivation import derive_program
from chainrule.engines.numpy import compile_program, label_outputs, prepare
from chainrule.errors import ArgumentError, DataError, require
from chainrule.expression import Expression
from chainrule.passes import simplify
from chainrule.program import Program
from chainrule.show import standalone, to_latex, to_python, to_text
from chainrule.trace import atom_expression, expressions_of, trace


class Runnable(Program):
    """A :class:`Program` that can be called and printed.

    ``program(x=2.0)`` runs it on NumPy and returns a dictionary of its outputs; ``print(program)`` shows
    the text that runs; :meth:`latex` and :meth:`text` give the mathematics and plain words.
    """

    @staticmethod
    def of(program: Program) -> Runnable:
        """The same program, with readers."""
        return Runnable(program.name, program.inputs, program.equations, program.outputs)

    def __call__(self, *, dtype: str = "float64", **values: Any) -> dict[str, Any]:
        """Run the program on NumPy: outputs by label.

        Args:
            dtype: ``"float64"`` or ``"float32"``, the precision of every float in it.
            values: a number or an array for each input.
        """
        prepared = prepare(self, values, dtype)
        try:
            with np.errstate(all="ignore"):
                results = self._function(dtype)(*prepared.values())
        except IndexError as error:
            raise DataError(f"{self.name}: an index does not fit what it reads: {error}") from None
        return label_outputs(self, results, dtype)

    def _function(self, dtype: str) -> Callable[..., tuple[Any, ...]]:
        compiled: dict[str, Callable[..., tuple[Any, ...]]] = self.__dict__.setdefault("_compiled", {})
        if dtype not in compiled:
            compiled[dtype] = compile_program(self, dtype)
        return compiled[dtype]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the program; it is compiled again where it runs."""
        return Runnable, (self.name, self.inputs, self.equations, self.outputs)

    def __str__(self) -> str:
        return self.python()

    def python(self, *, helpers: bool = False) -> str:
        """The text that runs; with ``helpers``, a whole file: imports and the functions that it calls come first."""
        return standalone(self) if helpers else to_python(self)

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(v.name for v in self.inputs), ", ".join(label for label, _ in self.outputs)
        return f"<program {self.name}({inputs}) -> {outputs}: {len(self.equations)} equations; print it to read it>"

    def latex(self) -> str:
        """The program as an ``aligned`` LaTeX block."""
        return to_latex(self)

    def text(self) -> str:
        """The program in plain words."""
        return to_text(self)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"


def derive(
    f: Expression | Program,
    wrt: str | Iterable[str | Expression] | None = None,
    *,
    output: str | None = None,
    simplified: bool = True,
) -> Runnable:
    """The value of a formula and its derivatives, as one program.

    Args:
        f: an expression for a single number, or a program (of which the first output is derived, or ``output``).
        wrt: by what to derive: names separated by blanks, or a sequence of names or symbols. Without it,
            every symbol that holds floats.
        output: which output of a program to derive.
        simplified: whether to apply the rewrites; without, the program is what the chain rule alone gives.

    Returns:
        A program whose outputs are ``value`` (or the label of the derived output) and ``dx`` for each ``x`` in ``wrt``.

    >>> import chainrule as cr
    >>> x, w, b = cr.symbols("x w b")
    >>> program = cr.derive(cr.sigmoid(w * x + b), wrt="x w b")
    >>> print(program)
    def value_and_gradients(w, x, b):
        # forward
        value = sigmoid(w * x + b)
        # backward
        db = value * (1 - value)    # from value
        dw = db * x                 # from value
        dx = db * w                 # from value
        return value, dx, dw, db
    <BLANKLINE>
    >>> float(program(x=2.0, w=-1.0, b=0.5)["db"])
    0.14914645207033286
    """
    require(isinstance(f, Program | Expression), f"derive takes an expression or a program, not {f!r}")
    program = f if isinstance(f, Program) else trace({"value": f}, name="value")
    names = _names(wrt)
    if not simplified:
        return Runnable.of(derive_program(program, names, output))
    return Runnable.of(simplify(derive_program(simplify(program), names, output)))


def _names(wrt: str | Iterable[str | Expression] | None) -> list[str] | None:
    if wrt is None:
        return None
    parts = wrt.replace(",", " ").split() if isinstance(wrt, str) else list(wrt)
    names = []
    for part in parts:
        name = part.name if isinstance(part, Expression) and part.is_symbol else part
        if not isinstance(name, str):
            raise ArgumentError(f"derivatives are taken by symbols or their names, not by {part!r}")
        names.append(name)
    require(len(set(names)) == len(names), f"a name stands twice in wrt: {', '.join(names)}")
    return names


def gradient(f: Expression, wrt: Expression | Iterable[Expression]) -> Any:
    """The derivatives of a formula as expressions, so that more can be built on them.

    Args:
        f: an expression for a single number.
        wrt: one symbol, or several.

    Returns:
        One expression for one symbol, else a tuple.

    >>> import chainrule as cr
    >>> x, v = cr.symbols("x v", shape=(3,))
    >>> slope = cr.gradient(cr.sum(x ** 4), x)
    >>> product = cr.derive(cr.sum(slope * v), wrt="x")          # Hessian times v
    >>> product(x=[1.0, 2.0, 3.0], v=[1.0, 0.0, 1.0])["dx"].tolist()
    [12.0, 0.0, 108.0]
    """
    several = not isinstance(wrt, Expression)
    symbols = list(wrt) if not isinstance(wrt, Expression) else [wrt]
    program = derive(f, symbols)
    known = expressions_of(program)
    results = tuple(atom_expression(atom, known) for _, atom in program.outputs[1:])
    return results if several else results[0]


def evaluate(f: Expression, *, dtype: str = "float64", **values: Any) -> Any:
    """The value of an expression for the given values of its symbols.

    >>> import chainrule as cr
    >>> x = cr.symbols("x")
    >>> float(cr.evaluate(cr.exp(x) / 2, x=0.0))
    0.5
    """
    return Runnable.of(trace({"value": f}, name="value"))(dtype=dtype, **values)["value"]
