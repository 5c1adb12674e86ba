from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.errors import ConfigError
from headstart.serving.predictor import Prediction
from headstart.workflows.prediction_rows import Columns
from headstart.workflows.row_files import FORMATS, format_of, open_row_file, write_rows

COLUMNS = Columns(("cat", "=dog"), top_k=2, probabilities=True)


def said(path: str, cat: float = 0.75) -> Prediction:
    return Prediction(path, "cat", cat, "ok", "", np.array([cat, 1 - cat], np.float32))


BAD = Prediction("b.jpg", "", 0.0, "error", "truncated", np.empty(0, np.float32))
ROWS = [COLUMNS.cells(one) for one in (said("a,\n'\".jpg"), BAD, said("é.jpg", 0.5))]


def read(path: Path) -> list[dict[str, object]]:
    """Return a table's rows, nothing as ``None``, numbers as numbers."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path, glob=False).to_dicts()
    if path.suffix in {".jsonl", ".ndjson"}:
        return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))
    kinds = COLUMNS.types
    return [{key: kinds[key](cell) if cell else None for key, cell in row.items()} for row in rows]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_says_the_same(ending: str, tmp_path: Path) -> None:
    write_rows(tmp_path / f"new [1]*/table.{ending}", COLUMNS, ROWS)
    (table,) = (tmp_path / "new [1]*").iterdir()
    first, bad, last = read(table)
    assert list(first) == COLUMNS.names
    assert first["path"] == "a,\n'\".jpg"
    assert (first["confidence"], first["label_2"], first["prob_=dog"]) == (0.75, "=dog", 0.25)
    assert bad == dict.fromkeys(COLUMNS.names) | {
        "path": "b.jpg", "status": "error", "error": "truncated",
    }  # fmt: skip
    assert last["path"] == "é.jpg"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@settings(max_examples=10)
@given(
    cuts=st.lists(st.integers(1, 3), min_size=1, max_size=4), torn=st.binary(min_size=1, max_size=9)
)
def test_what_a_kill_tears_is_written_again(
    ending: str, cuts: list[int], torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    position = 0
    rows = [COLUMNS.cells(said(f"{number}.jpg")) for number in range(sum(cuts))]
    written = 0
    for count in cuts:
        table = open_row_file(ending, folder, COLUMNS)  # a new process each time
        assert table.reaches(position)
        begun = table.append(rows[written : written + 1], position)  # killed before it was noted
        assert table.reaches(begun)
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes() + torn) if path.name == "rows" else None
        position = table.append(rows[written : written + count], position)
        written += count
    done = open_row_file(ending, folder, COLUMNS).finish(position)
    assert [row["path"] for row in read(done.rename(folder / f"t.{ending}"))] == [
        f"{number}.jpg" for number in range(len(rows))
    ]


def test_rows_that_are_gone_are_noticed(tmp_path: Path) -> None:
    for ending in FORMATS:
        (tmp_path / ending).mkdir()
        table = open_row_file(ending, tmp_path / ending, COLUMNS)
        position = table.append(ROWS, 0)
        for path in (tmp_path / ending).iterdir():
            path.unlink()
        assert not table.reaches(position)
        assert table.reaches(0)


def test_a_path_is_no_formula_and_still_names_the_file(tmp_path: Path) -> None:
    evil = "=HYPERLINK(A1).jpg"
    for ending in ("csv", "tsv", "jsonl", "parquet"):
        write_rows(tmp_path / f"t.{ending}", COLUMNS, [COLUMNS.cells(said(evil))])
        (row,) = read(tmp_path / f"t.{ending}")
        assert row["path"] == (f"./{evil}" if ending in {"csv", "tsv"} else evil)


def test_a_name_that_is_no_text_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    for ending in FORMATS:
        write_rows(tmp_path / f"t.{ending}", COLUMNS, [COLUMNS.cells(said("a\udcff.jpg"))])
        (row,) = read(tmp_path / f"t.{ending}")
        assert row["path"] == "a\\udcff.jpg"


@pytest.mark.parametrize("name", ["table.xlsx", "table", ".csv"])
def test_an_unknown_format(name: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.csv, \.tsv, \.jsonl"):
        format_of(Path(name))


def test_row_groups_are_large_whatever_the_pieces_were(tmp_path: Path) -> None:
    table = open_row_file("parquet", tmp_path, COLUMNS)
    position = 0
    for number in range(20):
        position = table.append([COLUMNS.cells(said(f"{number}.jpg"))] * 10, position)
    whole = pl.scan_parquet(table.finish(position))
    assert whole.select(pl.len()).collect().item() == 200
    assert whole.collect()["path"][::10].to_list() == [f"{number}.jpg" for number in range(20)]
