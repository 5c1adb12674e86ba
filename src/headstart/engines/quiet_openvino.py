"""OpenVINO without its telemetry: importing it would otherwise send an event.

Its package falls back to a stub where ``openvino_telemetry`` cannot be imported, so
that import is refused while OpenVINO loads. It loads faster for it, too.
"""

from __future__ import annotations

import sys

_TELEMETRY = "openvino_telemetry"
_refused = _TELEMETRY not in sys.modules
if _refused:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
try:
    import openvino
finally:
    if _refused:
        del sys.modules[_TELEMETRY]

__all__ = ["openvino"]
