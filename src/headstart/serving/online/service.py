"""From the bytes of images to decided answers, with a bound on what is in work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from headstart.config.serving import ServeConfig
from headstart.data.manifest import Pixels
from headstart.data.sniffing import image_format
from headstart.errors import BadImageError, HeadstartError
from headstart.evaluation.decision import UNKNOWN
from headstart.parallel import cpu_count
from headstart.serving.online.decoders import DecoderPool, DecodingLimits
from headstart.serving.online.models import ModelRegistry, ServedModel, Source

Problem = Literal["not_an_image", "unreadable_image"]


class BusyError(HeadstartError):
    """More is in work than is taken on at once: to be asked again a little later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one image.

    Attributes:
        status: As in :class:`headstart.serving.predictor.Prediction`.
        label: The class it would be called, also where that is too unsure; empty for a bad one.
        confidence: Its probability.
        probabilities: Of every class, in the model's order, most probable or not.
        problem: What is wrong with a bad one; ``None`` otherwise.
        reason: The same in words.
    """

    status: Literal["ok", "unknown", "error"]
    label: str = ""
    confidence: float = 0.0
    probabilities: tuple[float, ...] = ()
    problem: Problem | None = None
    reason: str = ""


@dataclass(slots=True)
class Timing:
    """Where the time of a request went, in seconds, summed over its images."""

    decode_s: float = 0.0
    infer_s: float = 0.0


@dataclass(slots=True)
class Load:
    """What is in work, against what is taken on.

    Attributes:
        images: In work or waiting.
        memory: Bytes of requests that are held.
    """

    most_images: int
    most_memory: int
    images: int = field(default=0, init=False)
    memory: int = field(default=0, init=False)

    @property
    def is_full(self) -> bool:
        """Whether one image more is too many."""
        return self.images >= self.most_images

    @contextlib.contextmanager
    def working_on(self, images: int) -> Iterator[None]:
        """Count images as in work.

        Raises:
            BusyError: They are too many.
        """
        if self.images + images > self.most_images:
            raise BusyError("too many images are in work")
        self.images += images
        try:
            yield
        finally:
            self.images -= images

    @contextlib.contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Count bytes as held, as they come in: call what is yielded with their number.

        Raises:
            BusyError: From that call: they are too many.
        """
        held = 0

        def more(count: int) -> None:
            nonlocal held
            if self.memory + count > self.most_memory:
                raise BusyError("too many large requests are in work")
            self.memory += count
            held += count

        try:
            yield more
        finally:
            self.memory -= held


class OnlineService:
    """Answers images with the models of a registry.

    Args:
        sources: Bundles to serve.
        config: Limits.

    Attributes:
        models: By name.
        decoders: The processes that decode.
        load: What is in work.
        is_ready: Whether requests are welcome: models are loaded, and the end has not come.
    """

    def __init__(self, sources: Sequence[Source], config: ServeConfig) -> None:
        self._config = config
        self.models = ModelRegistry(sources, precision=config.precision, threads=config.threads)
        self.load = Load(config.queue_images, config.memory_mb * 1_000_000)
        self.is_ready = False
        self.models.load()  # what is wrong with a bundle is said before a process is started
        limits = DecodingLimits(config.decode_timeout_s, config.decode_memory_mb)
        self.decoders = DecoderPool(workers=config.workers or cpu_count(), limits=limits)

    async def wait_ready(self) -> None:
        """Wait for the processes that decode.

        Raises:
            DataError: One does not start.
        """
        await self.decoders.wait_ready()
        self.is_ready = True

    def close(self) -> None:
        """Refuse what comes and end the processes."""
        self.is_ready = False
        self.decoders.close()

    async def answer(
        self, model: ServedModel, images: Sequence[bytes]
    ) -> tuple[list[Answer], Timing]:
        """Return an answer an image, in order; a bad one is an answer with its reason.

        Raises:
            BusyError: They are more than is taken on at once.
        """
        timing = Timing()
        with self.load.working_on(len(images)):
            jobs = [self._answer(model, image, timing) for image in images]
            if len(jobs) == 1:
                return [await jobs[0]], timing
            return list(await asyncio.gather(*jobs)), timing

    async def _answer(self, model: ServedModel, image: bytes, timing: Timing) -> Answer:
        try:
            image_format(image)
        except BadImageError as error:
            return Answer("error", problem="not_an_image", reason=str(error))
        try:
            pixels = await self._decoded(model, image, timing)
        except BadImageError as error:
            return Answer("error", problem="unreadable_image", reason=str(error))
        begun = time.perf_counter()
        vector = await model.queue.infer(pixels)
        timing.infer_s += time.perf_counter() - begun
        probabilities, label, confidence, unsure = model.decide(vector)
        status: Literal["ok", "unknown"] = UNKNOWN if unsure else "ok"
        return Answer(status, label, confidence, tuple(probabilities.tolist()))

    async def _decoded(self, model: ServedModel, image: bytes, timing: Timing) -> Pixels:
        info = model.bundle.info
        begun = time.perf_counter()
        most = min(info.max_pixels, self._config.max_pixels)
        try:
            return await self.decoders.decode(image, info.geometry, max_pixels=most)
        finally:
            timing.decode_s += time.perf_counter() - begun
