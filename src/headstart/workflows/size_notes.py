"""Whether a run's size and geometry suit its network and its images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headstart.backbones.spec import BackboneSpec
from headstart.config import TrainConfig
from headstart.selection.resolution import Finding, Setting, size_findings
from headstart.workflows.preparation import PreparedData


def find_size_problems(
    config: TrainConfig,
    spec: BackboneSpec,
    *,
    widths: npt.NDArray[np.int64],
    heights: npt.NDArray[np.int64],
    paths: Sequence[str] = (),
    lossless: float = 0.0,
) -> tuple[Finding, ...]:
    """Apply :mod:`headstart.selection.resolution` to a run's settings and images.

    Args:
        config: The run's settings.
        spec: Its backbone.
        widths: Pixels across of each image, shape (N,).
        heights: Pixels down of each image, shape (N,).
        paths: Name of each image, length N; may be empty.
        lossless: Share of images that are no JPEG.
    """
    return size_findings(
        Setting(
            backbone=spec.name,
            native_px=spec.size_px,
            size_px=config.data.image_size_px or spec.size_px,
            mode=config.data.geometry,
            crop_fraction=config.data.crop_fraction or spec.crop_fraction,
            widths=widths,
            heights=heights,
            paths=paths,
            lossless=lossless,
        )
    )


def size_notes(prepared: PreparedData, config: TrainConfig, spec: BackboneSpec) -> tuple[str, ...]:
    """Return the same as sentences, for a training's own images; never the test split's."""
    found, pool = prepared.audit, prepared.manifest.rows_in("train", "val")
    other = sum(count for kind, count in found.formats.items() if kind != "JPEG")
    findings = find_size_problems(
        config,
        spec,
        widths=found.widths[pool],
        heights=found.heights[pool],
        paths=[prepared.manifest.paths[row] for row in pool],
        lossless=other / max(1, len(found.manifest)),
    )
    return tuple(f"{finding.rule}: {finding.text}" for finding in findings)
