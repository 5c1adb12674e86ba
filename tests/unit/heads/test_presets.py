"""A head by name: found, adjusted, and refused where a setting means nothing to it."""

from __future__ import annotations

import pytest

from headstart.config import HeadConfig, build_config
from headstart.errors import ConfigError, UnknownNameError
from headstart.heads.presets import (
    PRESETS,
    DenseSettings,
    RbfSettings,
    find_preset,
    head_settings,
    needs_flat,
    resolve_settings,
    taps_wanted,
)

NAMES = [preset.name for preset in PRESETS]


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_found_in_any_case_and_says_what_it_is(name: str) -> None:
    assert find_preset(name.upper()) is find_preset(name)
    assert len(find_preset(name).summary) > 20
    assert NAMES.count(name) == 1
    resolve_settings(HeadConfig(name=name))


def test_the_replaced_systems_heads_are_as_they_were() -> None:
    rakuten = resolve_settings(HeadConfig(name="gap-1024-512"))
    assert isinstance(rakuten, DenseSettings)
    assert (rakuten.widths, rakuten.dropout, rakuten.l2) == ((1024, 512), 0.2, 0.0)
    assert (rakuten.optimiser, rakuten.learning_rate) == ("adam", 1e-3)
    assert (rakuten.epochs, rakuten.batch_size) == (40, 64)
    leaves = resolve_settings(HeadConfig(name="gap-128-256"))
    assert isinstance(leaves, DenseSettings)
    assert (leaves.widths, leaves.dropout, leaves.l2) == ((128, 256), 0.2, 1e-3)


def test_what_the_configuration_says_wins() -> None:
    config = build_config(
        {"head": {"name": "gap-1024", "widths": [64, 32], "activation": "gelu", "patience": 2}}
    ).head
    settings = resolve_settings(config)
    assert isinstance(settings, DenseSettings)
    assert (settings.widths, settings.activation, settings.patience) == ((64, 32), "gelu", 2)
    assert settings.described == "dense 64-32"
    assert head_settings(config)["widths"] == (64, 32)


def test_an_empty_list_of_widths_is_no_hidden_layer() -> None:
    settings = resolve_settings(HeadConfig(name="gap-1024", widths=(), dropout=0.0))
    assert isinstance(settings, DenseSettings)
    assert settings.widths == ()
    assert settings.described == "softmax"


def test_unknown_names_are_answered_with_what_is_close() -> None:
    with pytest.raises(UnknownNameError, match="did you mean gap-1024-512"):
        find_preset("gap-1024-521")


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("linear", "neighbours", 3),
        ("svm", "gamma", 1.0),
        ("svm", "strength", 1e-3),
        ("svm-rbf", "dropout", 0.1),
        ("knn", "C", 1.0),
        ("gap-1024", "weights", "uniform"),
    ],
)
def test_a_setting_that_means_nothing_to_a_head_is_refused(
    name: str, setting: str, value: object
) -> None:
    config = HeadConfig.model_validate({"name": name, setting: value})
    with pytest.raises(ConfigError, match=rf"{name} does not take head\.{setting}: it takes head"):
        resolve_settings(config)


def test_a_kernel_is_what_the_preset_says() -> None:
    settings = resolve_settings(HeadConfig(name="svm-rbf", gamma=2.0))
    assert isinstance(settings, RbfSettings)
    assert (settings.kernel, settings.C, settings.gamma) == ("rbf", None, 2.0)


def test_auto_means_what_the_preset_takes() -> None:
    wanted = {name: taps_wanted(HeadConfig(name=name)) for name in NAMES}
    assert wanted["linear"] == wanted["svm"] == wanted["knn"] == "auto"
    assert wanted["gap-1024-512"] == "final"
    assert wanted["flatten-dense"] == "flat"
    assert taps_wanted(HeadConfig(name="gap-1024", taps="all")) == "all"
    assert [name for name in NAMES if needs_flat(HeadConfig(name=name))] == [
        "flatten-dense",
        "flatten-dense-bn-dropout",
    ]


def test_a_head_on_the_unpooled_activation_takes_no_taps() -> None:
    with pytest.raises(ConfigError, match="not the taps 'early': leave out --taps"):
        taps_wanted(HeadConfig(name="flatten-dense", taps="early"))
