from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks the workflow for, instead of a check."""
    asked: list[dict[str, Any]] = []

    def check(data: str, **options: Any) -> SimpleNamespace:
        asked.append({"data": data, **options})
        return SimpleNamespace(
            to_json=lambda: {"backbone": "lite0", "notes": ["für alle"]},
            page=Path("seen.html") if options["out"] else None,
            timings_s={"total": 3.21},
        )

    monkeypatch.setattr("headstart.workflows.check.check", check)
    monkeypatch.setattr("headstart.cli.check_table.check_lines", lambda _: iter(["the table"]))
    return asked


def test_a_table_and_where_the_rest_is(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "check.json"
    outcome = cli("check", "photos", "--json", file, "--out", "seen.html")
    assert outcome.out.splitlines() == [
        "the table",
        f"json    {file}",
        "page    seen.html",
        "time    3.2 s",
    ]
    assert json.loads(file.read_text())["notes"] == ["für alle"]


def test_json_on_the_terminal_is_nothing_but_json(cli: Any, calls: list[dict[str, Any]]) -> None:
    outcome = cli("check", "photos", "--json", "-")
    assert json.loads(outcome.out)["backbone"] == "lite0"


def test_options_reach_their_settings(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    options = ["--model", "lite2", "--seed", "3", "--geometry", "pad", "--imgsz", "128"]
    more = ["--images", "50", "--cache", tmp_path, "--set", "data.max_pixels=1000", "--allow-bad"]
    assert cli("check", "photos", *options, *more).code == 0
    (call,) = calls
    config = call["config"]
    assert (call["data"], call["images"], call["cache"]) == ("photos", 50, tmp_path)
    assert (config.backbone.name, config.seed, config.data.geometry) == ("lite2", 3, "pad")
    assert (config.data.image_size_px, config.data.max_pixels) == (128, 1000)
    assert config.data.allow_bad is True


def test_mistakes_are_found_before_anything_is_read(
    cli: Any, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "check.json"
    file.touch()
    for options in (["--json", file], ["--images", "0"], ["--geometry", "bend"]):
        outcome = cli("check", "photos", *options)
        assert outcome.code == 2
        assert "Traceback" not in outcome.err
    assert calls == []
