"""What the service answers a second, against the engine with decoding, and how it refuses.

    python benchmarks/serving.py BUNDLE FOLDER_OF_JPEGS --seconds 10 --json build/serving.json

The service runs in a process of its own, the load comes from this one. Images are reduced to
small JPEGs (320 pixels) first.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.serving.predictor import as_manifest, load

ENTRY = "from headstart.cli.main import entry_point; entry_point()"
SMALL_PX = 320


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("bundle", type=Path)
    options.add_argument("images", type=Path)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    jpegs = [small_jpeg(path) for path in sorted(given.images.rglob("*.jpg"))[:64]]
    found: dict[str, object] = {"engine_images_per_s": engine_rate(given.bundle, jpegs)}
    print(found, flush=True)
    process, port = started(given.bundle)
    try:
        for clients in (1, 16, 200):
            row = asyncio.run(loaded(port, jpegs, clients, given.seconds))
            print(f"{clients} clients: {row}", flush=True)
            found[f"c{clients}"] = row
    finally:
        process.terminate()
        found["exit"] = process.wait(30)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


def small_jpeg(path: Path) -> bytes:
    """Return a photo as it is uploaded from a phone's preview: small."""
    with Image.open(path) as image:
        image.thumbnail((SMALL_PX, SMALL_PX))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def engine_rate(bundle: Path, jpegs: list[bytes]) -> float:
    """Return images a second of the predictor on files, the second of two passes."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(256)]
        for number, path in enumerate(paths):
            path.write_bytes(jpegs[number % len(jpegs)])
        predictor = load(bundle)
        for _ in range(2):
            begun = time.perf_counter()
            sum(1 for _ in predictor.stream(as_manifest(paths)))
            rate = len(paths) / (time.perf_counter() - begun)
    return rate


def started(bundle: Path) -> tuple[subprocess.Popen[str], int]:
    """Return a service in a process of its own, and its port."""
    command = [sys.executable, "-c", ENTRY, "serve", f"model={bundle}", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("serving on "):
            break
    import threading

    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, int(line.split()[2].rsplit(":", 1)[1])


async def loaded(port: int, jpegs: list[bytes], clients: int, seconds: float) -> dict[str, object]:
    """Return rate and latencies with so many clients, each asking again as it is answered."""
    taken: list[tuple[int, float]] = []
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            body = jpegs[number % len(jpegs)]
            head = (
                "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            begun = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            fields = dict(
                line.split(b": ", 1) for line in answer.lower().split(b"\r\n")[1:] if line
            )
            await reader.readexactly(int(fields[b"content-length"]))
            status = int(answer.split()[1])
            taken.append((status, time.perf_counter() - begun))
            number += 1
            if status == 503:
                await asyncio.sleep(0.1)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    statuses = Counter(status for status, _ in taken)
    row: dict[str, object] = {"images_per_s": statuses[200] / seconds, "statuses": dict(statuses)}
    for status in statuses:
        times = [1000 * passed for one, passed in taken if one == status]
        row[f"ms_{status}"] = dict(
            zip(("p50", "p99"), np.percentile(times, (50, 99)).tolist(), strict=True)
        )
    return row


if __name__ == "__main__":
    main()
