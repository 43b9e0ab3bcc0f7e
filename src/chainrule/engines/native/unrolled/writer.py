"""Nodes become instructions: sums and products are arranged so that what comes late is waited for least."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.elementwise import COMPARISONS, Value, write
from chainrule.engines.native.unrolled.exponential import exponential, tangent
from chainrule.engines.native.unrolled.graph import Node, Reach
from chainrule.engines.native.unrolled.items import Bench, Item, Layout

CYCLES = {"divide": 11, "sqrt": 12, "maximum": 4, "minimum": 4, "abs": 1, "floor": 8}
"""How long operations take that are not additions, multiplications (4 each) or functions (40)."""


def absorbed(nodes: Iterable[Node], results: Iterable[Node]) -> set[int]:
    """Sums that are read by one other sum only, and products by one sum or product: they are written there."""
    readers: dict[int, list[Node | None]] = {}
    for node in nodes:
        for argument in node.arguments:
            readers.setdefault(argument.index, []).append(node)
    for node in results:
        readers.setdefault(node.index, []).append(None)

    def reader(node: Node) -> Node | None:
        found = readers.get(node.index, [])
        only = found[0] if len(found) == 1 else None
        return reader(only) if only is not None and only.operation == "negative" else only

    joins = {"add": ("add",), "multiply": ("add", "multiply")}
    result = set()
    for node in nodes:
        if node.operation in joins:
            by = reader(node)
            fits = by is not None and by.operation in joins[node.operation]
            if by is not None and fits and (by.reach, by.width, by.kind) == (node.reach, node.width, node.kind):
                result.add(node.index)
    return result


@dataclass(frozen=True)
class Term:
    """An addend: a value, or a product that is not multiplied out yet."""

    sign: int
    first: Item
    second: Item | None = None

    @property
    def time(self) -> float:
        """When its factors are there."""
        return self.first.time if self.second is None else max(self.first.time, self.second.time)


def _add(a: Arithmetic, x: str, y: str) -> str:
    return a.add(x, y)


def _multiply(a: Arithmetic, x: str, y: str) -> str:
    return a.multiply(x, y)


class Writer:
    """Writes the values of one step, or of one network's part of it.

    Args:
        bench: where instructions go.
        absorbed: nodes that are written as part of their only reader.
        reach: of the nodes that it writes.
        sources: how nodes without arithmetic get their values.
        before: the writer of what is computed less often.
    """

    def __init__(
        self,
        bench: Bench,
        absorbed: set[int],
        reach: Reach,
        sources: Mapping[str, Callable[[Node], Item]],
        before: Writer | None = None,
    ) -> None:
        self.bench, self.absorbed, self.reach, self.sources, self.before = bench, absorbed, reach, sources, before
        self.items: dict[int, Item] = {}
        self._products: dict[int, tuple[int, Item, Item]] = {}
        self._exponentials: dict[int, tuple[Item, Item]] = {}

    def write(self, nodes: Iterable[Node]) -> None:
        """Write nodes in order; products wait for a sum that could take them in."""
        for node in nodes:
            if node.reach != self.reach or node.index in self.absorbed:
                continue
            if node.operation == "multiply":
                self._products[node.index] = self._halves(node)
            elif node.operation == "exp":
                self._exponentials[node.index] = self._exponential(node)
            elif node.operation != "negative":
                self.items[node.index] = self._written(node)

    def item(self, node: Node) -> Item:
        """The value of a node that has been written."""
        if node.is_number:
            return Item(Layout.NUMBER, number=node.value)
        if node.reach < self.reach and self.before is not None:
            return self.before.item(node)
        if node.index not in self.items:
            self.items[node.index] = self._finished(node)
        return self.items[node.index]

    def _finished(self, node: Node) -> Item:
        if node.operation == "negative":
            return self._negative(self.item(node.arguments[0]))
        if node.operation == "exp":
            s, q = self._exponentials[node.index]
            return self.bench.apply(lambda a, s, q: a.fma(s, q, s), [s, q], 4)
        sign, x, y = self._products[node.index]
        product = self.bench.apply(_multiply, [x, y], 4)
        return product if sign > 0 else self._negative(product)

    def _negative(self, item: Item) -> Item:
        if item.layout == Layout.NUMBER:
            return item.negative()
        return self.bench.apply(lambda a, x: a.negative(x), [item], 0)

    def _written(self, node: Node) -> Item:
        if node.operation in self.sources:
            return self.sources[node.operation](node)
        if node.operation == "add":
            return self._sum(node)
        operands = [self.item(a) for a in node.arguments]
        match node.operation:
            case "gather":
                return self.bench.gather(operands)
            case "element":
                return self.bench.element(operands[0], int(node.settings[0]))
            case "choose":
                return self.bench.choose(*operands)
            case "as_float":
                one, zero = (Item(Layout.NUMBER, number=value) for value in (1.0, 0.0))
                return self.bench.choose(operands[0], one, zero)
            case "round":
                return self._rounded(operands[0])
        return self.bench.apply(_function(node.operation, operands), operands, CYCLES.get(node.operation, 40))

    def _rounded(self, item: Item) -> Item:
        """A double in the precision of the program."""
        form = self.bench.forms[Layout.COMMON][0].form
        text = item.parts[0]
        if form.precision == "float32":
            text = self.bench.function.value(f"fptrunc double {text} to float")
        return Item(Layout.COMMON, (text,), item.time)

    def _exponential(self, node: Node) -> tuple[Item, Item]:
        x = self.item(node.arguments[0])
        forms = self.bench.forms[x.layout]
        pairs = [exponential(a, part) for a, part in zip(forms, x.parts, strict=True)]
        s, q = (tuple(column) for column in zip(*pairs, strict=True))
        return Item(x.layout, s, x.time + 17), Item(x.layout, q, x.time + 25)

    # Products

    def _factors(self, node: Node) -> tuple[int, list[Item]]:
        """The sign and the factors of a product, those of absorbed products among them."""
        sign, number, items = 1, 1.0, []
        waiting = list(node.arguments)
        while waiting:
            factor = waiting.pop(0)
            if factor.is_number:
                number *= factor.value
            elif factor.operation == "negative":
                sign = -sign
                waiting.insert(0, factor.arguments[0])
            elif factor.operation == "multiply" and factor.index in self.absorbed:
                waiting[:0] = factor.arguments
            else:
                items.append(self.item(factor))
        if abs(number) != 1:
            items.append(Item(Layout.NUMBER, number=sign * number))
            return 1, items
        return (sign if number > 0 else -sign), items

    def _halves(self, node: Node) -> tuple[int, Item, Item]:
        """Sign and two factors whose product the node is; what is there first is multiplied first."""
        sign, items = self._factors(node)
        order = count()
        heap = [(item.time, next(order), item) for item in items]
        heapq.heapify(heap)
        while len(heap) > 2:
            x, y = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
            product = self.bench.apply(_multiply, [x, y], 4)
            heapq.heappush(heap, (product.time, next(order), product))
        first = heapq.heappop(heap)[2]
        second = heapq.heappop(heap)[2] if heap else Item(Layout.NUMBER, number=1.0)
        return sign, first, second

    # Sums

    def _terms(self, node: Node) -> list[Term]:
        terms: list[Term] = []
        waiting = [(1, a) for a in node.arguments]
        while waiting:
            sign, term = waiting.pop(0)
            if term.operation == "negative":
                waiting.insert(0, (-sign, term.arguments[0]))
            elif term.operation == "add" and term.index in self.absorbed:
                waiting[:0] = [(sign, a) for a in term.arguments]
            elif term.reach < self.reach:
                terms.append(Term(sign, self.item(term)))
            elif term.operation == "multiply":
                if term.index not in self._products:
                    self._products[term.index] = self._halves(term)
                own, x, y = self._products[term.index]
                terms.append(Term(sign * own, x, y))
            elif term.operation == "exp":
                s, q = self._exponentials[term.index]
                terms += [Term(sign, s), Term(sign, s, q)]
            else:
                terms.append(Term(sign, self.item(term)))
        return terms

    def _sum(self, node: Node) -> Item:
        order = count()
        heap = [(term.time, next(order), term) for term in self._terms(node)]
        heapq.heapify(heap)
        while len(heap) > 1:
            x, y = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
            joined = self._joined(x, y)
            heapq.heappush(heap, (joined.time, next(order), joined))
        last = heap[0][2]
        return last.first if last.sign > 0 else self._negative(last.first)

    def _joined(self, x: Term, y: Term) -> Term:
        """The sum of two terms; a product that is there earlier is multiplied out, a later one goes into an fma."""
        if x.second is not None and y.second is not None:
            x = Term(x.sign, self.bench.apply(_multiply, [x.first, x.second], 4))
        if x.second is not None:
            x, y = y, x
        if y.second is not None:
            first, second = y.first, y.second
            if x.sign != y.sign:
                first, second = (self._negative(first), second) if _is_free(first) else (first, self._negative(second))
            return Term(x.sign, self.bench.apply(lambda a, p, q, r: a.fma(p, q, r), [first, second, x.first], 4))
        if x.sign == y.sign:
            return Term(x.sign, self.bench.apply(_add, [x.first, y.first], 4))
        if x.sign < 0:
            x, y = y, x
        return Term(1, self.bench.apply(lambda a, p, q: a.subtract(p, q), [x.first, y.first], 4))


def _is_free(item: Item) -> bool:
    return item.layout == Layout.NUMBER


def _function(operation: str, operands: Sequence[Item]) -> Callable[..., str]:
    """An operation ``(arithmetic, *registers) -> register``, for these operands."""
    if operation in COMPARISONS:
        return lambda a, x, y: a.compare(COMPARISONS[operation][0], x, y)
    own: dict[str, Callable[..., str]] = {
        "divide": lambda a, x, y: a.divide(x, y),
        "sqrt": lambda a, x: a.intrinsic("sqrt", x),
        "abs": lambda a, x: a.intrinsic("fabs", x),
        "floor": lambda a, x: a.intrinsic("floor", x),
        "tanh": tangent,
    }
    if operation in own:
        return own[operation]
    numbers = [item.number if item.layout == Layout.NUMBER else None for item in operands]

    def written(a: Arithmetic, *registers: str) -> str:
        values = [Value(text, "float", number) for text, number in zip(registers, numbers, strict=True)]
        return write(a, operation, values).text

    return written
