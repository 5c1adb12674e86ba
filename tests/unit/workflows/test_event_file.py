from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import StorageError
from headstart.workflows.event_file import EventFile


def written(folder: Path) -> EventFile:
    file = EventFile(folder)
    for step, loss in enumerate([2.5, 1.25, math.nan], start=1):
        file.scalars({"loss": loss, "phase": 1}, step=step * 200)
    file.text("config", "head: `knn`\nümlaut")
    file.hparams({"seed": 7, "head.name": "knn", "offline": False})
    return file


def test_a_reader_of_the_format_finds_everything(tmp_path: Path, read_events: Any) -> None:
    written(tmp_path / "run")
    first, *events = read_events(tmp_path / "run")
    assert first["version"] == "brain.Event:2"
    assert [(it["step"], it["scalars"]) for it in events[:3]] == [
        (200, {"loss": 2.5, "phase": 1.0}),
        (400, {"loss": 1.25, "phase": 1.0}),
        (600, {"phase": 1.0}),
    ]
    assert events[3]["texts"] == {"config": "head: `knn`\nümlaut"}
    assert events[3]["plugins"]["config"] == ("text", b"")
    name, content = events[4]["plugins"]["_hparams_/session_start_info"]
    assert name == "hparams"
    assert b"head.name" in content


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    plugin_data = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    written(tmp_path)
    found = accumulators.EventAccumulator(str(tmp_path)).Reload()
    assert [(it.step, it.value) for it in found.Scalars("loss")] == [(200, 2.5), (400, 1.25)]
    assert found.Tensors("config")[0].tensor_proto.string_val[0].decode().endswith("ümlaut")
    told = plugin_data.HParamsPluginData.FromString(
        found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    ).session_start_info
    assert told.hparams["seed"].number_value == 7
    assert told.hparams["head.name"].string_value == "knn"
    assert told.hparams["offline"].bool_value is False


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        EventFile(tmp_path / "file" / "run")
