"""What a bundle is, for formats that keep it as text beside the numbers."""

from __future__ import annotations

import json
from typing import Any

from headstart.bundle import Bundle
from headstart.export.formats import ExportFormat


def described(bundle: Bundle, written: ExportFormat) -> dict[str, Any]:
    """Return what a consumer needs to know, as plain values: ``model.json``.

    Args:
        bundle: What was written.
        written: As which format.
    """
    info = bundle.info
    content = json.loads(info.model_dump_json(by_alias=True))
    side = info.geometry.size_px
    return {
        "classes": list(info.classes),
        "input": {
            "name": "pixels",
            "dtype": written.dtype,
            "shape": [written.batch, side, side, 3],
            "channels": "RGB, 0 to 255, not scaled: the graph normalises them itself",
        },
        "output": {
            "name": "probabilities",
            "dtype": "float32",
            "shape": [written.batch, len(info.classes)],
        },
        "geometry": content["geometry"],
        "decision": content["decision"],
        "training_priors": content["training_priors"],
        "threshold": info.rule().threshold,
        "test": content["test"],
        "version": info.provenance.headstart,
        "backbone": info.provenance.backbone,
        "weights_licence": info.provenance.weights_licence,
        "created": info.provenance.created,
        "bundle_seal": info.seal,
    }


def metadata_of(bundle: Bundle, written: ExportFormat) -> dict[str, str]:
    """Return the same as text by key, ``headstart.classes`` and so on, values in JSON."""
    return {
        f"headstart.{key}": json.dumps(value, ensure_ascii=False)
        for key, value in described(bundle, written).items()
    }
