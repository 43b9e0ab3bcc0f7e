"""Expressions, which users write and rules return, and the record that defines an operation.

An :class:`Expression` is one value of a formula: a symbol, a number, or an operation applied to other
expressions. It is immutable and knows its shape and element type. An :class:`Operation` is the one
place where an operation exists; calling it builds an expression.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from chainrule.errors import ArgumentError, ProgramError, ShapeError, UnknownNameError, require
from chainrule.shapes import DType, Shape, Size, as_shape, parse_index, show_shape

Role: TypeAlias = Literal["input", "parameter", "state", "constant"]
Number: TypeAlias = float | int
Operand: TypeAlias = "Expression | float | int"
Gradient: TypeAlias = "Expression | float | None"

REQUIRED = object()
"""Marks an attribute of an operation that has no default."""

ATOM = 100
"""Precedence of what never needs parentheses: names, calls, indexing."""


@dataclass(frozen=True)
class Spelling:
    """How an operation is written: a template, and the precedence of what it yields.

    In the template ``{x:20}`` stands for the argument ``x``, in parentheses if its own precedence is
    below 20. Where attributes change the form, the template is a function of the operands and attributes.
    With ``helper``, it calls a function that engines make from the expansion.
    """

    template: str | Callable[..., str]
    precedence: int | Callable[..., int] = ATOM
    helper: bool = False


@dataclass(frozen=True)
class Kink:
    """A point where an operation has no derivative, the value chosen there, and why.

    ``point`` gives the arguments, ``slopes`` the chosen partial derivative by each of them.
    """

    point: tuple[float, ...]
    slopes: tuple[float, ...]
    reason: str

    def __post_init__(self) -> None:
        fits = isinstance(self.point, tuple) and isinstance(self.slopes, tuple) and len(self.point) == len(self.slopes)
        require(fits, f"a kink has a tuple of arguments and one of slopes, as in Kink((0.0,), (0.5,), why), not {self}")


@dataclass(frozen=True)
class Example:
    """Arguments on which tests try an operation: shapes (or element types with bounds) and attributes."""

    shapes: tuple[Shape, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Operation:
    """Everything that chainrule knows about one operation, in one place.

    Attributes:
        name: the name, also that of the public function.
        arguments: names of the arguments; a single name with a star takes any number.
        shape: from the shapes of the arguments (and the attributes) to that of the value.
        python: the NumPy spelling: executed by engines, read by people.
        latex: the same in LaTeX.
        words: the same in plain words.
        vjp: the vector-Jacobian rule ``(g, out, *arguments, **attributes) -> adjoints``, in expressions.
            ``None`` in the place of an argument says "not differentiable here", which is not zero.
        expansion: the value in terms of other operations; without it, engines implement the operation.
        kind: how element types combine: ``float`` (all arguments become floats), ``promote``,
            ``compare`` (promoted arguments, a truth value), ``same`` (that of the first argument),
            ``select`` (condition, then promoted), ``int`` (arguments as they are, a whole number),
            ``number`` (arguments as they are, a float).
        defaults: numbers used for arguments that are left out.
        attributes: structural settings (an axis, a shape) with their defaults.
        domain: an interval for each argument, from which tests draw points (the last repeats).
        kinks: points without a derivative, each with the chosen value and the reason.
        examples: shapes and attributes that tests try, where broadcasting of one shape is not the point.
        analytic: whether a complex step measures its derivative.
        weak: what Python does with plain numbers (``2 * 3``), where it does the same.
        flops: floating-point operations, as a product of sizes to add up: ``(out, *shapes) -> shape``.
        facts: what is known of the value, from the arguments (``rows_sum_to_one``).
        accuracy: maximal error of the value in units in the last place, measured inside the domain.
        note: accuracy of the derivative and other remarks, where that matters.
        source: where value and rule come from.
    """

    name: str
    arguments: tuple[str, ...]
    shape: Callable[..., Shape]
    python: Spelling
    latex: Spelling
    words: Spelling
    vjp: Callable[..., Sequence[Gradient]] | None = None
    expansion: Callable[..., Expression] | None = None
    kind: Literal["float", "promote", "compare", "same", "select", "int", "number"] = "float"
    defaults: Mapping[str, Number] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),)
    kinks: tuple[Kink, ...] = ()
    examples: tuple[Example, ...] = ()
    analytic: bool = False
    weak: Callable[..., Any] | None = None
    flops: Callable[..., Shape] = lambda out, *shapes: out
    facts: Callable[..., frozenset[str]] = lambda *arguments, **attributes: frozenset()
    accuracy: float = 4.0
    note: str = ""
    source: str = ""

    @property
    def primitive(self) -> bool:
        """Whether engines implement it (it has no expansion)."""
        return self.expansion is None

    @property
    def variadic(self) -> bool:
        """Whether it takes any number of arguments."""
        return bool(self.arguments) and self.arguments[0].startswith("*")

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles name the operation: it must be registered where they are read."""
        return registered, (self.name,)

    def __call__(self, *arguments: Operand, **settings: Any) -> Expression:
        """Apply the operation: an expression of its value. Settings may follow the arguments, or go by name."""
        attributes = dict(self.attributes)
        if not self.variadic and len(arguments) > len(self.arguments):
            further = arguments[len(self.arguments) :]
            settings = dict(zip(attributes, further, strict=False)) | settings
            arguments = arguments[: len(self.arguments) + max(0, len(further) - len(attributes))]
        for key in [k for k in settings if k in attributes]:
            attributes[key] = settings.pop(key)
        missing = [key for key, value in attributes.items() if value is REQUIRED]
        require(not missing, f"{self.name} needs {' and '.join(missing)}")
        return apply(self, [lift(a) for a in self._bind(arguments, settings)], attributes)

    def _bind(self, arguments: Sequence[Operand], named: Mapping[str, Operand]) -> list[Operand]:
        if self.variadic:
            require(not named, f"{self.name} has no argument {next(iter(named), '')!r}")
            require(len(arguments) > 0, f"{self.name} needs at least one argument")
            return list(arguments)
        values: dict[str, Operand] = {
            **self.defaults,
            **dict(zip(self.arguments, arguments, strict=False)),
            **named,
        }
        signature = f"{self.name}({', '.join([*self.arguments, *self.attributes])})"
        fits = len(arguments) <= len(self.arguments) and set(values) == set(self.arguments)
        if not fits or set(named) & set(self.arguments[: len(arguments)]):
            given = ", ".join([*map(str, arguments), *(f"{k}={v}" for k, v in named.items())])
            raise ArgumentError(f"{signature} was called with ({given})")
        return [values[name] for name in self.arguments]


