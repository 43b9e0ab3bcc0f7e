"""LLVM's text, written one instruction at a time. Knows no mathematics and needs no llvmlite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

_COMMENT = re.compile(r"^ *;.*\n", re.MULTILINE)

Index: TypeAlias = int | str
"""A whole number of 64 bits: known now, or the name of a value."""


def without_comments(text: str) -> str:
    """The text without the lines that only people read."""
    return _COMMENT.sub("", text)


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
        return self._joined(f.text for f in self._functions.values())

    def titled(self) -> str:
        """The whole module for people, each function under its title."""
        return self._joined(_titled(f) for f in self._functions.values())

    def _joined(self, functions: Iterable[str]) -> str:
        parts = [*self._declared.values(), *functions]
        return "\n\n".join(parts) + "\n"


def _titled(function: Function) -> str:
    lines = [line for write in function.title for line in write()]
    return "\n".join([*(f"; {line}" for line in lines), function.text])


class Function:
    """A function that is being written: instructions go to the end of the current block."""

    def __init__(self, module: Module, name: str, arguments: Sequence[str], *, exported: bool) -> None:
        self.module, self.name = module, name
        linkage = "" if exported else "internal "
        self._head = f"define {linkage}void @{name}({', '.join(arguments)}) nounwind noinline {{\nentry:"
        self.title: list[Callable[[], Sequence[str]]] = []
        """Write what people read above it, when they do."""
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

    def comment(self, text: str) -> None:
        """Say what comes next."""
        self._lines.append(f"  ; {text}")

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

    def splat(self, element: str, lanes: int, value: str) -> str:
        """One value in every lane."""
        if lanes == 1:
            return value
        kind = f"<{lanes} x {element}>"
        single = self.value(f"insertelement {kind} poison, {element} {value}, i64 0")
        return self.value(f"shufflevector {kind} {single}, {kind} poison, <{lanes} x i32> zeroinitializer")

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
