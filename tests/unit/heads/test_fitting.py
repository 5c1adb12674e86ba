"""One door: the right head behind each name, and mistakes refused before it opens."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.config import HeadConfig
from headstart.errors import ConfigError, UnknownNameError
from headstart.heads.dense import DenseHead
from headstart.heads.fitting import check_head, fit_head
from headstart.heads.kernel import KernelHead
from headstart.heads.knn import NeighbourHead
from headstart.heads.linear import LinearHead
from headstart.progress import Silent


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("linear", LinearHead),
        ("gap", DenseHead),
        ("svm", LinearHead),
        ("svm-rbf", KernelHead),
        ("knn", NeighbourHead),
    ],
)
def test_each_name_gives_its_kind(make_task: Any, name: str, kind: type) -> None:
    found = fit_head(make_task(), HeadConfig(name=name), seed=0, progress=Silent())
    assert isinstance(found.head, kind)


@pytest.mark.parametrize("name", ["linear", "svm", "svm-rbf", "knn"])
def test_auto_takes_the_taps_that_tell_more(make_task: Any, name: str) -> None:
    task = make_task(informative="early/mean", signal=0.9)
    found = fit_head(task, HeadConfig(name=name), seed=0, progress=Silent())
    assert found.head.taps in ("early", "all")
    assert len({candidate.taps for candidate in found.candidates}) == 3


@pytest.mark.parametrize("name", ["linear", "gap", "svm", "svm-rbf", "knn"])
def test_taps_that_are_named_are_taken(make_task: Any, name: str) -> None:
    config = HeadConfig(name=name, taps="early")
    found = fit_head(make_task(), config, seed=0, progress=Silent())
    assert {candidate.taps for candidate in found.candidates} == {"early"}
    assert found.head.outputs == ("early/mean",)


def test_mistakes_are_found_without_features(make_task: Any) -> None:
    layout = make_task().layout
    with pytest.raises(UnknownNameError, match="unknown head"):
        check_head(HeadConfig(name="forest"))
    with pytest.raises(ConfigError, match=r"does not take head\.C"):
        check_head(HeadConfig(name="knn", C=1.0))
    for name in ("linear", "knn", "gap"):
        with pytest.raises(UnknownNameError, match="unknown tap set 'middle'"):
            check_head(HeadConfig(name=name, taps="middle"), layout)
    check_head(HeadConfig(name="knn", taps="middle"))


def test_the_unpooled_activation_is_needed_by_a_flattening_head(make_task: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown tap set 'flat'"):
        check_head(HeadConfig(name="flatten-dense"), make_task().layout)
