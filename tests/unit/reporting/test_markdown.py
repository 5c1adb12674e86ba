"""The twin holds the same figures, and no name becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from headstart.evaluation import wilson
from headstart.reporting import (
    Epoch,
    Slice,
    Suspect,
    TextTable,
    TrainingHistory,
    render_markdown,
)
from headstart.reporting.markdown import escaped, table


def test_every_table_is_there(make_content) -> None:
    text = render_markdown(make_content()).replace("\u00a0", " ")
    for words in (
        "# pets", "of 18 unseen images right", "## Figures", "Balanced accuracy",
        "## Confusion matrix", "| is \\ said | cat | dog | owl |", "## Class by class",
        "| cat/e1.jpg | cat | dog | 98.0 % |", "## The data", "| cat | 8 | 1 | 6 |",
        "## How the head was chosen", "| final+early | 1 | 87.0 % | 0.410 | ✓ |",
        "| head.class_weight | – |", "- owl has few images", "| total | 12 s |",
    ):  # fmt: skip
        assert words in text, words


def test_tables_have_as_many_cells_in_every_row(make_content) -> None:
    content = make_content(("a|b", "c`d", "e\nf"), notes=("| x |",))
    for block in render_markdown(content).split("\n\n"):
        if block.startswith("|"):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1, block


@given(st.text(max_size=30))
def test_an_escaped_text_is_one_line_without_markup(text: str) -> None:
    shown = escaped(text)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"[<>]|(?<!\\)[`|\[\]*$]", shown.replace("\\\\", ""))


def test_parts_that_others_work_out_appear_when_they_are_there(make_content) -> None:
    content = make_content()
    half = wilson(5, 10)
    epoch = Epoch(1, 1, 0.5, 0.8, 0.6, 0.7, 1e-3, 5.0, chosen=True)
    full = replace(
        content,
        slices=(Slice("brightness", "darkest", 10, half),),
        suspects=(Suspect(content.errors[0], "train"),),
        tables=(TextTable("Without trash", "One class less.", ("left out",), (("trash",),)),),
        history=TrainingHistory((epoch,), (), 100, 50, kept=True),
    )
    text = render_markdown(full)
    for title in (
        "Where it does worse", "Labels to look at", "Without trash",
        "How fine-tuning went",
    ):  # fmt: skip
        assert f"## {title}" in text
        assert f"## {title}" not in render_markdown(content)


def test_a_table_of_numbers_is_flush_right() -> None:
    assert table(["a", "b"], [[1, 2]], numbers=1).splitlines()[1] == "|---|--:|"
