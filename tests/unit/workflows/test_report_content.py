from __future__ import annotations

import re
from typing import Any

import pytest


@pytest.fixture(scope="module")
def report(finished: Any) -> str:
    return str(finished.result.report.read_text(encoding="utf-8"))


def test_the_report_stands_alone(report: str) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+""", report)
    assert "<script src" not in report
    assert report.count("data:image/") >= 3


def test_the_report_says_what_the_run_found(report: str, finished: Any) -> None:
    for word in ("cat", "dog", "eel", "efficientnet_lite0", "squash", str(finished.photos)):
        assert word in report
    accuracy = finished.result.test.metrics["accuracy"]
    assert re.search(rf"{100 * accuracy.value:.0f}(\.\d)?\s*%|{accuracy.value:.3f}", report)
    for note in finished.result.notes:
        assert note.split(":")[0] in report
