import pytest

from chainrule.document import (
    Code,
    Details,
    Document,
    Equations,
    Figure,
    Formula,
    Heading,
    Line,
    Listing,
    Paragraph,
    Remark,
    Table,
)
from chainrule.document.plots import SERIES, plot


@pytest.fixture(scope="session")
def page():
    """A page with every kind of block."""
    z = Formula("z_{1}", "z1")
    slope = Formula(r"\frac{\partial L}{\partial z_{1}}", "dL/dz1")
    rule = Line(
        slope, Formula(r"\frac{\partial L}{\partial h_{1}} \odot \sigma'(z_{1})", "dL/dh1 * sigma'(z1)"), "a & b"
    )
    numbers = Line(None, Formula(r"0.5 \cdot \mathit{learning\_rate}", "0.5 * learning_rate"))
    curve = plot("curve", "a < b", lambda figure: figure.add_subplot().plot([0, 1], [1, 0], color=SERIES[0]))
    return Document(
        "50% of <everything> & more_1",
        (
            Heading("Forward"),
            Paragraph("The value ", z, " is < 1 & positive: 3 × 4 ≤ 12."),
            Remark("Holds where ", z, " > 0."),
            Equations(rule, numbers),
            Table(("name", z), (("W1", "0.25"), ("b_1", "−3e-7")), "Parameters"),
            Figure(curve, "a falling line", "The loss falls."),
            Heading("Code", 3),
            Code("for x in rows:\n    print(x < 1)  # ≤ 80 %"),
            Listing((("first ", z), ("second",)), numbered=True),
            Details("More", (Paragraph("Inside."), Equations(rule))),
        ),
    )
