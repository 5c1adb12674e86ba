"""Attacks by archives, tables, folders, images, bundles, outputs and requests: nothing gets out.

    python benchmarks/attacks.py BUNDLE --json build/attacks.json

Each attack on files runs in a process of its own, with a bound on memory and time. Secret files
lie beside: the kernel tells (inotify) whether anybody opens or changes them, whatever way was
taken; everything outside of the cache is compared before and after; the secret's mark must be
in nothing that is said. An attack fails if any of this happens, if it ends in anything but an
answer or a HeadstartError, or if it takes too long or too much. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import _attack_sources
from _attack_bundles import bundles
from _attack_ground import Ground, Watch, make_ground, photo
from _attack_outputs import outputs
from _attack_service import HOST, ask, requests
from headstart.data import unpacking
from headstart.data.decoding import load_pixels
from headstart.data.geometry import Geometry
from headstart.data.inputs import open_images
from headstart.data.manifest import Manifest
from headstart.data.sources import open_source
from headstart.errors import HeadstartError

MOST_S, MOST_CPU_S = 120.0, 20
MOST_MB = 900
"""An image file may hold 512 MB, and is copied once."""
UNPACKED_MB = 64
"""What any compressed tar may come to here; in earnest 4 GB, so that bombs would fill a disk."""
MOST_PIXELS = 50_000_000
BY_DESIGN = frozenset({"bundle.json is a link outside"})
"""A bundle's files may be links, as model hubs' caches and Kubernetes make them: this one is
opened, found to be no description, and not told."""
TELLING = frozenset(
    {
        "zip: dot-dot to a secret",
        "zip: mixed slashes",
        "zip: look-alike slash",
        "tar: absolute to a secret",
        "tar: very deep",
        "tar.gz: hidden dot-dot",
        "tar.xz: two slashes",
        "tar: link, absolute",
        "tar: hard link, relative",
        "tar: a file through a link",
        "tar: character device",
        "zip: link, absolute",
        "zip: deflate, 100 bytes that promise 4 GB",
        "zip: data at a place beyond the end",
        "tar: a size below zero",
        "tar: an extended header of vast size",
        "tar: 3,000 extended headers in a row",
        "tar.xz: a dictionary of 1.5 GB",
        "folder with split.csv: dot-dot to a secret",
        "zip with split.csv: absolute to a secret",
        "table: devices",
        "folder: a link to zeros without end",
        "folder: a link to a pipe",
        "folder: a link to itself",
        "a pipe in an archive's place",
        "image: PNG of 60,000 x 60,000",
        "lists another file: dot-dot",
        "graph.onnx is a link outside",
        "tensors lie elsewhere: absolute",
        "tensors lie beyond the end: offset 99999999999",
        "bundle.json: one class too few",
        "bundle.json: another image size",
        "the table is a link to a secret",
        "the partial is a link outside",
        "the partial's rows is a link to a secret",
    }
)
"""What runs with --quick."""

Action = Callable[[Ground, Path], str]


@dataclass
class Outcome:
    """What came of one attack."""

    kind: str
    name: str
    said: str
    seconds: float
    megabytes: float
    failures: list[str]


def main() -> None:
    """Attack, print, and fail if any attack got through."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("bundle", type=Path, help="a sound bundle, to be spoilt in copies")
    options.add_argument("--quick", action="store_true", help="the most telling ones, no service")
    options.add_argument("--only", default="", help="attacks whose kind or name has this in it")
    options.add_argument("--json", type=Path, help="keep the outcomes")
    given = options.parse_args()
    bundle = given.bundle.resolve()
    bundle = bundle if (bundle / "bundle.json").is_file() else bundle / "bundle"
    with tempfile.TemporaryDirectory() as scratch:
        ground = make_ground(Path(scratch).resolve() / "ground", bundle)
        outcomes = list(attacks(ground, quick=given.quick, only=given.only))
    show(outcomes)
    if given.json:
        given.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    sys.exit(any(outcome.failures for outcome in outcomes))


def attacks(ground: Ground, *, quick: bool, only: str) -> Iterator[Outcome]:
    """Run the attacks, one after another."""
    actions: dict[str, tuple[Any, Action]] = {
        **{kind: (cases, use_source) for kind, cases in _attack_sources.KINDS.items()},
        "bundle": (bundles, use_bundle),
        "output": (outputs, use_output),
    }
    for kind, (cases, action) in actions.items():
        for name, build in cases(ground):
            if only in f"{kind} {name}" and (name in TELLING or not quick):
                yield attacked(ground, kind, name, build, action)
    if not quick and only in "service":
        yield from service_attacks(ground)


