from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.config import TrainConfig, build_config
from headstart.data.containers import ArraysContainer
from headstart.data.digest import content_digest
from headstart.data.manifest import Manifest
from headstart.progress import Silent
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.geometry_choice import choose_geometry


def labelled(pictures: list[Any], labels: list[str]) -> tuple[Manifest, list[str]]:
    container = ArraysContainer(pictures)
    paths = tuple(container.names())
    none = (None,) * len(paths)
    digests = [content_digest(container.read(path)) for path in paths]
    return Manifest(container, paths, tuple(labels), none, none), digests


def choose(manifest: Manifest, digests: list[str], config: TrainConfig, cache: Path) -> Any:
    featuriser = Featuriser(config, cache=cache, progress=Silent())
    return choose_geometry(manifest, digests, config, featuriser)


def test_a_wish_is_followed(config: TrainConfig, cache: Path, picture: Any) -> None:
    wished = build_config({"data": {"image_size_px": 96, "geometry": "pad"}})
    choice = choose(*labelled([picture(0)], ["cat"]), wished, cache)
    assert (choice.geometry.mode, choice.reason) == ("pad", "as configured")


def test_few_images_are_squashed(config: TrainConfig, cache: Path, picture: Any) -> None:
    choice = choose(*labelled([picture(0), picture(1)], ["cat", "dog"]), config, cache)
    assert choice.geometry.mode == "squash"
    assert choice.reason == "2 training images are too few for a trial"


@pytest.mark.parametrize("place", ["edge", "centre"])
def test_a_trial_finds_where_the_difference_lies(
    config: TrainConfig, cache: Path, picture: Any, place: str
) -> None:
    """Classes that differ at the left and right edges only are the same in a central crop."""
    pictures, labels = [], []
    for seed in range(64):
        image = picture(seed, size=(128, 64)).copy()
        label = seed % 2
        left = slice(0, 24) if place == "edge" else slice(52, 76)
        shade = np.array([255, 0, 0] if label else [0, 0, 255], dtype=np.uint8)
        image[:, left] = shade
        if place == "edge":
            image[:, -24:] = shade
        pictures.append(image)
        labels.append("dog" if label else "cat")
    choice = choose(*labelled(pictures, labels), config, cache)
    assert choice.reason.startswith("cross-validated NLL on 64 training images: squash ")
    if place == "edge":
        assert choice.geometry.mode == "squash"
