"""Settings: every mistake is named at once, with what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from headstart.config import TrainConfig, build_config, read_settings, set_dotted
from headstart.errors import ConfigError


def complaint(settings: dict[Any, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_config(settings)
    return str(caught.value)


def test_every_mistake_is_named_at_once() -> None:
    said = complaint(
        {
            "seed": -1,
            "data": {"val": "x", "geometri": "crop", "image_size_px": 8},
            "head": {"folds": 1, "class_weight": "equal"},
            "trainings": {},
        }
    )
    assert said.count(";") == 6
    for part in (
        "seed: -1 is not allowed: Input should be greater than or equal to 0",
        "data.val: 'x' is not allowed",
        "unknown key data.geometri, did you mean data.geometry?",
        "data.image_size_px: 8 is not allowed: Input should be greater than or equal to 32",
        "head.folds: 1 is not allowed",
        "head.class_weight: 'equal' is not allowed: Input should be 'balanced'",
        "unknown key training",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({"head": {"strenght": 1}}, "head.strength"),
        ({"folds": 4}, "head.folds"),
        ({"data": {"max_pixel": 4}}, "data.max_pixels"),
        ({"data": {"seed": 4}}, "seed"),
        ({"engine": {"precison": "f32"}}, "engine.precision"),
    ],
)
def test_a_misspelt_or_misplaced_key_is_answered_with_what_was_meant(settings, meant) -> None:
    assert f"did you mean {meant}?" in complaint(settings)


@pytest.mark.parametrize("settings", [{"data": 3}, {1: 2}, {"backbone": None}])
def test_what_is_no_section_is_refused(settings: dict[Any, Any]) -> None:
    assert "is not allowed" in complaint(settings)


def test_nothing_given_means_the_defaults() -> None:
    assert build_config({}) == TrainConfig()
    assert build_config({"head": {}}) == TrainConfig()


def test_settings_cannot_be_changed_behind_a_runs_back() -> None:
    config = build_config({})
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.head.folds = 3  # type: ignore[misc]


def test_a_configuration_written_out_reads_back_the_same(tmp_path: Path) -> None:
    config = build_config({"head": {"strength": 1e-4}, "data": {"crop_fraction": 0.9}})
    path = tmp_path / "config.yaml"
    path.write_text(config.model_dump_json())  # JSON is YAML
    assert build_config(read_settings(path)) == config


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.2", 0.2), ("true", True), ("null", None), ("a=b", "a=b"), ('"3"', "3"), (" x ", "x")],
)
def test_values_mean_what_they_look_like_in_yaml(text: str, value: object) -> None:
    assert set_dotted({}, [f"a.b={text}"]) == {"a": {"b": value}}


def test_assignments_win_over_a_file_and_the_last_wins() -> None:
    settings = {"seed": 1, "data": {"val": 0.2, "test": 0.3}}
    changed = set_dotted(settings, ["data.val=0.1", "seed=4", "seed=5"])
    assert changed == {"seed": 5, "data": {"val": 0.1, "test": 0.3}}
    assert settings == {"seed": 1, "data": {"val": 0.2, "test": 0.3}}


def test_a_small_number_in_scientific_notation_is_a_number() -> None:
    assert build_config(set_dotted({}, ["head.strength=1e-4"])).head.strength == 1e-4


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", r"expected dotted\.key=value"),
        ("=3", r"expected dotted\.key=value"),
        ("data..val=3", r"expected dotted\.key=value"),
        ("seed.x=1", "'seed' is a value, not a section"),
        ("head.taps=[", "is not valid YAML"),
        ("head.taps=a: b: c", "is not valid YAML"),
    ],
)
def test_an_assignment_that_makes_no_sense_is_quoted(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        set_dotted({"seed": 1}, [assignment])
    assert f"--set {assignment!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "is not valid YAML"),
        (b"\xff\xfe\xfa", "is not valid YAML"),
        (b"- 1\n- 2", "must hold settings such as"),
        (b"", "must hold settings such as"),
        (b"!!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_a_file_that_holds_no_settings_is_named(tmp_path, content: bytes, message: str) -> None:
    path = tmp_path / "train.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"train\.yaml {message}"):
        read_settings(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: No such file"):
        read_settings(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        read_settings(tmp_path)


def test_numbers_and_stars_are_places_in_lists() -> None:
    settings = {"phases": [{"epochs": 5}, {"epochs": 6}]}
    assert set_dotted(settings, ["phases.1.epochs=1"])["phases"] == [{"epochs": 5}, {"epochs": 1}]
    every = set_dotted(settings, ["phases.*.optimiser.name=sgd"])["phases"]
    assert [phase["optimiser"] for phase in every] == [{"name": "sgd"}, {"name": "sgd"}]
    assert settings == {"phases": [{"epochs": 5}, {"epochs": 6}]}


@pytest.mark.parametrize("key", ["phases.2.epochs", "phases.last.epochs", "none.*.epochs"])
def test_a_place_that_a_list_has_not_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match="is no place in a list of"):
        set_dotted({"phases": [{}, {}], "none": []}, [f"{key}=1"])
