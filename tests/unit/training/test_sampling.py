import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.sampling import batches, epoch_order

labels = st.lists(st.sampled_from([0, 1, 2, 5]), min_size=1, max_size=60).map(np.array)
SAMPLINGS = ["shuffled", "balanced"]


@given(labels, st.integers(0, 5), st.integers(0, 5))
def test_a_shuffled_epoch_shows_every_image_once(targets, seed: int, epoch: int) -> None:
    order = epoch_order(targets, sampling="shuffled", seed=seed, phase=0, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(len(targets)))


@given(labels, st.integers(0, 9))
def test_a_balanced_epoch_is_as_long_and_shows_every_class_as_often(targets, epoch: int) -> None:
    order = epoch_order(targets, sampling="balanced", seed=0, phase=1, epoch=epoch)
    assert order.dtype == np.int64
    assert len(order) == len(targets)
    counts = np.array([(targets[order] == label).sum() for label in np.unique(targets)])
    assert counts.max() - counts.min() <= 1


@given(labels)
def test_balanced_epochs_show_a_class_whole_before_they_repeat(targets) -> None:
    orders = [
        epoch_order(targets, sampling="balanced", seed=3, phase=0, epoch=epoch)
        for epoch in range(6)
    ]
    for upto in range(1, 7):
        shown = np.bincount(np.concatenate(orders[:upto]), minlength=len(targets))
        for label in np.unique(targets):
            of = shown[targets == label]
            assert of.max() - of.min() <= 1
            assert shown.sum() // len(np.unique(targets)) <= of.sum() + 1


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_an_order_is_a_function_of_its_arguments_alone(sampling) -> None:
    targets = np.arange(40) % 3

    def order(**changed: int):
        where = {"seed": 0, "phase": 0, "epoch": 0} | changed
        return epoch_order(targets, sampling=sampling, **where).tolist()

    assert order() == order()
    others = [order(seed=1), order(phase=1), order(epoch=1)]
    assert all(other != order() for other in others)


def test_a_balanced_epoch_mixes_its_classes() -> None:
    targets = np.repeat([0, 1], [300, 100])
    order = epoch_order(targets, sampling="balanced", seed=0, phase=0, epoch=0)
    halves = [targets[half].mean() for half in np.split(order, 2)]
    assert halves == pytest.approx([0.5, 0.5], abs=0.1)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_no_images_give_an_empty_order(sampling) -> None:
    order = epoch_order(np.zeros(0, np.int64), sampling=sampling, seed=0, phase=0, epoch=0)
    assert order.shape == (0,)
    assert batches(order, 4) == []


@given(st.integers(1, 200), st.integers(1, 50))
def test_batches_keep_the_order_and_lose_one_lone_image_at_most(rows: int, size: int) -> None:
    cut = batches(np.arange(rows), size)
    joined = np.concatenate(cut).tolist()
    assert joined == list(range(len(joined)))
    assert all(len(batch) == size for batch in cut[:-1])
    lone = size > 1 and rows > 1 and rows % size == 1
    assert len(joined) == rows - lone
    if rows > 1 and size > 1:
        assert len(cut[-1]) > 1
