"""Activation maps while the service answers: few at a time, on a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from headstart.bundle import load_bundle
from headstart.config.serving import ServeConfig
from headstart.data.manifest import Pixels
from headstart.data.resizing import frame
from headstart.errors import BundleError, HeadstartError, UnknownNameError
from headstart.explain import ClassMap, Explainer, framed, on_image, overlay
from headstart.explain.explainer import Method
from headstart.serving.online.models import ServedModel
from headstart.serving.online.service import BusyError, OnlineService
from headstart.serving.online.views import Whole

LONGEST_PX: Final = 640
"""Of the image under the map."""


class CannotExplainError(HeadstartError):
    """There is no map; the message says why."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A map over its image.

    Attributes:
        png: The picture.
        label: The class that the map speaks for.
        method: How it was made, as in :class:`headstart.explain.Explanation`.
    """

    png: bytes
    label: str
    method: Method


class Explanations:
    """Draws what a served model's answers rest on.

    A map costs as much as several answers, so there is a queue of its own, and one thread that
    computes on one processor beside those of the networks.

    Args:
        service: Whose models, processes and bounds these are.
        config: Limits.
    """

    def __init__(self, service: OnlineService, config: ServeConfig) -> None:
        self._service = service
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explainer")
        self._explainers: dict[str, tuple[str, Explainer]] = {}
        self._in_work = 0

    async def draw(self, model: ServedModel, image: bytes, *, label: str | None) -> Drawing:
        """Draw the map of one class over an image.

        Args:
            model: Which to explain.
            image: Encoded.
            label: The class; the one that the model calls the image where not given.

        Raises:
            UnknownNameError: The model has no such class.
            BusyError: Too many are in work.
            BadImageError: It cannot be decoded.
            CannotExplainError: There is no map.
        """
        info = model.bundle.info
        if label is not None and label not in info.classes:
            raise UnknownNameError("class", label[:64], info.classes)
        most = min(info.max_pixels, self._config.max_pixels)
        decode = self._service.decoders.decode
        with self._service.load.working_on(1), self._counted():
            square = await decode(image, info.geometry, max_pixels=most)
            whole = await decode(image, Whole(longest_px=LONGEST_PX), max_pixels=most)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._draw, model, square, whole, label)

    def close(self) -> None:
        """Begin no other."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if not self._config.explain_queue:
            raise CannotExplainError("this service draws no activation maps")
        if self._in_work >= self._config.explain_queue:
            raise BusyError("too many activation maps are in work")
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1

    def _draw(
        self, model: ServedModel, square: Pixels, whole: Pixels, label: str | None
    ) -> Drawing:
        explainer = self._explainer(model)
        shown, method = _class_map(explainer, model, square, label)
        if not shown.map.any():
            raise CannotExplainError(
                f"no part of the image speaks more for {shown.label!r} than for the others"
            )
        geometry = model.bundle.info.geometry
        height, width = whole.shape[:2]
        drawn = overlay(whole, on_image(shown.map, geometry, width, height))
        framed_by = frame(geometry, width, height).of_image
        return Drawing(_png(framed(drawn, framed_by)), shown.label, method)

    def _explainer(self, model: ServedModel) -> Explainer:
        """Return the explainer of this very version."""
        version, explainer = self._explainers.get(model.name, ("", None))
        if explainer is None or version != model.version:
            explainer = _open(model, self._config.precision)
            self._explainers[model.name] = model.version, explainer
        return explainer


def _open(model: ServedModel, precision: str) -> Explainer:
    """Open a bundle once more, which may have been written over since."""
    try:
        explainer = Explainer(model.bundle, precision=precision, threads=1)
        if load_bundle(model.bundle.folder).info == model.bundle.info:
            return explainer
    except BundleError:
        pass
    except RuntimeError as error:
        raise CannotExplainError("the graph of this model cannot be looked into") from error
    raise CannotExplainError("the model's files are being replaced: ask again in a moment")


def _class_map(
    explainer: Explainer, model: ServedModel, square: Pixels, label: str | None
) -> tuple[ClassMap, Method]:
    """Return the map of a class, on the scale of the most probable one's."""
    made = explainer.explain(square)
    best = explainer.classes[made.best]
    wanted = label or model.decide(made.probabilities)[1]
    if wanted == best:
        return made.maps[0], made.method
    made = explainer.explain(square, [best, wanted])
    return made.maps[1], made.method


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
