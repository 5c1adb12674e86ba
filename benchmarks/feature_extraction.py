"""How close feature extraction comes to its parts, and the engine to plain PyTorch.

Usage: python benchmarks/feature_extraction.py DATA [--limit 600] [--rounds 5]

Four jobs on the same images, in turns: decoding alone on all cores; the engine alone on
pixels in memory; the pipeline, from files to an empty store; PyTorch eager, float32, on
normalised tensors in memory (contiguous and channels_last, 32 at a time, the final
pooling only, where the engine computes every tap and the normalisation too).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from _images import open_split
from _measure import alternate_seconds
from _report import Check, Report, arguments_parser

if TYPE_CHECKING:
    import numpy as np
    import torch

    from headstart.backbones.graph import BackboneGraph
    from headstart.data.manifest import Manifest
    from headstart.engines.openvino_engine import OpenVinoEngine

SHARE = 0.85
EAGER_TARGET = 10
TORCH_BATCH = 32
DECODE, ENGINE, BOTH = "decoding alone", "engine alone", "pipeline: files to store"
EAGER, EAGER_LAST = "PyTorch eager f32", "PyTorch eager f32, channels_last"


class Bench:
    """The contestants over the same images.

    Args:
        manifest: Images that can all be read.
        torch_images: How many of them PyTorch gets; its rate does not depend on it.
        work: Empty folder to work in.
    """

    def __init__(self, manifest: Manifest, torch_images: int, work: Path) -> None:
        from headstart.backbones.catalog import find_backbone
        from headstart.config import TrainConfig
        from headstart.data.geometry import Geometry

        self.manifest = manifest
        self.torch_images = min(torch_images, len(manifest))
        self.work = work
        self.max_pixels = TrainConfig().data.max_pixels
        self.spec = find_backbone(TrainConfig().backbone.name)
        self.geometry = Geometry(size_px=self.spec.size_px, interpolation=self.spec.interpolation)
        self.digests = [f"{row:032x}" for row in range(len(manifest))]

    @cached_property
    def graph(self) -> BackboneGraph:
        """The exported backbone."""
        from headstart.backbones.graph import load_graph

        return load_graph(self.spec, size_px=self.spec.size_px, cache=self.work)

    @cached_property
    def engine(self) -> OpenVinoEngine:
        """The engine, compiled once."""
        from headstart.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(self.graph.path)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Every image, uint8, shape (N, S, S, 3)."""
        import numpy as np

        return np.stack([self._load(row) for row in range(len(self.manifest))])

    @cached_property
    def tensors(self) -> torch.Tensor:
        """PyTorch's images, normalised, float32, shape (M, 3, S, S)."""
        import torch
        from torch import nn

        from headstart.backbones.tapped import TappedBackbone

        pixels = torch.from_numpy(self.pixels[: self.torch_images])
        return TappedBackbone(nn.Identity(), self.spec).normalise(pixels).contiguous()

    def decode(self) -> None:
        """Read and decode on all cores."""
        from headstart.parallel import cpu_count, ordered_map

        rows, threads = range(len(self.manifest)), cpu_count()
        for _ in ordered_map(self._load, rows, threads=threads, lookahead=32 + threads):
            pass

    def compute(self) -> None:
        """Run the engine on pixels in memory."""
        size = self.engine.batch_size
        batches = (self.pixels[start : start + size] for start in range(0, len(self.pixels), size))
        for _ in self.engine.stream(batches):
            pass

    def extract(self) -> None:
        """Go from files to an empty store."""
        from headstart.features.extraction import extract
        from headstart.features.store import FeatureStore
        from headstart.progress import Silent

        folder = self.work / "store"
        shutil.rmtree(folder, ignore_errors=True)
        with FeatureStore(folder, self.graph.layout.dim) as store:
            done = extract(
                self.manifest,
                self.digests,
                store=store,
                engine=lambda: self.engine,
                geometry=self.geometry,
                max_pixels=self.max_pixels,
                progress=Silent(),
            )
        assert done.computed == len(self.manifest), "every image has features"

    def eager(self, *, channels_last: bool) -> Callable[[], None]:
        """Return PyTorch's forward pass as a job."""
        import torch

        from headstart.backbones.timm_adapter import build_network
        from headstart.backbones.weights import resolve_weights

        layout = torch.channels_last if channels_last else torch.contiguous_format
        weights = resolve_weights(self.spec, cache=self.work)
        network = build_network(self.spec, weights).to(memory_format=layout)
        forward = cast("Callable[[torch.Tensor], torch.Tensor]", network.forward_features)
        batches = [
            batch.contiguous(memory_format=layout) for batch in self.tensors.split(TORCH_BATCH)
        ]

        @torch.inference_mode()
        def job() -> None:
            for batch in batches:
                forward(batch).mean((2, 3))

        return job

    def jobs(self) -> dict[str, Callable[[], None]]:
        """Return every contestant, each of them warm."""
        jobs = {
            DECODE: self.decode,
            ENGINE: self.compute,
            BOTH: self.extract,
            EAGER: self.eager(channels_last=False),
            EAGER_LAST: self.eager(channels_last=True),
        }
        for job in jobs.values():
            job()
        return jobs

    def images(self, name: str) -> int:
        """Return how many images a contestant works through."""
        return self.torch_images if name in {EAGER, EAGER_LAST} else len(self.manifest)

    def _load(self, row: int) -> np.ndarray:
        from headstart.data.decoding import load_pixels

        data = self.manifest.container.read(self.manifest.paths[row])
        return load_pixels(data, self.geometry, max_pixels=self.max_pixels)


def report(rates: Mapping[str, float], title: str) -> Report:
    """Put every contestant beside the pipeline and the engine.

    Args:
        rates: Contestant -> images per second.
        title: What was measured.
    """
    slower = min(rates[DECODE], rates[ENGINE])
    in_turns = 1 / (1 / rates[DECODE] + 1 / rates[ENGINE])
    against = {name: rates[ENGINE] / rates[name] for name in (EAGER, EAGER_LAST)}
    checks = [
        Check("pipeline's share of its slower part", rates[BOTH] / slower, SHARE, "at least", ""),
        *(
            Check(f"engine against {name}", r, EAGER_TARGET, "at least", "x")
            for name, r in against.items()
        ),
    ]
    return Report(
        title=title,
        headers=("job", "images/s", "engine / it"),
        rows=[(name, rate, against.get(name)) for name, rate in rates.items()],
        checks=checks,
        notes=[
            "decoding and engine each take all cores. One after the other they would make",
            f"{in_turns:.0f} images/s, {in_turns / slower:.2f} of the slower part; of that",
            f"the pipeline makes {rates[BOTH] / in_turns:.2f} (above 1: they fill gaps)",
        ],
    )


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=5)
    parser.add_argument("data", type=Path, help="folder, archive or table of labelled images")
    parser.add_argument("--limit", type=int, default=600, help="images used [%(default)s]")
    parser.add_argument(
        "--torch-images", type=int, default=128, help="images for PyTorch [%(default)s]"
    )
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        everything = open_split(arguments.data, work / "cache")
        step = max(1, len(everything) // arguments.limit)
        manifest = everything.take(range(0, len(everything), step)[: arguments.limit])
        bench = Bench(manifest, arguments.torch_images, work)
        seconds = alternate_seconds(bench.jobs(), arguments.rounds)
        precision = bench.engine.precision
        rates = {job: bench.images(job) / s for job, s in seconds.items()}
    title = f"{len(manifest)} images, engine in {precision}, median of {arguments.rounds} rounds"
    report(rates, title).publish(arguments.json)


if __name__ == "__main__":
    main()
