"""The map's mass lies where the evidence is, whatever the head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.errors import DataError, UnknownNameError
from headstart.explain import Explainer, load_explainer
from headstart.explain import explainer as module
from headstart.explain.rules import UnsupportedError
from headstart.serving.predictor import load

HEADS = {
    "linear on the final average": ("linear", {"taps": "final"}),
    "linear on every tap": ("linear", {"taps": "all"}),
    "dense": ("gap-1024", {"epochs": 15, "batch_size": 16, "learning_rate": 3e-3}),
    "svm": ("svm", {"taps": "final"}),
    "svm with a kernel": ("svm-rbf", {"taps": "final"}),
    "neighbours": ("knn", {"taps": "final"}),
}


def share_inside(found: np.ndarray, inside: np.ndarray) -> float:
    """How many times what an even map would have there lies inside."""
    return float(found[inside].sum() / found.sum() / inside.mean())


@pytest.mark.parametrize("name", HEADS)
def test_the_evidence_is_found_where_it_is(name: str, disc_bundle, discs) -> None:
    head, options = HEADS[name]
    explainer = load_explainer(disc_bundle(head, **options), precision="f32", threads=1)
    shares = []
    for pixels, inside, colour in discs:
        found = explainer.explain(pixels, [colour])
        assert explainer.classes[found.best] == colour
        assert found.method == "gradients", found.reason
        (one,) = found.maps
        assert one.map.shape == inside.shape
        assert (one.map.min(), one.map.max()) == (0, 1)
        shares.append(share_inside(one.map, inside))
    assert np.median(shares) > 3
    assert np.mean(np.array(shares) > 1) >= 2 / 3  # a colour may be told by what is missing


@pytest.fixture(scope="module")
def bundle(disc_bundle) -> Path:
    return disc_bundle("linear", taps="all")


@pytest.fixture(scope="module")
def explainer(bundle: Path) -> Explainer:
    return load_explainer(bundle, precision="f32", threads=1)


def test_its_answer_is_the_predictors(explainer: Explainer, bundle: Path, discs) -> None:
    pixels = discs[0][0]
    found = explainer.explain(pixels)
    expected = load(bundle, precision="f32").predict_proba([pixels])[0]
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-4)
    order = np.argsort(-expected)[:2]
    assert [one.label for one in found.maps] == [explainer.classes[i] for i in order]
    assert [one.probability for one in found.maps] == pytest.approx(expected[order], abs=1e-4)
    assert found.layers[-1] == "final"
    assert found.reason == ""


def test_the_mean_of_the_evidence_is_the_classs_lead(explainer: Explainer, discs) -> None:
    for pixels, _, _ in discs[:3]:
        found = explainer.explain(pixels, explainer.classes)
        leads = [float(one.evidence.mean()) for one in found.maps]
        assert sum(leads) == pytest.approx(0, abs=1e-3)
        gaps = np.diff(leads) * 2 / 3
        p = np.maximum(found.probabilities, 1e-30)
        sure = (p[1:] > 1e-20) & (p[:-1] > 1e-20)
        np.testing.assert_allclose(gaps[sure], np.diff(np.log(p))[sure], atol=1e-2)


def test_other_classes_are_drawn_on_the_scale_of_the_first(explainer: Explainer, discs) -> None:
    """What lies there for a class that nothing speaks for is dimmer than for the right one."""
    right, wrong = [], []
    for pixels, inside, colour in discs:
        others = [name for name in explainer.classes if name != colour]
        best, *rest = explainer.explain(pixels, [colour, *others]).maps
        assert best.map.max() == 1
        right.append(best.map[inside].mean())
        wrong += [one.map[inside].mean() for one in rest]
    assert np.mean(right) > 3 * np.mean(wrong)


def test_without_gradients_parts_are_covered(
    bundle: Path, discs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(graph: object) -> None:
        raise UnsupportedError("no gradient is known for Mystery")

    monkeypatch.setattr(module, "find_layers", refuse)
    explainer = load_explainer(bundle, precision="f32", threads=1)
    assert explainer.method == "occlusion"
    shares = []
    for pixels, inside, colour in discs[:3]:
        found = explainer.explain(pixels, [colour])
        assert (found.method, found.layers) == ("occlusion", ())
        assert "Mystery" in found.reason
        shares.append(share_inside(found.maps[0].map, inside))
    assert np.median(shares) > 3


@pytest.mark.parametrize(
    "pixels", [np.zeros((96, 90, 3), np.uint8), np.zeros((96, 96, 3), np.float32)]
)
def test_only_the_models_square_is_taken(explainer: Explainer, pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected uint8 \(96, 96, 3\)"):
        explainer.explain(pixels)


def test_a_strange_class_is_refused(explainer: Explainer, discs) -> None:
    with pytest.raises(UnknownNameError, match="green"):
        explainer.explain(discs[0][0], ["gren"])
