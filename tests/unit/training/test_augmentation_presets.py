"""Presets and settings become what is done, and are said in words."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.config import build_config
from headstart.config.augmentation import AugmentationConfig
from headstart.errors import ConfigError, UnknownNameError
from headstart.training.augmentation import PRESETS, describe, is_off, resolve, source_px


def config(**changes: Any) -> AugmentationConfig:
    return AugmentationConfig(**changes)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_changes_something_and_is_named_in_the_help(name: str) -> None:
    assert not is_off(config(preset=name))
    assert name in (AugmentationConfig.model_fields["preset"].description or "")
    assert describe(config(preset=name)) != "not changed"


@pytest.mark.parametrize("name", PRESETS)
def test_resolving_twice_changes_nothing(name: str) -> None:
    once = resolve(config(preset=name))
    assert once.preset is None
    assert resolve(once) == once


def test_the_waste_preset_is_that_of_the_system_it_is_named_for() -> None:
    expected = config(horizontal_flip=True, vertical_flip=True, rotation_degrees=72, fill="reflect")
    assert resolve(config(preset="waste")) == expected


def test_what_is_given_wins_over_the_preset() -> None:
    merged = resolve(config(preset="standard", zoom=(1, 2), vertical_flip=True))
    assert merged.zoom == (1, 2)
    assert merged.vertical_flip
    assert merged.rotation_degrees == 15


@pytest.mark.parametrize("given", [{"rotation_degrees": 10}, {"rotation_turns": 10 / 360}])
@pytest.mark.parametrize("name", ["waste", "standard"])
def test_a_rotation_given_in_either_unit_replaces_the_presets(
    given: dict[str, float], name: str
) -> None:
    assert resolve(config(preset=name, **given)).rotation_degrees == pytest.approx(10)


def test_parts_of_a_preset_can_be_switched_off() -> None:
    off = {"horizontal_flip": False, "vertical_flip": False, "rotation_turns": 0}
    assert is_off(config(preset="waste", **off))
    assert is_off(config(preset="light", horizontal_flip=False, width_shift=0, height_shift=0))


@pytest.mark.parametrize(
    "nothing", [{}, {"zoom": (1, 1)}, {"gamma": [1, 1]}, {"erasing": 0}, {"fill": "nearest"}]
)
def test_settings_that_change_nothing_are_off(nothing: dict[str, Any]) -> None:
    assert is_off(config(**nothing))
    assert describe(config(**nothing)) == "not changed"


def test_a_misspelt_preset_says_what_is_close() -> None:
    with pytest.raises(UnknownNameError, match=r"'wast': did you mean waste\?"):
        resolve(config(preset="wast"))


def test_words_name_every_change() -> None:
    every = {
        "horizontal_flip": True,
        "vertical_flip": True,
        "transpose": True,
        "rotation_degrees": 36,
        "shear_degrees": 5,
        "zoom": (0.8, 1.2),
        "width_shift": 0.1,
        "height_shift": 0.2,
        "brightness": (0.5, 1.5),
        "contrast": (0.5, 1.5),
        "gamma": (0.7, 1.4),
        "channel_shift": 20,
        "resized_crop": (0.35, 1),
        "trivial_augment": True,
        "erasing": 0.25,
    }
    unsaid = {"preset", "fill", "margin", "rotation_turns"}
    assert {*every} == {*AugmentationConfig.model_fields} - unsaid
    words = describe(config(**every)).split("; ")
    assert len(words) == len(every)
    assert {"turned up to 36°", "magnified 0.8 to 1.2 times", "a rectangle blanked in 25%"} <= {
        *words
    }


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({}, 224),
        ({"horizontal_flip": True, "gamma": (0.5, 2)}, 224),
        ({"width_shift": 0.01}, 256),
        ({"rotation_degrees": 5}, 256),
        ({"resized_crop": (0.3, 1)}, 256),
    ],
)
def test_images_are_loaded_larger_where_they_are_moved(changes: dict[str, Any], side: int) -> None:
    assert source_px(resolve(config(**changes)), 224) == side


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("zoom", [1.2, 0.8], "smaller number comes first"),
        ("zoom", [0, 1], "greater than 0"),
        ("zoom", 0.2, "valid tuple"),
        ("gamma", [1, 11], "less than or equal to 10"),
        ("resized_crop", [0.5, 1.5], "less than or equal to 1"),
        ("rotation_degrees", 190, "less than or equal to 180"),
        ("shear_degrees", 90, "less than 90"),
        ("width_shift", 1, "less than 1"),
        ("erasing", -0.1, "greater than or equal to 0"),
        ("fill", "wrap", "'nearest', 'reflect' or 'constant'"),
        ("horizontal_flp", True, "did you mean training.augmentation.horizontal_flip"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(key: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=f"training.augmentation.{key}.*{words}"):
        build_config({"training": {"augmentation": {key: value}}})


def test_a_rotation_cannot_be_given_twice() -> None:
    twice = {"rotation_degrees": 20, "rotation_turns": 0.1}
    with pytest.raises(ConfigError, match="give one of the two"):
        build_config({"training": {"augmentation": twice}})
