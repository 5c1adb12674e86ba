from __future__ import annotations

import csv
import json
from typing import Any

import yaml

from headstart.config import TrainConfig, build_config


def test_the_settings_that_were_used_can_be_used_again(finished: Any, config: TrainConfig) -> None:
    text = (finished.result.folder / "config.yaml").read_text(encoding="utf-8")
    assert build_config(yaml.safe_load(text)) == config


def test_the_history_names_what_was_tried_and_the_choice(finished: Any) -> None:
    with (finished.result.folder / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["taps", "strength", "setting", "accuracy", "nll", "images"]
    assert len({row["taps"] for row in rows}) > 1
    bundle = json.loads((finished.result.bundle / "bundle.json").read_text())
    chosen = (bundle["provenance"]["taps"], bundle["provenance"]["strength"])
    assert chosen in {(row["taps"], float(row["strength"])) for row in rows}


def test_metrics_carry_what_is_needed_to_trust_them(finished: Any) -> None:
    metrics = json.loads((finished.result.folder / "metrics.json").read_text())
    assert metrics["confidence"] == 0.95
    assert metrics["temperature"] > 0
    assert metrics["notes"] == list(finished.result.notes)
    assert metrics["timings_s"] == dict(finished.result.timings_s)
    for parity in metrics["parity"]:
        assert parity["top1_disagreements"] == 0
        assert parity["largest_difference"] < 0.05


def test_environment_says_what_computed(finished: Any) -> None:
    environment = json.loads((finished.result.folder / "environment.json").read_text())
    assert environment["engine"] in {"openvino", "torch"}
    assert environment["precision"] in {"bf16", "f16", "f32"}
    assert environment["forward_passes"] == 36
    assert environment["agreement_with_f32"]["cosine_min"] > 0.99
