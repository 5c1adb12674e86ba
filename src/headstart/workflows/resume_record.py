"""What a run notes before it fine-tunes, so that it can go on after a stop."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import ValidationError

import headstart
from headstart.config import TrainConfig
from headstart.config.base import Settings
from headstart.config.schema import GeometryMode
from headstart.engines.torch_engine import best_device
from headstart.errors import DataError, WeightsError
from headstart.files import write_text
from headstart.workflows.environment import processor_name
from headstart.workflows.geometry_choice import GeometryChoice
from headstart.workflows.preparation import PreparedData
from headstart.workflows.run_directory import RECORD


class ResumeRecord(Settings):
    """Everything that a run needs to repeat itself, and to know that it can.

    Attributes:
        schema_version: Of this file.
        data: Absolute path of the images.
        source: The same as the user wrote it.
        cache: Cache folder.
        config: The settings, complete.
        geometry: How images become squares.
        reason: Why.
        images: How many there are.
        data_digest: Of every image's path, content, label and split, in order.
        weights_sha256: Of the pretrained weights.
        threads: PyTorch's: another number of them rounds otherwise.
        machine: What computed; another one may round otherwise.
        notes: What happened to the run on its way.
        recipe: The published plan it follows; empty for none.
    """

    schema_version: Literal[1] = 1
    data: str
    source: str
    cache: str
    config: dict[str, Any]
    geometry: GeometryMode
    reason: str
    images: int
    data_digest: str
    weights_sha256: str
    threads: int
    machine: dict[str, str]
    notes: tuple[str, ...] = ()
    recipe: str = ""

    def write(self, folder: Path) -> None:
        """Keep the record in a run's folder, written whole.

        Raises:
            StorageError: It cannot be written.
        """
        write_text(folder / RECORD, self.model_dump_json(indent=2))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the record of a run's folder, if it holds a sound one."""
        try:
            return cls.model_validate_json((folder / RECORD).read_text("utf-8"))
        except (OSError, ValidationError):
            return None

    def noting(self, *notes: str) -> Self:
        """Return the record with further notes, each once."""
        return self.model_copy(update={"notes": tuple(dict.fromkeys((*self.notes, *notes)))})

    def check_data(self, prepared: PreparedData) -> None:
        """Refuse images that are not those the run began with.

        Raises:
            DataError: They are others.
        """
        if digest_rows(prepared) == self.data_digest:
            return
        found = len(prepared.manifest)
        what = f"{found} images, not {self.images}" if found != self.images else "other images"
        raise DataError(
            f"{self.data} has changed since the run began: {what}, or other labels or splits. "
            "Put it back as it was, or begin a new run"
        )

    def check_weights(self, sha256: str) -> None:
        """Refuse pretrained weights that are not those the run began with.

        Raises:
            WeightsError: They are others.
        """
        if sha256 != self.weights_sha256:
            raise WeightsError(
                f"the pretrained weights have changed since the run began: found SHA-256 {sha256}, "
                f"expected {self.weights_sha256}. Bring those back, or begin a new run"
            )

    def machine_note(self) -> str | None:
        """Return what to say if the run goes on elsewhere than it began."""
        now = this_machine()
        changed = [
            f"{key} {self.machine.get(key)} -> {value}"
            for key, value in now.items()
            if self.machine.get(key) != value
        ]
        if not changed:
            return None
        return f"goes on elsewhere than it began, last bits may differ: {', '.join(changed)}"


def new_record(
    data: str | Path,
    prepared: PreparedData,
    choice: GeometryChoice,
    *,
    config: TrainConfig,
    cache: Path,
    weights_sha256: str,
    recipe: str = "",
) -> ResumeRecord:
    """Return the record of a run that is about to fine-tune."""
    return ResumeRecord(
        data=str(Path(data).absolute()),
        source=str(data),
        cache=str(cache.absolute()),
        config=config.model_dump(mode="json"),
        geometry=choice.geometry.mode,
        reason=choice.reason,
        images=len(prepared.manifest),
        data_digest=digest_rows(prepared),
        weights_sha256=weights_sha256,
        threads=torch.get_num_threads(),
        machine=this_machine(),
        recipe=recipe,
    )


def digest_rows(prepared: PreparedData) -> str:
    """Return a digest of every image's path, content, label, split and group, in order."""
    manifest = prepared.manifest
    rows = zip(
        manifest.paths,
        prepared.digests,
        manifest.labels,
        manifest.splits,
        manifest.groups,
        strict=True,
    )
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        state.update(repr(row).encode())
    return state.hexdigest()


def this_machine() -> dict[str, str]:
    """Return what decides how arithmetic rounds, besides the number of threads."""
    return {
        "headstart": headstart.__version__,
        "torch": str(torch.__version__),
        "device": best_device(),
        "processor": processor_name(),
    }
