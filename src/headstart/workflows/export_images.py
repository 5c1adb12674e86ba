"""The images an export is judged on, and calibrated on: where the run found them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from headstart.bundle import Bundle, load_bundle
from headstart.config import cache_dir
from headstart.data.decoding import load_pixels
from headstart.data.digest import Digesting
from headstart.data.manifest import Manifest, Rejected
from headstart.data.sources import open_source
from headstart.engines.base import Engine, PixelBatch
from headstart.engines.pipeline import ImagePipeline
from headstart.errors import DataError, listed
from headstart.evaluation.counts import Floats, Ints
from headstart.evaluation.decision import DecisionRule
from headstart.progress import Progress
from headstart.workflows.run_facts import SPLITS, read_splits
from headstart.workflows.stored_answers import StoredAnswers, read_answers
from headstart.workflows.stored_run import PREDICTIONS, read_json


@dataclass(frozen=True)
class ExportImages:
    """Images of a run, or of data given.

    Attributes:
        test: Those to compare answers on.
        train: Those to calibrate on; there may be none.
        stored: What training answered to the test images, where that is known.
        described: Which images ``test`` are, in words.
        rule: Under which ``stored`` was written.
    """

    test: Manifest
    train: Manifest
    stored: StoredAnswers | None
    described: str
    rule: DecisionRule = field(default_factory=DecisionRule)


def find_images(
    home: Path | None, bundle: Bundle, data: str | Path | None, *, cache: str | Path | None = None
) -> ExportImages:
    """Find the images of a run again, or open those given.

    Args:
        home: The run's folder, if there is one.
        bundle: What is exported.
        data: Where the images are; where the run found them if not given.
        cache: Cache folder, for archives.

    Raises:
        DataError: They cannot be found, or are not those of the run.
    """
    source = data or (read_json(home / "environment.json").get("data") if home else None)
    if not source:
        raise DataError(
            f"no test images are known for {bundle.folder}: give --data DATA, labelled images "
            "that the exported file is held against the bundle on"
        )
    manifest = open_source(source, cache=cache_dir(cache), min_classes=1)
    if home is not None and (home / SPLITS).is_file():
        return _of_run(home, manifest, str(source))
    return _given(manifest, bundle, str(source))


def _of_run(home: Path, manifest: Manifest, source: str) -> ExportImages:
    placed = read_splits(home)
    splits = {path: split for path, (split, _) in placed.items()}
    here = {path: row for row, path in enumerate(manifest.paths)}
    wanted = [path for path, split in splits.items() if split == "test"]
    absent = [path for path in wanted if path not in here]
    if absent or not wanted:
        raise DataError(
            f"{len(absent)} of the run's {len(wanted)} test images are not in {source} "
            f"({listed(absent, limit=3)}): give --data with where the run's images are now"
        )
    _refuse_other_labels(home, source, {it: str(manifest.labels[row]) for it, row in here.items()})
    stored = read_answers(home / PREDICTIONS) if (home / PREDICTIONS).is_file() else None
    train = [here[it] for it, split in splits.items() if split == "train" and it in here]
    digesting = replace(manifest, container=Digesting(manifest.container))
    return ExportImages(
        test=digesting.take(here[path] for path in wanted),
        train=manifest.take(train),
        stored=stored,
        described=f"the {len(wanted):,} test images of {home.absolute().name}",
        rule=load_bundle(home).info.rule() if stored else DecisionRule(),
    )


def _refuse_other_labels(home: Path, source: str, labels: Mapping[str, str]) -> None:
    placed = read_splits(home)
    other = [path for path, (_, label) in placed.items() if labels.get(path, label) != label]
    if other:
        path = other[0]
        raise DataError(
            f"{len(other)} images in {source} have another label than in {home}, such as {path}: "
            f"{labels[path]!r}, then {placed[path][1]!r}. Give --data with the labels as they were"
        )


def _given(manifest: Manifest, bundle: Bundle, source: str) -> ExportImages:
    unknown = sorted({str(it) for it in manifest.labels} - set(bundle.info.classes))
    if unknown:
        raise DataError(
            f"{source} has labels that the bundle does not know: {listed(unknown)}; "
            f"it knows {listed(bundle.info.classes)}"
        )
    tested, trained = manifest.rows_in("test"), manifest.rows_in("train")
    others = np.setdiff1d(np.arange(len(manifest)), trained)
    chosen = next((rows for rows in (tested, others) if len(rows)), trained)
    which = "test images" if len(tested) else "images"
    described = f"{len(chosen):,} {which} of {Path(source).name}"
    return ExportImages(manifest.take(chosen), manifest.take(trained), None, described)


def answers_of(
    engine: Engine, manifest: Manifest, bundle: Bundle, progress: Progress, *, task: str
) -> dict[int, Floats]:
    """Return the probabilities of every row that can be read, shape (K,) each."""
    info = bundle.info
    pipeline = ImagePipeline(engine, geometry=info.geometry, max_pixels=info.max_pixels)
    told = progress.track(
        pipeline.run(manifest, range(len(manifest))),
        total=len(manifest),
        task=task,
        unit="images",
    )
    return {row: it.astype(np.float64) for row, it in told if not isinstance(it, Rejected)}


def refuse_changed(images: ExportImages) -> None:
    """Refuse test images of another content than those the run was judged on.

    Raises:
        DataError: Names some.
    """
    stored, container = images.stored, images.test.container
    if stored is None or stored.digests is None or not isinstance(container, Digesting):
        return
    then = dict(zip(stored.paths, stored.digests, strict=True))
    changed = [it for it in images.test.paths if it in then and then[it] != container.of(it)]
    if changed:
        raise DataError(
            f"{len(changed)} test images have changed since the run ({listed(changed, limit=3)}): "
            "give --data with the images as they were, or train again"
        )


def stored_probabilities(images: ExportImages, bundle: Bundle, rows: list[int]) -> Floats | None:
    """Return what training answered to some rows, shape (N, K), as the graph would have.

    ``None`` where that is not known of every one.
    """
    stored, classes = images.stored, bundle.info.classes
    if stored is None or stored.probabilities is None or set(stored.classes) != set(classes):
        return None
    place = {path: number for number, path in enumerate(stored.paths)}
    names = [images.test.paths[row] for row in rows]
    if any(name not in place for name in names):
        return None
    order = [stored.classes.index(name) for name in classes]
    found = stored.probabilities[[place[name] for name in names]][:, order]
    return images.rule.undone(found)


def targets_of(manifest: Manifest, bundle: Bundle, rows: list[int]) -> Ints:
    """Return the true class of some rows, shape (N,)."""
    return manifest.take(rows).label_indices(bundle.info.classes)


def calibration_pixels(
    images: ExportImages, bundle: Bundle, count: int, *, seed: int = 0
) -> list[PixelBatch]:
    """Return training images to calibrate on, uint8 (1, S, S, 3) each; never test images.

    Raises:
        DataError: There are none.
    """
    train, info = images.train, bundle.info
    order = np.random.default_rng(seed).permutation(len(train)).tolist()
    pixels: list[PixelBatch] = []
    for row in order:
        if len(pixels) == count:
            break
        try:
            data = train.container.read(train.paths[row])
            pixels.append(load_pixels(data, info.geometry, max_pixels=info.max_pixels)[None])
        except DataError:
            continue  # a bad file, which training had set aside too
    if not pixels:
        raise DataError(
            "int8 is calibrated on training images, and there are none: give the run's folder, "
            "or --data with a split 'train'"
        )
    return pixels
