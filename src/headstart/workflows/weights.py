"""``headstart weights``: which pretrained weights are here, and how to bring others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headstart.backbones.catalog import CATALOG, find_backbone
from headstart.backbones.spec import BackboneSpec, HubWeights, PackagedWeights, UrlWeights
from headstart.backbones.weights import WeightsFile, WeightsRequest, resolve_weights
from headstart.backbones.weights.digests import file_sha256, known_sha256
from headstart.backbones.weights.folder import (
    WeightsRecord,
    own_place,
    read_records,
    write_record,
)
from headstart.backbones.weights.hub_cache import find_cached, promised_sha256, published_url
from headstart.backbones.weights.packaged import find_packaged, is_installed
from headstart.backbones.weights.resolution import find_file, read_given
from headstart.config import cache_dir, weights_dir
from headstart.errors import WeightsError
from headstart.files import write_bytes
from headstart.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """Where the weights of one backbone are.

    Attributes:
        backbone: Canonical name.
        place: ``bundled``, ``folder`` or ``cache`` where they are on this machine; else
            ``package``, ``hub`` or ``web``, which have them; ``nowhere`` for a network without any.
        source: The file, or the package or address they can be had from.
        bytes: Size of the file; ``None`` where it is not on this machine.
        licence: SPDX identifier, ``"unknown"``, or empty.
    """

    backbone: str
    place: str
    source: str
    bytes: int | None
    licence: str

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A weights file that was read again.

    Attributes:
        backbone: Whose weights they are.
        path: The file.
        problem: What is wrong with it; empty if it is what it was.
    """

    backbone: str
    path: Path
    problem: str


def list_weights(search: str = "") -> list[WeightsEntry]:
    """Return where the weights of every backbone are, in the catalog's order.

    Args:
        search: Only backbones with this in a name, in any case.

    Raises:
        WeightsError: A package lacks its file, or the record of imported weights is damaged.
    """
    wanted = [
        spec
        for spec in CATALOG
        if any(search.lower() in name.lower() for name in (spec.name, *spec.aliases))
    ]
    return [_entry(spec) for spec in wanted]


def _entry(spec: BackboneSpec) -> WeightsEntry:
    found = find_file(spec)
    if found is not None:
        size = found.path.stat().st_size
        return WeightsEntry(spec.name, found.origin, str(found.path), size, found.licence)
    return WeightsEntry(spec.name, *_elsewhere(spec), None, spec.licence)


def _elsewhere(spec: BackboneSpec) -> tuple[str, str]:
    if isinstance(spec.weights, PackagedWeights):
        return "package", spec.weights.distribution
    if spec.weights is not None:
        place = "hub" if isinstance(spec.weights, HubWeights) else "web"
        return place, published_url(spec.weights)
    return "nowhere", ""


