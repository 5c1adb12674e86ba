from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.cli.errors_table import WIDTH

SAID = {
    **{f"glass/{n}.png": "glass" for n in range(3)},
    "glass/a very long name of a photo that nobody would ever want to read.png": "trash",
    "paper/0.png": "paper",
    "paper/1.png": "glass",
    "trash/0.png": "trash",
}


@pytest.fixture
def stored(tmp_path: Path, picture: Any, store_run: Callable[..., Path]) -> Path:
    photos = tmp_path / "photos"
    for name in SAID:
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(name.encode())
    return store_run(tmp_path / "run", photos, SAID)


def test_all_that_is_found_fits_a_terminal(cli: Any, stored: Path) -> None:
    outcome = cli("errors", stored)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("7 images, 2 answered wrong: accuracy 0.714 [")
    worst = lines.index(next(line for line in lines if line.startswith("worst classes")))
    assert lines[worst + 1].split()[0] in {"paper", "trash"}
    assert any(line.startswith("  paper -> glass") for line in lines)
    assert any("would ever want to read.png" in line and "0.800" in line for line in lines)
    assert any("test labels are worth a look" in line for line in lines)
    assert any(line.startswith("note: nothing is said by size") for line in lines)


def test_lists_are_as_long_as_wished(cli: Any, stored: Path) -> None:
    outcome = cli("errors", stored, "--top", "1")
    assert "and 1 more pairs" in outcome.out
    assert outcome.out.count(" -> ") == 1


def test_figures_without_a_class(cli: Any, stored: Path) -> None:
    outcome = cli("errors", stored, "--without", "trash")
    assert outcome.out.splitlines()[0] == "without trash: images left out 1, remaining 6"
    assert "answers as they are      accuracy 0.667 [" in outcome.out
    assert "1 taken for a class left out" in outcome.out
    assert "among the other classes  accuracy 0.833 [" in outcome.out


def test_json_and_tables(cli: Any, stored: Path, tmp_path: Path) -> None:
    shown = json.loads(cli("errors", stored, "--json", "-").out)
    assert (shown["n"], shown["wrong"], len(shown["pairs"])) == (7, 2, 2)
    outcome = cli("errors", stored, "--json", tmp_path / "e.json", "--out", tmp_path / "errors")
    assert json.loads((tmp_path / "e.json").read_text()) == shown
    assert outcome.out.splitlines()[-1] == f"tables  {tmp_path / 'errors'}"
    assert (tmp_path / "errors" / "wrong.csv").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--without", "trsh"], "unknown class 'trsh': did you mean trash?"),
        (["--without", "trash,glass"], "there would be 1 of 3 classes left"),
        (["--out", "."], "exists already"),
    ],
)
def test_mistakes_end_with_the_mend(
    cli: Any, stored: Path, options: list[str], message: str
) -> None:
    outcome = cli("errors", stored, *options)
    assert (outcome.code, message in outcome.err) == (2, True)
