from __future__ import annotations

import numpy as np
import pytest

from headstart.cli.scores import print_scores
from headstart.evaluation import judge


def test_every_figure_has_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    judgement = judge(probabilities, np.array([0, 1, 1]), classes=("a", "b"), resamples=100, seed=0)
    print_scores(judgement, of="unseen test images")
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "3 unseen test images, value [95 % interval]:"
    names = [line.split()[0] for line in lines]
    assert names[:2] == ["accuracy", "f1_macro"]
    assert {"nll", "brier", "ece"} <= set(names)
    for name, line in zip(names, lines, strict=True):
        assert line.split(maxsplit=1)[1] == str(judgement.metrics[name])
