"""What every test shares: no network, a cache of its own, tiny images, one exported network."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import sklearn.datasets
import torch
from hypothesis import settings
from PIL import Image

from headstart.backbones.catalog import find_backbone
from headstart.backbones.graph import BackboneGraph, load_graph
from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.backbones.spec import BackboneSpec
from headstart.bundle import Bundle, BundleInfo, Provenance, load_bundle
from headstart.cli.main import main
from headstart.data.decoding import decode
from headstart.data.digest import content_digest
from headstart.data.geometry import Geometry
from headstart.evaluation import wilson
from headstart.export.bundling import (
    BundleFacts,
    Calibrated,
    write_graph,
    write_info,
    write_model,
)
from headstart.export.classifier_graph import build_classifier
from headstart.files import write_csv, write_json
from headstart.heads.base import Head
from headstart.heads.linear import LinearHead

SMALL_PX = 96
"""Side that the shared graph takes: a fifth of the arithmetic of 224 pixels."""

LOCAL_HOSTS = {None, "localhost", "127.0.0.1", "::1", ""}
PHOTOS = Path(sklearn.datasets.__file__).parent / "images"

torch.set_num_threads(1)  # small work on shared processors: threads cost more than they give
# The same examples in every run; HEADSTART_EXPLORE=1 tries others.
explores = bool(os.environ.get("HEADSTART_EXPLORE"))
settings.register_profile("shared machine", deadline=None, derandomize=not explores)
settings.load_profile("shared machine")

PictureMaker = Callable[..., npt.NDArray[np.uint8]]
FolderMaker = Callable[..., Path]
GraphLoader = Callable[[BackboneSpec, int], BackboneGraph]


ENTRY = "from headstart.cli.main import entry_point; entry_point()"


class Outcome(NamedTuple):
    """What a call of the command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that no other test sees, outside ``tmp_path``; not yet made."""
    folder = tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.setenv("HEADSTART_CACHE", str(folder))
    monkeypatch.setenv("HEADSTART_WEIGHTS", str(folder / "own-weights"))
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    for name in ("HEADSTART_OFFLINE", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any connection, and any look-up of a name, that leaves this machine."""

    def guard(real: Callable[..., Any], host_of: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            if host_of(*args) not in LOCAL_HOSTS:
                pytest.fail(f"a test reaches out to {host_of(*args)}")
            return real(*args, **options)

        return guarded

    def host_of_address(_: socket.socket, address: Any) -> Any:
        return address[0] if isinstance(address, tuple) else None  # a name: a Unix socket

    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)
        monkeypatch.setattr(socket.socket, name, guard(real, host_of_address))
    lookup = guard(socket.getaddrinfo, lambda host, *_: host)
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def _picture(
    seed: int = 0, *, size: tuple[int, int] = (64, 48), tint: Sequence[int] = (0, 0, 0)
) -> npt.NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return np.clip(smooth.astype(int) + np.array(tint), 0, 255).astype(np.uint8)


def _folder(root: Path, *classes: str, per_class: int = 4) -> Path:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            picture = _picture(100 * number + index, tint=(60 * number, 0, -60 * number))
            Image.fromarray(picture).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def picture() -> PictureMaker:
    """``picture(seed, size=(width, height), tint=(r, g, b))``: smooth colours, uint8 (H, W, 3)."""
    return _picture


@pytest.fixture(scope="session")
def image_folder() -> FolderMaker:
    """``image_folder(root, "cat", "dog", per_class=4)``: ``root/<class>/<n>.png``."""
    return _folder


@pytest.fixture(scope="session")
def photos() -> list[npt.NDArray[np.uint8]]:
    """Two overlapping parts of each photo that scikit-learn brings: a palace, a flower."""
    whole = [decode(path.read_bytes()) for path in sorted(PHOTOS.glob("*.jpg"))]
    return [photo[:, start : start + photo.shape[0]] for photo in whole for start in (0, 213)]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> GraphLoader:
    """``exported(spec, size_px)``: a backbone's graph, each exported once a session."""
    cache = tmp_path_factory.mktemp("exported")
    return lambda spec, size_px: load_graph(spec, size_px=size_px, cache=cache)


@pytest.fixture(scope="session")
def lite0_graph(exported: GraphLoader) -> BackboneGraph:
    """EfficientNet-Lite0 with its pretrained weights, for small squares."""
    return exported(find_backbone("efficientnet_lite0"), SMALL_PX)


