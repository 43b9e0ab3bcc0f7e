"""Ensembles that go on: members that are done are not trained again, and nothing tells that there was a break."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from test_checkpoints import PowerCut, at_step, cut

import chainrule as cr
from chainrule.cli import main

RNG = np.random.default_rng(0)
TABLE = pl.DataFrame({"a": RNG.normal(size=400), "b": RNG.normal(size=400), "kind": RNG.choice(list("xyz"), 400)})
TABLE = TABLE.with_columns(y=pl.col("a") * pl.col("b") + (pl.col("kind") == "x"))
SETTINGS: dict[str, Any] = {"members": 3, "epochs": 9, "hidden": (8,), "engine": "numpy"}


def trained(**settings: Any) -> cr.TableModel:
    return cr.TableModel.train(TABLE, "y", **{**SETTINGS, **settings})


@pytest.fixture(name="whole", scope="module")
def one_run() -> cr.TableModel:
    """A model whose training had no break."""
    return trained()


def described(model: cr.TableModel) -> tuple[Any, ...]:
    """All that the files and the report of a model are made from, but for what depends on the clock."""
    histories = [{**asdict(history), "seconds": None} for history in model.histories]
    arrays = {name: a.tolist() for name, a in model.network.arrays().items()}
    settings = {name: value for name, value in model.settings.items() if name != "command"}
    return arrays, histories, model.results.to_json(), settings


@pytest.mark.parametrize("share", [0.4, 2.5])
def test_a_model_whose_training_was_broken_off_is_that_of_one_run(
    share: float, whole: cr.TableModel, tmp_path: Path
) -> None:
    number, step = int(share) + 1, (share % 1) * whole.histories[0].steps

    class Broken(cr.Callback):
        """Ends the process in the middle of one member; they come one after another."""

        begun = 0

        def on_start(self, moment: Any) -> None:
            self.begun += 1

        def on_slice(self, moment: Any) -> None:
            if self.begun == number and moment.step >= step:
                raise PowerCut

    with pytest.raises(PowerCut):
        trained(checkpoints=cr.Checkpoints(tmp_path, seconds=None, steps=7), callbacks=[Broken()])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"member-{k}" for k in range(1, number + 1)]
    epochs: list[int] = []
    again = trained(checkpoints=tmp_path, resume=tmp_path, callbacks=[lambda moment: epochs.append(moment.epoch)])
    assert 9 * (3 - number) < len(epochs) < 9 * (4 - number)
    assert described(again) == described(whole)
    trained(resume=tmp_path, callbacks=[at_step(0, cut)])  # all are done: no step is made


def test_another_table_is_refused(tmp_path: Path) -> None:
    trained(epochs=1, checkpoints=tmp_path)
    other = TABLE.with_columns(y=pl.col("y") + 1e-3 * pl.col("a"))
    with pytest.raises(cr.ArgumentError, match="member-1 are of another training, with different data"):
        cr.TableModel.train(other, "y", **{**SETTINGS, "epochs": 1}, resume=tmp_path)


# The command


@pytest.fixture(name="run")
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trains in an empty folder, quickly."""
    monkeypatch.chdir(tmp_path)
    TABLE.write_csv("table.csv")
    words = ["train", "table.csv", "--target", "y", "--members", "2", "--hidden", "8", "--epochs", "4", "--out"]

    def invoke(*more: str) -> Result:
        return CliRunner().invoke(main, [*words, *more], catch_exceptions=False)

    return invoke


def test_the_command_can_be_repeated_until_it_is_done(run: Any, tmp_path: Path) -> None:
    assert run("whole").exit_code == 0
    first = run("model", "--checkpoint", "kept", "--every", "0", "--resume")
    assert (first.exit_code, "No checkpoints in kept yet." in first.stderr) == (0, True)
    (tmp_path / "kept" / "member-2" / "checkpoint-16.safetensors").unlink()  # as if it had been killed before
    shutil.rmtree(tmp_path / "model")
    second = run("model", "--checkpoint", "kept", "--resume")
    assert second.exit_code == 0
    assert "Going on from kept: member 1 at step 16, member 2 at step 12." in second.stderr
    whole, model = (cr.TableModel.load(tmp_path / name) for name in ("whole", "model"))
    assert described(model) == described(whole)
    assert model.settings["command"] == whole.settings["command"]  # which makes the same model in one go


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume"], "--resume needs --checkpoint DIR; see chainrule train --help"),
        (["--every", "5"], "--every needs --checkpoint DIR"),
        (["--checkpoint", "table.csv"], "checkpoints cannot be written to table.csv/member-1 (Not a directory)"),
        (["--checkpoint", "kept", "--resume", "--seed", "3"], "kept/member-1 are of another training, with different"),
        (["--checkpoint", "kept"], "kept/member-1 holds checkpoints already: go on from them with --resume"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run: Any, words: list[str], said: str) -> None:
    if "kept" in words:
        run("model", "--checkpoint", "kept")
    result = run("model", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
