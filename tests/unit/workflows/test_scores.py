from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from headstart.evaluation import judge
from headstart.workflows.scores import write_scores


def test_both_tables_say_what_the_judgement_says(tmp_path: Path) -> None:
    truth = np.array([0, 0, 1, 1, 1])
    said = np.array([0, 1, 1, 1, 0])
    probabilities = np.where(said[:, None] == np.arange(2), 0.8, 0.2)
    classes = ("a, b", "c")
    judgement = judge(probabilities, truth, classes=classes, resamples=100, seed=0)
    write_scores(tmp_path, judgement, classes)
    with (tmp_path / "confusion.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["true \\ predicted", "a, b", "c"],
            ["a, b", "1", "1"],
            ["c", "1", "2"],
        ]
    with (tmp_path / "per_class.csv").open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["label"], first["support"], first["predicted"]) == ("a, b", "2", "2")
    assert float(second["recall"]) == 0.666667
    assert float(second["recall_low"]) < 0.66 < 0.67 < float(second["recall_high"])
    assert float(first["f1"]) == 0.5
