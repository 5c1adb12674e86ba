"""``POST /v1/explain``, over real connections."""

from __future__ import annotations

import io
import threading
from urllib.parse import quote, unquote

import numpy as np
import pytest
from PIL import Image

PNG = {"Content_Type": "image/png"}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_map_is_drawn_over_the_whole_image(web, picture) -> None:
    image = picture(1, size=(120, 60))
    told = web.ask("POST", "/v1/explain?model=plain", png(image), **PNG)
    assert (told.status, told.headers["content-type"]) == (200, "image/png")
    drawn = np.asarray(Image.open(io.BytesIO(told.body)))
    assert drawn.shape == (60, 120, 3)
    assert (drawn != image).any()
    assert told.headers["x-headstart-method"] in {"gradients", "occlusion"}
    predicted = web.ask("POST", "/v1/predict?model=plain", png(image), **PNG).json["predictions"]
    assert told.headers["x-headstart-label"] == quote(predicted[0]["label"])


def test_another_class_is_explained_on_request(web, picture) -> None:
    wanted = "<img src=x onerror=window.harmed=1>"
    path = f"/v1/explain?model=unsure&label={quote(wanted)}"
    told = web.ask("POST", path, png(picture(1)), **PNG)
    if told.status == 200:
        assert unquote(told.headers["x-headstart-label"]) == wanted
    else:
        assert told.json["error"]["code"] == "cannot_explain"


def test_large_images_are_drawn_smaller(web, picture) -> None:
    told = web.ask("POST", "/v1/explain?model=plain", png(picture(1, size=(900, 300))), **PNG)
    assert Image.open(io.BytesIO(told.body)).size == (640, 213)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("?model=plain", b"<html>", 415, "not_an_image"),
        ("?model=plain", b"\xff\xd8\xff\xe0 no more", 422, "unreadable_image"),
        ("?model=plain", b"x" * 1_000_001, 413, "body_too_large"),
        ("?model=other", b"\xff\xd8\xff", 404, "unknown_model"),
        ("", b"\xff\xd8\xff", 400, "no_model_named"),
        ("?model=plain&label=dodo", b"\xff\xd8\xff", 404, "unknown_class"),
    ],
)
def test_what_is_refused_says_why(web, path: str, body: bytes, status: int, code: str) -> None:
    told = web.ask("POST", f"/v1/explain{path}", body, **PNG)
    assert (told.status, told.json["error"]["code"]) == (status, code)


def test_it_needs_the_token(web, picture) -> None:
    told = web.ask("POST", "/v1/explain?model=plain", png(picture(1)), **PNG, Authorization="")
    assert told.status == 401


def test_large_pictures_are_not_decoded(web) -> None:
    bomb = png(np.zeros((1000, 1001, 3), np.uint8))
    told = web.ask("POST", "/v1/explain?model=plain", bomb, **PNG)
    assert "1,001,000 pixels" in told.json["error"]["message"]


def test_more_than_are_drawn_at_once_are_told_to_come_again(web, picture) -> None:
    image = png(picture(1, size=(700, 700)))
    told = []

    def hammer() -> None:
        told.append(web.ask("POST", "/v1/explain?model=plain", image, **PNG))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status for one in told} == {200, 503}
    assert {one.headers["retry-after"] for one in told if one.status == 503} == {"1"}
    assert 'headstart_maps_total{method="' in web.ask("GET", "/metrics").body.decode()
