from pathlib import Path

import pytest

from headstart.data.opening import ignored_text, refuse_absent, table_at
from headstart.errors import DataError


def test_what_exists_is_not_refused(tmp_path: Path) -> None:
    refuse_absent(tmp_path)


def test_ignored_reasons_are_listed_in_order_and_zeros_left_out() -> None:
    assert ignored_text({"b": 2, "a": 1000, "c": 0}) == "ignored: 1,000 x a, 2 x b"
    assert ignored_text({}) == "ignored: nothing"


def test_a_table_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match=r"t\.csv cannot be read"):
        table_at(tmp_path / "t.csv")