TINY_PX = 24


@pytest.fixture(scope="session")
def tiny_graph(tmp_path_factory: pytest.TempPathFactory) -> BackboneGraph:
    """Two taps of three convolutions on small squares: any engine runs it in no time."""
    path = tmp_path_factory.mktemp("tiny") / "graph.onnx"
    onnx.save(_tiny_network(), path)
    layout = FeatureLayout((FeatureBlock("early", "mean", 8), FeatureBlock("final", "mean", 16)))
    return BackboneGraph(path, layout, "tiny", TINY_PX)


def _tiny_network() -> onnx.ModelProto:
    rng, made = np.random.default_rng(4), onnx.helper.make_tensor_value_info
    shapes = {"stem.w": (8, 3, 3, 3), "deep.w": (8, 1, 3, 3), "wide.w": (16, 8, 1, 1)}
    tensors = {name: rng.normal(size=shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    tensors |= {"scale": rng.uniform(1, 2, 8), "shift": rng.normal(size=8), "zero": np.zeros(8)}
    tensors |= {"middle": np.array(127.5), "range": np.array(60.0), "one": np.ones(8)}
    tensors |= {"low": np.array(0.0), "high": np.array(6.0)}
    even = {"pads": [1, 1, 1, 1]}
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Cast", ["pixels"], "values", {"to": onnx.TensorProto.FLOAT}),
        ("Transpose", ["values"], "planes", {"perm": [0, 3, 1, 2]}),
        ("Sub", ["planes", "middle"], "centred", {}),
        ("Div", ["centred", "range"], "scaled", {}),
        ("Conv", ["scaled", "stem.w"], "stem", {"strides": [2, 2], **even}),
        ("BatchNormalization", ["stem", "scale", "shift", "zero", "one"], "normed", {}),
        ("Clip", ["normed", "low", "high"], "bent", {}),
        ("ReduceMean", ["bent"], "early/mean", {"axes": [2, 3], "keepdims": 0}),
        ("Conv", ["bent", "deep.w"], "deep", {"group": 8, **even}),
        ("Add", ["deep", "bent"], "sum", {}),
        ("Conv", ["sum", "wide.w"], "wide", {}),
        ("Relu", ["wide"], "last", {}),
        ("ReduceMean", ["last"], "final/mean", {"axes": [2, 3], "keepdims": 0}),
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, given, [out], **more) for kind, given, out, more in nodes],
        "tiny",
        [made("pixels", onnx.TensorProto.UINT8, ["batch", TINY_PX, TINY_PX, 3])],
        [
            made(f"{tap}/mean", onnx.TensorProto.FLOAT, ["batch", None])
            for tap in ("early", "final")
        ],
        [onnx.numpy_helper.from_array(np.float32(it), name) for name, it in tensors.items()],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)


HeadMaker = Callable[..., LinearHead]


@pytest.fixture(scope="session")
def random_head(lite0_graph: BackboneGraph) -> HeadMaker:
    """``random_head(*outputs, classes=3)``: a head that tells nothing, on those outputs."""

    def make(*outputs: str, classes: int = 3, temperature: float = 1.7) -> LinearHead:
        rng = np.random.default_rng(0)
        width = len(lite0_graph.layout.columns(outputs))
        weight = rng.normal(size=(width, classes)) / width**0.5
        return LinearHead(
            classes=tuple(f"class {number}" for number in range(classes)),
            taps="all",
            outputs=outputs,
            weight=weight.astype(np.float32),
            bias=rng.normal(size=classes).astype(np.float32),
            temperature=temperature,
        )

    return make


