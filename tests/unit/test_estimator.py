"""scikit-learn's interface.

scikit-learn's own ``check_estimator`` does not apply: it feeds tables of numbers, and
this estimator takes images. What it would check is checked here on images.
"""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from headstart import ImageClassifier
from headstart.backbones.graph import BackboneGraph
from headstart.errors import ConfigError, DataError, UnknownNameError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, lite0_graph: BackboneGraph) -> Path:
    """One cache for all of these tests: the features of their few photos are computed once."""
    folder: Path = tmp_path_factory.mktemp("cache")
    graphs = lite0_graph.path.parent.parent
    shutil.copytree(graphs, folder / graphs.name)
    return folder


@pytest.fixture
def small(cache: Path) -> ImageClassifier:
    return ImageClassifier(image_size_px=96, cache=cache, strength=1e-3, taps="final")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, image_folder: Any) -> list[str]:
    root = image_folder(tmp_path_factory.mktemp("photos"), "cat", "dog", "eel", per_class=8)
    return [str(path) for path in sorted(root.rglob("*.png"))]


@pytest.fixture(scope="module")
def labels(photos: list[str]) -> list[str]:
    return [Path(path).parent.name for path in photos]


@pytest.fixture(scope="module")
def arrays(photos: list[str]) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in photos]


def test_it_learns_from_paths(small: ImageClassifier, photos: list[str], labels: list[str]) -> None:
    assert small.fit(photos, labels) is small
    assert small.classes_.tolist() == ["cat", "dog", "eel"]
    probabilities = small.predict_proba(photos)
    assert probabilities.shape == (24, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    predicted = small.predict(photos)
    assert predicted.tolist() == small.classes_[probabilities.argmax(axis=1)].tolist()
    assert small.score(photos, labels) == np.mean(predicted == np.array(labels))
    assert small.score(photos, labels) > 0.9


def test_paths_and_arrays_are_the_same_images(
    small: ImageClassifier, photos: list[str], arrays: list[np.ndarray], labels: list[str]
) -> None:
    from_paths = small.fit(photos, labels).predict_proba(photos)
    as_paths = small.predict_proba([Path(path) for path in photos])
    listed, stacked = small.predict_proba(arrays), small.predict_proba(np.stack(arrays))
    assert np.array_equal(from_paths, as_paths)
    assert np.array_equal(listed, stacked)
    assert np.allclose(from_paths, listed, atol=0.02)
    grey = small.predict_proba([array[..., 0] for array in arrays[:2]])
    assert grey.shape == (2, 3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((10, 9, 100), [9, 10, 100]),
        (("10", "9", "100"), ["10", "100", "9"]),
        ((True, False, True), [False, True]),
        ((0.5, -1.5, 2.0), [-1.5, 0.5, 2.0]),
    ],
    ids=["integers", "text", "booleans", "fractions"],
)
def test_labels_come_back_as_they_were_given(
    small: ImageClassifier,
    photos: list[str],
    labels: list[str],
    names: tuple[Any, ...],
    expected: list[Any],
) -> None:
    given = [dict(zip(("cat", "dog", "eel"), names, strict=True))[label] for label in labels]
    small.fit(photos, given)
    assert small.classes_.tolist() == expected
    predicted = small.predict(photos)
    assert predicted.dtype == np.asarray(given).dtype
    assert np.mean(predicted == np.array(given)) > 0.8
    columns = [expected.index(label) for label in given]
    probabilities = small.predict_proba(photos)[np.arange(24), columns]
    assert np.median(probabilities) > 0.5


