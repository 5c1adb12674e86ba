from __future__ import annotations

import xml.etree.ElementTree as ET

from headstart.reporting.network_drawing import DrawnLayer, DrawnRow, draw_network

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[ET.Element]:
    return [
        box for box in ET.fromstring(svg).iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None
    ]


def drawn(*layers: DrawnLayer) -> str:
    return draw_network("a <net>", "about & more", [DrawnRow("stage 1", layers)])


def test_each_layer_is_a_box_that_tells_its_name() -> None:
    conv = DrawnLayer("0  a<b>", "Conv2d", (8, 32, 32))
    norm = DrawnLayer("1  norm", "BatchNorm2d", (8, 32, 32))
    first, second = boxes(drawn(conv, norm))
    assert first.findtext(f"{SVG}title") == "0  a<b>"
    assert first.get("fill") != second.get("fill")


def test_bigger_pictures_are_higher_and_more_channels_wider() -> None:
    shapes = [(8, 112, 112), (8, 28, 28), (512, 28, 28), (28, 28, 512), (784, 512)]
    found = boxes(drawn(*(DrawnLayer("", "Conv2d", shape) for shape in shapes)))
    widths = [float(box.get("width", "")) for box in found]
    heights = [float(box.get("height", "")) for box in found]
    assert heights[0] > heights[1] == heights[2] == heights[3] == heights[4]
    assert widths[0] == widths[1] < widths[2] == widths[3] == widths[4]


def test_frozen_layers_are_pale_and_the_legend_says_so() -> None:
    layers = [DrawnLayer("", "Conv2d", (8, 8, 8), faded=faded) for faded in (True, False)]
    svg = drawn(*layers)
    assert [box.get("fill-opacity") for box in boxes(svg)] == ["0.22", None]
    assert "pale: frozen" in svg
    assert "pale: frozen" not in drawn(layers[1])


def test_a_long_stage_is_broken_into_lines_within_the_page() -> None:
    svg = drawn(*[DrawnLayer("", "Conv2d", (2048, 7, 7))] * 100)
    page = ET.fromstring(svg)
    width, height = float(page.get("width", "")), float(page.get("height", ""))
    found = boxes(svg)
    assert len({box.get("y") for box in found}) > 1
    for box in found:
        x, y, w, h = (float(box.get(key, "")) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert x + w <= width
        assert y + h <= height
