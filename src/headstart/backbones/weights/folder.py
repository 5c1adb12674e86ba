"""The user's own weights folder, and the record of what was put into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from headstart.backbones.spec import BackboneSpec, HubWeights, UrlWeights
from headstart.backbones.weights.file import UNKNOWN_LICENCE
from headstart.config import weights_dir
from headstart.errors import WeightsError
from headstart.files import write_json

SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".bin")
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class WeightsRecord:
    """What is known of a file that was imported or fetched.

    Attributes:
        backbone: Canonical name of the backbone it is for.
        path: Where it is; relative to the weights folder if it lies in it.
        sha256: Digest it had.
        bytes: Size it had.
        licence: SPDX identifier, or ``"unknown"``.
        source: File or address it came from.
    """

    backbone: str
    path: str
    sha256: str
    bytes: int
    licence: str
    source: str

    @property
    def place(self) -> Path:
        """The file's whole path."""
        return weights_dir() / self.path


def find_in_folder(spec: BackboneSpec) -> Path | None:
    """Return the file in the weights folder that is for a backbone, if there is one."""
    return next((path for path in _candidates(spec) if path.is_file()), None)


def folder_licence(spec: BackboneSpec, path: Path) -> str:
    """Return the licence of a file in the weights folder: recorded, or published.

    Raises:
        WeightsError: The record is damaged.
    """
    if path == published_place(spec):
        return spec.licence
    size = path.stat().st_size
    known = (record for record in read_records() if (record.place, record.bytes) == (path, size))
    record = next(known, None)
    return record.licence if record else UNKNOWN_LICENCE


def published_place(spec: BackboneSpec) -> Path | None:
    """Return where a published file belongs below the weights folder, as it is."""
    if isinstance(spec.weights, HubWeights):
        return weights_dir() / spec.weights.repository / spec.weights.file
    return weights_dir() / spec.weights.file if isinstance(spec.weights, UrlWeights) else None


def own_place(spec: BackboneSpec) -> Path:
    """Return where an imported file goes."""
    return weights_dir() / f"{_stem(spec.name)}.safetensors"


def _stem(name: str) -> str:
    """Return a name as part of a file's: ``timm/resnet26`` has no place there."""
    return name.replace("/", "_")


def _candidates(spec: BackboneSpec) -> Iterator[Path]:
    folder = weights_dir()
    for suffix in SUFFIXES:
        for name in dict.fromkeys((spec.name, spec.architecture)):
            yield folder / f"{_stem(name)}{suffix}"
    place = published_place(spec)
    if place is not None:
        yield place


def read_records() -> list[WeightsRecord]:
    """Return what was imported or fetched, in order of path.

    Raises:
        WeightsError: The record is damaged.
    """
    path = weights_dir() / _MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [_record(entry) for entry in content["files"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}, the record of imported weights, is damaged ({error}): remove it, "
            "then import or fetch the weights again"
        ) from error


def write_record(record: WeightsRecord) -> None:
    """Add a file to the record, in place of an older entry of the same path.

    Raises:
        StorageError: The weights folder cannot be written.
    """
    others = [known for known in read_records() if known.path != record.path]
    entries = sorted([*others, record], key=lambda entry: entry.path)
    content = {"schema": 1, "files": [asdict(entry) for entry in entries]}
    write_json(weights_dir() / _MANIFEST, content)


def _record(entry: dict[str, Any]) -> WeightsRecord:
    return WeightsRecord(**{field.name: entry[field.name] for field in fields(WeightsRecord)})
