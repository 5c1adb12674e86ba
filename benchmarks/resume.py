"""Whether a run that is killed and resumed ends with the weights of one that never was.

Usage: python benchmarks/resume.py [--rounds 50]

Every round starts ``headstart train`` on small drawn pictures (a network of six
convolutions at 32 px, two phases, augmentation, a checkpoint after every step), kills it
(SIGKILL) at a random instant between the moment it can be resumed and its end, goes on
with ``headstart train --resume``, and compares the bundle with that of a run which was
never stopped, byte for byte. Every fifth kill waits for the next checkpoint to be half
written. The commands are forked off a process that has imported the libraries and done
nothing else, which saves their start; two rounds run at a time, PyTorch on one thread each.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from _report import Check, Report, arguments_parser

ROUNDS = 50
PER_CLASS = {"lying": 40, "upright": 80}
WON = "the trained network is kept"
SAME = ("weights.safetensors", "graph.onnx")
PHASE = {"batch_size": 16, "dropout": 0.2, "optimiser": {"name": "adamw", "learning_rate": 1e-3}}
SETTINGS = {
    "backbone": {"name": "cnn6", "weights": "none"},
    "data": {"image_size_px": 32, "geometry": "squash", "val": 0.3, "test": 0.2},
    "head": {"folds": 2, "strength": 1e6},
    "judgement": {"resamples": 100},
    "training": {
        "arithmetic": "f32",  # as measured it may differ from run to run
        "checkpoint_minutes": 1e-6,
        "augmentation": {"width_shift": 0.1},
        "phases": [
            {**PHASE, "train": "all", "epochs": 3, "ema": 0.9, "schedule": {"name": "one-cycle"}},
            {**PHASE, "train": "last 2 stages", "epochs": 3, "early_stopping": {"patience": 3}},
        ],
    },
}


@dataclass(frozen=True)
class Place:
    """Where everything lies.

    Attributes:
        root: Scratch folder.
    """

    root: Path

    @property
    def photos(self) -> Path:
        """The pictures."""
        return self.root / "photos"

    def run(self, name: str) -> Path:
        """Return a run's folder."""
        return self.root / name

    def partial(self, name: str) -> Path | None:
        """Return where an unfinished run can go on, once it can."""
        found = self.root.glob(f".{name}.partial-*/resume.json")
        return next((path.parent for path in found), None)

    def train(self, name: str) -> list[str]:
        """Return the arguments of a fresh run."""
        settings, out = self.root / "settings.yaml", self.run(name)
        options = ("--config", settings, "--out", out, "--cache", self.root / "cache")
        return ["train", str(self.photos), *map(str, options)]

    def log(self, name: str) -> Path:
        """Return where a run's words go."""
        return self.root / f"{name}.log"


def draw_pictures(folder: Path) -> None:
    """Write stripes in noise: upright or lying, at a random place."""
    rng = np.random.default_rng(0)
    for label, count in PER_CLASS.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            wave = np.sin(np.arange(32) * 1.2 + rng.uniform(0, 6))[:, None] * np.ones((1, 32))
            grey = 128 + 40 * (wave if label == "lying" else wave.T)
            noisy = grey[:, :, None] + rng.normal(0, 30, (32, 32, 3))
            picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
            picture.save(folder / label / f"{number}.png")


def start(arguments: Sequence[str], log: Path) -> int:
    """Run the command in a fork of this process; return its id."""
    child = os.fork()
    if child:
        return child
    from headstart.cli.main import main as headstart

    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    try:
        headstart(arguments)
    except SystemExit as error:
        sys.stdout.flush()
        os._exit(error.code if isinstance(error.code, int) else 1)
    os._exit(1)


def finish(arguments: Sequence[str], log: Path) -> None:
    """Run the command to its end, and stop everything if it fails."""
    _, status = os.waitpid(start(arguments, log), 0)
    if status:
        raise SystemExit(f"headstart {' '.join(arguments)} failed:\n{log.read_text()}")


def wait_for(happens: Callable[[], object], child: int) -> bool:
    """Wait for something; return whether it happened before the process ended."""
    while not happens():
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.0005)
    return True


def has_half(partial: Path) -> bool:
    """Tell whether a checkpoint is being written."""
    return any((partial / "checkpoints").glob(".step-*"))


