"""Which weights a backbone gets: the first place that has them.

An explicit file, the bundled packages, the weights folder, the hub's cache, the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.backbones.spec import BackboneSpec, PackagedWeights, UrlWeights
from headstart.backbones.weights.digests import known_sha256
from headstart.backbones.weights.file import (
    AUTO,
    UNKNOWN_LICENCE,
    Origin,
    WeightsFile,
    WeightsRequest,
)
from headstart.backbones.weights.folder import find_in_folder, folder_licence
from headstart.backbones.weights.hub_cache import find_cached
from headstart.backbones.weights.missing import forbidden_by, missing_weights
from headstart.backbones.weights.packaged import find_packaged, is_installed
from headstart.config.schema import RANDOM_WEIGHTS
from headstart.errors import WeightsError
from headstart.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A weights file on this machine, not yet read.

    Attributes:
        origin: ``bundled``, ``folder`` or ``cache``.
        path: The file.
        licence: SPDX identifier, or ``"unknown"``.
    """

    origin: Origin
    path: Path
    licence: str


_USUAL = WeightsRequest()
_SILENT = Silent()


def resolve_weights(
    spec: BackboneSpec,
    request: WeightsRequest = _USUAL,
    *,
    cache: Path,
    progress: Progress = _SILENT,
) -> WeightsFile:
    """Return a backbone's weights, fetched from the hub if nowhere else.

    Args:
        spec: Catalog entry.
        request: What the user asked for.
        cache: Cache folder, for digests.
        progress: Who is told of a download.

    Raises:
        WeightsError: They are nowhere, or may not be fetched; the message names the file
            to bring and the place to put it.
    """
    located = locate_weights(spec, request, cache=cache)
    if located is not None:
        return located
    path = _fetch(spec, progress)
    return WeightsFile("hub", path, known_sha256(path, cache=cache), spec.licence)


def _fetch(spec: BackboneSpec, progress: Progress) -> Path:
    if isinstance(spec.weights, UrlWeights):
        from headstart.backbones.weights.web import fetch_from_web

        return fetch_from_web(spec, progress=progress)
    from headstart.backbones.weights.hub import fetch_weights

    return fetch_weights(spec, progress=progress)


def locate_weights(
    spec: BackboneSpec, request: WeightsRequest = _USUAL, *, cache: Path
) -> WeightsFile | None:
    """Return a backbone's weights if they are on this machine; opens no connection.

    Returns:
        The weights, or ``None`` where the hub has them and may be asked.

    Raises:
        WeightsError: They are nowhere, or on the hub, which may not be asked.
    """
    if request.chosen is not None and request.chosen.lower() == RANDOM_WEIGHTS:
        return WeightsFile("random", licence="", seed=request.seed)
    if request.chosen is not None:
        return read_given(spec, request.chosen, cache=cache)
    located = _own(spec, cache)
    if located is None:
        _check_fetchable(spec, request)
    return located


def find_file(spec: BackboneSpec) -> FoundFile | None:
    """Return the file of a backbone's own weights: the first place on this machine.

    Raises:
        WeightsError: A package lacks its file, or the record of imported weights is damaged.
    """
    weights = spec.weights
    if isinstance(weights, PackagedWeights) and is_installed(weights):
        return FoundFile("bundled", find_packaged(weights), weights.licence)
    mine = find_in_folder(spec)
    if mine is not None:
        return FoundFile("folder", mine, folder_licence(spec, mine))
    cached = find_cached(weights)
    return FoundFile("cache", cached, spec.licence) if cached else None


def _own(spec: BackboneSpec, cache: Path) -> WeightsFile | None:
    found, weights = find_file(spec), spec.weights
    if found is None:
        return None
    if found.origin == "bundled" and isinstance(weights, PackagedWeights):
        sha256, naming = weights.sha256, weights.naming  # checked when it is read
    else:
        sha256, naming = known_sha256(found.path, cache=cache), AUTO
    return WeightsFile(found.origin, found.path, sha256, found.licence, naming)


def read_given(spec: BackboneSpec, file: str | Path, *, cache: Path) -> WeightsFile:
    """Return the weights in a file that the user names.

    Args:
        spec: Backbone they are for.
        file: Its path.
        cache: Cache folder, for digests.

    Raises:
        WeightsError: There is no such file.
    """
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(
            f"the weights file {file} {found}: give a .safetensors, .pth, .pt or .bin file, "
            f"or '{RANDOM_WEIGHTS}' for random weights"
        )
    sha256, published = known_sha256(path, cache=cache), spec.weights
    same = isinstance(published, PackagedWeights) and published.sha256 == sha256
    return WeightsFile("file", path, sha256, spec.licence if same else UNKNOWN_LICENCE)


def _check_fetchable(spec: BackboneSpec, request: WeightsRequest) -> None:
    """Refuse what is not on this machine and cannot, or may not, be fetched."""
    if isinstance(spec.weights, PackagedWeights):
        find_packaged(spec.weights)  # says which package to install
    if spec.weights is None:
        raise WeightsError(
            f"{spec.name} has no pretrained weights, so as a frozen backbone it has learnt "
            "nothing: choose a pretrained backbone, give a file with --weights FILE, or ask "
            f"for random weights with --weights {RANDOM_WEIGHTS}"
        )
    why = forbidden_by(offline=request.offline)
    if why:
        raise missing_weights(spec, f"{why} forbids fetching them")
