"""What wrongly scaled pixels cost a pretrained network, by how they are wrong.

Usage: python benchmarks/wrong_scaling.py DATA [--imagenet FOLDER] [--limit 1000]

EfficientNet-Lite0 expects -1..1. It is exported with the right normalisation and with
wrong ones, and sees the same pixels through each, in float32, so that coarser arithmetic
adds nothing to the damage. Frozen features are the final average pool. Two heads are
cross-validated on one set of folds: the careful one standardises and searches its
penalty, the naive one is a notebook's dense layer. With photos named WNID_*.JPEG the
network's own ImageNet answers are counted, too. The test split is never read.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from _images import open_split
from _report import Cell, Report, arguments_parser

if TYPE_CHECKING:
    from headstart.data.geometry import Geometry
    from headstart.data.manifest import Manifest

LIMIT = 1000
FOLDS = 5
NAIVE_EPOCHS = 20
NAIVE_BATCH = 64
NAIVE_RATE = 1e-3
TINY = 1e-4


@dataclass(frozen=True)
class Scaling:
    """What is done to pixels before the network: ``(pixels / 255 - mean) / std``.

    Attributes:
        mean: Of each channel; the backbone's own where not given.
        std: Likewise.
        is_swapped: Whether red and blue change places.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    is_swapped: bool = False


