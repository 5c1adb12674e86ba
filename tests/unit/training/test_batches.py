"""Batches of a phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from headstart.config.training import PhaseConfig
from headstart.training.batches import Examples, Feed


def test_every_epoch_shows_the_next_view_of_each_image() -> None:
    class Numbers:
        def read(self, rows: Any) -> torch.Tensor:
            return torch.from_numpy(rows)

    shown = Feed(Examples(Numbers(), np.zeros(5, np.int64)), 2, None, 0, torch.device("cpu"), 3)
    rows = np.arange(5)
    epochs = [
        torch.cat(
            [inputs for inputs, _ in shown.run(PhaseConfig(), [rows], place=(0, epoch), start=0)]
        )
        for epoch in range(4)
    ]
    assert [(numbers % 5).tolist() for numbers in epochs] == [rows.tolist()] * 4
    views = torch.stack([numbers // 5 for numbers in epochs])
    assert views.sort(0).values[:, 0].unique().tolist() == [0, 1, 2]
    assert torch.equal(views[0], views[3])
    assert len(set(views[0].tolist())) > 1
