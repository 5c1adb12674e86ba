from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import ConfigError, DataError, MissingDependencyError, TrackingError
from headstart.files import write_csv
from headstart.progress import Silent
from headstart.workflows import mlflow_tracking
from headstart.workflows.mlflow_tracking import MlflowTracker, log_folders, read_tracker

SAID = {"cat/0.png": "cat", "dog/0.png": "cat"}


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What MLflow is told through the environment ends with the test."""
    for name in list(os.environ):
        if name.startswith("MLFLOW_"):
            monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def stored(
    tmp_path: Path, image_folder: Callable[..., Path], store_run: Callable[..., Path]
) -> Path:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=1)
    run = store_run(tmp_path / "run", photos, SAID, training={"strategy": "full"})
    epochs = [[1, 1, 0.5, "nan"], [1, 2, 0.25, 0.4]]
    write_csv(run / "epochs.csv", ["phase", "epoch", "loss", "val_loss"], epochs)
    (run / "bundle").mkdir()
    (run / "bundle" / "bundle.json").write_text("{}")
    return run


def installed(*names: str) -> Callable[[str], object]:
    return lambda name: object() if name in names else None


def test_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    known = installed("mlflow", "sqlalchemy", "alembic")
    monkeypatch.setattr(mlflow_tracking, "find_spec", known)
    assert read_tracker(None) is None
    assert read_tracker("mlflow") == MlflowTracker()
    assert read_tracker("MLflow:http://host:5000") == MlflowTracker("http://host:5000")
    assert MlflowTracker().place == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team:1")
    assert MlflowTracker().place == "http://team:1"
    with pytest.raises(ConfigError, match="expected mlflow, or mlflow:URI"):
        read_tracker("wandb")


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_tracking, "find_spec", installed())
    with pytest.raises(MissingDependencyError, match=r"needs mlflow, .*headstart\[mlflow\]"):
        read_tracker("mlflow:folder")
    monkeypatch.setattr(mlflow_tracking, "find_spec", installed("mlflow"))
    with pytest.raises(MissingDependencyError, match="needs sqlalchemy, alembic"):
        read_tracker("mlflow")
    assert read_tracker("mlflow:folder") is not None


def test_asked_for_in_vain_nothing_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from headstart.workflows.train import train

    monkeypatch.setattr(mlflow_tracking, "find_spec", installed())
    with pytest.raises(MissingDependencyError):
        train(tmp_path / "no photos", track="mlflow")


@pytest.mark.filterwarnings("ignore")
def test_a_run_in_a_local_folder(stored: Path, tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    tracker = MlflowTracker(str(tmp_path / "store"))
    (words,) = log_folders(tracker, [None, stored])
    assert "experiment photos, run run (" in words
    client = tracking.MlflowClient(tracking_uri=tracker.place)
    experiment = client.get_experiment_by_name("photos")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"
    assert run.data.params["backbone.name"] == "lite0"
    assert run.data.tags["data"].endswith("photos")
    metrics = run.data.metrics
    assert metrics["test/accuracy"] == 0.5
    assert metrics["test/accuracy_low"] < 0.5 < metrics["test/accuracy_high"]
    losses = client.get_metric_history(run.info.run_id, "epoch/loss")
    assert [(it.step, it.value) for it in losses] == [(1, 0.5), (2, 0.25)]
    judged = client.get_metric_history(run.info.run_id, "epoch/val_loss")
    assert [(it.step, it.value) for it in judged] == [(2, 0.4)]
    files = {it.path for it in client.list_artifacts(run.info.run_id)}
    assert files >= {"metrics.json", "bundle", "predictions.csv"}
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    log_folders(tracker, [stored])


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_is_not_there(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow.tracking")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = MlflowTracker(f"http://127.0.0.1:{port}")
    (words,) = log_folders(tracker, [stored])
    assert f"{stored} was not logged to MLflow at http://127.0.0.1:{port}" in words
    assert f"headstart runs track {stored} mlflow:http://127.0.0.1:{port}" in words
    with pytest.raises(TrackingError):
        tracker.log(stored)


def test_a_place_that_fails_costs_a_note_not_the_run(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart.workflows.train import log_run

    def fail(tracker: MlflowTracker, folder: Path) -> str:
        raise TrackingError(f"{folder} was not logged to {tracker.place}")

    monkeypatch.setattr(MlflowTracker, "log", fail)
    result = log_run(finished.result, MlflowTracker("http://host"), Silent())
    *before, last = result.notes
    assert last == f"{result.folder} was not logged to http://host"
    assert tuple(before) == finished.result.notes
    assert log_run(finished.result, None, Silent()) is finished.result


def test_no_run_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_tracking, "find_spec", installed("mlflow"))
    with pytest.raises(DataError, match="there is no run"):
        MlflowTracker("folder").log(tmp_path / "lost")


def test_nothing_is_imported_before_it_is_asked_for(command: Any) -> None:
    script = (
        "import sys; from headstart.workflows.mlflow_tracking import read_tracker; "
        "read_tracker(None); "
        "print([name for name in ('mlflow', 'torch', 'requests') if name in sys.modules])"
    )
    assert command(script=script).out.strip() == "[]"
