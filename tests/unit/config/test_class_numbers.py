from pathlib import Path

import numpy as np
import pytest

from headstart.config.class_numbers import read_costs, read_priors
from headstart.errors import ConfigError, HeadstartError

CLASSES = ("ant", "bee", "cat")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_priors_are_written_out_named_or_in_a_file(tmp_path: Path) -> None:
    shares = [0.5, 0.3, 0.2]
    for given in (
        "ant=5, bee=3, cat=2",
        {"cat": 0.2, "ant": 0.5, "bee": 0.3},
        written(tmp_path, "p.yaml", "ant: 50\nbee: 30\ncat: 20\n"),
        written(tmp_path, "p.json", '{"ant": 5, "bee": 3, "cat": 2}'),
        str(written(tmp_path, "p.csv", "label,images\nbee,30\nant,50\ncat,20\n")),
        written(tmp_path, "p.tsv", "class\tshare\nbee\t.3\nant\t.5\ncat\t.2\n"),
    ):
        np.testing.assert_allclose(read_priors(given, CLASSES), shares)
    for name in ("equal", "Balanced"):
        np.testing.assert_allclose(read_priors(name, CLASSES), 1 / 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ant=.5,bee=.5", "nothing is said of cat"),
        ("ant=.5,bee=.5,cat=0", "cat has 0, expected a number above 0"),
        ("ant=.5,bee=.5,cat=some", "priors: cat is 'some': expected a number from 0"),
        ("ant=.5,bee=.5,cat=-1", "expected a number from 0"),
        ("ant=1,be=1,cat=1", r"unknown class in priors 'be': did you mean bee\?"),
        ("ant=1,bee", "'bee' has no number"),
        ("shares.yaml", "is no file, and not written as"),
    ],
)
def test_priors_that_are_none_say_why(given: str, said: str) -> None:
    with pytest.raises(HeadstartError, match=said):
        read_priors(given, CLASSES)


def test_costs_are_by_true_class_or_a_matrix(tmp_path: Path) -> None:
    by_class = [[0, 5, 5], [1, 0, 1], [1, 1, 0]]
    for given in ("ant=5", {"ant": 5}, written(tmp_path, "c.csv", "label,cost\nant,5\n")):
        np.testing.assert_array_equal(read_costs(given, CLASSES), by_class)
    matrix = [[0, 5, 1], [2, 0, 1], [1, 1, 0]]
    table = "true,cat,bee,ant\nant,1,5,0\nbee,1,0,2\n"
    for given in (
        {"ant": {"bee": 5}, "bee": {"ant": 2}},
        written(tmp_path, "m.csv", table),
        written(tmp_path, "m.yaml", "ant: {bee: 5}\nbee: {ant: 2}\n"),
    ):
        np.testing.assert_array_equal(read_costs(given, CLASSES), matrix)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ant": {"bea": 2}}, "did you mean bee"),
        ({"ant": {"bee": float("nan")}}, "costs: ant: bee is nan"),
        ("ant=0,bee=0,cat=0", "every cost is 0"),
    ],
)
def test_costs_that_are_none_say_why(given: object, said: str) -> None:
    with pytest.raises(HeadstartError, match=said):
        read_costs(given, CLASSES)


@pytest.mark.parametrize("text", ["label,share\n", "label,share\nant,1,2\n", "what,share\nant,1\n"])
def test_a_table_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"p\.csv"):
        read_priors(written(tmp_path, "p.csv", text), CLASSES)
