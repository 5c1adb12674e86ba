"""From a grid to runs."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.config.grids import build_grids
from headstart.errors import ConfigError, UnknownNameError
from headstart.workflows.benchmark_plan import BenchmarkRun, name_data, plan_runs


def planned(content: Any, **options: Any) -> list[BenchmarkRun]:
    return list(plan_runs(build_grids(content) if content else (), **options))


def test_runs_on_one_backbone_and_size_follow_each_other_heads_alone_first() -> None:
    grid = {
        "strategies": ["full", "probe"],
        "heads": ["linear", "gap"],
        "backbones": ["lite0", "lite1"],
    }
    names = [run.name for run in planned(grid)]
    assert names == [
        "lite0-linear",
        "lite0-gap",
        "lite0-linear-full",
        "lite0-gap-full",
        "lite1-linear",
        "lite1-gap",
        "lite1-linear-full",
        "lite1-gap-full",
    ]


def test_a_name_is_the_same_whatever_else_is_in_the_grid() -> None:
    few = planned({"heads": ["linear"]})
    more = planned({"heads": ["linear", "knn"], "backbones": ["efficientnet_lite0", "lite1"]})
    assert few[0] in more


def test_what_is_varied_is_part_of_name_and_head() -> None:
    runs = planned({"heads": "gap", "sizes": [160], "head.dropout": [0.1, 0.5], "seeds": [7]})
    assert [run.name for run in runs] == [
        "efficientnet_lite0-160-gap-dropout=0.1-seed=7",
        "efficientnet_lite0-160-gap-dropout=0.5-seed=7",
    ]
    assert runs[1].head == "gap, dropout=0.5, seed=7"
    assert (runs[1].config.head.dropout, runs[1].config.data.image_size_px) == (0.5, 160)


def test_settings_of_the_grid_below_the_users_below_set_below_the_axes() -> None:
    grid = {"heads": ["knn"], "settings": {"seed": 1, "data": {"val": 0.2, "test": 0.2}}}
    given = {"data": {"val": 0.3, "test": 0.3}}
    (run,) = planned(grid, given=given, assignments=["data.test=0.4", "head.name=svm"])
    data = run.config.data
    assert (run.config.seed, data.val, data.test, run.config.head.name) == (1, 0.3, 0.4, "knn")


def test_the_same_settings_by_another_name_are_one_run() -> None:
    assert (
        len(planned({"backbones": ["lite0", "efficientnet_lite0", "EfficientNetLite0"][:2]})) == 1
    )


def test_what_cannot_work_keeps_its_reason_and_does_not_stop_the_rest() -> None:
    runs = planned({"heads": ["linear", "knn"], "strategies": ["probe", "full"]})
    reasons = {run.name: run.impossible for run in runs}
    assert "no gradient" in reasons.pop("efficientnet_lite0-knn-full")
    assert not any(reasons.values())
    sizes = planned({"backbones": ["lite0", "inceptionv3"], "sizes": [64, 96]})
    assert [bool(run.impossible) for run in sizes] == [False, False, True, False]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({"backbones": ["lite0", "efficientnet_lit2"]}, UnknownNameError, "did you mean"),
        ({"heads": ["linear", "nearest"]}, UnknownNameError, "unknown head"),
        ({"heads": ["knn"], "head.foldz": [3]}, ConfigError, r"unknown key head\.foldz"),
        ({"heads": ["knn"], "strategies": ["full"]}, ConfigError, "no gradient"),
        (None, ConfigError, "nothing to compare"),
    ],
)
def test_a_mistake_is_found_before_anything_is_done(
    content: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        planned(content)


def test_a_recipe_brings_its_networks_with_what_their_source_reports() -> None:
    runs = planned(None, recipe="rakuten-benchmark")
    assert len(runs) == 10
    best = next(run for run in runs if run.model == "InceptionResNetV2")
    assert (best.name, best.reported) == (
        "inceptionresnetv2-299-gap-1024-512",
        ".62 accuracy, .61 weighted F1",
    )


def test_the_butterflies_recipe_is_frozen_and_fine_tuned() -> None:
    runs = planned(None, recipe="butterflies")
    assert [(run.model, run.strategy) for run in runs[:2]] == [
        ("VGG19", "probe"),
        ("VGG19", "full"),
    ]
    assert [len(run.config.training.phases) for run in runs] == [0, 2] * 4
    tuned = planned({"strategies": ["full"], "backbones": ["xception"]}, recipe="butterflies")
    assert [run.config.training.phases[1].train for run in tuned] == ["from layer 94 of 132"]


def test_data_sets_called_alike_are_numbered_and_named_once() -> None:
    named = name_data(["one/pets", "two/pets", "three/my leaves.zip"])
    assert [it.name for it in named] == ["pets", "pets-2", "my_leaves"]
    with pytest.raises(ConfigError, match="given twice"):
        name_data(["pets", "./pets"])
    with pytest.raises(ConfigError, match="needs DATA"):
        name_data([])