def kill_somewhere(place: Place, name: str, seconds: float, *, in_save: bool) -> str | None:
    """Start a run, kill it, and say where it was; ``None``: it had ended already."""
    child = start(place.train(name), place.log(name))
    if not wait_for(lambda: place.partial(name), child):
        raise SystemExit(f"it ended at once:\n{place.log(name).read_text()}")
    until = time.monotonic() + seconds
    if not wait_for(lambda: time.monotonic() > until, child):
        return None
    partial = place.partial(name)
    if in_save and not wait_for(lambda: partial is None or has_half(partial), child):
        return None
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    partial = place.partial(name)
    return where(partial) if partial else None


def where(partial: Path) -> str:
    """Say how far a killed run had come."""
    if has_half(partial):
        return "inside a save"
    if not (partial / "checkpoints").is_dir():
        return "before the first step"
    return "after the last step" if (partial / "epochs.csv").exists() else "between saves"


def is_same(one: Path, other: Path) -> bool:
    """Compare two runs' bundles, byte for byte."""
    files = [(run / "bundle" / name for run in (one, other)) for name in SAME]
    return all(len({path.read_bytes() for path in pair}) == 1 for pair in files)


def time_whole(place: Place) -> float:
    """Run twice at once without a kill; return the seconds that a run can be resumed in."""
    finish(place.train("warm"), place.log("warm"))  # exports the network, computes features
    beside = start(place.train("beside"), place.log("beside"))
    child = start(place.train("whole"), place.log("whole"))
    wait_for(lambda: place.partial("whole"), child)
    began = time.monotonic()
    os.waitpid(child, 0)
    seconds = time.monotonic() - began
    os.waitpid(beside, 0)
    if WON not in (place.run("whole") / "metrics.json").read_text():
        raise SystemExit("the probe won: its bundle would say nothing of fine-tuning")
    if not is_same(place.run("beside"), place.run("whole")):
        raise SystemExit("two runs that were never stopped differ already")
    return seconds


def one_round(place: Place, number: int, seconds: float, seed: int) -> tuple[str, bool]:
    """Kill, resume, compare; return where it was killed and whether the bits agree."""
    draws, name, killed = random.Random(f"{seed} {number}"), f"run-{number}", None
    while killed is None:
        shutil.rmtree(place.run(name), ignore_errors=True)
        after = draws.uniform(0, seconds)
        killed = kill_somewhere(place, name, after, in_save=number % 5 == 0)
    finish(["train", "--resume", str(place.run(name))], place.log(name))
    leftovers = [path.name for path in place.root.glob(f".{name}.*")]
    same = is_same(place.run("whole"), place.run(name)) and not leftovers
    shutil.rmtree(place.run(name))
    print(f"{number}: killed {killed}, {'same' if same else 'OTHER'} bits", flush=True)
    return killed, same


def all_rounds(place: Place, rounds: int, seed: int) -> list[tuple[str, bool]]:
    """Do rounds, two at a time."""
    seconds = time_whole(place)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        waiting = [pool.submit(one_round, place, n, seconds, seed) for n in range(rounds)]
        return [round_.result() for round_ in waiting]


def report(outcomes: Sequence[tuple[str, bool]]) -> Report:
    """Count by where the kills were."""
    kills = Counter(where for where, _ in outcomes)
    same = Counter(where for where, is_same in outcomes if is_same)
    identical, rounds = sum(same.values()), len(outcomes)
    return Report(
        title="headstart train, killed and resumed",
        headers=("killed", "kills", "bit-identical"),
        rows=[(where, kills[where], same[where]) for where in sorted(kills)],
        checks=[Check("bit-identical", identical, rounds, "at least", f"of {rounds}")],
        notes=[f"{identical} of {rounds} bit-identical"],
        is_reduced=rounds < ROUNDS,
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=ROUNDS)
    parser.add_argument("--seed", type=int, default=0, help="of the instants [%(default)s]")
    return parser.parse_args()


def main() -> None:
    """Kill and compare."""
    arguments = parse()
    import torch

    import headstart.backbones.timm_adapter
    import headstart.workflows.report_content
    import headstart.workflows.train  # noqa: F401  once, for all the forks

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        draw_pictures(place.photos)
        (place.root / "settings.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
        outcomes = all_rounds(place, arguments.rounds, arguments.seed)
    report(outcomes).publish(arguments.json)


if __name__ == "__main__":
    main()