REGISTRY: dict[str, Operation] = {}
"""Every operation by name: the only module state."""


def register(operation: Operation) -> Operation:
    """Put an operation into the registry; names are unique."""
    check_name(operation.name)
    require(operation.name not in REGISTRY, f"an operation named {operation.name!r} exists already")
    REGISTRY[operation.name] = operation
    return operation


def registered(name: str) -> Operation:
    """The operation of that name."""
    if name not in REGISTRY:
        raise UnknownNameError(f"the operation {name} is not defined: define your own before it is read")
    return REGISTRY[name]


@dataclass(frozen=True)
class Label:
    """What people see of a value: its name, what it is the derivative of and by what, where it comes from.

    Without a section of its own, a value belongs to that of the named value that needs it.
    """

    name: str | None = None
    adjoint_of: str | None = None
    derivative: tuple[str, ...] = ()
    origin: str = ""
    section: str = ""


NO_LABEL = Label()


class Expression:
    """One value of a formula, with its shape and element type. Compared by identity.

    Combine with ``+ - * / ** @``, comparisons, indexing, and the functions of the package.
    """

    __slots__ = (
        "arguments",
        "attributes",
        "dtype",
        "facts",
        "is_weak",
        "label",
        "literal",
        "operation",
        "role",
        "shape",
    )
    __array_ufunc__ = None  # NumPy arrays leave the operators to us
    __iter__ = None

    def __init__(
        self,
        shape: Shape,
        dtype: DType = "float",
        *,
        operation: Operation | None = None,
        arguments: tuple[Expression, ...] = (),
        attributes: Mapping[str, Any] = MappingProxyType({}),
        label: Label = NO_LABEL,
        role: Role | None = None,
        literal: Number | None = None,
        facts: frozenset[str] = frozenset(),
    ) -> None:
        self.shape, self.dtype, self.operation = shape, dtype, operation
        self.arguments, self.attributes = arguments, attributes
        self.label, self.role, self.literal, self.facts = label, role, literal, facts
        # A plain Python number when it runs, of double precision, that takes on the type of what it meets:
        # a literal, a size, a constant such as a learning rate, or arithmetic on those.
        self.is_weak: bool = literal is not None or (
            shape == ()
            and dtype == "float"
            and (
                role == "constant"
                or (operation is not None and operation.name == "size")
                or (operation is not None and operation.weak is not None and all(a.is_weak for a in arguments))
            )
        )

    @property
    def name(self) -> str | None:
        """The name that a person gave, or the chain rule (``dz`` for the adjoint of ``z``)."""
        return self.label.name

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def is_symbol(self) -> bool:
        """Whether it is a free variable."""
        return self.role is not None

    def labelled(self, label: Label) -> Expression:
        """The same value under a label; symbols, numbers and named values keep what they have."""
        if self.operation is None or self.label.name is not None:
            return self
        return Expression(
            self.shape,
            self.dtype,
            operation=self.operation,
            arguments=self.arguments,
            attributes=self.attributes,
            label=label,
            facts=self.facts,
        )

    def named(self, name: str) -> Expression:
        """The same value under a name that programs and derivations show."""
        check_name(name)
        return self.labelled(replace(self.label, name=name))

    def __repr__(self) -> str:
        what = self.literal if self.literal is not None else self.name
        if what is None and self.operation is not None:
            what = f"{self.operation.name}(...)"
        return f"<{what}: {self.dtype} {show_shape(self.shape)}>"

    def __bool__(self) -> bool:
        raise ArgumentError("an expression has no truth value before it runs: use cr.where(condition, a, b)")

    def __add__(self, other: Operand) -> Expression:
        return REGISTRY["add"](self, other)

    def __radd__(self, other: Operand) -> Expression:
        return REGISTRY["add"](other, self)

    def __sub__(self, other: Operand) -> Expression:
        return REGISTRY["subtract"](self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return REGISTRY["subtract"](other, self)

    def __mul__(self, other: Operand) -> Expression:
        return REGISTRY["multiply"](self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return REGISTRY["multiply"](other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return REGISTRY["divide"](self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return REGISTRY["divide"](other, self)

    def __pow__(self, other: Operand) -> Expression:
        return REGISTRY["power"](self, other)

    def __rpow__(self, other: Operand) -> Expression:
        return REGISTRY["power"](other, self)

    def __matmul__(self, other: Expression) -> Expression:
        if not isinstance(other, Expression) or self.rank == 0 or other.rank == 0:
            raise ShapeError(f"a matrix product needs arrays on both sides: {self!r} @ {other!r}")
        left = self.reshape(1, *self.shape) if self.rank == 1 else self
        right = other.reshape(*other.shape, 1) if other.rank == 1 else other
        product = REGISTRY["matmul"](left, right)
        if self.rank > 1 and other.rank > 1:
            return product
        kept = product.shape[:-2] + product.shape[-2:-1] * (self.rank > 1) + product.shape[-1:] * (other.rank > 1)
        return product.reshape(*kept)

    def __neg__(self) -> Expression:
        return REGISTRY["negative"](self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return REGISTRY["abs"](self)

    def __lt__(self, other: Operand) -> Expression:
        return REGISTRY["less"](self, other)

    def __le__(self, other: Operand) -> Expression:
        return REGISTRY["less_equal"](self, other)

    def __gt__(self, other: Operand) -> Expression:
        return REGISTRY["greater"](self, other)

    def __ge__(self, other: Operand) -> Expression:
        return REGISTRY["greater_equal"](self, other)

    def __getitem__(self, key: Any) -> Expression:
        bounds, kept = parse_index(self.shape, key)
        return REGISTRY["slice"](self, bounds=bounds).reshape(*kept)

    @property
    def T(self) -> Expression:  # noqa: N802  (NumPy's name)
        """The value with its axes reversed."""
        return REGISTRY["transpose"](self)

    def reshape(self, *shape: Size) -> Expression:
        """The same elements in another shape."""
        if shape == self.shape:
            return self
        return REGISTRY["reshape"](self, shape=as_shape(shape))

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Expression:
        """The sum over ``axis`` (all of them without it)."""
        return REGISTRY["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Expression:
        """The mean over ``axis`` (all of them without it)."""
        return REGISTRY["mean"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Expression:
        """The largest element over ``axis`` (all of them without it)."""
        return REGISTRY["max"](self, axis=axis, keepdims=keepdims)


def lift(value: Operand) -> Expression:
    """Make an expression of a Python number; expressions pass through."""
    if isinstance(value, Expression):
        return value
    if getattr(value, "shape", None) == ():  # a NumPy scalar
        value = value.item()  # type: ignore[union-attr]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(
            f"a formula is made of symbols and numbers, not of {type(value).__name__}: "
            "give arrays a symbol, cr.symbols('A', shape=(2, 3)), and their values when the program runs"
        )
    return Expression((), literal=value)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a variable in a printed program."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ProgramError(
            f"{name!r} cannot be the name of a variable: use letters, digits and _ (x, W1, learning_rate)"
        )


def symbol(
    name: str,
    shape: object = (),
    dtype: DType = "float",
    role: Role = "input",
    facts: frozenset[str] = frozenset(),
) -> Expression:
    """One free variable."""
    check_name(name)
    if dtype not in ("float", "int", "bool"):
        raise ArgumentError(f"the dtype of a symbol is 'float', 'int' or 'bool' (no width), not {dtype!r}")
    return Expression(as_shape(shape), dtype, label=Label(name), role=role, facts=facts)


def symbols(names: str, shape: object = (), dtype: DType = "float") -> Any:
    """Free variables of a formula, from their names separated by blanks or commas.

    Args:
        names: one name or several, ``"x w b"``.
        shape: the shape of each; a size is a number or a name such as ``"B"``. Scalars by default.
        dtype: ``"float"``, ``"int"`` (for indices) or ``"bool"``.

    Returns:
        One :class:`Expression` for one name, else a tuple of them.

    >>> import chainrule as cr
    >>> x, w, b = cr.symbols("x w b")
    >>> cr.symbols("X", shape=("B", 3)).shape
    ('B', 3)
    """
    parts = names.replace(",", " ").split()
    require(bool(parts), "symbols needs at least one name, as in symbols('x w b')")
    made = tuple(symbol(name, shape, dtype) for name in parts)
    return made[0] if len(made) == 1 else made


def apply(operation: Operation, arguments: Sequence[Expression], attributes: Mapping[str, Any]) -> Expression:
    """The value of ``operation`` on expressions, after its shape rule and the rules for element types."""
    folded = _fold(operation, arguments)
    if folded is not None:
        return folded
    arguments, dtype = _combine(operation, arguments)
    try:
        shape = operation.shape(*(a.shape for a in arguments), **attributes)
    except ShapeError as error:
        named = ", ".join(f"{a.name}: {show_shape(a.shape)}" for a in arguments if a.name)
        raise ShapeError(f"{operation.name}: {error}" + (f" ({named})" if named else "")) from None
    facts = operation.facts(*arguments, **attributes)
    return Expression(shape, dtype, operation=operation, arguments=tuple(arguments), attributes=attributes, facts=facts)


def _fold(operation: Operation, arguments: Sequence[Expression]) -> Expression | None:
    """The result at once, where plain numbers meet: ``2 * 3``."""
    numbers = [a.literal for a in arguments if a.literal is not None]
    if operation.weak is None or len(numbers) < len(arguments):
        return None
    try:
        result = operation.weak(*numbers)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(result, complex) else lift(result)


def _combine(operation: Operation, arguments: Sequence[Expression]) -> tuple[list[Expression], DType]:
    """Convert arguments so that the value has the program's precision on every engine.

    Mixing an integer array with a float32 array, or a truth value with a Python number, would give
    float64 under NumPy; converting here keeps that question out of every rule and every engine.
    """
    result = list(arguments)
    kind = operation.kind
    if kind in ("int", "number"):
        return result, "int" if kind == "int" else "float"
    if kind == "same":
        if result[0].is_weak and result[0].dtype == "float":
            result[0] = REGISTRY["constant"](result[0])
        return result, result[0].dtype
    first = 1 if kind == "select" else 0
    operands = result[first:]
    dtypes = {a.dtype for a in operands if not (a.is_weak and isinstance(a.literal, int))}
    floating = kind == "float" or "float" in dtypes or "int" not in {a.dtype for a in operands}
    if floating:
        keep_bool = operation.name == "multiply"
        operands = [
            a if a.dtype == "float" or (keep_bool and a.dtype == "bool") else REGISTRY["to_float"](a) for a in operands
        ]
        all_weak = operation.weak is not None and all(a.is_weak for a in operands)
        if not all_weak and not any(a.dtype == "float" and not a.is_weak for a in operands):
            weak = [i for i, a in enumerate(operands) if a.is_weak]
            i = weak[0] if weak else 0
            operands[i] = REGISTRY["constant" if weak else "to_float"](operands[i])
    result[first:] = operands
    if kind == "compare":
        return result, "bool"
    return result, "float" if floating else "int"
