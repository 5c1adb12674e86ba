import numpy as np
import pytest

from headstart.evaluation import bootstrap
from headstart.evaluation.bootstrap import Resampling, replicate, resample_counts
from headstart.evaluation.counts import ClassCounts, confusion_matrix


@pytest.mark.parametrize("n", [1, 7, 300])
def test_every_resample_draws_as_many_images_as_there_are(n):
    drawn = np.concatenate(list(resample_counts(n, resamples=50, seed=0)))
    assert drawn.shape == (50, n)
    assert (drawn.sum(axis=1) == n).all()


def test_every_image_is_drawn_equally_often():
    drawn = np.concatenate(list(resample_counts(20, resamples=5000, seed=0)))
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), 1 - 1 / 20, atol=0.1)


def test_memory_stays_bounded_and_small_pieces_draw_the_same(monkeypatch):
    whole = np.concatenate(list(resample_counts(100, resamples=30, seed=3)))
    monkeypatch.setattr(bootstrap, "_CHUNK", 400)
    pieces = list(resample_counts(100, resamples=30, seed=3))
    assert max(piece.size for piece in pieces) == 400
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_replicates_are_what_counting_each_resample_by_hand_gives():
    generator = np.random.default_rng(0)
    predictions, targets = generator.integers(4, size=(2, 60))
    losses = {"a": generator.normal(size=(60, 1)), "b": generator.normal(size=(60, 3))}
    drawn = replicate(predictions, targets, losses, classes=6, resampling=Resampling(20, 5))
    order = np.lexsort((predictions, targets))
    weights = np.concatenate(list(resample_counts(60, resamples=20, seed=5)))
    for row, times in enumerate(weights):
        picked = np.repeat(order, times)
        own = ClassCounts.of(confusion_matrix(predictions[picked], targets[picked], classes=6))
        np.testing.assert_array_equal(drawn.counts.hits[row], own.hits)
        np.testing.assert_array_equal(drawn.counts.support[row], own.support)
        np.testing.assert_array_equal(drawn.counts.predicted[row], own.predicted)
        for name, loss in losses.items():
            np.testing.assert_allclose(drawn.losses[name][row], loss[picked].mean(axis=0))


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match="expected 1 or more"):
        Resampling(resamples=0)
