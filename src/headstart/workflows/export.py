"""``headstart export``: a bundle in another format, and the proof that it answers alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from headstart.bundle import Bundle, load_bundle
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import ConfigError, DataError
from headstart.evaluation.counts import Floats
from headstart.export.description import described
from headstart.export.formats import (
    FORMATS,
    INT8,
    INT8_NEEDS,
    engine_of,
    find_format,
    require,
    write_format,
)
from headstart.export.parity import FLOAT_LIMIT, Differences, ParityReport
from headstart.files import write_json, write_text
from headstart.progress import Progress, Silent
from headstart.workflows.export_images import (
    ExportImages,
    answers_of,
    find_images,
    refuse_changed,
    stored_probabilities,
)
from headstart.workflows.run_directory import RunDirectory, free_name, refuse_existing
from headstart.workflows.run_facts import resampling_of, run_of, settings_of

MAX_LOSS: Final = 0.01
CALIBRATION_IMAGES: Final = 300
"""NNCF's own default: more have not been seen to help."""


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        folder: Where: the file, ``model.json``, ``parity.json`` and ``parity.md``; for int8
            a bundle with the latter two.
        file: The file that a consumer opens; for int8 the folder.
        parity: How it answers.
    """

    folder: Path
    file: Path
    parity: ParityReport


@dataclass(frozen=True)
class Compared:
    """Answers of the bundle in float32 and of what was made of it, to the same images."""

    rows: list[int]
    reference: Floats
    exported: Floats


def export(
    source: str | Path,
    *,
    format: str,  # noqa: A002
    out: str | Path | None = None,
    data: str | Path | None = None,
    max_loss: float = MAX_LOSS,
    calibration_images: int = CALIBRATION_IMAGES,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a bundle in another format.

    Every file takes raw pixels, uint8 0 to 255, and gives calibrated probabilities. It is
    held against the bundle's graph in float32 on the run's test images before it appears.

    Args:
        source: A run's folder, or a bundle.
        format: ``onnx``, ``openvino``, ``torchscript``, ``litert``, ``coreml`` or ``int8``.
        out: Folder of what is written, which must not exist yet; beside the bundle if not
            given.
        data: Labelled images, where the run's own have moved or there is no run.
        max_loss: Loss of accuracy that int8 may have where a paired test shows one, 0 to 1.
        calibration_images: Training images that int8 is calibrated on.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Raises:
        UnknownNameError: No such format.
        MissingDependencyError: A package is not installed; says which.
        DataError: The images cannot be found; for int8: there are none beside those of training.
        ConfigError: A setting out of its range, or a bundle that is int8 already.
        BundleError: It cannot be translated, or does not answer as the bundle does; nothing
            is written then.
    """
    name = format.lower()
    _check(name, max_loss, calibration_images)
    home = run_of(Path(source))
    bundle = load_bundle(source)
    folder = Path(out) if out else free_name(bundle.folder.parent, _folder_name(name))
    refuse_existing(folder)
    images = find_images(home, bundle, data, cache=cache)
    heard = progress or Silent()
    if name == INT8:
        from headstart.workflows.export_int8 import export_int8

        how = resampling_of(settings_of(home) if home else {})
        parity = export_int8(bundle, images, folder, max_loss, calibration_images, how, heard)
        return ExportResult(folder, folder, parity)
    return _export_float(bundle, images, folder, name, heard)


def _check(name: str, max_loss: float, calibration_images: int) -> None:
    if not 0 <= max_loss <= 1:
        raise ConfigError(f"--max-loss {max_loss:g}: expected a share of images, 0 to 1")
    if calibration_images < 1:
        raise ConfigError(f"--calibration {calibration_images}: expected one image or more")
    what = f"headstart export --format {name}"
    if name == INT8:
        require(INT8_NEEDS, what=what)
        return
    chosen = find_format(name)
    require({**chosen.needs, **chosen.runs_with}, what=what)


def _folder_name(name: str) -> str:
    return f"bundle-{name}" if name == INT8 else f"export-{name}"


def _export_float(
    bundle: Bundle, images: ExportImages, folder: Path, name: str, heard: Progress
) -> ExportResult:
    chosen = FORMATS[name]
    with RunDirectory(folder) as whole:
        path = write_format(chosen, bundle, whole.path)
        write_json(whole.path / "model.json", described(bundle, chosen))
        engine = engine_of(chosen, path, bundle)
        answers = compare(
            bundle, answers_of(engine, images.test, bundle, heard, task=name), images, heard
        )
        parity = ParityReport(
            format=name,
            measured_on=engine.name,
            images_from=images.described,
            bundle=Differences.between(answers.exported, answers.reference),
            limit=FLOAT_LIMIT,
            trained=against_training(answers, images, bundle),
            file_was_run=not chosen.elsewhere,
            note=chosen.elsewhere,
        )
        parity.check()
        write_parity(whole.path, parity)
    return ExportResult(folder, folder / chosen.file, parity)


def compare(
    bundle: Bundle, exported: dict[int, Floats], images: ExportImages, heard: Progress
) -> Compared:
    """Answer the test images with the bundle in float32, too.

    Raises:
        DataError: No image can be read, or they are not those of the run.
    """
    engine = OpenVinoEngine(bundle.graph, precision="f32")
    reference = answers_of(engine, images.test, bundle, heard, task="bundle in float32")
    refuse_changed(images)
    rows = sorted(reference.keys() & exported.keys())
    if not rows:
        raise DataError("none of the test images can be read: there is nothing to compare on")
    both = (np.stack([answers[row] for row in rows]) for answers in (reference, exported))
    return Compared(rows, *both)


def against_training(answers: Compared, images: ExportImages, bundle: Bundle) -> Differences | None:
    """Hold an export against the answers that training left, where it left any."""
    stored = stored_probabilities(images, bundle, answers.rows)
    return None if stored is None else Differences.between(answers.exported, stored)


def write_parity(folder: Path, parity: ParityReport) -> None:
    """Write the report as JSON and in words."""
    write_json(folder / "parity.json", parity.to_json())
    text = "".join(f"- {line}\n" for line in parity.lines())
    write_text(folder / "parity.md", f"# Does the {parity.format} file answer alike?\n\n{text}")
