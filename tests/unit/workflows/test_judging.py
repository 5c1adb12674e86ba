from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from headstart.config import build_config
from headstart.data.containers import ArraysContainer
from headstart.data.manifest import Manifest
from headstart.workflows.judging import training_priors


def candidate(*learned_from: str) -> Any:
    """Three ants and one bee to train on, one bee to validate on, a bee and a cat to test on."""
    splits = ("train",) * 4 + ("val", "test", "test")
    labels = ("ant", "ant", "ant", "bee", "bee", "bee", "cat")
    names = tuple(map(str, range(7)))
    manifest = Manifest(ArraysContainer([]), names, labels, splits, (None,) * 7)
    data = SimpleNamespace(data=SimpleNamespace(manifest=manifest))
    return SimpleNamespace(featured=data, learned_from=learned_from)


def test_priors_are_shares_of_what_was_learned_from() -> None:
    found = training_priors(candidate("train", "val"), build_config({}))
    assert found == pytest.approx({"ant": 3 / 6, "bee": 2 / 6, "cat": 1 / 6})
    tuned = training_priors(candidate("train"), build_config({}))
    assert tuned == pytest.approx({"ant": 3 / 5, "bee": 1 / 5, "cat": 1 / 5})


@pytest.mark.parametrize(
    ("learned_from", "settings"),
    [
        (("train", "val"), {"head": {"class_weight": "balanced"}}),
        (("train",), {"training": {"phases": [{"sampling": "balanced"}]}}),
        (("train",), {"training": {"phases": [{"loss": {"class_weight": "balanced"}}]}}),
        (("train",), {"training": {"strategy": "full"}, "head": {"class_weight": "balanced"}}),
        (("train",), {"training": {"strategy": "auto"}, "head": {"class_weight": "balanced"}}),
    ],
)
def test_training_that_counts_classes_the_same_has_equal_priors(
    learned_from: tuple[str, ...], settings: dict[str, Any]
) -> None:
    found = training_priors(candidate(*learned_from), build_config(settings))
    assert found == pytest.approx(dict.fromkeys(("ant", "bee", "cat"), 1 / 3))
