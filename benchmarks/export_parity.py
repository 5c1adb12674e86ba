"""Do exported files answer as the bundle does? Every format that can be had here, on test images.

Usage: python benchmarks/export_parity.py DATA RUN

DATA is where the images of RUN, a finished run, are. Float formats: no disagreement. Int8: no
difference of accuracy shown by McNemar's exact test.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from _report import Check, Report, arguments_parser
from headstart.errors import MissingDependencyError
from headstart.export.formats import FORMATS, INT8
from headstart.workflows.export import ExportResult, export


def main() -> None:
    """Export, compare and print."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", help="folder, archive or table of the run's images")
    parser.add_argument("run", type=Path, help="a finished run")
    arguments = parser.parse_args()
    results: list[ExportResult] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in (*FORMATS, INT8):
            out = Path(folder) / name
            try:
                # any loss is accepted: it is to be reported, not refused
                results.append(
                    export(arguments.run, format=name, data=arguments.data, out=out, max_loss=1)
                )
            except MissingDependencyError as error:
                missing.append(str(error))
    found = [it.parity for it in results]
    checks = [
        Check(f"{it.format}: disagreements", it.bundle.top1_disagreements, 0, "at most", "images")
        for it in found
        if it.accuracy_test is None
    ]
    tested = [it.accuracy_test for it in found if it.accuracy_test is not None]
    checks += [Check("int8: p of a difference", it.p_value, 0.05, "at least", "") for it in tested]
    Report(
        title="exported files against the bundle in float32",
        headers=("format", "images", "disagreements", "largest difference"),
        rows=[
            (it.format, it.bundle.images, it.bundle.top1_disagreements, it.bundle.largest)
            for it in found
        ],
        checks=checks,
        notes=[*missing, *(line for it in found for line in it.lines())],
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
