from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.selection.resolution import Setting, is_sensible, size_findings


def setting(*sizes: tuple[int, int], **changes: Any) -> Setting:
    sizes = sizes or ((512, 384),)
    facts: dict[str, Any] = {
        "backbone": "a network",
        "native_px": 224,
        "size_px": 224,
        "mode": "auto",
        "crop_fraction": 0.875,
        "widths": np.array([width for width, _ in sizes]),
        "heights": np.array([height for _, height in sizes]),
        "paths": [f"{number}.jpg" for number in range(len(sizes))],
    }
    return Setting(**(facts | changes))


def found(*sizes: tuple[int, int], **changes: Any) -> dict[str, str]:
    return {it.rule: it.severity for it in size_findings(setting(*sizes, **changes))}


RAKUTEN, WASTE, CINIC = (500, 500), (512, 384), (32, 32)
REVIEW = [
    # the first system's ten networks (issue 3, point 1) on Rakuten's 500 x 500 photos
    ("VGG16", 224, 224, RAKUTEN, True),
    ("VGG19", 224, 224, RAKUTEN, True),
    ("ResNet50", 224, 224, RAKUTEN, True),
    ("MobileNetV2", 224, 224, RAKUTEN, True),
    ("NASNetMobile", 224, 224, RAKUTEN, True),
    ("DenseNet121", 224, 224, RAKUTEN, True),
    ("InceptionV3", 299, 299, RAKUTEN, True),
    ("Xception", 299, 299, RAKUTEN, True),
    ("InceptionResNetV2", 299, 299, RAKUTEN, True),
    ("EfficientNetB7", 600, 600, RAKUTEN, False),  # larger than any photo
    ("EfficientNetB7", 600, 224, RAKUTEN, False),  # far below what it was trained on
    # the waste system: 320 px for a network of 299, on 512 x 384 photos
    ("InceptionResNetV2", 299, 320, WASTE, True),
    # CINIC-10's photos as they are, for a network of 224
    ("VGG16", 224, 32, CINIC, False),
    # not from a source: plain cases of either rule
    ("InceptionResNetV2", 299, 224, RAKUTEN, False),
    ("MobileNetV2", 224, 500, RAKUTEN, False),
]


@pytest.mark.parametrize(("name", "native", "size", "source", "sensible"), REVIEW)
def test_the_review_of_the_replaced_systems_comes_out(
    name: str, native: int, size: int, source: tuple[int, int], sensible: bool
) -> None:
    reviewed = setting(source, backbone=name, native_px=native, size_px=size)
    assert is_sensible(reviewed) is sensible
    if sensible:
        assert size_findings(reviewed) == ()


def test_ordinary_photos_at_the_native_size_need_no_words() -> None:
    assert found((512, 384), (500, 375), (333, 500)) == {}


def test_below_the_native_size() -> None:
    assert found(native_px=299, size_px=240) == {"below native size": "note"}
    (finding,) = size_findings(setting(native_px=600, size_px=224))
    assert finding.severity == "warning"
    assert "37% of the size" in finding.text
    assert "--image-size 600" in finding.text


def test_above_the_native_size() -> None:
    assert found((900, 900), size_px=288) == {"above native size": "note"}
    assert found((900, 900), size_px=448) == {"above native size": "warning"}


def test_small_sources() -> None:
    (finding,) = size_findings(setting(*[(32, 32)] * 4))
    assert (finding.rule, finding.severity) == ("upscaled", "warning")
    assert "all 4 images" in finding.text
    assert "by 7.0" in finding.text
    few = [(512, 384)] * 9 + [(100, 100)]
    (finding,) = size_findings(setting(*few))
    assert (finding.severity, finding.images) == ("note", ("9.jpg",))


def test_a_crop_needs_more_pixels_than_padding() -> None:
    assert found((240, 240), mode="crop") == {"upscaled": "note"}
    assert found((240, 120), mode="pad") == {}


def test_large_sources_cost_reading_time() -> None:
    (jpeg,) = size_findings(setting((4000, 3000)))
    assert (jpeg.rule, jpeg.severity) == ("oversized", "note")
    assert "costs no accuracy" in jpeg.text
    (png,) = size_findings(setting((4000, 3000), lossless=1.0))
    assert "copies of 448 px" in png.text


LONG = [(400, 400), (380, 1100), (880, 380)]


def test_a_crop_that_mutilates_names_the_images_and_the_mend() -> None:
    (finding,) = size_findings(setting(*LONG, mode="crop"))
    assert (finding.rule, finding.severity) == ("mutilated by a crop", "warning")
    assert finding.images == ("1.jpg", "2.jpg")
    assert "1.jpg, 2.jpg" in finding.text
    assert "--geometry pad or squash" in finding.text


def test_a_trial_that_includes_a_crop_is_told_too() -> None:
    assert found(*LONG) == {"mutilated by a crop": "note"}


def test_other_geometries_have_their_own_price() -> None:
    assert found(*LONG, mode="squash") == {"bent by squashing": "warning"}
    assert found(*LONG, mode="pad") == {"mostly border": "warning"}


def test_warnings_come_first() -> None:
    rules = list(found((60, 20), (60, 20), size_px=190).values())
    assert rules == sorted(rules, reverse=True)
    assert set(rules) == {"warning", "note"}


sizes = st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), min_size=1, max_size=20)


@given(sizes, st.sampled_from(["auto", "crop", "pad", "squash"]), st.integers(32, 2048))
def test_any_images_can_be_judged(images: list[tuple[int, int]], mode: str, size: int) -> None:
    judged = setting(*images, mode=mode, size_px=size)
    for finding in size_findings(judged):
        assert set(finding.images) <= set(judged.paths)
        assert "nan" not in finding.text