def fetch_weights(
    names: Sequence[str],
    *,
    offline: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> list[WeightsFile]:
    """Bring the weights of some backbones onto this machine, unless they are there.

    Args:
        names: Backbones, by any name.
        offline: Only look whether they are there.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.
        progress: Who is told of downloads.

    Returns:
        The weights, in the order of the names.

    Raises:
        UnknownNameError: There is no such backbone; nothing was fetched.
        WeightsError: They cannot be had; the message says what to do.
    """
    specs = [find_backbone(name) for name in names]
    return [_fetch(spec, offline, cache_dir(cache), progress or Silent()) for spec in specs]


def _fetch(spec: BackboneSpec, offline: bool, cache: Path, progress: Progress) -> WeightsFile:
    request = WeightsRequest(offline=offline)
    weights = resolve_weights(spec, request, cache=cache, progress=progress)
    if weights.origin == "hub" and weights.path is not None:
        assert isinstance(spec.weights, HubWeights | UrlWeights)
        _remember(spec, weights, weights.path, published_url(spec.weights))
    return weights


def import_weights(
    file: str | Path,
    *,
    name: str,
    force: bool = False,
    licence: str | None = None,
    cache: str | Path | None = None,
) -> WeightsFile:
    """Check that a file fits a backbone, and keep it in the weights folder as safetensors.

    Args:
        file: A .safetensors, .pth, .pt or .bin file.
        name: The backbone it is for, by any name.
        force: Replace weights that were imported before.
        licence: SPDX identifier of the weights, if known.
        cache: Cache folder; see :func:`headstart.config.cache_dir`.

    Returns:
        The imported weights. The network's classifier is not among them if the file's has
        another shape.

    Raises:
        UnknownNameError: There is no such backbone.
        WeightsError: The file is damaged or does not fit, or the backbone has weights already.
        StorageError: The weights folder cannot be written.
    """
    spec = find_backbone(name)
    target = own_place(spec)
    _check_import(spec, target, force=force)
    given = read_given(spec, file, cache=cache_dir(cache))
    content = _as_safetensors(spec, given)
    write_bytes(target, content)
    digest = known_sha256(target, cache=cache_dir(cache))
    imported = WeightsFile("folder", target, digest, licence or given.licence, naming="")
    _remember(spec, imported, target, str(given.path))
    return imported


def _check_import(spec: BackboneSpec, target: Path, *, force: bool) -> None:
    if isinstance(spec.weights, PackagedWeights) and is_installed(spec.weights):
        raise WeightsError(
            f"{spec.name} has its weights from the package {spec.weights.distribution}, which "
            "go before imported ones: use the file with 'headstart train --weights FILE'"
        )
    if target.exists() and not force:
        raise WeightsError(f"{target} exists already: replace it with --force")


def _as_safetensors(spec: BackboneSpec, weights: WeightsFile) -> bytes:
    from safetensors.torch import save

    from headstart.backbones.graph import build_module

    network = build_module(spec, weights).network
    tensors = {name: value.detach().clone() for name, value in network.state_dict().items()}
    about = {"format": "pt", "backbone": spec.name, "source_sha256": weights.sha256}
    content: bytes = save(tensors, metadata=about)
    return content


def _remember(spec: BackboneSpec, weights: WeightsFile, path: Path, source: str) -> None:
    folder = weights_dir()
    within = path.relative_to(folder) if path.is_relative_to(folder) else path
    size = path.stat().st_size
    write_record(
        WeightsRecord(spec.name, str(within), weights.sha256, size, weights.licence, source)
    )


def verify_weights(*, progress: Progress | None = None) -> list[VerifiedFile]:
    """Read every weights file again that headstart knows, and compare its digest.

    Bundled ones are held against the catalog, imported and fetched ones against the record
    made when they came, files in the hub's cache against the digest that the hub gave.

    Args:
        progress: Who is told how far it is.

    Raises:
        WeightsError: The record of imported weights is damaged.
    """
    known = [*_bundled(), *_recorded(), *_cached()]
    paths = {file.path.resolve(): file for file in reversed(known)}
    todo = list(reversed(paths.values()))
    told = progress or Silent()
    steps = told.track(todo, total=len(todo), task="verifying weights", unit="files")
    return [file.verified() for file in steps]


@dataclass(frozen=True, slots=True)
class _Expected:
    """A file and the digest it should have."""

    backbone: str
    path: Path
    sha256: str

    def verified(self) -> VerifiedFile:
        return VerifiedFile(self.backbone, self.path, self._problem())

    def _problem(self) -> str:
        try:
            found = file_sha256(self.path)
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        if found == self.sha256:
            return ""
        return f"its SHA-256 starts with {found[:12]}, expected {self.sha256[:12]}"


def _bundled() -> Iterator[_Expected]:
    for spec in CATALOG:
        weights = spec.weights
        if isinstance(weights, PackagedWeights) and is_installed(weights):
            yield _Expected(spec.name, find_packaged(weights), weights.sha256)


def _recorded() -> Iterable[_Expected]:
    return [_Expected(record.backbone, record.place, record.sha256) for record in read_records()]


def _cached() -> Iterator[_Expected]:
    for spec in CATALOG:
        path = find_cached(spec.weights)
        promised = promised_sha256(path) if path else None
        if path and promised:
            yield _Expected(spec.name, path, promised)
