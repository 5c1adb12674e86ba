"""Bundles that are sealed as they should be, and lead or count somewhere else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx

from _attack_ground import Ground
from headstart.bundle.loading import file_digest, seal_of

Builder = Callable[[Ground, Path], Path]
Cases = Iterator[tuple[str, Builder]]
GRAPH, WEIGHTS, INFO = "graph.onnx", "weights.safetensors", "bundle.json"


def bundles(ground: Ground) -> Cases:
    """Yield bundles: what ``bundle.json`` says, links, the graph's own references, nonsense."""
    yield from _listings(ground)
    yield from _linked(ground)
    yield from _references(ground)
    yield from _descriptions()
    yield from _contents()


def _listings(ground: Ground) -> Cases:
    names = {
        "dot-dot": "../../outside/secret.bin",
        "absolute": str(ground.outside / "secret.bin"),
        "look-alike": "weights.safetensоrs",  # a Cyrillic o
        "program": "hook.py",
        "pickle": "model.pkl",
        "backslash": "..\\secret.bin",
    }
    for what, name in names.items():
        yield (
            f"lists another file: {what}",
            _described(
                lambda info, name=name: info["files"].update({name: info["files"][WEIGHTS]})
            ),
        )
        yield (
            f"lists another file in the weights' place: {what}",
            _described(
                lambda info, name=name: info["files"].update({name: info["files"].pop(WEIGHTS)})
            ),
        )


def _linked(ground: Ground) -> Cases:
    for file in (GRAPH, WEIGHTS, INFO):
        yield f"{file} is a link outside", _replaced(file, ground.outside / file)
        yield f"{file} is a link to zeros without end", _replaced(file, Path("/dev/zero"))
        yield f"{file} is a pipe", _replaced(file, None)
    yield "bundle is a link to a folder without one", _bundle_link
    yield "a run's bundle is a link to itself", _self_link


def _references(ground: Ground) -> Cases:
    places = {
        "dot-dot": "../../outside/weights.safetensors",
        "absolute": str(ground.outside / "weights.safetensors"),
        "through a folder": "sub/../../../outside/weights.safetensors",
        "a link beside it": "link.bin",
        "zeros without end": "/dev/zero",
        "a process's memory": "/proc/self/mem",
        "an address": f"file://{ground.outside}/weights.safetensors",
        "backslashes": "..\\..\\outside\\weights.safetensors",
        "nothing": "",
        "NUL": "weights.safetensors\0/../../outside/secret.bin",
    }
    for what, place in places.items():
        yield f"tensors lie elsewhere: {what}", _external("location", place)
    for key, value in (
        ("offset", "99999999999"),
        ("offset", "-8"),
        ("offset", "x"),
        ("length", "99999999999"),
        ("length", "-1"),
        ("length", "18446744073709551615"),
    ):
        yield f"tensors lie beyond the end: {key} {value}", _external(key, value)


def _descriptions() -> Cases:
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "one class too many": lambda info: _classes(info, [*info["classes"], "evil"]),
        "one class too few": lambda info: _classes(info, info["classes"][:2]),
        "a name twice": lambda info: _classes(info, [info["classes"][0]] * 3),
        "names that are paths and programs": lambda info: _classes(
            info, ["../../outside/evil", "=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>"]
        ),
        "names of control codes": lambda info: _classes(info, ["\x1b[2J", "a\0b", "c\nd"]),
        "a name of ten megabytes": lambda info: _classes(info, ["a" * 10_000_000, "b", "c"]),
        "another image size": lambda info: info["geometry"].update(size_px=2048),
        "a vast image size": lambda info: info["geometry"].update(size_px=10**9),
        "any number of pixels": lambda info: info.update(max_pixels=10**18),
        "a priori nothing": lambda info: info.update(
            training_priors=dict.fromkeys(info["classes"], 0.0)
        ),
        "numbers that are none": lambda info: info.update(temperature=float("nan")),
        "another schema": lambda info: info.update(schema=99),
        "an unknown key": lambda info: info.update(__class__="os.system"),
        "a list in a name's place": lambda info: info.update(classes=[["a"], {"b": 1}]),
    }
    for what, change in changes.items():
        yield f"bundle.json: {what}", _described(change)
    raw: dict[str, bytes] = {
        "depth": b"[" * 200_000,
        "noise": os.urandom(5000),
        "nothing": b"",
        "a number of 100,000 digits": b'{"schema": ' + b"9" * 100_000 + b"}",
        "not an object": b"[1]",
        "100 MB": b'{"schema": 1, "x": "' + b"a" * (100 << 20) + b'"}',
        "no seal": b'{"schema": 1}',
    }
    for what, content in raw.items():
        yield f"bundle.json: {what}", _raw(INFO, content)
    yield (
        "bundle.json: a seal that is not its own",
        _described(lambda info: info.update(seal="0" * 64), seal=False),
    )