FACTS = BundleFacts(
    geometry=Geometry(mode="pad", size_px=SMALL_PX),
    max_pixels=1_000_000,
    test={"n": 10, "accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}},
    provenance=Provenance(
        headstart="0",
        created="2000-01-01T00:00:00Z",
        backbone="efficientnet_lite0",
        weights_sha256="0" * 64,
        weights_licence="Apache-2.0",
        taps="all",
        strength=1e-4,
        seed=0,
        trained_images=10,
        data="0" * 32,
    ),
)


@pytest.fixture(scope="session")
def write_bundle(lite0_graph: BackboneGraph) -> Callable[[Path, LinearHead], BundleInfo]:
    """``write_bundle(folder, head)``: the three files of a bundle."""

    def write(folder: Path, head: LinearHead) -> BundleInfo:
        write_graph(folder, lite0_graph, head)
        return write_info(folder, head, FACTS, parity=())

    return write


@pytest.fixture(scope="session")
def write_tiny(tiny_graph: BackboneGraph) -> Callable[..., Bundle]:
    """``write_tiny(folder, head, model=None)``: a bundle on the tiny graph, or of that model."""
    facts = replace(FACTS, geometry=Geometry(mode="squash", size_px=TINY_PX))

    def write(folder: Path, head: Calibrated, model: onnx.ModelProto | None = None) -> Bundle:
        folder.mkdir(parents=True)
        whole = model or build_classifier(onnx.load(tiny_graph.path), cast("Head", head))
        write_model(folder, whole)
        write_info(folder, head, facts, parity=())
        return load_bundle(folder)

    return write


@pytest.fixture(scope="session")
def small_bundle(
    tmp_path_factory: pytest.TempPathFactory, write_bundle: Any, random_head: HeadMaker
) -> Path:
    """A bundle on the backbone's first stages only; not to be changed."""
    folder = tmp_path_factory.mktemp("small") / "bundle"
    write_bundle(folder, random_head("blocks.2/mean", "blocks.2/std"))
    return folder


@pytest.fixture(scope="session")
def store_run() -> Callable[..., Path]:
    """``store_run(folder, photos, said, config={…})``: a run that called its images so.

    ``said`` gives what each image of ``photos``, by name, was taken for.
    """

    def store(folder: Path, photos: Path, said: dict[str, str], **config: Any) -> Path:
        classes = sorted({name.split("/")[0] for name in said})
        right = sum(name.split("/")[0] == label for name, label in said.items())
        accuracy = wilson(right, len(said)).to_json()
        test = {"n": len(said), "accuracy": accuracy, "f1_macro": accuracy, "nll": accuracy}
        settings = {"backbone": {"name": "lite0"}, "head": {"name": "linear"}, **config}
        write_json(folder / "metrics.json", {"test": test, "timings_s": {"total": 3.5}})
        write_json(folder / "config.yaml", settings)  # JSON is YAML
        created = "2026-01-02T03:04:05+00:00"
        write_json(folder / "environment.json", {"data": str(photos), "created": created})
        columns = ["path", "true_label", "label", "status", "digest"]
        rows = [
            [name, name.split("/")[0], label, "ok", content_digest((photos / name).read_bytes())]
            + [f"{0.8 if one == label else 0.2 / (len(classes) - 1):.6f}" for one in classes]
            for name, label in said.items()
        ]
        header = [*columns, *map("prob_{}".format, classes)]
        write_csv(folder / "predictions.csv", header, rows)
        return folder

    return store


class StandInHub(ThreadingHTTPServer):
    """A model hub on this machine: what ``huggingface_hub`` asks for, and nothing else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.promise: str | None = None
        self.cut_after: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, repository: str, file: str, content: bytes) -> None:
        self.files[f"/{repository}/resolve/main/{file}"] = content


class _HubHandler(BaseHTTPRequestHandler):
    server: StandInHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        content = self._answer()
        cut, self.server.cut_after = self.server.cut_after, None
        self.wfile.write(content[:cut])

    def _answer(self) -> bytes:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(f"{self.command} {self.path} {wanted}".strip())
        whole = self.server.files.get(self.path)
        first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        self.send_response(404 if whole is None else 206 if first else 200)
        content = (whole or b"")[first:]
        if whole is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        else:
            digest = self.server.promise or hashlib.sha256(whole).hexdigest()
            self.send_header("ETag", f'"{digest}"')
            self.send_header("X-Repo-Commit", "c" * 40)
            if first:
                size = len(whole)
                self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """A hub on this machine, which ``HF_ENDPOINT`` names."""
    with StandInHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """``cli("train", photos, …)``: the command in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(caught.value.code or 0), captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def command() -> Callable[..., Outcome]:
    """``command("train", photos, …)``: the command in a process of its own.

    ``script`` replaces the entry point; further keywords go to :func:`subprocess.run`.
    """

    def call(*arguments: object, script: str = ENTRY, **options: Any) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            **options,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call
