"""``headstart train`` beside the Keras script that most people would write.

Usage: python benchmarks/against_keras.py DATA --peer-env FOLDER [--epochs 20]

Ours: the whole command with an empty cache: all images, the choice of geometry, taps
and penalty, calibration, judgement, report, bundle. The peer (peers/keras_frozen.py):
a frozen EfficientNetB0 under a softmax, 20 epochs over the training images alone,
pixels cached by tf.data, no validation. Both are whole processes, imports included.
The peer gets a virtual environment of its own at FOLDER, made on first use.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from _images import link_by_class, open_split, reduced
from _measure import alternate, run_process
from _peer_environment import peer_python
from _report import Check, Report, arguments_parser
from _runs import cold_train_run

TARGET_RATIO = 25
EPOCHS = 20
PACKAGES = ("tensorflow-cpu", "keras", "pillow")
SCRIPT = Path(__file__).parent / "peers" / "keras_frozen.py"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class PeerRun:
    """One run of the peer: the whole process, each epoch, and the versions used."""

    seconds: float
    epochs_s: list[float]
    versions: str

    @property
    def later_epoch_s(self) -> float:
        """Seconds of an epoch after the first, which decodes and compiles."""
        return median(self.epochs_s[1:] or self.epochs_s)

    def seconds_for(self, epochs: int) -> float:
        """Return the process's seconds, had it run this many epochs."""
        return self.seconds + (epochs - len(self.epochs_s)) * self.later_epoch_s


def peer_run(python: str, folder: Path, epochs: int) -> PeerRun:
    """Run the Keras script over ``folder/<class>/*``."""
    command = [python, str(SCRIPT), str(folder), "--epochs", str(epochs)]
    done = run_process(command, environment=QUIET)
    said = json.loads(done.output.splitlines()[-1])
    versions = f"Keras {said['keras']}, TensorFlow {said['tensorflow']}"
    return PeerRun(done.seconds, said["epochs_s"], versions)


def report(ours_s: list[float], peers: list[PeerRun], images: int, *, is_reduced: bool) -> Report:
    """Sum up all rounds."""
    ours = median(ours_s)
    theirs = median(peer.seconds_for(EPOCHS) for peer in peers)
    measured = len(peers[0].epochs_s)
    how = "measured" if measured == EPOCHS else f"EXTRAPOLATED from {measured} epochs"
    later = median(peer.later_epoch_s for peer in peers)
    rows = [
        ("headstart train, empty cache", ours, 1.0),
        (f"Keras, {EPOCHS} epochs, {how}", theirs, theirs / ours),
        ("Keras, its first epoch", median(peer.epochs_s[0] for peer in peers), None),
        ("Keras, a later epoch", later, later / ours),
    ]
    return Report(
        title=f"headstart and {peers[0].versions}, median of {len(peers)} rounds",
        headers=("whole process", "s", "ratio"),
        rows=rows,
        checks=[Check("times faster", theirs / ours, TARGET_RATIO, "at least", "x")],
        notes=[f"{images} training images; {EPOCHS} epochs are {how}"],
        is_reduced=is_reduced,
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument(
        "--peer-env", type=Path, required=True, help="the peer's virtual environment"
    )
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help="epochs measured; fewer than 20 extrapolate"
    )
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    python = peer_python(arguments.peer_env, PACKAGES, imports="tensorflow")
    with tempfile.TemporaryDirectory() as folder:
        data = reduced(arguments.data, arguments.limit, Path(folder) / "reduced")
        manifest = open_split(data, Path(folder) / "cache")
        images = link_by_class(manifest, manifest.rows_in("train"), Path(folder) / "train")
        jobs: dict[str, Callable[[], Any]] = {
            "headstart": partial(cold_train_run, data),
            "Keras": partial(peer_run, python, Path(folder) / "train", arguments.epochs),
        }
        results = alternate(jobs, arguments.rounds)
    ours_s = [run.seconds for run in results["headstart"]]
    is_reduced = arguments.limit is not None
    report(ours_s, results["Keras"], images, is_reduced=is_reduced).publish(arguments.json)


if __name__ == "__main__":
    main()
