"""Epochs of fine-tuning: headstart, fastai and plain PyTorch on the same images.

Usage: python benchmarks/fine_tuning.py DATA --peer-env FOLDER [--whole] [--only partial]

EfficientNet-Lite0 at 224 pixels, batch 32, on two tasks. Full: all layers. Partial: the
last two stages, the same weights for all. Ours are epochs of the real ``headstart.train``
with the default plan of the strategy and the arithmetic that it chooses; its pixels are
decoded once a run (shown), its activations below the frozen boundary computed once a run
(shown, and spread over the default number of epochs). Peers decode in two loader
processes in every epoch, as their users write it, and neither augment nor validate.
Without --whole they are timed over --steps steps after a warm-up, and extrapolated.
fastai gets a virtual environment of its own at FOLDER, made on first use.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from _images import link_by_class, open_split, reduced
from _measure import alternate, run_process
from _peer_environment import peer_python
from _report import Cell, Check, Report, arguments_parser
from _tuning_runs import TuningRun, tuning_run
from headstart.config.training import PhaseConfig, TrainingConfig
from headstart.training.strategies import full_phases, partial_phases

FULL_RATIO, CACHED_RATIO, PARTIAL_RATIO = 2.5, 3, 6
BACKBONE, SIZE_PX, BATCH = "efficientnet_lite0", 224, 32
FASTAI_VERSION = "2.8.*"
SHARED_PACKAGES = ("timm", "torch", "torchvision")
"""What fastai's environment has in the project's own versions, so that only fastai differs."""
PEERS = Path(__file__).parent / "peers"

OURS = "headstart"
OURS_TRAINED_NORMS = "headstart, batch norm training"
CACHED, UNCACHED = "headstart, cached trunk", "headstart, trunk in every step"
FASTAI, TORCH = "fastai", "PyTorch f32 channels_last"
FASTAI_LAST = "fastai, channels_last"
TORCH_FROZEN = "PyTorch f32 channels_last, batch norm frozen"
TORCH_BF16 = "PyTorch bf16 autocast, channels_last"


@dataclass(frozen=True)
class PeerRun:
    """What a peer said: images trained on in how many seconds, and with what."""

    images: int
    seconds: float
    versions: str
    trained_numbers: int

    def epoch_s(self, images: int) -> float:
        """Return the seconds of an epoch of so many images."""
        return self.seconds * images / self.images


@dataclass(frozen=True)
class Bench:
    """Where everything is.

    Attributes:
        data: As ``headstart`` is given it.
        cache: Its cache.
        train: The training images, ``<class>/*``.
        images: How many there are.
        arguments: Of the command line.
    """

    data: Path
    cache: Path
    train: Path
    images: int
    arguments: argparse.Namespace

    def ours(self, phases: Sequence[PhaseConfig], **settings: Any) -> Callable[[], TuningRun]:
        """Return our contestant."""
        return partial(tuning_run, self.data, self.cache, phases, settings)

    def peer(self, *options: str, trained: Path | None = None) -> Callable[[], PeerRun]:
        """Return PyTorch, run in this environment."""
        return partial(self._run_peer, sys.executable, "torch_fine_tuning.py", options, trained)

    def fastai(self, *options: str, trained: Path | None = None) -> Callable[[], PeerRun]:
        """Return fastai, run in its own."""
        python = peer_python(self.arguments.peer_env, fastai_packages(), imports="fastai")
        return partial(self._run_peer, python, "fastai_fine_tuning.py", options, trained)

    def _run_peer(
        self, python: str, script: str, options: Sequence[str], trained: Path | None
    ) -> PeerRun:
        command = [python, str(PEERS / script), str(self.train), *options]
        command += ["--size", str(SIZE_PX), "--batch", str(BATCH)]
        command += ["--trained", str(trained)] if trained else []
        command += [] if self.arguments.whole else ["--steps", str(self.arguments.steps)]
        said = json.loads(run_process(command).output.splitlines()[-1])
        if not said["images"]:
            sys.exit(f"{script}: the epoch ended before a step was timed; raise --limit")
        count = int(said["trained_numbers"])
        return PeerRun(said["images"], said["seconds"], said["versions"], count)


def fastai_packages() -> list[str]:
    """Return what pip installs for fastai."""
    pinned = [f"{name}=={version(name).split('+')[0]}" for name in SHARED_PACKAGES]
    return [f"fastai=={FASTAI_VERSION}", *pinned]


def full_contestants(bench: Bench) -> dict[str, Callable[[], Any]]:
    """Return who trains all layers."""
    epochs = bench.arguments.epochs
    return {
        OURS: bench.ours(full_phases(epochs=epochs)),
        OURS_TRAINED_NORMS: bench.ours(full_phases(epochs=epochs, batch_norm="train")),
        TORCH: bench.peer("--channels-last"),
        TORCH_FROZEN: bench.peer("--channels-last", "--frozen-batch-norm"),
        TORCH_BF16: bench.peer("--channels-last", "--bf16"),
        FASTAI: bench.fastai(),
        FASTAI_LAST: bench.fastai("--channels-last"),
    }


def partial_contestants(bench: Bench, trained: Path) -> dict[str, Callable[[], Any]]:
    """Return who trains the last two stages."""
    augment, epochs = bench.arguments.augment, bench.arguments.epochs
    if augment:  # no more views are kept than there are epochs: let there be all of them
        epochs = max(epochs, TrainingConfig().trunk_views)
    phases = partial_phases(epochs=epochs)
    varied = {"augmentation": {"preset": augment}}
    return {
        CACHED: bench.ours(phases, **varied),
        UNCACHED: bench.ours(phases, trunk_cache_gb=0, **varied),
        TORCH: bench.peer("--channels-last", trained=trained),
        FASTAI: bench.fastai(trained=trained),
        FASTAI_LAST: bench.fastai("--channels-last", trained=trained),
    }


def write_trained(expression: str, file: Path) -> None:
    """Write the names of the weights that an expression trains, for the peers."""
    from headstart.backbones.catalog import find_backbone
    from headstart.backbones.graph import build_module
    from headstart.backbones.weights import resolve_weights
    from headstart.config import cache_dir
    from headstart.training.expressions import trainable_names
    from headstart.training.layers import list_layers

    spec = find_backbone(BACKBONE)
    module = build_module(spec, resolve_weights(spec, cache=cache_dir()), size_px=SIZE_PX)
    layers = list_layers(module.network, size_px=SIZE_PX)
    file.write_text(json.dumps(sorted(trainable_names(expression, layers, spec.taps))))


@dataclass(frozen=True)
class Outcome:
    """All rounds of one task.

    Attributes:
        runs: Contestant -> its runs.
        images: Training images of an epoch.
    """

    runs: Mapping[str, Sequence[Any]]
    images: int

    def epoch_s(self, name: str) -> float:
        """Return the median seconds of an epoch of a contestant."""
        return median(
            median(run.epochs_s) if isinstance(run, TuningRun) else run.epoch_s(self.images)
            for run in self.runs[name]
        )

    def rows(self, reference: str) -> list[list[Cell]]:
        """Return one row a contestant: seconds, images/s, times the reference's seconds."""
        found = {name: self.epoch_s(name) for name in self.runs}
        own = found[reference]
        return [
            [name, seconds, self.images / seconds, seconds / own] for name, seconds in found.items()
        ]

    def faster(self, *names: str) -> str:
        """Return the contestant with the shortest epoch."""
        return min(names, key=self.epoch_s)

    def once_s(self, name: str, part: str) -> float:
        """Return the median of what one of ours spends once a run."""
        return median(getattr(run, part) for run in self.runs[name])

    def words(self, name: str) -> list[str]:
        """Return what one of ours said of itself, and spends once a run."""
        run = self.runs[name][0]
        parts = [f"arithmetic {run.arithmetic}", f"decoding {run.decoding_s:.1f} s once a run"]
        parts.append(f"before the first step {self.once_s(name, 'preparation_s'):.1f} s")
        epochs = ", ".join(f"{seconds:.1f}" for seconds in run.epochs_s)
        said = [run.trunk] if run.trunk else []
        return [f"{name}: {', '.join(parts)}; epochs of {epochs} s", *said]


HEADERS = ("epoch", "s", "images/s", "times ours")


def full_report(outcome: Outcome, notes: Sequence[str], *, is_reduced: bool) -> Report:
    """Sum up the training of all layers."""
    rival = outcome.faster(TORCH, FASTAI, FASTAI_LAST)
    ratio = outcome.epoch_s(rival) / outcome.epoch_s(OURS)
    return Report(
        title=f"full fine-tuning, {outcome.images} training images, {SIZE_PX} px, batch {BATCH}",
        headers=HEADERS,
        rows=outcome.rows(OURS),
        checks=[Check(f"times faster than {rival}", ratio, FULL_RATIO, "at least", "x")],
        notes=[*outcome.words(OURS), *outcome.words(OURS_TRAINED_NORMS), *notes],
        is_reduced=is_reduced,
    )


def partial_report(outcome: Outcome, notes: Sequence[str], *, is_reduced: bool) -> Report:
    """Sum up the training of the last two stages."""
    cached, uncached = outcome.epoch_s(CACHED), outcome.epoch_s(UNCACHED)
    theirs = {name: outcome.epoch_s(name) for name in (FASTAI, FASTAI_LAST)}
    return Report(
        title=f"last two stages, {outcome.images} training images, {SIZE_PX} px, batch {BATCH}",
        headers=HEADERS,
        rows=outcome.rows(CACHED),
        checks=[
            Check("times faster with the cache", uncached / cached, CACHED_RATIO, "at least", "x"),
            *(
                Check(f"times faster than {name}", seconds / cached, PARTIAL_RATIO, "at least", "x")
                for name, seconds in theirs.items()
            ),
        ],
        notes=[
            *outcome.words(CACHED),
            *outcome.words(UNCACHED),
            *spread(outcome, min(theirs, key=theirs.__getitem__)),
            *notes,
        ],
        is_reduced=is_reduced,
    )


def spread(outcome: Outcome, rival: str) -> list[str]:
    """Return the whole default plan in words: what is computed once counts."""
    (phase,) = partial_phases()
    extra = outcome.once_s(CACHED, "preparation_s") - outcome.once_s(UNCACHED, "preparation_s")
    cached = extra + phase.epochs * outcome.epoch_s(CACHED)
    uncached = phase.epochs * outcome.epoch_s(UNCACHED)
    theirs = phase.epochs * outcome.epoch_s(rival)
    first = f"the trunk costs {extra:.1f} s before the first step; spread over the default "
    whole = f"all {phase.epochs} epochs, trunk included: {cached:.0f} s, "
    return [
        f"{first}{phase.epochs} epochs: {cached / phase.epochs:.1f} s an epoch",
        f"{whole}{uncached / cached:.2f}x faster than without, {theirs / cached:.2f}x than {rival}",
    ]


def peer_notes(outcome: Outcome, arguments: argparse.Namespace) -> list[str]:
    """Say how the peers were timed, with which versions and how many trained numbers."""
    how = (
        "peers: a whole epoch measured"
        if arguments.whole
        else f"peers: EXTRAPOLATED from {arguments.steps} steps after a warm-up"
    )
    peers = {name: runs[0] for name, runs in outcome.runs.items() if isinstance(runs[0], PeerRun)}
    return [
        how,
        *(
            f"{name}: {run.versions}, {run.trained_numbers:,} numbers trained"
            for name, run in peers.items()
        ),
    ]


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--peer-env", type=Path, required=True, help="fastai's virtual environment")
    parser.add_argument("--only", choices=["full", "partial"], help="one of the two tasks")
    parser.add_argument("--whole", action="store_true", help="peers: a whole epoch, minutes each")
    parser.add_argument("--steps", type=int, default=20, help="peers' steps timed [%(default)s]")
    parser.add_argument("--epochs", type=int, default=2, help="our epochs timed [%(default)s]")
    parser.add_argument("--augment", help="partial, ours: a preset, as headstart train takes it")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    return parser.parse_args()


def measure(bench: Bench, folder: Path) -> dict[str, Report]:
    """Run the tasks asked for, and sum each up."""
    arguments = bench.arguments
    reports: dict[str, Report] = {}
    is_reduced = arguments.limit is not None
    if arguments.only != "partial":
        full = Outcome(alternate(full_contestants(bench), arguments.rounds), bench.images)
        notes = peer_notes(full, arguments)
        reports["full"] = full_report(full, notes, is_reduced=is_reduced)
    if arguments.only != "full":
        write_trained(partial_phases()[0].train, folder / "trained.json")
        jobs = partial_contestants(bench, folder / "trained.json")
        some = Outcome(alternate(jobs, arguments.rounds), bench.images)
        notes = peer_notes(some, arguments)
        reports["partial"] = partial_report(some, notes, is_reduced=is_reduced)
    return reports


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = reduced(arguments.data, arguments.limit, folder / "reduced")
        manifest = open_split(data, folder / "cache")
        train = folder / "train"
        images = link_by_class(manifest, manifest.rows_in("train"), train)
        bench = Bench(data, folder / "cache", train, images, arguments)
        reports = measure(bench, folder)
    for task, report in reports.items():
        report.publish(arguments.json and arguments.json.with_suffix(f".{task}.json"))
        print()


if __name__ == "__main__":
    main()
