"""Certificates as files: verified without the chain rule, refused where they were changed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.certificates.certificate import seal

NETWORKS = 200
VERIFIER = Path(cr.__file__).parent / "certificates"


@pytest.fixture
def file(tmp_path):
    net = cr.mlp([2, 3, 1], hidden="relu", loss="binary_cross_entropy")
    return net.check([[0, 0], [1, 1]], [1, 0]).save(tmp_path / "certificate.json")


def forged(file, change):
    """The file with something changed, sealed again."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content | {"sha256": seal(content)}))
    return file


def test_verdicts_agree_on_random_networks(random_network, tmp_path):
    file = tmp_path / "certificate.json"
    rng = np.random.default_rng(0)
    for seed in range(NETWORKS):
        network, X, y = random_network(seed)
        certificate = network.check(X, y, training=bool(seed % 2))
        assert certificate, f"seed {seed}: {certificate}"
        certificate.save(file)
        verification = cr.verify(file)
        assert verification
        assert verification.agrees
        assert verification.certificate.checked == certificate.checked
        if seed % 10 == 0:
            name = rng.choice(list(network.parameters))
            spoilt = forged(file, lambda content, name=name: spoil(content, name))
            assert_wrong(spoilt)


def spoil(content, name):
    """Claim another derivative, everywhere where the file repeats it."""
    comparison = next(c for c in content["comparisons"] if c["name"] == name)
    for claimed in (content["statement"]["claimed"][name], comparison["claimed"]):
        claimed[-1] = 1e-3 + 1.01 * claimed[-1]


def assert_wrong(file):
    """It is refused, since its own program gives other numbers."""
    with pytest.raises(cr.DataError, match="not those of its program"):
        cr.verify(file)


def test_a_check_that_failed_fails_again(tmp_path):
    wrong = cr.Operation(
        "wrong", ("x",), lambda x: x, *[cr.Spelling("wrong({x})", helper=True)] * 3,
        expansion=lambda x: cr.exp(x), vjp=lambda g, y, x: (g * y * 1.001,), analytic=True,
    )  # fmt: skip
    x = cr.symbols("x")
    certificate = cr.check(cr.derive(wrong(x)), x=0.5)
    verification = cr.verify(certificate.save(tmp_path / "certificate.json"))
    assert not verification
    assert verification.agrees
    assert verification.certificate.finding == certificate.finding


def test_a_changed_digit_is_noticed(file):
    text = file.read_text()
    at = text.index('"values"')
    digit = next(i for i in range(at, len(text)) if text[i] in "123456789")
    file.write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :])
    with pytest.raises(cr.DataError, match="SHA-256"):
        cr.verify(file)


def test_a_forged_verdict_is_noticed(tmp_path):
    x = cr.symbols("x")
    program = cr.derive(x * x)
    file = cr.check(program, x=3.0).save(tmp_path / "certificate.json")
    verification = cr.verify(forged(file, lambda content: content.update(holds=False)))
    assert not verification.agrees
    assert not verification


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["statement"]["values"].update(W1=[[1.0, 2.0, 3.0]]),
        lambda c: c["statement"]["values"]["X"][0].append(1.0),
        lambda c: c["statement"]["elements"].update(W1=[99]),
        lambda c: c["statement"]["gradients"].update(W1="dW2"),
        lambda c: c["statement"]["gradients"].update(W1="L"),
        lambda c: c["statement"]["program"]["equations"].pop(0),
        lambda c: c["statement"]["program"]["equations"][0].update(operation="system"),
        lambda c: c["statement"].pop("values"),
        lambda c: c["comparisons"].pop(),
        lambda c: c["comparisons"][0]["measured"].__setitem__(0, 7.0),
        lambda c: c.update(statement=[]),
        lambda c: c.pop("statement"),
        lambda c: c.pop("holds"),
        lambda c: c.update(value=1.0),
        lambda c: c.update(checked=1000),
        lambda c: c.update(total=1000),
        lambda c: c.update(max_error=0.5),
        lambda c: c["comparisons"][0].update(name="W9"),
        lambda c: c["comparisons"][0].update(shape=[9, 9]),
        lambda c: c["comparisons"][0]["holds"].__setitem__(0, False),
        lambda c: c["comparisons"][0]["error"].__setitem__(0, 0.5),
        lambda c: c["comparisons"][0]["elements"].__setitem__(0, 1),
        lambda c: c["statement"]["operations"].update(matmul={"program": c["statement"]["program"], "kinks": []}),
        lambda c: [c["statement"].update(gradients={}), c.update(comparisons=[], checked=0, total=0)],
        lambda c: c.update(format=2),
        lambda c: c.update(kind="something else"),
    ],
)
def test_a_forged_file_is_refused_with_one_line(file, change):
    with pytest.raises(cr.DataError) as caught:
        cr.verify(forged(file, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"3"])
def test_what_is_no_certificate_is_refused(tmp_path, content):
    file = tmp_path / "certificate.json"
    file.write_bytes(content)
    with pytest.raises(cr.DataError, match="no certificate"):
        cr.verify(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(cr.DataError, match="cannot read"):
        cr.verify(tmp_path / "nothing.json")


def test_functions_cannot_be_verified_from_a_file(tmp_path):
    file = cr.check(lambda x: x**2, lambda x: 2 * x, 3.0).save(tmp_path / "certificate.json")
    with pytest.raises(cr.DataError, match="repeat the check"):
        cr.verify(file)


def test_the_verifier_loads_nothing_that_knows_the_chain_rule(file):
    code = (
        "import sys; from chainrule.certificates.verify import verify; assert verify(sys.argv[1]); "
        "print(' '.join(m for m in sys.modules if m.startswith('chainrule.')))"
    )
    found = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in found.stdout.split()}
    of_the_package = {"_version", "errors", "expression", "ops", "shapes"}  # importing chainrule fills the registry
    assert loaded <= {"certificates", "document", "files", "oracles"} | of_the_package


@pytest.mark.parametrize("module", [p for p in VERIFIER.glob("*.py") if p.stem != "page"], ids=lambda p: p.stem)
def test_no_module_of_the_verifier_imports_an_operation(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("chainrule"):
            assert node.module.split(".")[1] in {"_version", "certificates", "document", "errors", "files", "oracles"}


def test_an_element_that_is_named_twice_does_not_count_twice(file):
    """A forger names a right derivative in the place of others, consistently."""

    def repeat(content):
        for where in (content["statement"]["claimed"], content["statement"]["elements"]):
            where["W1"] = where["W1"][:1] * len(where["W1"])
        record = next(c for c in content["comparisons"] if c["name"] == "W1")
        for key in ("elements", "claimed", "measured", "error", "allowed", "holds"):
            record[key] = record[key][:1] * len(record[key])

    with pytest.raises(cr.DataError, match="have to rise"):
        cr.verify(forged(file, repeat))


@pytest.mark.parametrize("elements", [1, 2, 3])
def test_fewer_elements_than_arrays_can_be_checked_and_verified(tmp_path, elements):
    net = cr.mlp([2, 3, 1], loss="binary_cross_entropy")
    certificate = net.check([[0, 1], [1, 1]], [1, 0], elements=elements)
    assert certificate.checked == elements
    verification = cr.verify(certificate.save(tmp_path / "certificate.json"))
    assert verification
    assert verification.certificate.checked == elements
