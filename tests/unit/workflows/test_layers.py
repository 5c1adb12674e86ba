from __future__ import annotations

import pytest

from headstart.errors import ConfigError, UnknownNameError
from headstart.workflows.layers import draw_listing, list_backbone


def test_shapes_follow_the_size() -> None:
    listing = list_backbone("EfficientNetLite0", size_px=320)
    assert (listing.backbone, listing.size_px, len(listing.layers)) == (
        "efficientnet_lite0",
        320,
        131,
    )
    assert listing.layers[0].shape == (32, 160, 160)
    assert (listing.stage_numbers[0], listing.stage_numbers[-1]) == (0, 5)
    assert not any(listing.is_trained(layer) for layer in listing.layers)


def test_a_head_is_numbered_on() -> None:
    listing = list_backbone("lite0", head="gap-1024-512", classes=7, train="head")
    kinds = [(layer.number, layer.kind, layer.parameters) for layer in listing.head]
    assert kinds == [
        (131, "Linear", 1280 * 1024 + 1024),
        (132, "ReLU", 0),
        (133, "Dropout", 0),
        (134, "Linear", 1024 * 512 + 512),
        (135, "ReLU", 0),
        (136, "Dropout", 0),
        (137, "Linear", 512 * 7 + 7),
    ]
    trained = [la.number for la in (*listing.layers, *listing.head) if listing.is_trained(la)]
    assert trained == [131, 134, 137]


def test_a_linear_head_takes_what_the_probe_takes() -> None:
    (layer,) = list_backbone("lite0", head="linear", classes=2).head
    channels = 24 + 40 + 80 + 112 + 192 + 320  # three statistics of each stage, two of the last
    assert layer.parameters == 2 * (3 * channels + 2 * 1280) + 2


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean gap-1024"):
        list_backbone("lite0", head="gap-1025")


@pytest.mark.parametrize("head", ["knn", "flatten-dense"])
def test_a_head_without_layers_on_pooled_features_is_refused(head: str) -> None:
    with pytest.raises(ConfigError, match=r"no layers to list.*linear, gap, "):
        list_backbone("lite0", head=head)


def test_a_size_that_no_image_survives_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot take squares of 0 pixels.*its own 224"):
        list_backbone("lite0", size_px=0)


def test_the_drawing_has_every_layer_and_pales_the_frozen() -> None:
    listing = list_backbone("lite0", head="linear", train="last 2 stages")
    svg = draw_listing(listing)
    assert svg.count("<title>") == 131 + 1
    assert svg.count("</title></rect>") == 132
    assert svg.count('fill-opacity="0.22"><title>') == 88
    assert "stage 5: blocks.5 · layers 88 to 119" in svg
