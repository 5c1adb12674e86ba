"""Reading a bundle: every byte is checked before any of it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from headstart.bundle.schema import SCHEMA_VERSION, BundleInfo, FileDigest
from headstart.errors import BundleError, listed

INFO_FILE: Final = "bundle.json"
GRAPH_FILE: Final = "graph.onnx"
WEIGHTS_FILE: Final = "weights.safetensors"
MOST_INFO_BYTES: Final = 64 << 20
"""Of the description of a bundle, by far."""
BUNDLE_FILES: Final = (INFO_FILE, GRAPH_FILE, WEIGHTS_FILE)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    folder: Path
    info: BundleInfo

    @property
    def graph(self) -> Path:
        """The ONNX file: uint8 (N, S, S, 3) in, calibrated probabilities (N, K) out."""
        return self.folder / GRAPH_FILE

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Turn an engine's refusal of the graph into a :class:`BundleError`."""
        try:
            yield
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1:]
            raise BundleError(
                f"{self.graph} is no network that can be run ({''.join(reason)}): it is as "
                "bundle.json says, so it was made wrongly; get the bundle from where it was made"
            ) from error

    def check_shapes(self, *, size_px: int, classes: int) -> None:
        """Refuse a graph that takes or gives something else than the bundle says.

        Raises:
            BundleError: It takes squares of another side, or tells other classes apart.
        """
        said = (self.info.geometry.size_px, len(self.info.classes))
        if (size_px, classes) != said:
            raise BundleError(
                f"{self.graph} takes {size_px} pixels and tells {classes} classes apart, but "
                f"{INFO_FILE} says {said[0]} and {said[1]}: get the bundle from where it was made"
            )


def load_bundle(folder: str | Path) -> Bundle:
    """Read and verify a bundle.

    Args:
        folder: The bundle's folder, or a run directory that holds one.

    Raises:
        BundleError: A file is missing, changed or of an unknown version.
    """
    path = _bundle_folder(Path(folder))
    info = _read_info(path / INFO_FILE)
    _check_listing(path / INFO_FILE, info)
    for name, digest in info.files.items():
        _check_file(path, name, digest)
    return Bundle(path, info)


def file_digest(path: Path) -> FileDigest:
    """Return the size and SHA-256 of a file."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileDigest(sha256=sha256, bytes=path.stat().st_size)


def seal_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 over what ``bundle.json`` says, however it is laid out.

    Args:
        content: The parsed file; its own ``seal`` is left out.
    """
    rest = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _bundle_folder(path: Path) -> Path:
    if not path.exists():
        raise BundleError(
            f"there is no bundle at {path}: give the folder that 'headstart train' wrote"
        )
    for candidate in (path, path / "bundle"):
        if (candidate / INFO_FILE).is_file():
            return candidate
    raise BundleError(
        f"{path} is not a bundle: it holds no {INFO_FILE}; "
        "give the 'bundle' folder of a run, with its three files"
    )


def _read_info(path: Path) -> BundleInfo:
    try:
        if path.stat().st_size > MOST_INFO_BYTES:
            raise ValueError(f"it holds more than {MOST_INFO_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    _check_version(path, content)
    try:
        info = BundleInfo.model_validate(content)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        raise BundleError(f"{path} is damaged: look at {fields}") from error
    if info.seal != seal_of(content):
        raise _changed(path, "what it says is not what its seal was made of")
    return info


def _check_version(path: Path, content: Any) -> None:
    version = content.get("schema") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema {version!r}, this headstart reads {SCHEMA_VERSION}: "
            "install the headstart that wrote it, or train again"
        )


def _check_listing(path: Path, info: BundleInfo) -> None:
    if info.files.keys() != {GRAPH_FILE, WEIGHTS_FILE}:
        raise BundleError(
            f"{path} lists the files {listed(info.files)}, expected {GRAPH_FILE} and "
            f"{WEIGHTS_FILE}: copy the whole folder again"
        )


def _check_file(folder: Path, name: str, expected: FileDigest) -> None:
    path = folder / name
    if not path.is_file():
        raise BundleError(f"the bundle {folder} lacks {name}: copy the whole folder again")
    # What is too long or too short is not read: a link could lead anywhere.
    if path.stat().st_size != expected.bytes or file_digest(path) != expected:
        raise _changed(path, f"its SHA-256 is not the one in {INFO_FILE}")


def _changed(path: Path, how: str) -> BundleError:
    return BundleError(
        f"{path} was changed since the bundle was written ({how}): copy the whole folder again"
    )
