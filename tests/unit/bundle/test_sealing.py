"""Bundles that decide otherwise: sealed like any, and older ones still load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headstart.bundle import DecisionRecord, RejectRecord, load_bundle
from headstart.bundle.loading import seal_of
from headstart.bundle.sealing import copy_changed
from headstart.errors import BundleError

SHARES = {"class 0": 0.5, "class 1": 0.3, "class 2": 0.2}
REJECT = RejectRecord(
    target="precision", share=0.9, assurance=0.95, threshold=0.7, bound=0.9, validation={"n": 9}
)


def resealed(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    content = {**json.loads(path.read_text()), **changes}
    content = {key: value for key, value in content.items() if value != "gone"}
    content["seal"] = seal_of(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def changed(small_bundle: Path, tmp_path: Path) -> Path:
    costs = tuple(map(tuple, (1 - np.eye(3)).tolist()))
    record = DecisionRecord(priors=SHARES, costs=costs, reject=REJECT, test={"n": 3})
    changes = {"training_priors": SHARES, "decision": record}
    copy_changed(load_bundle(small_bundle), tmp_path / "changed", changes)
    return tmp_path / "changed"


def test_a_decision_goes_with_the_bundle(changed: Path, small_bundle: Path) -> None:
    found = load_bundle(changed)
    rule = found.info.rule()
    assert rule.threshold == 0.7
    assert rule.priors is not None
    assert rule.costs is not None
    assert rule.priors.tolist() == [0.5, 0.3, 0.2]
    assert rule.costs.tolist() == (1 - np.eye(3)).tolist()
    assert found.info.decision is not None
    assert found.info.decision.test == {"n": 3}
    assert found.graph.read_bytes() == load_bundle(small_bundle).graph.read_bytes()
    assert load_bundle(small_bundle).info.rule().is_plain


def test_a_threshold_is_under_the_seal(changed: Path) -> None:
    path = changed / "bundle.json"
    path.write_text(path.read_text().replace('"threshold": 0.7', '"threshold": 0.1'))
    with pytest.raises(BundleError, match=r"bundle\.json was changed"):
        load_bundle(changed)


def test_a_bundle_from_before_there_were_decisions_still_loads(changed: Path) -> None:
    resealed(changed, decision="gone", training_priors="gone")
    found = load_bundle(changed).info
    assert (found.decision, found.training_priors) == (None, None)
    assert found.rule().is_plain


@pytest.mark.parametrize(
    "changes",
    [
        {"training_priors": {"cat": 1.0}},
        {"training_priors": None},
        {"decision": {"costs": [[0, 1], [1, 0]]}},
        {"decision": {"priors": {"class 0": 1.0}}},
        {"decision": {"treshold": 1}},
    ],
)
def test_a_decision_about_other_classes_is_damage(
    changed: Path, changes: dict[str, object]
) -> None:
    resealed(changed, **changes)
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(changed)
