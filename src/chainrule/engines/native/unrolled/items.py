"""Values of the generated function, and arithmetic on them wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.emit import Function


class Layout(IntEnum):
    """Where a value lies. What is further down takes in what is further up."""

    NUMBER = 0
    """In the text."""
    WEAK = 1
    """One double, for all networks."""
    COMMON = 2
    """One number of the program's precision, for all networks."""
    LANES = 3
    """One number for each network."""
    WHOLE = 4
    """A vector of parameters for each network, in several registers."""


EARLY = -100.0
"""The time of what does not wait for the parameters."""


@dataclass(frozen=True)
class Item:
    """A value: its registers, and about how many cycles after the step's parameters it is there."""

    layout: Layout
    parts: tuple[str, ...] = ()
    time: float = EARLY
    number: float = 0.0

    def negative(self) -> Item:
        """A number of the text with its sign changed."""
        return Item(Layout.NUMBER, number=-self.number)


class Bench:
    """The forms of arithmetic in one function, and conversions between them.

    Args:
        function: what is being written.
        precision: of the program.
        lanes: networks side by side in a register.
        count: parameters in a whole vector.
    """

    def __init__(self, function: Function, precision: str, lanes: int, count: int) -> None:
        self.function = function
        weak, common, networks = (
            Arithmetic(function, form) for form in (Form("float64", 1), Form(precision, 1), Form(precision, lanes))
        )
        self.widths = [lanes] * count if lanes > 1 else pieces(count, 16 // common.form.bytes)
        whole = {width: Arithmetic(function, Form(precision, width)) for width in set(self.widths)}
        self.forms: dict[Layout, list[Arithmetic]] = {
            Layout.WEAK: [weak],
            Layout.COMMON: [common],
            Layout.LANES: [networks],
            Layout.WHOLE: [whole[width] for width in self.widths],
        }
        self.packed = lanes == 1
        self._spread: dict[tuple[str, int], str] = {}

    def parts(self, item: Item, layout: Layout) -> list[str]:
        """The registers of a value where another layout wants it."""
        forms = self.forms[layout]
        if item.layout == Layout.NUMBER:
            return [form.constant(item.number) for form in forms]
        if item.layout == layout:
            return list(item.parts)
        lanes = self.forms[item.layout][0].form.lanes
        return [item.parts[0] if form.form.lanes == lanes else self._splat(form, item.parts[0]) for form in forms]

    def _splat(self, form: Arithmetic, element: str) -> str:
        key = (element, form.form.lanes)
        if key not in self._spread:
            self._spread[key] = form.splat(element)
        return self._spread[key]

    def apply(self, operation: Callable[..., str], items: Sequence[Item], cycles: float) -> Item:
        """An operation ``(arithmetic, *registers) -> register`` on values of any layouts."""
        layout = max(Layout.COMMON if all(i.layout == Layout.NUMBER for i in items) else i.layout for i in items)
        columns = zip(self.forms[layout], *(self.parts(item, layout) for item in items), strict=True)
        return Item(layout, tuple(operation(*column) for column in columns), later(layout, items, cycles))

    def choose(self, condition: Item, x: Item, y: Item) -> Item:
        """``x`` where the condition holds, else ``y``."""
        layout = max(condition.layout, x.layout, y.layout)
        masks = self._masks(condition, layout)
        columns = zip(self.forms[layout], masks, self.parts(x, layout), self.parts(y, layout), strict=True)
        chosen = tuple(form.select(mask, a, b) for form, mask, a, b in columns)
        return Item(layout, chosen, later(layout, [condition, x, y], 2))

    def _masks(self, condition: Item, layout: Layout) -> list[str]:
        """The registers of a truth value where another layout wants it."""
        if condition.layout == layout:
            return list(condition.parts)
        (mask,) = condition.parts
        lanes = self.forms[condition.layout][0].form.lanes
        widths = [form.form.lanes for form in self.forms[layout]]
        return [mask if width == lanes else self.function.splat("i1", width, mask) for width in widths]

    def gather(self, elements: Sequence[Item]) -> Item:
        """A whole vector from its elements."""
        if not self.packed:
            registers = [self.parts(element, Layout.LANES)[0] for element in elements]
        else:
            texts = iter([self.parts(element, Layout.LANES)[0] for element in elements])
            registers = [self._filled(form, list(islice(texts, form.form.lanes))) for form in self.forms[Layout.WHOLE]]
        return Item(Layout.WHOLE, tuple(registers), later(Layout.WHOLE, elements, 4))

    def _filled(self, form: Arithmetic, elements: Sequence[str]) -> str:
        """A register with these elements, and zeros after them."""
        if form.form.lanes == 1:
            return elements[0]
        register = "zeroinitializer"
        for place, element in enumerate(elements):
            kinds = f"{form.type} {register}, {form.form.element} {element}"
            register = self.function.value(f"insertelement {kinds}, i64 {place}")
        return register

    def element(self, whole: Item, place: int) -> Item:
        """One element of a whole vector."""
        if not self.packed:
            return Item(Layout.LANES, (whole.parts[place],), whole.time + 2)
        part, place = divmod(place, self.widths[0])
        form, text = self.forms[Layout.WHOLE][part], whole.parts[part]
        if form.form.lanes > 1:
            text = self.function.value(f"extractelement {form.type} {text}, i64 {place}")
        return Item(Layout.LANES, (text,), whole.time + 2)


def pieces(count: int, width: int) -> list[int]:
    """Widths of registers that hold ``count`` elements: as many of ``width`` as fit, then a smaller power of two."""
    rest = count % width
    return [width] * (count // width) + ([1 << (rest - 1).bit_length()] if rest else [])


def later(layout: Layout, items: Sequence[Item], cycles: float) -> float:
    """When a value is there that takes some cycles after the last of its operands."""
    return max(item.time for item in items) + cycles if layout >= Layout.LANES else EARLY
