"""OpenVINO's own two files, ``model.xml`` and ``model.bin``, in float32."""

from __future__ import annotations

from pathlib import Path

from headstart.bundle import Bundle
from headstart.engines.openvino_engine import openvino_core
from headstart.engines.quiet_openvino import openvino as ov
from headstart.export.description import metadata_of
from headstart.export.formats import FORMATS
from headstart.files import storage_errors


def write(bundle: Bundle, path: Path) -> None:
    """Write both, with what the bundle is under ``rt_info``."""
    model = openvino_core().read_model(bundle.graph)
    for key, value in metadata_of(bundle, FORMATS["openvino"]).items():
        model.set_rt_info(value, ["headstart", key.removeprefix("headstart.")])
    with storage_errors(path):
        ov.save_model(model, path, compress_to_fp16=False)
