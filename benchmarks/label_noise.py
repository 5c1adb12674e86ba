"""How many of the labels that are made wrong on purpose are found.

Usage: python benchmarks/label_noise.py DATA [--share 0.05] [--rounds 3]

Every round gives a share of the training and validation images another class, drawn
evenly, trains on that, and holds ``suspect_labels.csv`` against what was changed. Labels
that were wrong before count against the precision here. The folder is not touched.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import headstart
from _report import Report, arguments_parser
from headstart.config import cache_dir
from headstart.data.manifest import Manifest
from headstart.data.sources import open_source
from headstart.files import write_csv


class Found(NamedTuple):
    """What a round brought."""

    changed: int
    suspects: int
    hits: int
    mended: int
    judged: int


def one_round(manifest: Manifest, root: Path, *, share: float, seed: int) -> Found:
    """Change labels, train, and compare."""
    draws = np.random.default_rng(seed)
    pool = [row for row, split in enumerate(manifest.splits) if split != "test"]
    rows = draws.choice(pool, round(share * len(pool)), replace=False).tolist()
    labels = [str(label) for label in manifest.labels]
    for row in rows:
        labels[row] = str(draws.choice([it for it in manifest.classes if it != labels[row]]))
    paths = [str(root / path) for path in manifest.paths]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        columns = [paths, labels, [split or "" for split in manifest.splits]]
        keep = slice(None) if all(manifest.splits) else slice(2)
        header = ["image_path", "label", "split"][keep]
        write_csv(table, header, zip(*columns[keep], strict=True))
        run = headstart.train(table, out=Path(folder) / "run")
    assert run.errors is not None
    check = run.errors.labels
    truth = {Path(paths[row]): manifest.labels[row] for row in rows}
    hits = [it for it in check.suspects if (root / it.path) in truth]
    mended = [it for it in hits if truth[root / it.path] == it.suggested]
    return Found(len(rows), len(check.suspects), len(hits), len(mended), check.judged)


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=3)
    parser.add_argument("data", type=Path, help="folder of labelled images")
    parser.add_argument("--share", type=float, default=0.05, help="share to change [0.05]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    manifest = open_source(arguments.data, cache=cache_dir())
    root = arguments.data.absolute()
    rows = []
    for seed in range(arguments.rounds):
        found = one_round(manifest, root, share=arguments.share, seed=seed)
        precision, recall = found.hits / max(found.suspects, 1), found.hits / max(found.changed, 1)
        rows.append((f"seed {seed}", *found, precision, recall))
    headers = ("", "changed", "suspects", "of these changed", "class named", "labels judged")
    Report(
        title=f"labels changed on purpose: {arguments.share:.0%} of {arguments.data.name}",
        headers=(*headers, "precision", "recall"),
        rows=rows,
        checks=(),
        notes=["what was wrong before counts against the precision"],
    ).publish(arguments.json)


if __name__ == "__main__":
    main()
