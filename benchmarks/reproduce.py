"""Accuracy figures, each by one public command: ``headstart train`` and what it claims.

Usage: python benchmarks/reproduce.py CLAIM [DATA] [--out FOLDER] [--json FILE]

Each claim is a line of CLAIMS below: the command's options, the target, and what the
figure is held against. The run is kept in FOLDER/CLAIM with its report. Where it is there
already, it is read, not made again; where it was stopped, it goes on. The test split is
judged once, by the command itself; no choice is made here.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _images import reduced
from _measure import headstart_command
from _report import Cell, Check, Report

SETTINGS = Path(__file__).parent / "reproduce"


@dataclass(frozen=True)
class Claim:
    """One figure.

    Attributes:
        what: Task and way, in words.
        options: Of ``headstart train``.
        target: Accuracy on the test images.
        source: What the figure is held against, in words.
        limit_s: Longest time that the claim allows.
        data: What it is measured on.
    """

    what: str
    options: tuple[str, ...]
    target: float
    source: str
    limit_s: float | None
    data: str


CLAIMS = {
    "trashnet-probe": Claim(
        what="TrashNet, head alone",
        options=(),
        target=0.88,
        source="about .75, network without pretraining (TrashNet's authors)",
        limit_s=None,
        data="TrashNet with its authors' split.csv",
    ),
    "trashnet": Claim(
        what="TrashNet, auto, 12 minutes",
        options=("--strategy", "auto", "--budget", "12m"),
        target=0.94,
        source="about .75, network without pretraining (TrashNet's authors); "
        "other splits: ResNet-50 .905, Xception .943",
        limit_s=None,
        data="TrashNet with its authors' split.csv",
    ),
    "textile": Claim(
        what="textile photos, auto, 10 minutes",
        options=("--strategy", "auto", "--budget", "10m"),
        target=0.97,
        source="no published figure; the head alone, see the demo",
        limit_s=None,
        data="the demo's photos, from the package conformal-clip-data",
    ),
    "cifar10-scratch": Claim(
        what="CIFAR-10, network from scratch",
        options=("--recipe", "cifar10-scratch"),
        target=0.88,
        source="the recipe's source: above .88",
        limit_s=None,
        data="CIFAR-10 as an archive of {train,test}/<class>/*",
    ),
    "cifar10-lite0": Claim(
        what="CIFAR-10, Lite0 fine-tuned, 3 hours at most",
        options=("--config", str(SETTINGS / "cifar10_lite0.yaml")),
        target=0.955,
        source="the replaced system, EfficientNetB2: .90; MobileNetV2 at 224 px: .957 (TLLib)",
        limit_s=3 * 3600,
        data="CIFAR-10 as an archive of {train,test}/<class>/*",
    ),
}


@dataclass(frozen=True)
class Run:
    """A finished run's own files."""

    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """Its ``metrics.json``."""
        found: dict[str, Any] = json.loads((self.folder / "metrics.json").read_text("utf-8"))
        return found

    @property
    def was_stopped(self) -> bool:
        """Whether it was stopped in between, and went on."""
        return resumed_mark(self.folder).exists()

    @property
    def seconds(self) -> float:
        """From start to end; of the training steps alone where it was stopped in between."""
        if self.was_stopped:
            return sum(float(epoch["seconds"]) for epoch in self.history)
        return float(self.metrics["timings_s"]["total"])

    @property
    def accuracy(self) -> dict[str, float]:
        """On the test images: value, low, high."""
        accuracy: dict[str, float] = self.metrics["test"]["accuracy"]
        return accuracy

    @property
    def history(self) -> list[dict[str, str]]:
        """The rows of ``epochs.csv``; none where the head alone was trained."""
        file = self.folder / "epochs.csv"
        if not file.is_file():
            return []
        with file.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def resumed_mark(folder: Path) -> Path:
    """Return the file whose presence says that a run was stopped and went on."""
    return folder.with_name(f"{folder.name}.resumed")


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a run with its figures."""
    return (folder / "metrics.json").is_file()


def is_stopped(folder: Path) -> bool:
    """Tell whether a run was stopped with something to go on from."""
    return any(folder.parent.glob(f".{folder.name}.partial-*/resume.json"))


def train(data: Path, folder: Path, options: list[str]) -> None:
    """Run the command, or go on with it, its progress and its words shown as they come."""
    first = [headstart_command(), "train"]
    if is_stopped(folder):
        resumed_mark(folder).touch()
        command = [*first, "--resume", str(folder)]
    else:
        resumed_mark(folder).unlink(missing_ok=True)
        command = [*first, str(data), "--out", str(folder), *options]
    print(" ".join(command), file=sys.stderr, flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(f"the run ended with {status}")


def find_data(claim_name: str, given: Path | None) -> Path:
    """Return the data of a claim; the demo's photos come with a package."""
    if given is not None:
        return given
    if claim_name != "textile":
        sys.exit(f"{claim_name} needs DATA: {CLAIMS[claim_name].data}")
    import conformal_clip_data

    return Path(conformal_clip_data.textile_simulated_root())


def row(claim: Claim, run: Run) -> list[Cell]:
    """Return a claim's line: whose figure, ours, how long."""
    figure = run.accuracy
    ours = f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
    minutes = f"{run.seconds / 60:.1f}{' (training steps; stopped, went on)' * run.was_stopped}"
    epochs = len(run.history)
    return [claim.what, claim.source, ours, run.metrics["test"]["n"], minutes, epochs]


def report(claim: Claim, run: Run, *, is_reduced: bool) -> Report:
    """Sum up."""
    checks = [Check("test accuracy", run.accuracy["value"], claim.target, "at least", "")]
    if claim.limit_s is not None:
        what = "time of the training steps alone" if run.was_stopped else "time"
        checks.append(Check(what, run.seconds, claim.limit_s, "at most", "s"))
    return Report(
        title=f"headstart train DATA {' '.join(claim.options)}".rstrip(),
        headers=("what", "held against", "test accuracy [95 %]", "n", "minutes", "epochs"),
        rows=[row(claim, run)],
        checks=checks,
        notes=[*run.metrics["notes"], f"run: {run.folder}"],
        is_reduced=is_reduced,
        layout="markdown",
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("claim", choices=list(CLAIMS), help="which figure")
    parser.add_argument("data", type=Path, nargs="?", help="folder, archive or table")
    parser.add_argument(
        "--out", type=Path, default=Path("build/reproduce"), help="where runs go [%(default)s]"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--limit", type=int, help="images used, for a quick look [all]")
    parser.add_argument("--set", action="append", default=[], help="setting: dotted.key=value")
    return parser.parse_args()


def main() -> None:
    """Train unless that was done before, and print."""
    arguments = parse()
    claim, folder = CLAIMS[arguments.claim], arguments.out / arguments.claim
    changed = [word for setting in arguments.set for word in ("--set", setting)]
    if is_finished(folder):
        print(f"{folder} is there already: read, not trained again", file=sys.stderr)
    else:
        arguments.out.mkdir(parents=True, exist_ok=True)
        data = find_data(arguments.claim, arguments.data)
        small = reduced(data, arguments.limit, arguments.out / f"{arguments.claim}-images")
        train(small, folder, [*claim.options, *changed])
    is_reduced = arguments.limit is not None or bool(changed)
    report(claim, Run(folder), is_reduced=is_reduced).publish(arguments.json)


if __name__ == "__main__":
    main()
