"""Activation maps beside answers: their queue, their versions, their reasons."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.bundle import load_bundle
from headstart.bundle.sealing import copy_changed
from headstart.config.serving import ServeConfig
from headstart.errors import UnknownNameError
from headstart.serving.online.explanations import CannotExplainError, Drawing, Explanations
from headstart.serving.online.models import ServedModel, Source, open_model
from headstart.serving.online.service import BusyError, Load
from headstart.serving.online.views import View, rendered


async def decode(image: bytes, view: View, *, max_pixels: int) -> np.ndarray:
    return rendered(image, view, max_pixels=max_pixels)


@pytest.fixture(scope="module")
def model(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    folder = tmp_path_factory.mktemp("explained") / "bundle"
    shutil.copytree(small_bundle, folder)
    return open_model(Source("small", folder), precision="f32", threads=1)


Draw = Callable[..., list[Any]]


@pytest.fixture
def draw(model: ServedModel, picture: Any) -> Iterator[Draw]:
    """``draw(2, label=…, explain_queue=…)``: what becomes of so many at once."""
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).save(buffer, "PNG")
    begun: list[Explanations] = []

    def make(times: int = 1, *, label: str | None = None, **settings: Any) -> list[Any]:
        service: Any = SimpleNamespace(
            load=Load(50, 10_000_000), decoders=SimpleNamespace(decode=decode)
        )
        drawing = Explanations(service, ServeConfig(precision="f32", **settings))
        begun.append(drawing)

        async def ask() -> list[Any]:
            jobs = [drawing.draw(model, buffer.getvalue(), label=label) for _ in range(times)]
            return await asyncio.gather(*jobs, return_exceptions=True)

        outcome = asyncio.run(ask())
        assert service.load.images == 0
        return outcome

    yield make
    for one in begun:
        one.close()


def test_the_predicted_class_is_explained_and_others_on_request(draw: Draw) -> None:
    (drawing,) = draw()
    assert isinstance(drawing, Drawing)
    assert drawing.png.startswith(b"\x89PNG")
    outcomes = [draw(label=f"class {number}")[0] for number in range(3)]
    told = {one.label for one in outcomes if isinstance(one, Drawing)}
    assert drawing.label in told
    assert all(isinstance(one, Drawing | CannotExplainError) for one in outcomes)


def test_no_more_are_taken_on_than_the_queue_holds(draw: Draw) -> None:
    outcomes = draw(5, explain_queue=2)
    assert [isinstance(one, Drawing) for one in outcomes] == [True, True, False, False, False]
    assert all(isinstance(one, BusyError) for one in outcomes[2:])


def test_a_service_may_draw_none(draw: Draw) -> None:
    (refused,) = draw(explain_queue=0)
    assert isinstance(refused, CannotExplainError)
    assert "draws no activation maps" in str(refused)


def test_a_class_that_there_is_not_is_told(draw: Draw) -> None:
    (refused,) = draw(label="dodo")
    assert isinstance(refused, UnknownNameError)


def test_a_bundle_that_was_written_over_explains_no_older_answers(
    draw: Draw, model: ServedModel, small_bundle: Path
) -> None:
    classes = tuple(f"new {number}" for number in range(3))
    copy_changed(load_bundle(small_bundle), model.bundle.folder, {"classes": classes})
    (refused,) = draw()
    assert isinstance(refused, CannotExplainError)
    assert "being replaced" in str(refused)
    assert str(model.bundle.folder) not in str(refused)
    (model.bundle.folder / "graph.onnx").write_bytes(b"half")
    (refused,) = draw()
    assert isinstance(refused, CannotExplainError)
