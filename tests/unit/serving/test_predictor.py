"""The predictor: one way of answering, whatever it is handed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import load_pixels
from headstart.engines.openvino_engine import OpenVinoEngine
from headstart.errors import BundleError, ConfigError, DataError
from headstart.evaluation.decision import DecisionRule
from headstart.serving.predictor import Predictor, as_manifest, load


@pytest.fixture(scope="module")
def predictor(small_bundle: Path) -> Predictor:
    return load(small_bundle, precision="f32")


@pytest.fixture(scope="module")
def pictures(picture) -> list[np.ndarray]:
    return [picture(seed, size=(60 + 9 * seed, 80)) for seed in range(10)]


@pytest.fixture
def paths(tmp_path: Path, pictures) -> list[Path]:
    names = [tmp_path / f"{number}.png" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(name)
    return names


def test_probabilities_of_every_class_sum_to_one(predictor, paths) -> None:
    found = predictor.predict_proba(paths)
    assert found.shape == (10, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()


def test_files_arrays_and_stacks_of_one_picture_are_one(predictor, paths, pictures) -> None:
    found = predictor.predict_proba(pictures)
    np.testing.assert_allclose(predictor.predict_proba(paths), found, atol=1e-6)
    np.testing.assert_allclose(predictor.predict_proba([str(p) for p in paths]), found, atol=1e-6)
    stack = np.stack([pictures[0]] * 2)
    np.testing.assert_allclose(predictor.predict_proba(stack), found[[0, 0]], atol=1e-4)


def test_labels_are_the_most_probable_classes(predictor, paths) -> None:
    found = predictor.predict_proba(paths)
    labels = predictor.predict(paths)
    assert labels.tolist() == predictor.classes_[found.argmax(axis=1)].tolist()
    assert len(set(labels)) > 1
    for row, prediction in enumerate(predictor.stream(as_manifest(paths))):
        assert prediction.path == str(paths[row])
        assert prediction.label == labels[row]
        assert prediction.confidence == pytest.approx(found[row].max())
        assert (prediction.status, prediction.error) == ("ok", "")


def test_one_picture_alone_is_answered_as_among_others(predictor, paths) -> None:
    together = predictor.predict_proba(paths)
    for row in (0, 9):
        alone = predictor.predict_proba([paths[row]])[0]
        np.testing.assert_allclose(alone, together[row], atol=1e-3)
        assert alone.argmax() == together[row].argmax()


def test_a_bad_file_is_a_row_with_its_reason(predictor, paths, tmp_path) -> None:
    paths[3].write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    mixed = [*paths[:5], tmp_path / "gone.png", *paths[5:]]
    rows = list(predictor.stream(as_manifest(mixed)))
    assert [row.path for row in rows] == [str(path) for path in mixed]
    assert [row.status for row in rows] == ["ok"] * 3 + ["error", "ok", "error"] + ["ok"] * 5
    assert rows[5].error == "the file does not exist"
    assert (rows[3].label, rows[3].confidence, len(rows[3].probabilities)) == ("", 0, 0)
    assert rows[3].error


def test_probabilities_of_bad_files_are_not_made_up(predictor, paths, tmp_path) -> None:
    paths[3].write_text("text")
    bad = [paths[0], paths[3], tmp_path / "gone.png"]
    with pytest.raises(DataError, match=r"2 of 3 images cannot be read: .*3\.png.*gone\.png"):
        predictor.predict_proba(bad)
    with pytest.raises(DataError, match=r"gone\.png"):
        predictor.predict(bad)


def test_arrays_of_another_type_say_what_to_do(predictor) -> None:
    with pytest.raises(DataError, match=r"from 0\.\.1: \(255 \* image\)"):
        predictor.predict_proba([np.zeros((8, 8, 3), dtype=np.float32)])
    with pytest.raises(DataError, match="expected a uint8 array"):
        predictor.predict_proba([b"\x89PNG"])


def test_no_images_at_all_is_a_mistake_that_is_named(predictor) -> None:
    for nothing in ([], np.empty((0, 8, 8, 3), dtype=np.uint8)):
        with pytest.raises(DataError, match="no images in an empty list"):
            predictor.predict_proba(nothing)


def test_it_sees_the_pixels_that_training_sees(predictor, paths, pictures, lite0_graph) -> None:
    """The backbone's features of ``load_pixels``, through the head by hand, are its answers."""
    info = predictor.bundle.info
    pixels = np.stack([load_pixels(path.read_bytes(), info.geometry) for path in paths])
    arrays = np.stack([load_pixels(picture, info.geometry) for picture in pictures])
    np.testing.assert_array_equal(pixels, arrays)
    engine = OpenVinoEngine(predictor.bundle.graph, precision="f32", batch_size=10)
    np.testing.assert_allclose(
        predictor.predict_proba(paths), next(engine.stream([pixels])), atol=1e-4
    )


def test_pictures_over_the_bundles_limit_are_refused(predictor) -> None:
    wide = np.zeros((1, 1_000_001, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="over the limit of 1,000,000"):
        predictor.predict_proba([wide])


def test_default_arithmetic_gives_nearly_the_same(small_bundle, predictor, paths) -> None:
    found = load(small_bundle.parent).predict_proba(paths)
    np.testing.assert_allclose(found, predictor.predict_proba(paths), atol=0.05)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        load(tmp_path)


def test_arithmetic_that_there_is_not_is_refused_before_the_bundle_is_read(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"engine\.precision.*bf16"):
        load(tmp_path / "no bundle", precision="foo")
    with pytest.raises(ConfigError, match=r"engine\.threads"):
        load(tmp_path / "no bundle", threads=0)


def test_what_is_too_unsure_is_unknown_and_keeps_its_class(predictor, paths) -> None:
    confidences = predictor.predict_proba(paths).max(axis=1)
    threshold = float(np.median(confidences))
    careful = predictor.deciding(DecisionRule(threshold=threshold))
    answers = list(careful.stream(as_manifest(paths)))
    plain = list(predictor.stream(as_manifest(paths)))
    expected = ["ok" if confidence >= threshold else "unknown" for confidence in confidences]
    assert [answer.status for answer in answers] == expected
    assert {"ok", "unknown"} == set(expected)
    assert [a.label for a in answers] == [a.label for a in plain]
    assert [a.confidence for a in answers] == [a.confidence for a in plain]
    labels = careful.predict(paths).tolist()
    assert [one == "unknown" for one in labels] == [one == "unknown" for one in expected]


def test_priors_and_costs_change_probabilities_and_labels(predictor, paths) -> None:
    plain = predictor.predict_proba(paths)
    even, new = np.full(3, 1 / 3), np.array([0.98, 0.01, 0.01])
    moved = predictor.deciding(DecisionRule(trained=even, priors=new))
    weighted = plain * new
    expected = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(moved.predict_proba(paths), expected, atol=1e-6)
    costs = 1 - np.eye(3)
    costs[2] *= 1e6
    dear = predictor.deciding(DecisionRule(costs=costs))
    assert set(dear.predict(paths)) == {"class 2"}
    np.testing.assert_array_equal(dear.predict_proba(paths), plain)


def test_a_plain_answer_can_be_decided_anew(predictor, paths, tmp_path) -> None:
    careful = predictor.deciding(DecisionRule(threshold=0.9999))
    plain = list(predictor.stream(as_manifest([*paths[:2], tmp_path / "gone.png"])))
    again = [careful.redecide(answer) for answer in plain]
    assert [answer.status for answer in again] == ["unknown", "unknown", "error"]
    assert [answer.label for answer in again] == [answer.label for answer in plain]
