from pathlib import Path

import pytest

from headstart.backbones import speeds
from headstart.backbones.catalog import find_backbone
from headstart.backbones.speeds import Speed, known_speed, record_speed

RESNET = find_backbone("resnet50")
SPEED = Speed(123.44, "bf16", 224)


def test_the_last_measurement_is_kept(tmp_path: Path) -> None:
    assert known_speed(tmp_path, RESNET) is None
    record_speed(tmp_path, find_backbone("resnet18"), Speed(9.0, "f32", 64))
    record_speed(tmp_path, RESNET, Speed(1.0, "f32", 64))
    record_speed(tmp_path, RESNET, SPEED)
    assert known_speed(tmp_path, RESNET) == Speed(123.4, "bf16", 224)
    assert known_speed(tmp_path, find_backbone("resnet18")) == Speed(9.0, "f32", 64)


def test_another_machines_figures_are_not_this_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_speed(tmp_path, RESNET, SPEED)
    monkeypatch.setattr(speeds.platform, "node", lambda: "elsewhere")
    assert known_speed(tmp_path, RESNET) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"x": 1}', '{"HERE": {"resnet50": 3}}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    damage = damage.replace("HERE", speeds._machine())
    (tmp_path / "speeds.json").write_text(damage)
    assert known_speed(tmp_path, RESNET) is None
    record_speed(tmp_path, find_backbone("resnet18"), SPEED)
    assert known_speed(tmp_path, RESNET) is None


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    record_speed(tmp_path / "file", RESNET, SPEED)
    assert known_speed(tmp_path / "file", RESNET) is None
