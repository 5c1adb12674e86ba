"""Every recipe is whole: it parses, its settings hold, and no value comes from nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headstart.config import build_config
from headstart.config.recipes import (
    KINDS,
    Recipe,
    find_recipe,
    flattened,
    recipe_names,
    settings_under,
)
from headstart.errors import ConfigError, UnknownNameError

PROMISED = {
    "butterflies",
    "cifar10-efficientnet",
    "cifar10-scratch",
    "cinic10-vgg16-1",
    "cinic10-vgg16-2",
    "cinic10-vgg16-3",
    "cinic10-vgg16-4",
    "noodles-cnn1",
    "noodles-cnn6",
    "rakuten-benchmark",
    "waste",
}


@pytest.fixture(params=recipe_names())
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return find_recipe(request.param)


def test_what_was_promised_is_there() -> None:
    assert set(recipe_names()) == PROMISED


def test_every_recipe_says_what_it_is(recipe: Recipe) -> None:
    assert recipe.title
    assert recipe.source
    assert recipe.result
    assert recipe.backbones


def test_every_member_is_a_sound_configuration(recipe: Recipe) -> None:
    for member in (None, *recipe.grid):
        config = build_config(recipe.member_settings(member))
        wanted = recipe.settings_backbone if member is None else member.backbone
        assert config.backbone.name == wanted


def test_every_value_says_where_it_comes_from(recipe: Recipe) -> None:
    for member in (None, *recipe.grid):
        for line in recipe.lines(member):
            assert line.origin.kind in KINDS, line
            assert line.origin.kind == "source" or line.origin.words, line


def test_every_origin_belongs_to_a_value(recipe: Recipe) -> None:
    keys = [key for key, _ in flattened(recipe.settings)]
    for pattern in recipe.origins:
        parts = pattern.split(".")
        starts = [key.split(".")[: len(parts)] for key in keys]
        assert any(
            len(start) == len(parts) and all(p in {"*", k} for p, k in zip(parts, start))  # noqa: B905
            for start in starts
        ), pattern


def test_a_value_from_nowhere_is_refused() -> None:
    bare = Recipe(name="x", title="x", source="x", result="x", settings={"seed": 1}, origins={})
    with pytest.raises(ConfigError, match="does not say where seed comes from"):
        list(bare.lines())


def test_names_are_found_in_any_case_and_close_ones_suggested() -> None:
    assert find_recipe("WASTE").name == "waste"
    with pytest.raises(UnknownNameError, match="did you mean butterflies"):
        find_recipe("butterfly")


def test_a_member_changes_only_what_it_says() -> None:
    recipe = find_recipe("butterflies")
    xception = next(member for member in recipe.grid if member.backbone == "Xception")
    mine, own = recipe.member_settings(xception), recipe.member_settings(None)
    assert mine["training"]["phases"][1]["train"] == "from layer 94 of 132"
    assert own["training"]["phases"][1]["train"] == "all"
    assert mine["training"]["phases"][0] == own["training"]["phases"][0]


BASE: dict[str, Any] = {
    "backbone": {"name": "cnn1", "weights": "none"},
    "head": {"name": "gap", "dropout": 0.2},
    "training": {
        "strategy": "full",
        "augmentation": {"preset": "waste", "margin": 0},
        "phases": [{"epochs": 20}, {"epochs": 10}],
    },
}


def test_the_user_comes_last() -> None:
    given = {"head": {"dropout": 0.3}, "seed": 3}
    settings = settings_under(BASE, given, ["training.phases.1.epochs=2", "seed=4"])
    assert settings["head"] == {"name": "gap", "dropout": 0.3}
    assert settings["training"]["phases"] == [{"epochs": 20}, {"epochs": 2}]
    assert settings["seed"] == 4
    assert BASE["training"]["phases"][1] == {"epochs": 10}


@pytest.mark.parametrize(
    ("assignment", "section", "left"),
    [
        ("backbone.name=vgg16", "backbone", {"name": "vgg16"}),
        ("head.name=knn", "head", {"name": "knn"}),
        ("head.name=GAP", "head", {"name": "GAP", "dropout": 0.2}),
        (
            "training.strategy=probe",
            "training",
            {"strategy": "probe", "augmentation": {"preset": "waste", "margin": 0}},
        ),
        (
            "training.augmentation.preset=light",
            "training",
            {"strategy": "full", "augmentation": {"preset": "light"}, "phases": [{}, {}]},
        ),
    ],
)
def test_another_name_takes_its_section_along(assignment: str, section: str, left: Any) -> None:
    found = settings_under(BASE, {}, [assignment])[section]
    if "phases" in left:
        found["phases"] = [{}, {}]
    assert found == left


def test_one_own_plan_replaces_the_recipes() -> None:
    given = {"training": {"strategy": "partial", "phases": [{"epochs": 3}]}}
    assert settings_under(BASE, given, [])["training"]["phases"] == [{"epochs": 3}]


def test_the_page_has_a_row_for_every_recipe() -> None:
    page = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows[: len(PROMISED)] == sorted(PROMISED)


STATED: dict[str, dict[str, Any]] = {
    "rakuten-benchmark": {
        "head.name": "gap-1024-512",
        "head.optimiser": "adam",
        "head.learning_rate": 1e-3,
        "head.epochs": 40,
        "head.batch_size": 64,
    },
    "butterflies": {
        "data.test": 0.2,
        "training.phases.0.train": "head",
        "training.phases.0.epochs": 20,
        "training.phases.0.optimiser.name": "rmsprop",
        "training.phases.0.optimiser.learning_rate": 1e-3,
        "training.phases.1.train": "all",
        "training.phases.1.optimiser.name": "sgd",
        "training.phases.1.optimiser.learning_rate": 1e-4,
        "training.phases.1.optimiser.momentum": 0.9,
    },
    "waste": {
        "backbone.name": "InceptionResNetV2",
        "data.image_size_px": 320,
        "training.augmentation.horizontal_flip": True,
        "training.augmentation.vertical_flip": True,
        "training.augmentation.rotation_turns": 0.2,
        "training.phases.0.train": "head",
        "training.phases.0.dropout": 0.2,
        "training.phases.0.optimiser.learning_rate": 1e-3,
        "training.phases.1.train": "from layer 500 of 780",
        "training.phases.1.optimiser.learning_rate": 1e-5,
        "training.phases.2.train": "from layer 300 of 780",
        "training.phases.3.train": "all",
        **{
            f"training.phases.{phase}.early_stopping.{name}": value
            for phase in range(4)
            for name, value in {
                "monitor": "val_accuracy",
                "min_delta": 0.001,
                "patience": 2,
                "restore_best": True,
            }.items()
        },
    },
}
"""What the systems themselves say, once more: a slip of the pen in a recipe is found here."""


@pytest.mark.parametrize("name", STATED)
def test_values_are_those_that_the_system_states(name: str) -> None:
    recipe = find_recipe(name)
    found = dict(flattened(recipe.settings))
    assert {key: found[key] for key in STATED[name]} == STATED[name]


def test_grids_have_the_networks_of_their_systems() -> None:
    assert len(find_recipe("rakuten-benchmark").grid) == 10
    fine_tuned_from = [
        member.settings.get("training.phases.1.train", "all")
        for member in find_recipe("butterflies").grid
    ]
    assert sorted(fine_tuned_from) == [
        "all",
        "all",
        "from layer 94 of 132",
        "from layer 94 of 311",
    ]
