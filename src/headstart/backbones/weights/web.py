"""Weights at an address outside any hub: fetched whole, checked, put into the weights folder."""

from __future__ import annotations

import hashlib
import http.client
import io
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from headstart.backbones.spec import BackboneSpec, UrlWeights
from headstart.backbones.weights.folder import published_place
from headstart.backbones.weights.missing import missing_weights
from headstart.errors import WeightsError
from headstart.files import write_bytes
from headstart.progress import Progress

_MEGABYTE: Final = 1_000_000
_TIMEOUT_S: Final = 20.0


def fetch_from_web(spec: BackboneSpec, *, progress: Progress) -> Path:
    """Download a backbone's weights into the weights folder.

    Args:
        spec: Entry whose weights are at an address.
        progress: Who is told what is fetched, from where, and how far it is.

    Returns:
        The file in the weights folder.

    Raises:
        WeightsError: The address cannot be reached, or gave another file; the message
            names the file to bring and the place to put it.
        StorageError: The disk is full or refuses.
    """
    weights, place = spec.weights, published_place(spec)
    assert isinstance(weights, UrlWeights)
    assert place is not None
    try:
        content = _unpacked(_download(spec, weights, progress), weights)
    except (OSError, ValueError, http.client.HTTPException, zipfile.BadZipFile) as error:
        raise missing_weights(spec, f"{weights.url} gave none ({error})") from error
    _check(content, weights)
    write_bytes(place, content)
    return place


def _download(spec: BackboneSpec, weights: UrlWeights, progress: Progress) -> bytes:
    with _open(weights.url) as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        progress.say(
            f"fetching the weights of {spec.name} from {weights.url}, "
            f"{size / _MEGABYTE:,.1f} MB, licence {weights.licence}"
        )
        task, steps = f"fetching {spec.name}", max(1, -(-size // _MEGABYTE))
        parts = progress.track(_parts(answer), total=steps, task=task, unit="MB")
        content = b"".join(parts)
    if size and len(content) != size:
        raise OSError(f"the connection broke after {len(content):,} of {size:,} bytes")
    return content


def _open(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection open
            raise OSError(f"HTTP {error.code}, {error.reason}") from None


def _parts(answer: Any) -> Iterator[bytes]:
    while part := answer.read(_MEGABYTE):
        yield part


def _unpacked(content: bytes, weights: UrlWeights) -> bytes:
    """Return the checkpoint: what came, or the file that the ``.zip`` holds."""
    if not weights.url.endswith(".zip"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if Path(name).name == weights.file]
        if not names:
            raise ValueError(f"the archive holds no {weights.file}")
        return archive.read(names[0])


def _check(content: bytes, weights: UrlWeights) -> None:
    algorithm, _, start = weights.digest.partition(":")
    if not start:
        return
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if not found.startswith(start):
        raise WeightsError(
            f"{weights.url} gave another {weights.file} than published: its {algorithm} starts "
            f"with {found[: len(start)]}, expected {start}; it was not kept: fetch it again"
        )