def test_cross_validation_of_paths_costs_one_forward_pass_an_image(
    cache: Path, photos: list[str], labels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ImageClassifier(image_size_px=96, cache=cache, strength=1e-3, taps="final")
    model.fit(photos, labels)

    def no_engine(*_: object, **__: object) -> None:
        raise AssertionError("a forward pass was made again")

    monkeypatch.setattr("headstart.workflows.featuriser.OpenVinoEngine", no_engine)
    scores = cross_val_score(model, photos, labels, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.5


def test_cross_validation_of_arrays_with_integers(
    small: ImageClassifier, arrays: list[np.ndarray], labels: list[str]
) -> None:
    targets = np.unique(labels, return_inverse=True)[1]
    listed = cross_val_score(small, arrays, targets, cv=2)
    stacked = cross_val_score(small, np.stack(arrays), targets, cv=2)
    assert listed.tolist() == stacked.tolist()


def test_cross_validation_in_two_processes(
    small: ImageClassifier, photos: list[str], labels: list[str]
) -> None:
    alone = cross_val_score(small, photos, labels, cv=2)
    together = cross_val_score(small, photos, labels, cv=2, n_jobs=2)
    assert together.tolist() == pytest.approx(alone.tolist())


def test_its_parameters_can_be_searched(
    small: ImageClassifier, photos: list[str], labels: list[str]
) -> None:
    search = GridSearchCV(small, {"strength": [1e-2, 1e-4]}, cv=2).fit(photos, labels)
    assert search.best_params_["strength"] in {1e-2, 1e-4}
    assert search.predict(photos[:1]).tolist() == ["cat"]


def test_parameters_round_trip(cache: Path) -> None:
    model = ImageClassifier("efficientnet_lite2", class_weight="balanced", cache=cache)
    assert model.get_params() == {
        "backbone": "efficientnet_lite2",
        "cache": cache,
        "class_weight": "balanced",
        "geometry": "auto",
        "head": "linear",
        "head_settings": None,
        "image_size_px": None,
        "precision": "auto",
        "random_state": 0,
        "strength": None,
        "taps": "auto",
        "weights": None,
    }
    assert model.set_params(geometry="pad", random_state=3) is model
    copy = clone(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert (copy.geometry, copy.random_state) == ("pad", 3)
    assert is_classifier(model)
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'"):
        model.set_params(epochs=3)


def test_a_clone_is_not_fitted(
    small: ImageClassifier, photos: list[str], labels: list[str]
) -> None:
    copy = clone(small.fit(photos, labels))
    assert not hasattr(copy, "classes_")
    for ask in (copy.predict, copy.predict_proba):
        with pytest.raises(NotFittedError, match="call fit first"):
            ask(photos)


def test_it_survives_pickling(small: ImageClassifier, photos: list[str], labels: list[str]) -> None:
    small.fit(photos, labels)
    copy = pickle.loads(pickle.dumps(small))
    assert np.array_equal(copy.predict_proba(photos), small.predict_proba(photos))


def test_the_same_seed_gives_the_same_model(
    cache: Path, photos: list[str], labels: list[str]
) -> None:
    models = [
        ImageClassifier(image_size_px=96, cache=cache, random_state=1).fit(photos, labels)
        for _ in range(2)
    ]
    first, second = (model.predict_proba(photos) for model in models)
    assert np.array_equal(first, second)


def test_balanced_weights_help_a_rare_class(
    small: ImageClassifier, photos: list[str], labels: list[str]
) -> None:
    small.set_params(strength=1.0)
    rows = [*range(8), 8, 9]  # eight cats, two dogs
    some, theirs = [photos[row] for row in rows], [labels[row] for row in rows]
    plain = small.fit(some, theirs).predict_proba(photos[8:16])[:, 1].mean()
    balanced = small.set_params(class_weight="balanced").fit(some, theirs)
    assert balanced.predict_proba(photos[8:16])[:, 1].mean() > plain


# Mistakes


def test_labels_of_another_number(small: ImageClassifier, photos: list[str]) -> None:
    with pytest.raises(DataError, match=r"24 images but labels of shape \(3,\)"):
        small.fit(photos, ["cat", "dog", "eel"])
    with pytest.raises(DataError, match=r"labels of shape \(24, 1\)"):
        small.fit(photos, [["cat"]] * 24)


def test_one_class(small: ImageClassifier, photos: list[str]) -> None:
    with pytest.raises(DataError, match="only the class cat occurs"):
        small.fit(photos, ["cat"] * 24)


def test_labels_that_cannot_be_sorted(small: ImageClassifier, photos: list[str]) -> None:
    with pytest.raises(DataError, match=r"different kinds \(NoneType, str\)"):
        small.fit(photos, ["cat", None] * 12)


def test_no_images(small: ImageClassifier) -> None:
    with pytest.raises(DataError, match="no images"):
        small.fit([], [])


@pytest.mark.parametrize("kind", ["broken", "truncated", "missing"])
def test_images_that_cannot_be_read_are_named(
    small: ImageClassifier,
    photos: list[str],
    labels: list[str],
    tmp_path: Path,
    kind: str,
) -> None:
    bad = tmp_path / "bad.png"
    if kind != "missing":
        content = Path(photos[0]).read_bytes()
        bad.write_bytes(content[: len(content) // 2] if kind == "truncated" else b"no image")
    with pytest.raises(DataError, match=r"1 of 25 images cannot be read: .*bad\.png \("):
        small.fit([*photos, str(bad)], [*labels, "cat"])
    assert not hasattr(small, "classes_")
    small.fit(photos, labels)
    with pytest.raises(DataError, match=r"1 of 2 images cannot be read: .*bad\.png \("):
        small.predict([photos[0], str(bad)])


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [
        ("backbone", "efficientnet_lite9", UnknownNameError),
        ("geometry", "stretch", ConfigError),
        ("taps", "middle", UnknownNameError),
        ("head", "forest", UnknownNameError),
        ("head", "svm", ConfigError),
        ("class_weight", "even", ConfigError),
        ("strength", -1.0, ConfigError),
        ("precision", "f8", ConfigError),
    ],
)
def test_wrong_parameters_are_found_by_fit(
    small: ImageClassifier,
    photos: list[str],
    labels: list[str],
    parameter: str,
    value: object,
    error: type[Exception],
) -> None:
    small.set_params(**{parameter: value})
    with pytest.raises(error, match=str(value)):
        small.fit(photos, labels)


@pytest.mark.parametrize(
    ("head", "settings"),
    [("svm", {"C": 1.0}), ("knn", {"neighbours": 3}), ("gap", {"epochs": 3}), ("svm-rbf", None)],
)
def test_every_head_is_an_estimator(
    cache: Path, photos: list[str], labels: list[str], head: str, settings: Any
) -> None:
    model = clone(
        ImageClassifier(
            image_size_px=96, cache=cache, taps="final", head=head, head_settings=settings
        )
    ).fit(photos, labels)
    assert np.allclose(model.predict_proba(photos).sum(axis=1), 1)
    assert model.score(photos, labels) > 0.6
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(photos[:2]), model.predict_proba(photos[:2]))


def test_a_failed_fit_keeps_the_earlier_one(
    small: ImageClassifier, photos: list[str], labels: list[str]
) -> None:
    before = small.fit(photos, labels).predict_proba(photos)
    with pytest.raises(DataError):
        small.fit(photos, ["cat"] * 24)
    assert np.array_equal(small.predict_proba(photos), before)


def test_pictures_that_are_no_uint8(
    small: ImageClassifier, arrays: list[np.ndarray], labels: list[str]
) -> None:
    with pytest.raises(DataError, match="uint8"):
        small.fit([array / 255 for array in arrays], labels)


def test_one_path_is_one_image(
    small: ImageClassifier,
    photos: list[str],
    labels: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(photos[0]).parent)
    small.fit(photos, labels)
    for path in ("0.png", Path("0.png")):
        assert small.predict(path).shape == (1,)


def test_one_image_that_is_not_in_a_list(
    small: ImageClassifier, photos: list[str], arrays: list[np.ndarray], labels: list[str]
) -> None:
    small.fit(photos, labels)
    with pytest.raises(DataError, match=r"one image of shape \(48, 64, 3\)"):
        small.predict(arrays[0])
