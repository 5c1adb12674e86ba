"""Outputs whose place, or whose unfinished part, has been prepared by somebody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from _attack_ground import Ground

Builder = Callable[[Ground, Path], Path]


def outputs(ground: Ground) -> Iterator[tuple[str, Builder]]:
    """Yield places to write a table to."""
    secret = ground.outside / "secret.csv"
    yield "the table is a link to a secret", _prepared(lambda out, _: out.symlink_to(secret))
    yield "the table is a hard link to a secret", _prepared(lambda out, _: os.link(secret, out))
    yield (
        "the partial is a link outside",
        _prepared(lambda _, part: part.symlink_to(ground.outside)),
    )
    yield "the partial is a file", _prepared(lambda _, part: part.write_text("mine"))
    yield "the partial is a pipe", _prepared(lambda _, part: os.mkfifo(part))
    for name in ("rows", "journal.jsonl", "part-00000000"):
        yield (
            f"the partial's {name} is a link to a secret",
            _prepared(lambda _, part, name=name: _inside(part, name).symlink_to(secret)),
        )
        yield (
            f"the partial's {name} is a pipe",
            _prepared(lambda _, part, name=name: os.mkfifo(_inside(part, name))),
        )
    yield (
        "the partial's journal is noise",
        _prepared(lambda _, part: _inside(part, "journal.jsonl").write_bytes(os.urandom(5000))),
    )
    yield (
        "the partial's journal is deep",
        _prepared(lambda _, part: _inside(part, "journal.jsonl").write_text("[" * 100_000)),
    )
    yield (
        "somebody's files in the partial's place",
        _prepared(lambda _, part: _inside(part, "thesis.txt").write_text("mine")),
    )


def _inside(part: Path, name: str) -> Path:
    part.mkdir()
    return part / name


def _prepared(spoil: Callable[[Path, Path], object]) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        spoil(folder / "t.csv", folder / "t.csv.partial")
        return folder / "t.csv"

    return build
