from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.catalog import find_backbone
from headstart.config import TrainConfig, build_config
from headstart.progress import Silent
from headstart.workflows.preparation import prepare
from headstart.workflows.size_notes import find_size_problems, size_notes


def rules(config: TrainConfig, side: int = 500) -> set[str]:
    sides = np.array([side] * 3)
    spec = find_backbone("efficientnet_lite0")
    return {it.rule for it in find_size_problems(config, spec, widths=sides, heights=sides)}


def test_settings_that_are_not_given_are_the_backbones() -> None:
    assert rules(build_config({})) == set()
    assert rules(build_config({"data": {"image_size_px": 128}})) == {"below native size"}
    assert rules(build_config({"data": {"crop_fraction": 0.5, "geometry": "crop"}})) == {
        "mutilated by a crop"
    }


def test_a_training_says_so_before_it_begins_and_in_its_notes(finished: Any) -> None:
    notes = finished.result.notes
    assert any(note.startswith("below native size: efficientnet_lite0") for note in notes)
    assert any(note.startswith("upscaled: all 33 images") for note in notes)


def test_the_test_split_has_no_say(finished: Any, config: TrainConfig, tmp_path: Path) -> None:
    prepared = prepare(finished.photos, config.data, seed=0, cache=tmp_path, progress=Silent())
    found = prepared.audit
    for row in prepared.manifest.rows_in("test"):
        found.widths[row] = 100_000
    notes = size_notes(prepared, config, find_backbone("efficientnet_lite0"))
    assert not any("crop" in note for note in notes)
