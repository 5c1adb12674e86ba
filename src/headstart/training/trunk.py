"""What lies below the frozen boundary: computed once for all images, then read."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from headstart.config.training import PhaseConfig
from headstart.files import open_whole
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Examples, Feed
from headstart.training.records import Records, open_records
from headstart.training.tail import Tail
from headstart.training.trunk_pass import ViewPlan, build_engine, record
from headstart.training.trunk_views import Room

_SUFFIX = ".records"


@dataclass(frozen=True)
class Shown:
    """What a phase trains on, and by what.

    Attributes:
        network: From the feed's inputs to logits.
        feed: Training batches.
        validation: Inputs of the same kind.
    """

    network: Callable[[torch.Tensor], torch.Tensor]
    feed: Feed
    validation: Examples


@dataclass(frozen=True)
class TrunkCache:
    """Where what lies below the boundary is kept, and of what.

    Attributes:
        folder: For one file at a time, and nothing else; made when there is one.
        feed: The training images, and how they are varied.
        validation: Never varied.
        limit_gb: Of disk; 0 is off.
        views: Augmented views of each training image at most.
        progress: Who is told.
    """

    folder: Path
    feed: Feed
    validation: Examples
    limit_gb: float
    views: int
    progress: Progress

    def choose_views(self, phase: PhaseConfig, tail: Tail, *, fits: bool) -> int:
        """Return how many views a phase keeps; 0, and said why, where none are.

        Args:
            phase: Its settings.
            tail: Tried.
            fits: What :meth:`headstart.training.tail.Tail.fits` said.
        """
        if not fits:
            return self._none(tail, "what follows looks below it")
        if phase.mixup or phase.cutmix:
            return self._none(tail, "mixup and cutmix mix pixels")
        room, needed = self._room(), tail.layout.record_bytes
        size = room.size_gb(room.wanted_views(phase), needed)
        large = f"{size:.2g} GB of activations, and training.trunk_cache_gb is {self.limit_gb:g}"
        return room.fitting_views(phase, needed) or self._none(tail, large)

    def _none(self, tail: Tail, reason: str) -> int:
        self.progress.say(f"trunk: {tail.words} runs anew in every step: {reason}")
        return 0

    def fill(self, tail: Tail, views: int, arithmetic: Arithmetic, phase: int) -> Shown:
        """Return what a phase trains on, computing it unless a stopped run has.

        Args:
            tail: Fitted; its classifier in inference mode, no convolution rerouted.
            views: Of each training image.
            arithmetic: How steps are computed.
            phase: Its number: part of what the views depend on.

        Raises:
            StorageError: The file cannot be written.
        """
        feed, key = self.feed, (self.feed.seed, phase)
        plan = ViewPlan(feed.examples, self.validation, feed.augment, views, key)
        train, checked = self._found(tail, plan, arithmetic)
        examples = Examples(train, feed.examples.targets)
        shown = Feed(examples, feed.classes, None, feed.seed, feed.device, views)
        return Shown(tail, shown, Examples(checked, self.validation.targets))

    def clear(self, *, but: Path | None = None) -> None:
        """Delete what was kept, and what a stopped run left half done, perhaps but one file."""
        for old in self.folder.glob("*"):
            if old != but:
                old.unlink()
        if but is None and self.folder.is_dir():
            self.folder.rmdir()

    def _room(self) -> Room:
        return Room(
            limit_gb=self.limit_gb,
            views=self.views,
            images=len(self.feed.examples),
            checked=len(self.validation),
            varied=self.feed.augment is not None,
        )

    def _found(self, tail: Tail, plan: ViewPlan, arithmetic: Arithmetic) -> list[Records]:
        known = (plan.digest(), tail.digest(), repr(tail.layout), arithmetic.name)
        name = hashlib.blake2b(repr(known).encode(), digest_size=8).hexdigest()
        path = self.folder / f"{name}{_SUFFIX}"
        self.clear(but=path)
        found = open_records(path, plan.counts, tail.layout.record_bytes)
        if found is None:
            self._compute(path, tail, plan, arithmetic)
            found = open_records(path, plan.counts, tail.layout.record_bytes)
        assert found is not None, f"{path} was just written"
        return found

    def _compute(self, path: Path, tail: Tail, plan: ViewPlan, arithmetic: Arithmetic) -> None:
        started = time.monotonic()
        engine = build_engine(tail, arithmetic, scratch=path.with_suffix(".onnx"))
        pixels = self.progress.track(plan.pixels(), total=plan.calls, task="trunk", unit="batches")
        with open_whole(path) as stream:
            for records in record(engine, pixels, tail.layout):
                stream.write(records.data)
        views = "1 view" if plan.views == 1 else f"{plan.views} views"
        self.progress.say(
            f"trunk: {tail.words} computed once, {views} of {len(plan.train):,} images, "
            f"{path.stat().st_size / 1e9:.2g} GB, {time.monotonic() - started:.0f} s"
        )
