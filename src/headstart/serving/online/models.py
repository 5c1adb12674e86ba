"""The models that are served, by name, and their new versions while requests go on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from headstart.bundle import Bundle, load_bundle
from headstart.bundle.loading import INFO_FILE
from headstart.errors import BundleError, ConfigError, UnknownNameError
from headstart.evaluation.counts import Floats
from headstart.evaluation.decision import DecisionRule
from headstart.serving.online.batching import BatchQueue, Vector

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION_DIGITS: Final = 12

Stamp: TypeAlias = tuple[int, int, int]
"""By which a file is seen to have changed: its inode, time of change and length."""


@dataclass(frozen=True)
class ServedModel:
    """One version of a model, ready to answer.

    Attributes:
        name: What requests call it.
        version: First digits of the bundle's seal: another bundle has another one.
        bundle: Verified.
        rule: How probabilities become answers.
        queue: Where pixels are answered.
    """

    name: str
    version: str
    bundle: Bundle
    rule: DecisionRule
    queue: BatchQueue

    def decide(self, probabilities: Vector) -> tuple[Floats, str, float, bool]:
        """Return probabilities under the rule's priors, the label, its confidence, if unsure."""
        made = self.rule.apply(probabilities[None].astype(np.float64))
        label = self.bundle.info.classes[made.labels[0]]
        return made.probabilities[0], label, float(made.confidence[0]), bool(made.unknown[0])


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        name: What requests call it.
        path: A bundle, or a run that holds one.
    """

    name: str
    path: Path

    def stamp(self) -> Stamp | None:
        """Return by what a new version is noticed; ``None`` while there is none to read."""
        for folder in (self.path, self.path / "bundle"):
            try:
                found = (folder / INFO_FILE).stat()
            except OSError:
                continue
            return found.st_ino, found.st_mtime_ns, found.st_size
        return None


def read_sources(given: Sequence[str]) -> tuple[Source, ...]:
    """Return bundles with the names they are served by.

    Args:
        given: ``PATH`` or ``NAME=PATH``. A bundle without a name has that of its folder, or
            of its run where the folder is just called ``bundle``.

    Raises:
        ConfigError: A name that cannot be part of an address, or one that comes twice.
    """
    sources = tuple(_source(one) for one in given)
    if not sources:
        raise ConfigError("no bundle to serve: give the folder that 'headstart train' wrote")
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two bundles are called {name!r}: name them, as in a=PATH b=PATH")
    return sources


def _source(given: str) -> Source:
    name, equals, path = given.partition("=")
    if not equals or Path(given).exists():
        name, path = _name_of(Path(given)), given
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a model's name: letters, digits and ._- are, as in waste=PATH"
        )
    return Source(name, Path(path))


def _name_of(path: Path) -> str:
    whole = path.absolute()
    name = whole.parent.name if whole.name == "bundle" else whole.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")


def open_model(source: Source, *, precision: str, threads: int | None) -> ServedModel:
    """Verify a bundle and make it ready to answer. Takes seconds.

    Raises:
        BundleError: It is incomplete or changed, be it while it was read.
    """
    bundle = load_bundle(source.path)
    with bundle.opening():
        queue = BatchQueue(bundle.graph, precision=precision, threads=threads)
    bundle.check_shapes(size_px=queue.size_px, classes=queue.width)
    if load_bundle(source.path).info != bundle.info:
        raise BundleError(f"{source.path} changed while it was read: it is read again")
    version = bundle.info.seal[:_VERSION_DIGITS]
    return ServedModel(source.name, version, bundle, bundle.info.rule(), queue)


class ModelRegistry:
    """Models by name. A request keeps the version that it began with.

    Args:
        sources: With different names.
        precision: ``"auto"``, ``"bf16"`` or ``"f32"``.
        threads: Processor threads of each network.
    """

    def __init__(
        self, sources: Sequence[Source], *, precision: str = "auto", threads: int | None = None
    ) -> None:
        self._precision = precision
        self._threads = threads
        self._sources = {source.name: source for source in sources}
        self._stamps: dict[str, Stamp | None] = {}
        self._models: dict[str, ServedModel] = {}

    @property
    def models(self) -> Mapping[str, ServedModel]:
        """Those that can answer now."""
        return self._models

    def load(self) -> None:
        """Open every model.

        Raises:
            BundleError: One is incomplete or changed.
        """
        for name in self._sources:
            self._open(name)

    def find(self, name: str | None) -> ServedModel:
        """Return a model; without a name, the only one.

        Raises:
            UnknownNameError: There is none of that name.
            ConfigError: There are several, and no name.
        """
        models = self._models
        if name is None:
            if len(models) > 1:
                raise ConfigError(f"several models are served: say model={'|'.join(models)}")
            return next(iter(models.values()))
        if name not in models:
            raise UnknownNameError("model", name[:64], models)
        return models[name]

    def changed(self) -> list[str]:
        """Return the names of the models whose bundle is another than was read."""
        return [
            name
            for name, source in self._sources.items()
            if (now := source.stamp()) is not None and now != self._stamps.get(name)
        ]

    def reload(self, name: str) -> ServedModel | None:
        """Open a model's new version and put it in the old one's place.

        Returns:
            The new one; ``None`` where the bundle says what it said.

        Raises:
            BundleError: It cannot be read; the old one goes on answering.
        """
        before = self._models[name]
        after = self._open(name)
        return None if after.version == before.version else after

    def _open(self, name: str) -> ServedModel:
        source = self._sources[name]
        stamp = source.stamp()  # before it is read: what changes later is noticed
        model = open_model(source, precision=self._precision, threads=self._threads)
        self._stamps[name] = stamp
        self._models[name] = model
        return model
