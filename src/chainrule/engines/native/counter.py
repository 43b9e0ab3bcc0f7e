"""Random numbers from a counter, as machine code: the same bits as on NumPy."""

from __future__ import annotations

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.emit import Function, Index
from chainrule.engines.threefry import PARITY, ROTATIONS

_WORD = 2**32


def uniform(a: Arithmetic, key: Index, step: Index, stream: int, first: Index) -> str:
    """Numbers in [0, 1) with 24 random bits each, for the elements ``first``, ``first`` + 1, ... of an array.

    Element e is word e % 2 of what Threefry-2x32 with 20 rounds makes of the counter (e // 2, step) under the key
    (key, stream): what ``engines.threefry.uniform`` computes, bit for bit.

    Args:
        a: the form of the numbers; each lane has one element.
        key: the run's key, used modulo 2**32.
        step: the number of the step, used modulo 2**32.
        stream: what tells several arrays of one step apart.
        first: the element of the first lane.

    Returns:
        The numbers, of ``a``'s type.
    """
    words = _Words(a.function, a.form.lanes)
    odd = words.splat(_low(a.function, a.function.remainder(first, 2)))
    place = words.two("add", words.numbers(range(a.form.lanes)), odd)
    block = words.two("add", words.splat(_low(a.function, a.function.divide(first, 2))), words.shift("lshr", place, 1))
    x, y = words.threefry(_low(a.function, key), str(_signed(stream)), block, _low(a.function, step))
    second = a.function.value(f"trunc {words.type} {place} to {a.form.mask}")
    chosen = a.function.value(f"select {a.form.mask} {second}, {words.type} {y}, {words.type} {x}")
    number = a.function.value(f"sitofp {words.type} {words.shift('lshr', chosen, 8)} to {a.type}")
    return a.multiply(number, a.constant(2.0**-24))


class _Words:
    """Arithmetic modulo 2**32, in every lane."""

    def __init__(self, function: Function, lanes: int) -> None:
        self.function, self.lanes = function, lanes
        self.type = "i32" if lanes == 1 else f"<{lanes} x i32>"

    def numbers(self, values: range) -> str:
        """One number for each lane."""
        return str(values[0]) if self.lanes == 1 else f"<{', '.join(f'i32 {value}' for value in values)}>"

    def splat(self, word: str) -> str:
        """A scalar in every lane; what is known is a constant."""
        if self.lanes > 1 and not word.startswith("%"):
            return f"splat (i32 {word})"
        return self.function.splat("i32", self.lanes, word)

    def two(self, instruction: str, x: str, y: str) -> str:
        """``add``, ``xor``, ... of two values."""
        return self.function.value(f"{instruction} {self.type} {x}, {y}")

    def shift(self, instruction: str, x: str, count: int) -> str:
        """All lanes shifted by the same number of bits."""
        return self.two(instruction, x, self.splat(str(count)))

    def rotate(self, x: str, count: int) -> str:
        """All lanes rotated to the left."""
        suffix = "i32" if self.lanes == 1 else f"v{self.lanes}i32"
        arguments = [(self.type, x), (self.type, x), (self.type, self.splat(str(count)))]
        return self.function.call(f"llvm.fshl.{suffix}", self.type, arguments)

    def threefry(self, key: str, stream: str, x: str, step: str) -> tuple[str, str]:
        """Two random words for the counter (x, step) of each lane; the other arguments are scalars."""
        f = self.function
        parity = f.value(f"xor i32 {f.value(f'xor i32 {key}, {stream}')}, {PARITY}")
        keys = [self.splat(key), self.splat(stream), self.splat(parity)]
        x, y = self.two("add", x, keys[0]), self.two("add", self.splat(step), keys[1])
        for block in range(5):
            for rotation in ROTATIONS[block % 2]:
                x = self.two("add", x, y)
                y = self.two("xor", self.rotate(y, rotation), x)
            x = self.two("add", x, keys[(block + 1) % 3])
            y = self.two("add", self.two("add", y, keys[(block + 2) % 3]), self.splat(str(block + 1)))
        return x, y


def _low(function: Function, x: Index) -> str:
    """The lower 32 bits of a whole number."""
    return str(_signed(x)) if isinstance(x, int) else function.value(f"trunc i64 {x} to i32")


def _signed(x: int) -> int:
    """The number from -2**31 to 2**31 - 1 with the same lower 32 bits."""
    return (x + _WORD // 2) % _WORD - _WORD // 2
