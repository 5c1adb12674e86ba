"""Dense heads: what training decides, and what is folded into the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headstart.config import HeadConfig
from headstart.features.table import ArrayFeatures
from headstart.heads import dense_training
from headstart.heads.dense_inputs import DenseInputs
from headstart.heads.dense_training import _folded, build_layers
from headstart.heads.fitting import fit_head
from headstart.heads.presets import DenseSettings
from headstart.progress import Silent


def fit(task: Any, **settings: object) -> Any:
    config = HeadConfig.model_validate(
        {"name": "gap-1024", "widths": (16,), "learning_rate": 1e-2, "batch_size": 16, **settings}
    )
    return fit_head(task, config, seed=0, progress=Silent())


def test_it_stops_when_held_out_images_gain_no_more(make_task: Any) -> None:
    found = fit(make_task(signal=0.4), epochs=60, patience=3)
    epochs = [candidate.setting for candidate in found.candidates]
    assert epochs == [f"epoch {number}" for number in range(1, len(epochs) + 1)]
    assert len(epochs) < 60
    assert epochs.index(found.chosen.setting) >= len(epochs) - 4
    assert found.chosen.nll == min(candidate.nll for candidate in found.candidates)


def test_it_trains_no_longer_than_told(make_task: Any) -> None:
    assert len(fit(make_task(), epochs=2, patience=50).candidates) == 2


def test_large_work_is_judged_on_fewer_folds(make_task: Any, monkeypatch: Any) -> None:
    task = make_task()
    assert len(fit(task, epochs=1).held_out_rows) == len(task.targets)
    monkeypatch.setattr(dense_training, "_FOLDS_WORK", 1)
    assert len(fit(task, epochs=1).held_out_rows) == len(task.targets) // 5


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimiser_learns(make_task: Any, optimiser: str) -> None:
    assert fit(make_task(), epochs=10, optimiser=optimiser).chosen.accuracy > 0.8


def test_weight_decay_shrinks_the_hidden_layers(make_task: Any) -> None:
    free, held = (fit(make_task(), epochs=8, l2=l2).head.weights[0] for l2 in (0.0, 0.1))
    assert np.abs(held).mean() < 0.5 * np.abs(free).mean()


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_folded_layers_answer_as_the_network_did(
    make_task: Any, activation: Any, batch_norm: bool
) -> None:
    task = make_task()
    settings = DenseSettings((16, 8), batch_norm=batch_norm, activation=activation, dropout=0.5)
    columns = np.arange(task.layout.dim)
    features = ArrayFeatures((task.features.array * 3 + 5).astype(np.float16))
    inputs = DenseInputs(features, columns, seed=0)
    torch.manual_seed(0)
    network = build_layers(len(columns), 3, settings)
    rows = np.arange(60)
    network.train()(inputs.batch(rows))  # so that batch norms have seen something
    with torch.inference_mode():
        expected = network.eval()(inputs.batch(rows)).numpy()
    values = features.array[rows].astype(np.float64)
    layers = _folded(network, inputs)
    for index, (weight, bias) in enumerate(layers):
        if index:
            act = dense_training._ACTIVATIONS[activation]()
            values = act(torch.from_numpy(values)).numpy()
        values = values @ weight.numpy() + bias.numpy()
    np.testing.assert_allclose(values, expected, atol=1e-4)
    assert len(layers) == 3


def test_what_happens_outside_is_left_alone(make_task: Any) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(make_task(), epochs=1)
    torch.testing.assert_close(torch.rand(3), expected)


def test_features_on_disk_give_the_same_head(make_task: Any, monkeypatch: Any) -> None:
    from headstart.heads import dense_inputs

    task = make_task()
    kept = fit(task, epochs=2)
    monkeypatch.setattr(dense_inputs, "_IN_MEMORY_BYTES", 0)
    read = fit(task, epochs=2)
    np.testing.assert_array_equal(kept.held_out_logits, read.held_out_logits)


def test_a_feature_that_never_varied_has_no_say(make_task: Any) -> None:
    task = make_task()
    features = task.features.array.copy()
    features[:, 15] = 3.0
    inputs = DenseInputs(ArrayFeatures(features), np.arange(task.layout.dim), seed=0)
    batch = inputs.batch(np.arange(20))
    assert (batch[:, 15] == 0).all()
    others = np.delete(batch.numpy(), 15, axis=1)
    np.testing.assert_allclose(others.std(axis=0), 1, atol=0.5)