def _contents() -> Cases:
    for file in (GRAPH, WEIGHTS):
        yield f"{file}: nothing", _content(file, lambda _: b"")
        yield f"{file}: noise", _content(file, lambda _: os.urandom(5000))
        yield f"{file}: half of it", _content(file, lambda whole: whole[: len(whole) // 2])
        yield (
            f"{file}: changed, not sealed",
            _content(file, lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), seal=False),
        )


def _copied(ground: Ground, folder: Path) -> Path:
    return Path(shutil.copytree(ground.bundle, folder / "bundle"))


def _sealed(bundle: Path, change: Callable[[dict[str, Any]], Any], *, seal: bool = True) -> Path:
    info = json.loads((bundle / INFO).read_text())
    for name in (GRAPH, WEIGHTS):
        info["files"][name] = file_digest(bundle / name).model_dump()
    change(info)
    if seal:
        info["seal"] = seal_of(info)
    (bundle / INFO).write_text(json.dumps(info))
    return bundle


def _classes(info: dict[str, Any], names: list[str]) -> None:
    info.update(classes=names, training_priors=None, decision=None)


def _described(change: Callable[[dict[str, Any]], Any], *, seal: bool = True) -> Builder:
    return lambda ground, folder: _sealed(_copied(ground, folder), change, seal=seal)


def _raw(name: str, content: bytes) -> Builder:
    def build(ground: Ground, folder: Path) -> Path:
        bundle = _copied(ground, folder)
        (bundle / name).write_bytes(content)
        return bundle

    return build


def _content(name: str, change: Callable[[bytes], bytes], *, seal: bool = True) -> Builder:
    def build(ground: Ground, folder: Path) -> Path:
        bundle = _copied(ground, folder)
        (bundle / name).write_bytes(change((bundle / name).read_bytes()))
        return _sealed(bundle, lambda _: None) if seal else bundle

    return build


def _replaced(name: str, target: Path | None) -> Builder:
    def build(ground: Ground, folder: Path) -> Path:
        bundle = _copied(ground, folder)
        (bundle / name).unlink()
        if target is None:
            os.mkfifo(bundle / name)
        else:
            (bundle / name).symlink_to(target)
        return bundle

    return build


def _bundle_link(ground: Ground, folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "bundle").symlink_to(ground.cases)
    return folder / "run"


def _self_link(_: Ground, folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "bundle").symlink_to("bundle")
    return folder / "run"


def _external(key: str, value: str) -> Builder:
    def build(ground: Ground, folder: Path) -> Path:
        bundle = _copied(ground, folder)
        (bundle / "link.bin").symlink_to(ground.outside / "weights.safetensors")
        (bundle / "sub").mkdir()
        model = onnx.load(bundle / GRAPH, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == key:
                    entry.value = value
        (bundle / GRAPH).write_bytes(model.SerializeToString())
        return _sealed(bundle, lambda _: None)

    return build
