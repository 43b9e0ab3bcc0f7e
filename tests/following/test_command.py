"""``chainrule train`` followed along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chainrule.callbacks import JSONLines
from chainrule.cli import main

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Trains quickly on the penguins, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    words = [
        "train",
        str(PENGUINS),
        "--target",
        "species",
        "--epochs",
        "3",
        "--hidden",
        "4",
        "--out",
        "model",
        "--json",
    ]
    return lambda *more: CliRunner().invoke(main, [*words, *more], catch_exceptions=False)


def test_a_log_holds_every_epoch_of_the_training(run, tmp_path):
    result = run("--log", "log.jsonl")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    runs = {line["run"] for line in lines}
    for name in runs:
        events = [line["event"] for line in lines if line["run"] == name]
        assert events == ["start", "epoch", "epoch", "epoch", "end"]
    assert "--log" not in json.loads(result.stdout)["settings"]["command"]


def test_tensorboard_gets_a_run(run, tmp_path):
    pytest.importorskip("tensorboardX", reason="pip install 'chainrule[follow]'")
    assert run("--tensorboard", "runs").exit_code == 0
    assert list((tmp_path / "runs").rglob("events.out.tfevents.*"))


def test_mlflow_keeps_the_files_of_the_model(run, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="pip install 'chainrule[follow]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())  # an earlier run in this process may have left another
    result = run("--mlflow")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["model"] == "model"
    client = mlflow.MlflowClient()
    (whole,) = [r for r in client.search_runs(["0"]) if client.list_artifacts(r.info.run_id)]
    kept = {Path(a.path).name for a in client.list_artifacts(whole.info.run_id, "model")}
    assert kept == {p.name for p in (tmp_path / "model").iterdir()}
    assert whole.info.status == "FINISHED"


@pytest.mark.parametrize("option", [("--log", "absent/log.jsonl"), ("--tensorboard", "file")])
def test_a_place_that_cannot_be_written_to_is_one_line_and_nothing_is_trained(run, tmp_path, option):
    (tmp_path / "file").write_text("")
    result = run(*option)
    assert result.exit_code == 2
    assert f"{option[1]} cannot be written" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "model").exists()


@pytest.mark.filterwarnings("default")
def test_a_log_that_breaks_is_one_line_and_the_model_is_saved(run, tmp_path, monkeypatch):
    def full(self, moment):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JSONLines, "add", full)
    result = run("--log", "log.jsonl")
    assert result.exit_code == 0
    assert result.stderr.startswith("chainrule: warning: the log log.jsonl ends at epoch 1, training does not")
    assert (tmp_path / "model" / "model.json").exists()
