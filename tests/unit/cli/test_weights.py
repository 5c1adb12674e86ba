from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.weights import WeightsFile
from headstart.cli import weights as command
from headstart.workflows.weights import VerifiedFile


def test_the_group_names_its_commands(cli: Any) -> None:
    out = cli("weights", "--help").out
    assert out.startswith("Usage: headstart weights [OPTIONS] COMMAND")
    for name in ("list", "fetch", "import", "verify"):
        assert f"\n  {name} " in out


def test_a_misspelt_command_of_the_group_is_guessed(cli: Any) -> None:
    outcome = cli("weights", "fetsh", "resnet50")
    assert outcome.code == 2
    assert "unknown command 'fetsh': did you mean fetch?" in outcome.err


def test_list_shows_place_size_and_licence(cli: Any) -> None:
    header, line = cli("weights", "list", "--search", "lite1").out.splitlines()
    assert header.split() == ["backbone", "where", "size", "licence", "file", "or", "source"]
    name, place, size, unit, licence, path = line.split(maxsplit=5)
    assert (name, place, size, unit) == ("efficientnet_lite1", "bundled", "21.9", "MB")
    assert licence == "Apache-2.0"
    assert Path(path).is_file()


def test_list_as_json(cli: Any) -> None:
    entries = json.loads(cli("weights", "list", "--json").out)
    lite0 = next(entry for entry in entries if entry["backbone"] == "efficientnet_lite0")
    assert lite0["place"] == "bundled"
    assert set(lite0) == {"backbone", "place", "source", "bytes", "licence"}


def test_fetch_names_the_files(cli: Any) -> None:
    outcome = cli("weights", "fetch", "lite0", "EfficientNetLite1")
    assert outcome.code == 0
    lines = [line.split("\t") for line in outcome.out.splitlines()]
    assert [(name, licence) for name, _, licence in lines] == [
        ("lite0", "Apache-2.0"),
        ("EfficientNetLite1", "Apache-2.0"),
    ]
    assert all(Path(path).is_file() for _, path, _ in lines)


def test_import_passes_what_it_is_told(
    cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: dict[str, Any] = {}

    def note(file: Path, **options: Any) -> WeightsFile:
        told.update(options, file=file)
        return WeightsFile("folder", tmp_path / "kept.safetensors", "0" * 64, "MIT")

    monkeypatch.setattr(command, "import_weights", note)
    outcome = cli("weights", "import", "w.pth", "--as", "toy", "--force", "--licence", "MIT")
    assert outcome.out == f"toy\t{tmp_path / 'kept.safetensors'}\tMIT\n"
    assert told == {
        "file": Path("w.pth"),
        "name": "toy",
        "force": True,
        "licence": "MIT",
        "cache": None,
    }


def test_verify_reads_everything(cli: Any) -> None:
    outcome = cli("weights", "verify")
    assert outcome.code == 0
    assert "ok  efficientnet_lite0\t" in outcome.out
    assert outcome.out.splitlines()[-1].endswith("files are what they were")


def test_verify_names_the_bad_ones(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        VerifiedFile("toy", Path("toy.pth"), "its SHA-256 starts with 12, expected 34"),
        VerifiedFile("lite0", Path("lite0.pth"), ""),
    ]
    monkeypatch.setattr(command, "verify_weights", lambda **_: files)
    outcome = cli("weights", "verify")
    assert outcome.code == 2
    assert outcome.out == "bad toy\ttoy.pth\nok  lite0\tlite0.pth\n"
    assert "1 of 2 weights files are not what they were: toy.pth (its SHA-256" in outcome.err