def attacked(ground: Ground, kind: str, name: str, build: Any, action: Action) -> Outcome:
    """Prepare an attack, run it in a process of its own, and look at what it did."""
    folder = ground.cases / "case"
    folder.mkdir()
    try:
        target = build(ground, folder)
        before, watch = ground.fingerprint(), Watch(watched(ground))
        said, seconds, megabytes = in_child(lambda: action(ground, target), ground)
        seen = watch.seen() - ({"opened"} if name in BY_DESIGN else set())
        failures = [f"a secret was {what}" for what in sorted(seen)]
        watch.close()
        failures += changes(before, ground.fingerprint(), target if kind == "output" else None)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(ground.allowed)
        ground.allowed.mkdir()
    failures += judged(said, seconds, megabytes, ground)
    if failures:
        print(f"FAILED {kind}: {name}: {'; '.join(failures)}", flush=True)
    return Outcome(
        kind, name, said.replace(str(ground.root), "…")[:300], seconds, megabytes, failures
    )


def watched(ground: Ground) -> list[Path]:
    """Return the secrets and their folder."""
    return [ground.outside, *sorted(ground.outside.iterdir())]


def changes(before: dict[str, Any], after: dict[str, Any], target: Path | None) -> list[str]:
    """Return what appeared, went or changed outside of the cache, but beside an output."""
    own = str(target.parent) if target else None
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return [
        f"{name} is not what it was" for name in changed if own is None or not name.startswith(own)
    ]


def judged(said: str, seconds: float, megabytes: float, ground: Ground) -> list[str]:
    """Return what is wrong with an outcome by itself."""
    wrong = [] if said.startswith(("fine", "refused")) else [f"ended in {said[:300]}"]
    wrong += ["a secret was told"] if ground.marker in said else []
    wrong += [f"took {seconds:.0f} s"] if seconds > MOST_S else []
    return wrong + ([f"took {megabytes:.0f} MB"] if megabytes > MOST_MB else [])


def in_child(action: Callable[[], str], ground: Ground) -> tuple[str, float, float]:
    """Run an action in a fork; return what it said, its seconds and its peak megabytes."""
    begun = time.perf_counter()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _child(action, writer, ground)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    if ended:
        said = f"signal {signal.Signals(-ended).name}" if ended < 0 else f"exit code {ended}"
    return said, time.perf_counter() - begun, usage.ru_maxrss / 1024


def _child(action: Callable[[], str], writer: int, ground: Ground) -> None:
    signal.alarm(int(MOST_S))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(ground.allowed)
    unpacking.ALWAYS_ALLOWED_BYTES = UNPACKED_MB << 20
    unpacking.MAX_RATIO = 20
    try:
        said = action()
    except HeadstartError as error:
        said = f"refused: {type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001
        said = f"{type(error).__name__}: {error}"
    with os.fdopen(writer, "wb") as stream:
        stream.write(said.encode("utf-8", "backslashreplace"))
    os._exit(0)


def use_source(ground: Ground, target: Path) -> str:
    """Open a source both ways, read and decode all of it; return all that is said of it."""
    said = []
    for way in (open_source, lambda path, *, cache: open_images([path], cache=cache)):
        try:
            said.append(_read_all(way(target, cache=ground.allowed), ground.marker))
        except HeadstartError as error:
            said.append(f"refused: {type(error).__name__}: {error}")
    return " | ".join(said)


def _read_all(manifest: Manifest, marker: str) -> str:
    outcomes: Counter[str] = Counter()
    for path in manifest.paths:
        try:
            data = manifest.container.read(path)
            load_pixels(data, Geometry(size_px=32), max_pixels=MOST_PIXELS)
            outcomes[marker if marker.encode() in bytes(data) else "read"] += 1
        except HeadstartError as error:
            outcomes[str(error)[:100]] += 1
    names = json.dumps(manifest.paths[:20], ensure_ascii=True)[:1000]
    return (
        f"fine: {dict(outcomes.most_common(5))} {names} {manifest.labels[:20]} {manifest.ignored}"
    )


