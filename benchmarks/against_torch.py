"""Our features and head beside a plain PyTorch training loop with the same weights.

Usage: python benchmarks/against_torch.py DATA [--rounds 1] [--epochs 2]

Ours: features of the training images into an empty store (decoding, the engine's
compilation and the store included), then the whole search for a head: taps, penalty,
folds, calibration. The peer (peers/torch_frozen.py): EfficientNet-Lite0 frozen under
no_grad, a linear head, Adam, batch 32, two loader processes, the same central crop;
contiguous and channels_last. Its start is not counted, nor is ours (imports, graph).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from _images import link_by_class, open_split, reduced
from _measure import alternate, run_process
from _report import Cell, Check, Report, arguments_parser

if TYPE_CHECKING:
    from headstart.workflows.featuriser import Featuriser

TARGET_RATIO = 8
SHOWN_EPOCHS = (1, 5, 20)
PEERS = {"PyTorch": (), "PyTorch, channels_last": ("--channels-last",)}
FEATURES, HEAD = "headstart, features", "headstart, head"
OURS = "headstart, features and head"
SCRIPT = Path(__file__).parent / "peers" / "torch_frozen.py"
Steps = list[float]
"""Seconds: of each epoch (the peers), of features and head (ours)."""


@dataclass(frozen=True)
class Epochs:
    """Median seconds of each epoch of a peer, by its number; all alike after the last."""

    measured: list[float]

    def total(self, epochs: int) -> float:
        """Return the seconds of so many epochs."""
        known = self.measured[:epochs]
        later = median(self.measured[1:] or self.measured)
        return sum(known) + (epochs - len(known)) * later


def peer_steps(folder: Path, epochs: int, options: tuple[str, ...]) -> Steps:
    """Run the PyTorch loop over ``folder/<class>/*``."""
    command = [sys.executable, str(SCRIPT), str(folder), "--epochs", str(epochs), *options]
    epochs_s: Steps = json.loads(run_process(command).output.splitlines()[-1])["epochs_s"]
    return epochs_s


def build_ours(folder: Path, cache: Path) -> Callable[[], Steps]:
    """Return our contestant: features into an empty store, and the head.

    Args:
        folder: ``folder/<class>/*``, all of it trained on.
        cache: Cache folder; the exported backbone in it is made before the clock starts.
    """
    from headstart.config import DataConfig, TrainConfig
    from headstart.data.audit import audit
    from headstart.data.sources import open_source
    from headstart.heads.probe import ProbeTask, fit_probe
    from headstart.parallel import cpu_count
    from headstart.progress import Silent
    from headstart.workflows.featuriser import Featuriser

    config, silent = TrainConfig(), Silent()
    source = open_source(folder, cache=cache)
    read = audit(source, max_pixels=DataConfig().max_pixels, threads=cpu_count(), progress=silent)
    images, classes = read.manifest, read.manifest.classes
    export_graph(Featuriser(config, cache=cache, progress=silent))

    def ours() -> Steps:
        shutil.rmtree(cache / "features", ignore_errors=True)
        featuriser = Featuriser(config, cache=cache, progress=silent)
        began = time.perf_counter()
        featured = featuriser.featurise(images, read.digests, featuriser.geometry("crop"))
        between = time.perf_counter()
        task = ProbeTask(
            features=featured.features,
            layout=featuriser.graph.layout,
            targets=images.label_indices(classes),
            groups=read.digests,
            classes=classes,
        )
        fit_probe(task, config.head, seed=0, progress=silent)
        return [between - began, time.perf_counter() - between]

    return ours


def export_graph(featuriser: Featuriser) -> None:
    """Write the backbone's graph into the cache, as a first run does."""
    _ = featuriser.graph


def report(steps: Mapping[str, list[Steps]], images: int, *, is_reduced: bool) -> Report:
    """Sum up all rounds: medians of every step, then ratios by number of epochs."""
    medians = {name: [median(step) for step in zip(*s, strict=True)] for name, s in steps.items()}
    features_s, head_s = medians[OURS]
    ours = features_s + head_s
    totals = {
        name: [Epochs(medians[name]).total(epochs) for epochs in SHOWN_EPOCHS] for name in PEERS
    }
    blank = (None,) * (len(SHOWN_EPOCHS) - 1)
    rows: list[list[Cell]] = [
        [FEATURES, features_s, *blank],
        [HEAD, head_s, *blank],
        [OURS, *(ours for _ in SHOWN_EPOCHS)],
    ]
    for name, seconds in totals.items():
        rows.append([name, *seconds])
        rows.append(["  times ours", *(value / ours for value in seconds)])
    measured = len(next(iter(medians[name] for name in PEERS)))
    return Report(
        title=f"{images} training images, median of {len(steps[OURS])} rounds",
        headers=("seconds", *(f"{epochs} ep." for epochs in SHOWN_EPOCHS)),
        rows=rows,
        checks=checks({name: seconds[0] / ours for name, seconds in totals.items()}),
        notes=[
            f"{measured} epochs measured; those after cost the median of the 2nd to the last",
            f"features alone against one epoch: {totals['PyTorch'][0] / features_s:.1f}x",
        ],
        is_reduced=is_reduced,
    )


def checks(ratios: Mapping[str, float]) -> list[Check]:
    """Return one check a peer."""
    return [
        Check(f"times faster than one epoch of {name}", ratio, TARGET_RATIO, "at least", "x")
        for name, ratio in ratios.items()
    ]


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--epochs", type=int, default=2, help="epochs measured [%(default)s]")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = reduced(arguments.data, arguments.limit, folder / "reduced")
        manifest = open_split(data, folder / "cache")
        train = folder / "train"
        images = link_by_class(manifest, manifest.rows_in("train"), train)
        jobs = {OURS: build_ours(train, folder / "cache")}
        for peer, options in PEERS.items():
            jobs[peer] = partial(peer_steps, train, arguments.epochs, options)
        steps = alternate(jobs, arguments.rounds)
    report(steps, images, is_reduced=arguments.limit is not None).publish(arguments.json)


if __name__ == "__main__":
    main()
