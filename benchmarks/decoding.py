"""How fast JPEGs become 224 x 224 pixels, beside Pillow's own shrink-on-load.

Usage: python benchmarks/decoding.py FOLDER_OF_JPEGS [--limit 600] [--rounds 5]

One table from one run. The rounds of all rows are interleaved and the medians
printed, so that other work on the machine weighs on every row alike.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.config.schema import Interpolation
from headstart.data.decoding import decode, load_pixels
from headstart.data.geometry import Geometry

SIZE_PX = 224
THREADS = (1, 2)
Job = Callable[[bytes], object]


def pillow_draft(resampling: Image.Resampling) -> Job:
    """Return the usual Pillow way: draft mode, convert, resize."""

    def job(data: bytes) -> object:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (SIZE_PX, SIZE_PX))
        return np.array(image.convert("RGB").resize((SIZE_PX, SIZE_PX), resampling))

    return job


def headstart_squash(interpolation: Interpolation) -> Job:
    """Return what training, the command line and the service call."""
    geometry = Geometry(mode="squash", size_px=SIZE_PX, interpolation=interpolation)
    return lambda data: load_pixels(data, geometry)


JOBS: dict[str, Job] = {
    "Pillow draft, bicubic": pillow_draft(Image.Resampling.BICUBIC),
    "Pillow draft, bilinear": pillow_draft(Image.Resampling.BILINEAR),
    "headstart, bicubic": headstart_squash("bicubic"),
    "headstart, bilinear": headstart_squash("bilinear"),
    "headstart, decode only": lambda data: decode(data, at_least=(SIZE_PX, SIZE_PX)),
}
BASELINES = {
    "headstart, bicubic": "Pillow draft, bicubic",
    "headstart, bilinear": "Pillow draft, bilinear",
}


def rate(job: Job, images: list[bytes], threads: int) -> float:
    """Return images per second over one pass."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        for _ in pool.map(job, images):
            pass
        return len(images) / (time.perf_counter() - start)


def measure(images: list[bytes], rounds: int) -> dict[tuple[str, int], float]:
    """Return (job, threads) -> median images per second."""
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, job in JOBS.items():
            for threads in THREADS:
                rates.setdefault((name, threads), []).append(rate(job, images, threads))
    return {key: statistics.median(values) for key, values in rates.items()}


def read_jpegs(folder: Path, limit: int) -> list[bytes]:
    """Return up to ``limit`` JPEGs, spread evenly over the sorted tree."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
    if not files:
        sys.exit(f"no .jpg or .jpeg below {folder}: give a folder of JPEGs")
    step = max(1, len(files) // limit)
    return [file.read_bytes() for file in files[::step][:limit]]


def print_table(medians: dict[tuple[str, int], float]) -> None:
    """Print one row per job: images per second, and the ratio to Pillow's."""
    print(
        f"{'images/s, to ' + str(SIZE_PX) + ' px':26}" + "".join(f"{t:>6} thr" for t in THREADS),
        end="",
    )
    print("".join(f"{'ratio, ' + str(t):>12}" for t in THREADS))
    for name in JOBS:
        cells = "".join(f"{medians[name, t]:10.0f}" for t in THREADS)
        base = BASELINES.get(name)
        ratios = "".join(
            f"{medians[name, t] / medians[base, t]:11.2f}x" if base else "" for t in THREADS
        )
        print(f"{name:26}{cells}{ratios}")


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    images = read_jpegs(arguments.folder, arguments.limit)
    print_table(measure(images, arguments.rounds))


if __name__ == "__main__":
    main()
