"""Runs of MLflow, read with MLflow's client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import chainrule as cr

mlflow = pytest.importorskip("mlflow", reason="pip install 'chainrule[follow]'")


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A store in files, which needs no database."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_a_training_is_a_run_with_parameters_quantities_and_the_network(fit, client, tmp_path):
    follow = cr.callbacks.MLflow(run="mine")
    net, history = fit(follow, optimizer=cr.Adam(0.01))
    run = client.get_run(follow.run_id)
    assert (run.info.run_name, run.info.status, mlflow.active_run()) == ("mine", "FINISHED", None)
    assert run.data.params["optimizer.lr"] == "0.01"
    assert run.data.params["batch_size"] == "5"
    for name in ("loss", "validation_loss", "mae", "learning_rate"):
        found = sorted(client.get_metric_history(follow.run_id, name), key=lambda m: m.step)
        assert [(m.step, m.value) for m in found] == list(enumerate(history.watched(name), start=1))
    path = client.download_artifacts(follow.run_id, "model/network.chainrule", str(tmp_path))
    assert (cr.load(path).parameters.theta == net.parameters.theta).all()


def test_a_run_that_is_active_is_written_to_and_stays_active(fit, client):
    with mlflow.start_run() as mine:
        mlflow.log_param("author", "me")
        follow = cr.callbacks.MLflow(model=False)
        fit(follow)
        assert follow.run_id == mlflow.active_run().info.run_id == mine.info.run_id
    assert client.list_artifacts(follow.run_id) == []


@pytest.mark.parametrize(
    ("settings", "error", "status"),
    [({"optimizer": cr.SGD(1e3), "epochs": 200}, cr.NonFiniteError, "FAILED"), ({"epochs": 0}, None, "FINISHED")],
)
def test_the_status_says_how_training_ended(fit, client, settings, error, status):
    follow = cr.callbacks.MLflow(model=False)
    if error is None:
        fit(follow, **settings)
    else:
        with pytest.raises(error):
            fit(follow, **settings)
    assert (client.get_run(follow.run_id).info.status, mlflow.active_run()) == (status, None)


def test_members_of_an_ensemble_are_runs_within_the_one_around_them(fit, client):
    whole = cr.callbacks.MLflow(model=False)
    with whole.around():
        members = [callbacks[0] for callbacks in cr.callbacks.for_members([whole], 2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fit, members))
    assert len({whole.run_id, *(member.run_id for member in members)}) == 3
    for number, member in enumerate(members, start=1):
        run = client.get_run(member.run_id)
        assert run.data.tags["mlflow.parentRunId"] == whole.run_id
        assert run.info.run_name.endswith(f"/member {number}")
        assert (run.info.status, run.data.metrics["best_epoch"]) == ("FINISHED", 4)
    assert client.get_run(whole.run_id).info.status == "FINISHED"


def test_files_are_added_after_training(fit, client, tmp_path):
    follow = cr.callbacks.MLflow(model=False)
    fit(follow)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("<p>")
    follow.keep(tmp_path / "out")
    assert [a.path for a in client.list_artifacts(follow.run_id, "model")] == ["model/report.html"]


def test_a_store_that_cannot_be_used_is_an_error_before_training(fit, client, tmp_path):
    (tmp_path / "file").write_text("")
    mlflow.set_tracking_uri((tmp_path / "file").as_uri())
    with pytest.raises(cr.ArgumentError, match="MLflow"):
        fit(cr.callbacks.MLflow())
    assert mlflow.active_run() is None


def test_a_server_that_goes_away_does_not_end_training(fit, client, monkeypatch):
    log_batch = mlflow.MlflowClient.log_batch

    def gone(self, run_id, metrics=(), **settings):
        if metrics:
            raise mlflow.MlflowException("no server")
        return log_batch(self, run_id, **settings)

    follow = cr.callbacks.MLflow()
    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", gone)
    with pytest.warns(RuntimeWarning, match="the MLflow run ends at epoch 4, training does not: no server"):
        _, history = fit(follow)
    assert len(history) == 4
    assert mlflow.active_run() is None
