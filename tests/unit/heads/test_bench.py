"""The bench says what fitting would, and computes what settings share once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headstart.config import HeadConfig
from headstart.errors import ConfigError, UnknownNameError
from headstart.heads import projected
from headstart.heads.bench import HeadBench
from headstart.heads.fitting import fit_head, is_settled
from headstart.progress import Silent

SETTLED: dict[str, dict[str, Any]] = {
    "linear": {"taps": "all", "strength": 1e-3},
    "svm": {"taps": "all", "C": 0.5},
    "svm-rbf": {"taps": "early", "C": 2.0, "gamma": 0.7},
    "knn": {"taps": "all", "neighbours": 7},
    "gap": {"taps": "final", "epochs": 2},
}


@pytest.mark.parametrize("name", SETTLED)
def test_answers_are_those_of_a_fit(make_task: Any, name: str) -> None:
    task, config = make_task(per_class=16), HeadConfig(name=name, folds=3, **SETTLED[name])
    bench = HeadBench(task, seed=1)
    bench.judge(config.model_copy(update={"class_weight": "balanced"}))  # shares, but decides not
    held = bench.judge(config)
    fit = fit_head(task, config, seed=1, progress=Silent())
    np.testing.assert_array_equal(held.rows, fit.held_out_rows)
    np.testing.assert_allclose(held.logits, fit.held_out_logits, atol=1e-5)
    assert held.candidate.taps == SETTLED[name]["taps"]


@pytest.mark.parametrize(
    ("name", "settled"),
    [("linear", False), ("svm", False), ("gap-1024", True), ("flatten-dense", True)],
)
def test_what_is_left_to_choose(name: str, settled: bool) -> None:
    assert is_settled(HeadConfig(name=name)) is settled


def test_what_is_not_settled_is_chosen_by_cross_validation(make_task: Any) -> None:
    held = HeadBench(make_task(informative="early/mean"), seed=0).judge(HeadConfig())
    assert held.candidate.taps in ("early", "all")
    assert held.candidate.strength > 0


def test_axes_are_found_once_for_many_settings(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    real = projected.fit_axes

    def spy(task: Any, taps: str, *args: Any, **options: Any) -> Any:
        found.append(taps)
        return real(task, taps, *args, **options)

    for module in ("svm", "knn"):
        monkeypatch.setattr(f"headstart.heads.{module}.fit_axes", spy)
    bench = HeadBench(make_task(per_class=12), seed=0)
    for neighbours in (2, 3, 4):
        bench.judge(HeadConfig(name="knn", taps="all", neighbours=neighbours))
    for cost in (0.1, 1.0):
        bench.judge(HeadConfig(name="svm", taps="early", C=cost))
    assert found == ["all", "early"]


def test_what_cannot_be_is_refused(make_task: Any) -> None:
    bench = HeadBench(make_task(per_class=5), seed=0)
    with pytest.raises(ConfigError, match="allow at most 6"):
        bench.judge(HeadConfig(name="knn", taps="all", neighbours=50))
    with pytest.raises(UnknownNameError, match="tap set"):
        bench.judge(HeadConfig(name="knn", taps="middle", neighbours=3))
