"""Downloads, against a hub on this machine that speaks the real protocol."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.backbones.catalog import find_backbone
from headstart.backbones.spec import BackboneSpec, HubWeights
from headstart.backbones.weights.hub import fetch_weights
from headstart.backbones.weights.hub_cache import find_cached
from headstart.errors import WeightsError
from headstart.progress import Silent

CONTENT = bytes(range(256)) * 20_000
WEIGHTS = HubWeights("timm/toy.in1k", "MIT")
SPEC: BackboneSpec = dataclasses.replace(
    find_backbone("lite0"), name="toy", aliases=(), weights=WEIGHTS
)


class Listener(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.bars: list[tuple[str, int, int]] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    def track(self, items: Iterable[Any], *, total: int, task: str, unit: str) -> Iterator[Any]:
        passed = 0
        for item in items:
            passed += 1
            yield item
        self.bars.append((f"{task}, {unit}", passed, total))


def test_a_file_arrives_whole_in_the_cache_that_others_share(hub: Any, own_cache: Path) -> None:
    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    assert find_cached(WEIGHTS) is None
    path = fetch_weights(SPEC, progress=Silent())
    assert path.read_bytes() == CONTENT
    assert path == find_cached(WEIGHTS)
    assert path.is_relative_to(own_cache / "hub" / "hub" / "models--timm--toy.in1k")


def test_the_cache_is_the_one_that_huggingface_hub_reads(hub: Any, own_cache: Path) -> None:
    from huggingface_hub import try_to_load_from_cache

    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    path = fetch_weights(SPEC, progress=Silent())
    theirs = try_to_load_from_cache(
        WEIGHTS.repository, WEIGHTS.file, cache_dir=own_cache / "hub" / "hub"
    )
    assert theirs == str(path) == str(find_cached(WEIGHTS))


def test_it_says_what_comes_from_where_and_how_far_it_is(hub: Any) -> None:
    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    listener = Listener()
    fetch_weights(SPEC, progress=listener)
    (said,) = listener.said
    file = "model.safetensors of timm/toy.in1k"
    assert said == (f"fetching the weights of toy: {file} from {hub.address}, 5.1 MB, licence MIT")
    assert listener.bars == [("fetching toy, MB", 6, 6)]


def test_nothing_but_the_file_is_asked_for(hub: Any) -> None:
    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    fetch_weights(SPEC, progress=Silent())
    assert {line.split()[1] for line in hub.asked} == {
        f"/{WEIGHTS.repository}/resolve/main/{WEIGHTS.file}"
    }


def test_no_bar_of_anothers_is_drawn(hub: Any, capfd: pytest.CaptureFixture[str]) -> None:
    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    fetch_weights(SPEC, progress=Silent())
    assert capfd.readouterr() == ("", "")


def test_what_was_interrupted_goes_on_where_it_stopped(hub: Any) -> None:
    content = CONTENT * 3
    hub.add(WEIGHTS.repository, WEIGHTS.file, content)
    hub.cut_after = 12_000_000
    path = fetch_weights(SPEC, progress=Silent())
    assert path.read_bytes() == content
    first, second = [line for line in hub.asked if line.startswith("GET")]
    assert "bytes=" not in first
    assert int(second.split("bytes=")[1].split("-")[0]) > 0


def test_another_file_than_promised_is_refused_and_removed(hub: Any) -> None:
    hub.add(WEIGHTS.repository, WEIGHTS.file, CONTENT)
    hub.promise = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(WeightsError, match=r"arrived damaged.*fetch it again"):
        fetch_weights(SPEC, progress=Silent())
    assert find_cached(WEIGHTS) is None
    hub.promise = None
    assert fetch_weights(SPEC, progress=Silent()).read_bytes() == CONTENT


def test_a_hub_without_the_file_says_what_to_bring(hub: Any, own_cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch_weights(SPEC, progress=Silent())
    place = own_cache / "own-weights" / "timm" / "toy.in1k" / "model.safetensors"
    assert str(caught.value) == (
        f"the weights of toy are not on this machine, and {hub.address} does not have them. "
        "Bring the file model.safetensors of timm/toy.in1k "
        f"({hub.address}/timm/toy.in1k/resolve/main/model.safetensors) and put it at {place}, "
        "or run 'headstart weights import model.safetensors --as toy'"
    )


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense"])
def test_a_hub_out_of_reach_says_what_to_bring(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(WeightsError, match=r"gave none \(.*Bring the file model.safetensors"):
        fetch_weights(SPEC, progress=Silent())
