from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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


def test_a_trial_finds_what_a_central_crop_cuts_off(
    config: TrainConfig, cache: Path, picture: Any
) -> None:
    pictures, labels = [], []
    for seed in range(64):
        image = picture(seed, size=(128, 64)).copy()
        shade = np.array([255, 0, 0] if seed % 2 else [0, 0, 255], dtype=np.uint8)
        image[:, :24] = image[:, -24:] = shade
        pictures.append(image)
        labels.append("dog" if seed % 2 else "cat")
    choice = choose(*labelled(pictures, labels), config, cache)
    assert choice.geometry.mode == "squash"
    assert choice.reason.startswith("cross-validated NLL on 64 training images: squash ")