RIGHT = "-1..1: right"
SCALINGS = {
    RIGHT: Scaling(),
    "blue and red swapped": Scaling(is_swapped=True),
    "another network's mean and deviation": Scaling((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0..1": Scaling((0.0,) * 3, (1.0,) * 3),
    "0..255": Scaling((0.0,) * 3, (1 / 255,) * 3),
    "0..1 made 128 times smaller again": Scaling((0.0,) * 3, (127.5,) * 3),
    "scaled twice: 0..1 taken for 0..255": Scaling((127.5,) * 3, (127.5,) * 3),
}
"""The last: (x - 127.5) / 127.5 where x is already pixels / 255."""


@dataclass(frozen=True)
class Photos:
    """Images that all contestants see.

    Attributes:
        pixels: uint8, shape (N, S, S, 3).
        targets: Class of each, shape (N,).
    """

    pixels: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What one scaling led to.

    Attributes:
        likeness: Median cosine between the features of two different images.
        careful: Whether each image was told right while held out, shape (N,).
        naive: Likewise.
        own: Whether the network itself named each ImageNet photo, shape (M,).
    """

    likeness: float
    careful: np.ndarray
    naive: np.ndarray
    own: np.ndarray


class Network:
    """EfficientNet-Lite0 behind one scaling.

    Args:
        scaling: What it does to pixels.
        cache: Where its graph is kept.
    """

    def __init__(self, scaling: Scaling, cache: Path) -> None:
        from headstart.backbones.catalog import find_backbone
        from headstart.backbones.graph import load_graph
        from headstart.engines.openvino_engine import OpenVinoEngine

        known = find_backbone("efficientnet_lite0")
        mean, std = scaling.mean or known.mean, scaling.std or known.std
        spec = dataclasses.replace(known, taps=(), mean=mean, std=std)
        graph = load_graph(spec, size_px=spec.size_px, cache=cache)
        self._engine = OpenVinoEngine(graph.path, precision="f32")
        self._layout = graph.layout
        self._step = -1 if scaling.is_swapped else 1

    def outputs(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return final averages (N, D) and logits (N, 1000)."""
        size = self._engine.batch_size
        batches = (
            np.ascontiguousarray(pixels[start : start + size, ..., :: self._step])
            for start in range(0, len(pixels), size)
        )
        joined = np.concatenate(list(self._engine.stream(batches)))
        columns = self._layout.columns
        return joined[:, columns(["final/mean"])], joined[:, columns(["classifier/logits"])]


def likeness(features: np.ndarray) -> float:
    """Return the median cosine between two different rows."""
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    return float(np.median((units @ units.T)[np.triu_indices(len(units), 1)]))


def careful_hits(features: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Return which rows headstart's own head tells right while they are held out."""
    from headstart.backbones.layout import FeatureBlock, FeatureLayout
    from headstart.config import HeadConfig
    from headstart.features.table import ArrayFeatures
    from headstart.heads.probe import ProbeTask, fit_probe
    from headstart.progress import Silent

    task = ProbeTask(
        features=ArrayFeatures(features.astype(np.float16)),
        layout=FeatureLayout((FeatureBlock("final", "mean", features.shape[1]),)),
        targets=targets,
        groups=range(len(targets)),
        classes=tuple(str(number) for number in np.unique(targets)),
    )
    fit = fit_probe(task, HeadConfig(taps="final", folds=FOLDS), seed=seed, progress=Silent())
    return fit.held_out_logits.argmax(axis=1) == targets[fit.held_out_rows]


def naive_hits(features: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Return which rows a plain dense layer tells right while they are held out."""
    import torch

    from headstart.heads.folds import assign_folds

    fold_of = assign_folds(targets, range(len(targets)), folds=FOLDS, seed=seed)
    rows, labels = torch.from_numpy(features), torch.from_numpy(targets)
    hits = np.zeros(len(targets), dtype=bool)
    for fold in range(FOLDS):
        held_out = torch.from_numpy(fold_of == fold)
        torch.manual_seed(seed)
        head = naive_head(rows[~held_out], labels[~held_out])
        hits[fold_of == fold] = (head(rows[held_out]).argmax(1) == labels[held_out]).numpy()
    return hits


def naive_head(rows, labels):
    """Fit one dense layer to raw features with Adam, as a notebook does."""
    import torch

    head = torch.nn.Linear(rows.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.Adam(head.parameters(), lr=NAIVE_RATE)
    for _ in range(NAIVE_EPOCHS):
        for batch in torch.randperm(len(rows)).split(NAIVE_BATCH):
            loss = torch.nn.functional.cross_entropy(head(rows[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head


def middle(rounds: Iterable[np.ndarray]) -> np.ndarray:
    """Return the hits of the round whose accuracy is the median."""
    ordered = sorted(rounds, key=np.sum)
    return ordered[len(ordered) // 2]


def outcome(
    scaling: Scaling, photos: Photos, imagenet: Photos, cache: Path, rounds: int
) -> Outcome:
    """Look at all photos through one scaling; each round deals the folds anew."""
    network = Network(scaling, cache)
    features, _ = network.outputs(photos.pixels)
    own = np.zeros(0, dtype=bool)
    if len(imagenet.pixels):
        own = network.outputs(imagenet.pixels)[1].argmax(axis=1) == imagenet.targets
    return Outcome(
        likeness=likeness(features),
        careful=middle(careful_hits(features, photos.targets, seed) for seed in range(rounds)),
        naive=middle(naive_hits(features, photos.targets, seed) for seed in range(rounds)),
        own=own,
    )


def compared(wrong: np.ndarray, right: np.ndarray) -> str:
    """Return an accuracy with its interval, and how it differs on the same images.

    The p-value is the exact McNemar test's: were both equally good, losses and gains
    would be heads and tails.
    """
    from scipy.stats import binomtest

    from headstart.evaluation import wilson

    if not len(wrong):
        return ""
    accuracy = str(wilson(int(wrong.sum()), len(wrong)))
    if wrong is right:
        return accuracy
    lost, won = int((right & ~wrong).sum()), int((wrong & ~right).sum())
    p = binomtest(won, lost + won).pvalue if lost + won else 1.0
    return f"{accuracy}; -{lost} +{won}, p {'< 0.0001' if p < TINY else f'= {p:.2g}'}"


def report(outcomes: Mapping[str, Outcome], photos: Photos, *, is_reduced: bool) -> Report:
    """Put all outcomes beside the right one."""
    right = outcomes[RIGHT]
    rows: list[Sequence[Cell]] = [
        (
            name,
            compared(found.own, right.own),
            f"{found.likeness:.4f}",
            compared(found.careful, right.careful),
            compared(found.naive, right.naive),
        )
        for name, found in outcomes.items()
    ]
    n = len(photos.targets)
    most = np.bincount(photos.targets).max() / n
    return Report(
        title="what wrongly scaled pixels cost EfficientNet-Lite0",
        headers=(
            "pixels reach the network as",
            f"its own ImageNet answers, n = {len(right.own)}",
            "cosine of two images",
            f"careful head, n = {n}",
            f"naive head, n = {n}",
        ),
        rows=rows,
        checks=(),
        notes=(
            "accuracy [95 % interval]; images lost and won against right scaling, McNemar's test",
            f"always answering with the largest class: {most:.3f}",
        ),
        is_reduced=is_reduced,
        layout="markdown",
    )


def lite0_geometry() -> Geometry:
    """Return the crop that the network was judged with."""
    from headstart.backbones.catalog import find_backbone
    from headstart.data.geometry import Geometry

    spec = find_backbone("efficientnet_lite0")
    return Geometry(mode="crop", size_px=spec.size_px, crop_fraction=spec.crop_fraction)


def stacked(images: Sequence[bytes]) -> np.ndarray:
    """Decode images, or none at all."""
    from headstart.data.decoding import load_pixels

    geometry = lite0_geometry()
    if not images:
        return np.empty((0, geometry.size_px, geometry.size_px, 3), dtype=np.uint8)
    return np.stack([load_pixels(image, geometry) for image in images])


def training_photos(manifest: Manifest, limit: int) -> Photos:
    """Return about ``limit`` training and validation images, evenly over the classes."""
    targets = manifest.label_indices(manifest.classes)
    rows = [*manifest.rows_in("train"), *manifest.rows_in("val")]
    rows.sort(key=lambda row: (targets[row], row))
    rows = rows[:: max(1, len(rows) // limit)]
    content = [manifest.container.read(manifest.paths[row]) for row in rows]
    return Photos(stacked(content), targets[rows])


def imagenet_photos(folder: Path | None) -> Photos:
    """Return the photos of a folder, each named after its class: ``n01440764_tench.JPEG``."""
    from timm.data import ImageNetInfo

    numbers = {wnid: number for number, wnid in enumerate(ImageNetInfo().label_names())}
    files = sorted(folder.glob("n*_*.*")) if folder else []
    wnids = [file.name.split("_")[0] for file in files]
    return Photos(
        stacked([file.read_bytes() for file in files]), np.array([numbers[wnid] for wnid in wnids])
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--imagenet", type=Path, metavar="FOLDER", help="photos named WNID_*")
    parser.add_argument("--limit", type=int, default=LIMIT, help="images used [%(default)s]")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    import torch

    arguments = parse()
    torch.set_num_threads(1)  # the heads' products are small: threads would wait for each other
    imagenet = imagenet_photos(arguments.imagenet)
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        photos = training_photos(open_split(arguments.data, cache), arguments.limit)
        outcomes = {}
        for way, scaling in SCALINGS.items():
            outcomes[way] = outcome(scaling, photos, imagenet, cache, arguments.rounds)
            print(f"{way}: done", file=sys.stderr, flush=True)
    is_reduced = arguments.limit < LIMIT
    report(outcomes, photos, is_reduced=is_reduced).publish(arguments.json)


if __name__ == "__main__":
    main()
