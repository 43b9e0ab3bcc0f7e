"""``chainrule check`` and ``chainrule verify``: output, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr


def test_a_trained_model_is_checked_on_rows_of_its_table_and_verified(run, model):
    result = run("check", model, "penguins.csv", "--out", "certificate.json")
    assert result.exit_code == 0, result.output
    assert "1,000 derivatives" in result.stdout
    assert "sampled evenly from 43,094" in result.stdout
    verified = run("verify", "certificate.json")
    assert verified.exit_code == 0
    assert "comes to the same verdict" in verified.stdout


def test_json_holds_the_certificate(run, model):
    record = json.loads(run("check", model, "penguins.csv", "--json", "--elements", 20, "--rows", 3).stdout)
    assert record["holds"] is True
    assert record["checked"] == 20
    assert np.shape(record["statement"]["values"]["X"])[0] == 3


def test_a_network_without_a_table_is_checked_on_random_rows(run):
    for loss in ("hinge", "poisson", "cross_entropy", "binary_cross_entropy", "huber"):
        net = cr.Network(cr.Dense(4, "relu"), cr.Dropout(0.5), cr.Dense(2), loss=loss, inputs=3)
        net.save("net.chainrule")
        result = run("check", "net.chainrule", "--elements", "all", "--training")
        assert result.exit_code == 0, result.output


def test_random_rows_hold_codes_where_a_network_reads_codes(run):
    codes = [cr.Columns(1), cr.Embedding(3, 2)]
    cr.Network(cr.Join([cr.Columns(0)], codes), cr.Dense(1), inputs=2).save("net.chainrule")
    result = run("check", "net.chainrule", "--elements", "all")
    assert result.exit_code == 0, result.output


def test_pages_are_written(run, model):
    for name in ("page.html", "page.tex", "page.txt"):
        assert run("check", model, "penguins.csv", "--elements", 20, "--out", name).exit_code == 0
        assert "Gradient check of" in Path(name).read_text()


def wrong_certificate(path):
    spelling = cr.Spelling("wrong({x})", helper=True)
    wrong = cr.Operation(
        "wrong", ("x",), cr.exp.shape, spelling, spelling, spelling,
        expansion=lambda x: cr.exp(x), vjp=lambda g, y, x: (2 * g * y,), analytic=True,
    )  # fmt: skip
    return cr.check(cr.derive(wrong(cr.symbols("x"))), x=1.0).save(path)


def test_a_wrong_derivative_ends_with_1(run):
    wrong_certificate("wrong.json")
    result = run("verify", "wrong.json")
    assert result.exit_code == 1
    assert "1 of them wrong" in result.stdout
    shown = json.loads(run("verify", "wrong.json", "--json").stdout)
    assert shown["holds"] is False
    assert shown["recorded"] is False


BAD = {
    "no model": (("check", "nothing"), "nothing"),
    "a row number of 0": (("check", "nothing", "--rows", "0"), "--rows"),
    "elements in words": (("check", "nothing", "--elements", "many"), "'many'"),
    "an unknown ending": (("check", "nothing", "--out", "page.pdf"), "page.pdf"),
    "a folder that is not there": (("check", "nothing", "--out", "absent/certificate.json"), "absent"),
    "no certificate": (("verify", "nothing.json"), "nothing.json"),
    "a table for a certificate": (("verify", "penguins.csv"), "penguins.csv"),
    "a folder": (("verify", "."), "folder"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_usage_ends_with_2_and_one_line(run, bad):
    words, culprit = BAD[bad]
    result = run(*words)
    assert result.exit_code == 2
    assert culprit in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_changed_certificate_ends_with_2(run, model):
    run("check", model, "penguins.csv", "--elements", 20, "--out", "certificate.json")
    text = Path("certificate.json").read_text()
    Path("certificate.json").write_text(text.replace('"holds": true', '"holds": false'))
    result = run("verify", "certificate.json")
    assert result.exit_code == 2
    assert "SHA-256" in result.stderr


def test_a_table_without_the_target_is_refused(run, model):
    import polars as pl

    pl.read_csv("penguins.csv").drop("species").write_csv("without.csv")
    result = run("check", model, "without.csv")
    assert result.exit_code == 2
    assert "'species'" in result.stderr