def use_bundle(_: Ground, target: Path) -> str:
    """Load a bundle and ask it; return what it says."""
    import numpy as np

    from headstart.serving.predictor import load

    predictor = load(target)
    answers = predictor.predict([np.zeros((40, 40, 3), np.uint8)])
    return f"fine: {answers[0][:50]!r}"


def use_output(ground: Ground, target: Path) -> str:
    """Predict into a table; return what is said of it."""
    from headstart.workflows.predict_batch import predict_batch

    (ground.allowed / "a.jpg").write_bytes(photo())
    result = predict_batch(ground.bundle, [ground.allowed / "a.jpg"], out=target)
    return f"fine: {result.images} rows"


def service_attacks(ground: Ground) -> Iterator[Outcome]:
    """Send the requests to one service, which must still answer in the end."""
    process, port = started(ground)
    before, watch = ground.fingerprint(), Watch(watched(ground))
    try:
        for name, request in [*requests(ground), ("and still it answers", alive())]:
            begun = time.perf_counter()
            answer = ask(port, request, timeout_s=10)
            seconds = time.perf_counter() - begun
            failures = [f"a secret was {what}" for what in sorted(watch.seen())]
            failures += answered(answer, name, request, ground)
            if failures:
                print(f"FAILED service: {name}: {'; '.join(failures)}", flush=True)
            status = answer.split(b"\r\n")[0].decode("latin-1")
            yield Outcome("service", name, status, seconds, 0.0, failures)
    finally:
        process.terminate()
        code = process.wait(60)
    failures = changes(before, ground.fingerprint(), None) + ([f"exit code {code}"] if code else [])
    yield Outcome("service", "and ends as it should", f"exit code {code}", 0.0, 0.0, failures)


def answered(answer: bytes, name: str, request: bytes, ground: Ground) -> list[str]:
    """Return what is wrong with an answer."""
    status = answer[9:12].decode("latin-1")
    wrong = [] if status.isdecimal() and "200" <= status < "500" else [f"answered {answer[:60]!r}"]
    wrong += [f"answered {status}"] if name.startswith("and still") and status != "200" else []
    wrong += ["a secret was told"] if ground.marker.encode() in answer else []
    told = str(ground.root).encode() in answer and str(ground.root) not in unquote_to_text(request)
    wrong += ["its path was told"] if told else []
    return wrong + (["a header was put in"] if b"set-cookie" in answer.lower() else [])


def unquote_to_text(request: bytes) -> str:
    """Return a request as it reads: what it says itself may be said back."""
    return unquote(request.decode("latin-1"))


def alive() -> bytes:
    """Return a request that a sound service answers."""
    lines = [
        "POST /v1/predict HTTP/1.1",
        f"Host: {HOST}",
        "Connection: close",
        "Content-Type: image/jpeg",
        f"Content-Length: {len(photo())}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + photo()


def started(ground: Ground) -> tuple[subprocess.Popen[str], int]:
    """Start the service; return it and its port."""
    entry = "from headstart.cli.main import entry_point; entry_point()"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            entry,
            "serve",
            f"small={ground.bundle}",
            "--port",
            "0",
            "--workers",
            "1",
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ground.allowed,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("serving on"):
            port = int(line.split()[2].rpartition(":")[2])
            drain(process)
            return process, port
    sys.exit("the service does not start")


def drain(process: subprocess.Popen[str]) -> None:
    """Read what the service logs, so that it does not wait for a reader."""
    import threading

    assert process.stderr is not None
    threading.Thread(target=process.stderr.read, daemon=True).start()


def show(outcomes: list[Outcome]) -> None:
    """Print a table by kind, and the total."""
    print(
        f"\n{'kind':<28}{'attacks':>8}{'failed':>8}{'refused':>9}{'longest':>10}{'most memory':>13}"
    )
    kinds = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    for kind in [*kinds, "all"]:
        rows = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        failed = sum(bool(outcome.failures) for outcome in rows)
        refused = sum("refused" in outcome.said or " 4" in outcome.said[:13] for outcome in rows)
        longest = max((outcome.seconds for outcome in rows), default=0.0)
        most = max((outcome.megabytes for outcome in rows), default=0.0)
        print(f"{kind:<28}{len(rows):>8}{failed:>8}{refused:>9}{longest:>8.1f} s{most:>10.0f} MB")


if __name__ == "__main__":
    main()
