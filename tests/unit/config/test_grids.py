"""Lists of values by setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from headstart.config import set_dotted
from headstart.config.grids import as_assignments, build_grids, parse_axis, read_grids
from headstart.errors import ConfigError, UnknownNameError


def test_every_combination_once_the_first_axis_slowest() -> None:
    (grid,) = build_grids({"backbones": ["a", "b"], "sizes": [160, 224, 160], "heads": "knn"})
    assert grid.combinations() == [
        {"backbone.name": name, "data.image_size_px": size, "head.name": "knn"}
        for name in ("a", "b")
        for size in (160, 224)
    ]


def test_a_list_of_grids_is_one_after_another_with_its_own_settings() -> None:
    one, other = build_grids(
        [{"heads": ["linear", "knn"]}, {"heads": "gap", "settings": {"head": {"dropout": 0.5}}}]
    )
    assert len(one.combinations()) == 2
    assert (one.settings, other.settings) == ({}, {"head": {"dropout": 0.5}})


def test_axes_from_elsewhere_replace_those_of_the_same_setting() -> None:
    (grid,) = build_grids({"heads": ["linear", "knn"], "seeds": [1, 2]})
    assert grid.with_axes({"head.name": ["svm"]}).axes == {"head.name": ["svm"], "seed": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"backbones": []}, "has no value"),
        ({"heads": "knn", "head.name": "svm"}, "as another axis"),
        ({"settings": "seed: 1"}, "nested"),
        ("backbones", "values by setting"),
        ([], "values by setting"),
        (["linear"], "values by setting"),
        (None, "values by setting"),
    ],
)
def test_what_is_no_grid_is_refused(content: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_grids(content)


def test_a_misspelt_axis_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean backbones"):
        build_grids({"backbone": ["lite0"]})


def test_a_file_says_which_it_is(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text("backbones: [lite0, lite2]\nhead.folds: [3]\n")
    assert read_grids(file)[0].axes == {"backbone.name": ["lite0", "lite2"], "head.folds": [3]}
    for content, message in (("heads: []", "no value"), ("heads: [", "not valid YAML")):
        file.write_text(content)
        with pytest.raises(ConfigError, match=rf"grid\.yaml.*{message}"):
            read_grids(file)
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml"):
        read_grids(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["head.dropout", "=1,2", "head.dropout=", "head.dropout=[1"])
def test_an_axis_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--vary"):
        parse_axis(text)


VALUES = some.one_of(
    some.integers(-(10**6), 10**6),
    some.booleans(),
    some.floats(allow_nan=False),
    some.none(),
    some.text(some.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
    some.lists(some.integers(0, 9), max_size=3),
)


@given(VALUES)
def test_a_value_survives_the_way_through_an_assignment(value: Any) -> None:
    (assignment,) = as_assignments({"head.name": value})
    assert set_dotted({}, [assignment]) == {"head": {"name": value}}
