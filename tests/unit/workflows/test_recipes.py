"""From a recipe's name to runs."""

from __future__ import annotations

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.config import build_config
from headstart.config.recipes import find_recipe, recipe_names
from headstart.errors import ConfigError, UnknownNameError
from headstart.heads.fitting import check_head
from headstart.workflows.recipes import plan_recipe, recipe_config
from headstart.workflows.tuning_config import check_tuning


@pytest.mark.parametrize("name", recipe_names())
def test_every_run_of_a_recipe_could_start(name: str) -> None:
    for run in plan_recipe(name):
        find_backbone(run.backbone)
        check_head(run.config.head)
        check_tuning(run.config)


def test_a_grid_is_a_run_for_each_network() -> None:
    runs = plan_recipe("butterflies")
    assert [run.name for run in runs] == [
        "butterflies-vgg19",
        "butterflies-vgg16",
        "butterflies-inceptionv3",
        "butterflies-xception",
    ]
    assert len({run.config.training.phases[1].train for run in runs}) == 3
    assert len(plan_recipe("rakuten-benchmark")) == 10


def test_a_backbone_picks_a_member_by_any_of_its_names() -> None:
    (run,) = plan_recipe("butterflies", {"backbone": {"name": "legacy_xception"}})
    assert (run.name, run.config.backbone.name) == ("butterflies-xception", "Xception")
    assert run.config.training.phases[1].train == "from layer 94 of 132"
    (again,) = plan_recipe("butterflies", {}, ["backbone.name=legacy_xception"])
    assert again == run


def test_any_other_backbone_takes_the_common_settings() -> None:
    (run,) = plan_recipe("butterflies", {"backbone": {"name": "lite0"}})
    assert (run.name, run.result) == ("butterflies-lite0", "")
    assert run.config.training.phases[1].train == "all"


def test_a_network_from_scratch_stays_so_and_another_is_pretrained() -> None:
    (own,) = plan_recipe("noodles-cnn1", {"backbone": {"name": "CNN1"}})
    (other,) = plan_recipe("noodles-cnn1", {"backbone": {"name": "lite0"}})
    assert own.config.backbone.weights == "none"
    assert other.config.backbone.weights is None
    assert (own.name, other.name) == ("noodles-cnn1", "noodles-cnn1-lite0")


def test_the_users_settings_lie_over_the_recipes() -> None:
    given = build_config({"data": {"image_size_px": 64}, "seed": 5})
    (run,) = plan_recipe("waste", given, ["training.phases.*.epochs=1"])
    assert run.config.data.image_size_px == 64
    assert run.config.data.interpolation == "bilinear"
    assert run.config.seed == 5
    assert {phase.epochs for phase in run.config.training.phases} == {1}


def test_a_grid_is_not_one_run() -> None:
    with pytest.raises(ConfigError, match=r"4 networks \(VGG19, VGG16, .*headstart benchmark"):
        recipe_config("butterflies")
    chosen = recipe_config("butterflies", {"backbone": {"name": "vgg19"}})
    assert chosen.result == find_recipe("butterflies").grid[0].result


def test_what_is_unknown_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean waste"):
        plan_recipe("wast")
    with pytest.raises(ConfigError, match=r"unknown key training\.epoch"):
        plan_recipe("waste", {}, ["training.epoch=1"])
