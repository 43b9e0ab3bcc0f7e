"""Writes the tables of the gallery's page: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from chainrule.gallery import ENTRIES, Recomputed, show

PAGE = Path(__file__).parent / "gallery.md"
MARK = "<!-- {} of the tables that `make docs` writes -->"


def tables(examples: list[Recomputed]) -> str:
    """All examples, and every published number that the computation does not give."""
    rows = [
        (e.key, e.title, f"{e.source} ({e.year})", str(len(e.published)), str(len(e.deviations) or ""))
        for e in (example.entry for example in examples)
    ]
    differing = [
        (f"`{example.entry.key}`", n.name, n.printed, n.computed, n.deviation.reason if n.deviation else "")
        for example in examples
        for n in example.differing
    ]
    total = sum(len(example.entry.published) for example in examples)
    return "\n".join(
        [
            f"{len(examples)} examples with {total} published numbers.",
            "",
            *_table(
                ("name", "example", "source", "numbers", "differ"), [(f"`{key}`", *others) for key, *others in rows]
            ),
            "",
            "## Where sources differ",
            "",
            f"{len(differing)} of the published numbers are not what the computation gives:",
            "",
            *_table(("example", "number", "published", "computed", "why"), differing),
        ]
    )


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(cells).replace("*", r"\*") + " |" for cells in (columns, *rows)]
    return [lines[0], "|" + "---|" * len(columns), *lines[1:]]


def written(page: str, made: str) -> str:
    """The page with these tables between its marks."""
    start, end = MARK.format("start"), MARK.format("end")
    before, after = page.split(start)[0], page.split(end)[1]
    return f"{before}{start}\n{made}\n{end}{after}"


def main() -> None:
    """Write the tables into the page."""
    examples = [show(entry.key) for entry in ENTRIES]
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), tables(examples)), encoding="utf-8")
    print(f"{len(examples)} examples in {PAGE}")


if __name__ == "__main__":
    main()
