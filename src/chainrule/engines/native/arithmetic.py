"""Floating-point arithmetic as LLVM's text: on one number, or on a register of them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.engines.native.emit import Function


@dataclass(frozen=True)
class Form:
    """The machine's form of a number: its precision, and how many lie side by side in a register.

    With one lane it is a plain scalar.
    """

    precision: str
    lanes: int

    @staticmethod
    def filling(precision: str, vector_bytes: int) -> Form:
        """As many as fit into a register of so many bytes."""
        return Form(precision, vector_bytes // Form(precision, 1).bytes)

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

    def splat_whole(self, number: str) -> str:
        """A whole number of 64 bits in every lane."""
        return self.function.splat("i64", self.form.lanes, number)

    def whole(self, value: int) -> str:
        """A whole number, as wide as an element, in every lane."""
        return self._every(self.form.integer, str(value))

    def splat(self, scalar: str) -> str:
        """One element in every lane."""
        return self.function.splat(self.form.element, self.form.lanes, scalar)

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
