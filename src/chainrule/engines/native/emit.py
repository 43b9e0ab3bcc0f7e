"""LLVM's text, written one instruction at a time. Knows no mathematics and needs no llvmlite."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Index: TypeAlias = int | str
"""A whole number of 64 bits: known now, or the name of a value."""


class Module:
    """A text of declarations and functions."""

    def __init__(self) -> None:
        self._declared: dict[str, str] = {}
        self._functions: dict[str, Function] = {}

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> str:
        """The name by which a function from outside is called."""
        self._declared.setdefault(name, f"declare {result} @{name}({', '.join(arguments)})")
        return f"@{name}"

    def function(self, name: str, arguments: Sequence[str], *, exported: bool = False) -> Function:
        """A new function that returns nothing; arguments are written ``"ptr %x"``."""
        made = self._functions[name] = Function(self, name, arguments, exported=exported)
        return made

    def include(self, other: Module) -> None:
        """Take over what another module declares and holds."""
        self._declared |= other._declared
        self._functions |= other._functions

    @property
    def text(self) -> str:
        """The whole module."""
        parts = [*self._declared.values(), *(f.text for f in self._functions.values())]
        return "\n\n".join(parts) + "\n"


class Function:
    """A function that is being written: instructions go to the end of the current block."""

    def __init__(self, module: Module, name: str, arguments: Sequence[str], *, exported: bool) -> None:
        self.module, self.name = module, name
        linkage = "" if exported else "internal "
        self._head = f"define {linkage}void @{name}({', '.join(arguments)}) nounwind noinline {{\nentry:"
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self._scratch: tuple[int, str] = (0, "")

    @property
    def text(self) -> str:
        """The function with its body."""
        count, kind = self._scratch
        scratch = [f"  %scratch = alloca [{count} x {kind}], align 64"] if count else []
        return "\n".join([self._head, *scratch, *self._lines, "  ret void", "}"])

    def scratch(self, count: int, kind: str) -> str:
        """The address of memory for some values of one type, for the time of a call; whoever asks gets the same."""
        self._scratch = (max(count, self._scratch[0]), kind)
        return "%scratch"

    def value(self, instruction: str) -> str:
        """Append an instruction that has a result, and name the result."""
        self._count += 1
        self._lines.append(f"  %v{self._count} = {instruction}")
        return f"%v{self._count}"

    def do(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self._lines.append(f"  {instruction}")

    def call(self, name: str, result: str, arguments: Sequence[tuple[str, str]]) -> str:
        """Call a function from outside, given (type, value) of each argument."""
        callee = self.module.declare(name, result, [kind for kind, _ in arguments])
        text = f"call {result} {callee}({', '.join(f'{kind} {value}' for kind, value in arguments)})"
        if result == "void":
            self.do(text)
            return ""
        return self.value(text)

    # Whole numbers, folded where they are known

    def add(self, x: Index, y: Index) -> Index:
        """``x + y``."""
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0 or y == 0:
            return y if x == 0 else x
        return self.value(f"add i64 {x}, {y}")

    def subtract(self, x: Index, y: Index) -> Index:
        """``x - y``."""
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return x if y == 0 else self.value(f"sub i64 {x}, {y}")

    def multiply(self, x: Index, y: Index) -> Index:
        """``x * y``."""
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1 or y == 1:
            return y if x == 1 else x
        return self.value(f"mul i64 {x}, {y}")

    def divide(self, x: Index, y: int) -> Index:
        """``x // y`` for what is not negative."""
        if isinstance(x, int):
            return x // y
        return x if y == 1 else self.value(f"udiv i64 {x}, {y}")

    def remainder(self, x: Index, y: int) -> Index:
        """``x % y`` for what is not negative."""
        if isinstance(x, int):
            return x % y
        return 0 if y == 1 else self.value(f"urem i64 {x}, {y}")

    def smaller(self, x: Index, y: Index) -> Index:
        """The smaller of two."""
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        return self.value(f"select i1 {self.compare('slt', x, y)}, i64 {x}, i64 {y}")

    def compare(self, predicate: str, x: Index, y: Index) -> str:
        """A truth value: ``slt``, ``sge``, ``eq``, ..."""
        return self.value(f"icmp {predicate} i64 {x}, {y}")

    # Memory

    def offset(self, pointer: str, count: Index) -> str:
        """The address ``count`` bytes after ``pointer``."""
        return pointer if count == 0 else self.value(f"getelementptr i8, ptr {pointer}, i64 {count}")

    def load(self, kind: str, pointer: str, align: int = 8) -> str:
        """A value of type ``kind`` from memory."""
        return self.value(f"load {kind}, ptr {pointer}, align {align}")

    def store(self, kind: str, value: str, pointer: str, align: int = 8) -> None:
        """A value to memory."""
        self.do(f"store {kind} {value}, ptr {pointer}, align {align}")

    def prefetch(self, pointer: str, *, write: bool = False, near: bool = True) -> None:
        """Ask for a line of memory that is needed soon; if not ``near``, only for the second cache."""
        name = self.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
        self.do(f"call void {name}(ptr {pointer}, i32 {int(write)}, i32 {3 if near else 2}, i32 1)")

    # Control

    def _label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def _start(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label

    def loop(
        self,
        start: Index,
        stop: Index,
        step: Index,
        body: Callable[..., Sequence[str] | None],
        carried: Sequence[tuple[str, str]] = (),
    ) -> list[str]:
        """``for i in range(start, stop, step)``.

        Args:
            start: the first index.
            stop: the end, not included.
            step: above 0.
            body: writes one pass, given the index and the carried values, and returns their new values.
            carried: (type, first value) of what passes from one pass to the next.

        Returns:
            The carried values after the last pass.
        """
        if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and start + step >= stop:
            return list((body(start, *(v for _, v in carried)) or ()) if start < stop else (v for _, v in carried))
        before, head, inside, after = self._block, self._label(), self._label(), self._label()
        self.do(f"br label %{head}")
        self._start(head)
        at = len(self._lines)
        names = [self.value("phi") for _ in range(1 + len(carried))]
        going = self.compare("slt", names[0], stop)
        self.do(f"br i1 {going}, label %{inside}, label %{after}")
        self._start(inside)
        results = list(body(*names) or ())
        following = self.add(names[0], step)
        last = self._block
        self.do(f"br label %{head}")
        phis = [("i64", str(start), str(following))]
        phis += [(kind, first, result) for (kind, first), result in zip(carried, results, strict=True)]
        for place, (name, (kind, first, result)) in enumerate(zip(names, phis, strict=True)):
            self._lines[at + place] = f"  {name} = phi {kind} [ {first}, %{before} ], [ {result}, %{last} ]"
        self._start(after)
        return names[1:]

    def until(
        self, body: Callable[..., tuple[str, Sequence[str]]], carried: Sequence[tuple[str, str]] = ()
    ) -> list[str]:
        """Repeat ``body`` until a truth value holds.

        Args:
            body: writes one pass, given the carried values, and returns the truth value and their new values.
            carried: (type, first value) of what passes from one pass to the next.

        Returns:
            The carried values after the last pass.
        """
        before, again, after = self._block, self._label(), self._label()
        self.do(f"br label %{again}")
        self._start(again)
        at = len(self._lines)
        names = [self.value("phi") for _ in carried]
        finished, results = body(*names)
        for place, (name, (kind, first), result) in enumerate(zip(names, carried, results, strict=True)):
            self._lines[at + place] = f"  {name} = phi {kind} [ {first}, %{before} ], [ {result}, %{self._block} ]"
        self.do(f"br i1 {finished}, label %{after}, label %{again}")
        self._start(after)
        return list(results)

    def when(self, condition: str, then: Callable[[], None]) -> None:
        """``if condition:``."""
        inside, after = self._label(), self._label()
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self._start(inside)
        then()
        self.do(f"br label %{after}")
        self._start(after)


@dataclass(frozen=True)
class Form:
    """The machine's form of a number: its precision, and how many lie side by side in a register.

    With one lane it is a plain scalar.
    """

    precision: str
    lanes: int

    @property
    def bytes(self) -> int:
        """Bytes of one element."""
        return 4 if self.precision == "float32" else 8

    @property
    def element(self) -> str:
        """The type of one element."""
        return "float" if self.precision == "float32" else "double"

    @property
    def integer(self) -> str:
        """The integer type as wide as one element."""
        return "i32" if self.precision == "float32" else "i64"

    def of(self, element: str) -> str:
        """The type of all lanes, for an element type."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    @property
    def type(self) -> str:
        """The type of a value."""
        return self.of(self.element)

    @property
    def bits(self) -> str:
        """The type of a value's bits."""
        return self.of(self.integer)

    @property
    def mask(self) -> str:
        """The type of a truth value for each lane."""
        return self.of("i1")

    @property
    def suffix(self) -> str:
        """The end of the names of LLVM's functions for this form."""
        scalar = f"f{8 * self.bytes}"
        return scalar if self.lanes == 1 else f"v{self.lanes}{scalar}"

    def scalar(self) -> Form:
        """The form of one element."""
        return Form(self.precision, 1)


def float_text(value: float, precision: str) -> str:
    """A number as LLVM reads it: the bits of the double, rounded to what ``precision`` holds."""
    if precision == "float32":
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Arithmetic:
    """Arithmetic in one form, written into a function."""

    def __init__(self, function: Function, form: Form) -> None:
        self.function, self.form = function, form
        self.type = form.type

    def _every(self, element: str, text: str) -> str:
        return text if self.form.lanes == 1 else f"splat ({element} {text})"

    def constant(self, value: float) -> str:
        """A number in every lane."""
        return self._every(self.form.element, float_text(value, self.form.precision))

    def whole(self, value: int) -> str:
        """A whole number, as wide as an element, in every lane."""
        return self._every(self.form.integer, str(value))

    def splat(self, scalar: str) -> str:
        """One element in every lane."""
        if self.form.lanes == 1:
            return scalar
        single = self.function.value(f"insertelement {self.type} poison, {self.form.element} {scalar}, i64 0")
        return self.shuffle(single, "poison", [0] * self.form.lanes)

    def shuffle(self, x: str, y: str, lanes: Sequence[int]) -> str:
        """Lanes of two values, those of the second numbered after those of the first."""
        order = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.function.value(f"shufflevector {self.type} {x}, {self.type} {y}, <{len(lanes)} x i32> <{order}>")

    def _two(self, instruction: str, x: str, y: str) -> str:
        return self.function.value(f"{instruction} {self.type} {x}, {y}")

    def add(self, x: str, y: str) -> str:
        """``x + y``."""
        return self._two("fadd", x, y)

    def subtract(self, x: str, y: str) -> str:
        """``x - y``."""
        return self._two("fsub", x, y)

    def multiply(self, x: str, y: str) -> str:
        """``x * y``."""
        return self._two("fmul", x, y)

    def divide(self, x: str, y: str) -> str:
        """``x / y``."""
        return self._two("fdiv", x, y)

    def negative(self, x: str) -> str:
        """``-x``."""
        return self.function.value(f"fneg {self.type} {x}")

    def intrinsic(self, name: str, *arguments: str) -> str:
        """One of LLVM's functions of values to a value: ``sqrt``, ``fabs``, ``floor``, ``copysign``, ``fma``."""
        return self.function.call(f"llvm.{name}.{self.form.suffix}", self.type, [(self.type, a) for a in arguments])

    def fma(self, x: str, y: str, z: str) -> str:
        """``x * y + z``, rounded once."""
        return self.intrinsic("fma", x, y, z)

    def compare(self, predicate: str, x: str, y: str) -> str:
        """A mask; predicates begin with ``o`` (false for NaN) or ``u`` (true for NaN): ``olt``, ``uge``, ``une``."""
        return self.function.value(f"fcmp {predicate} {self.type} {x}, {y}")

    def select(self, mask: str, x: str, y: str) -> str:
        """``x`` where the mask holds, else ``y``."""
        return self.function.value(f"select {self.form.mask} {mask}, {self.type} {x}, {self.type} {y}")

    # Bits

    def bits(self, x: str) -> str:
        """The bits of a value."""
        return self.function.value(f"bitcast {self.type} {x} to {self.form.bits}")

    def of_bits(self, x: str) -> str:
        """The value of bits."""
        return self.function.value(f"bitcast {self.form.bits} {x} to {self.type}")

    def integer(self, instruction: str, x: str, y: str) -> str:
        """An instruction on whole numbers as wide as an element: ``add``, ``shl``, ``and``, ..."""
        return self.function.value(f"{instruction} {self.form.bits} {x}, {y}")

    # Memory

    def load(self, pointer: str) -> str:
        """The elements from ``pointer`` on."""
        return self.function.load(self.type, pointer, self.form.bytes)

    def store(self, x: str, pointer: str) -> None:
        """Store all lanes from ``pointer`` on."""
        self.function.store(self.type, x, pointer, self.form.bytes)

    def load_one(self, pointer: str) -> str:
        """One element, in every lane."""
        return self.splat(self.function.load(self.form.element, pointer, self.form.bytes))

    def load_some(self, pointer: str, mask: str) -> str:
        """The elements where the mask holds; nothing is read elsewhere, and the lane is 0."""
        if self.form.lanes == 1:
            raise ValueError("one lane is loaded whole")
        arguments = [("ptr", pointer), ("i32", str(self.form.bytes)), (self.form.mask, mask)]
        arguments.append((self.type, "zeroinitializer"))
        return self.function.call(f"llvm.masked.load.{self.form.suffix}.p0", self.type, arguments)

    # Across lanes

    def total(self, x: str) -> str:
        """The sum of all lanes, by halves: one element."""
        return self._fold(x, lambda low, high: self.add(low, high))

    def largest(self, x: str, maximum: Callable[[str, str], str]) -> str:
        """The largest of all lanes, by halves: one element."""
        return self._fold(x, maximum)

    def _fold(self, x: str, combine: Callable[[str, str], str]) -> str:
        lanes = self.form.lanes
        if lanes == 1:
            return x
        half = lanes // 2
        while half:
            order = [(lane + half) % lanes for lane in range(lanes)]
            x = combine(x, self.shuffle(x, "poison", order))
            half //= 2
        return self.function.value(f"extractelement {self.type} {x}, i64 0")
