"""Weights files as users have them: wrapped, damaged, mistaken, and never allowed to run code."""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from headstart.backbones.weights import WeightsFile
from headstart.backbones.weights.reading import read_tensors
from headstart.errors import WeightsError

TENSORS = {"conv.weight": torch.ones(4, 3, 3, 3), "fc.bias": torch.arange(5.0)}
Writer = Callable[[Any], WeightsFile]


def as_given(path: Path) -> WeightsFile:
    return WeightsFile("file", path, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def saved(tmp_path: Path) -> Writer:
    """``saved(content)``: what ``torch.save`` writes of it."""

    def write(content: Any) -> WeightsFile:
        torch.save(content, tmp_path / "toy.pth")
        return as_given(tmp_path / "toy.pth")

    return write


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], WeightsFile]:
    def write(content: bytes) -> WeightsFile:
        (tmp_path / "toy.pth").write_bytes(content)
        return as_given(tmp_path / "toy.pth")

    return write


def check_same(tensors: dict[str, torch.Tensor]) -> None:
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_safetensors_are_read_whatever_the_file_is_called(tmp_path: Path) -> None:
    for name in ("model.safetensors", "model.bin"):
        save_file(TENSORS, tmp_path / name)
        check_same(read_tensors(as_given(tmp_path / name)))


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in TENSORS.items()}


OTHER = {name: tensor + 1 for name, tensor in TENSORS.items()}
WRAPPED = {
    "plain": TENSORS,
    "ordered": OrderedDict(TENSORS),
    "state_dict": {"state_dict": TENSORS, "epoch": 3},
    "model": {"model": TENSORS, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "two layers": {"model": {"state_dict": TENSORS}},
    "averaged before the last": {"model": OTHER, "model_ema": TENSORS},
    "timm's own, with its arguments": {
        "state_dict": OTHER,
        "state_dict_ema": TENSORS,
        "args": argparse.Namespace(lr=0.1, model="toy"),
    },
    "DDP": prefixed("module."),
    "compiled DDP": {"model": prefixed("module._orig_mod.")},
    "Lightning": {"state_dict": prefixed("model."), "pytorch-lightning_version": "2.0"},
    "weight averaging": {"n_averaged": torch.tensor(5), **prefixed("module.")},
    "numbers beside tensors": {**TENSORS, "epoch": 5},
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
def test_tensors_come_out_of_what_training_scripts_wrap_them_in(
    saved: Writer, content: Any
) -> None:
    check_same(read_tensors(saved(content)))


def test_an_old_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    check_same(read_tensors(as_given(path)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.zeros(1)], "does not hold tensors by name, but a list"),
        ({"epoch": 3}, "does not hold tensors by name, but a table of epoch"),
        ({}, "does not hold tensors by name, but an empty table"),
        (torch.zeros(3), "does not hold tensors by name, but a Tensor"),
    ],
)
def test_what_holds_no_tensors_by_name_is_refused(saved: Writer, content: Any, said: str) -> None:
    with pytest.raises(WeightsError, match=f"toy.pth {said}: give another file with --weights"):
        read_tensors(saved(content))


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.marker,)


def test_code_in_a_checkpoint_is_not_run(saved: Writer, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    file = saved(TENSORS | {"fc.bias": Evil(marker)})
    assert file.path
    torch.load(file.path, weights_only=False)
    assert marker.exists(), "the trap itself does not work"
    marker.unlink()
    with pytest.raises(
        WeightsError, match=r"holds code beside its tensors \(\S+\).*state_dict\(\)"
    ):
        read_tensors(file)
    assert not marker.exists()


def test_a_whole_pickled_model_says_how_to_save_it(saved: Writer) -> None:
    said = r"holds code beside its tensors \(torch.nn.modules.linear.Linear\).*state_dict\(\)"
    with pytest.raises(WeightsError, match=said):
        read_tensors(saved(torch.nn.Linear(2, 2)))


IMPOSTORS = {
    "is empty": b"",
    "is a web page.*/resolve/": b"\n<!DOCTYPE html>\n<html><title>model.safetensors</title>",
    "is a Git LFS pointer.*git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid",
    "is JSON": b'{"metadata": {}, "weight_map": {}}',
    "is HDF5, as Keras writes it": b"\x89HDF\r\n\x1a\n" + bytes(60),
    "is a compressed archive": b"\x1f\x8b\x08\x00" + bytes(60),
    "is no weights file: safetensors is expected": b"just text",
}


@pytest.mark.parametrize(("said", "content"), IMPOSTORS.items(), ids=IMPOSTORS)
def test_what_is_mistaken_for_weights_is_named(
    written: Callable[[bytes], WeightsFile], said: str, content: bytes
) -> None:
    with pytest.raises(WeightsError, match=f"toy.pth {said}"):
        read_tensors(written(content))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_said_to_be(
    written: Callable[[bytes], WeightsFile], saved: Writer, share: float
) -> None:
    whole = saved(TENSORS).path
    assert whole
    for content in (save(TENSORS), whole.read_bytes()):
        with pytest.raises(WeightsError, match="is cut short or damaged"):
            read_tensors(written(content[: max(20, int(len(content) * share))]))


def test_a_zip_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "toy.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="is damaged"):
        read_tensors(as_given(tmp_path / "toy.pth"))


def test_a_torchscript_program_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "toy.pt"
    with pytest.warns((DeprecationWarning, FutureWarning)):
        torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    with pytest.raises(WeightsError, match=r"TorchScript program.*state_dict\(\)"):
        read_tensors(as_given(path))


def test_a_file_that_changed_since_it_was_found_is_refused(saved: Writer) -> None:
    file = saved(TENSORS)
    assert file.path
    torch.save(OTHER, file.path)
    with pytest.raises(WeightsError, match=r"is damaged or of another version \(its SHA-256"):
        read_tensors(file)


@given(head=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04"]), tail=st.binary())
def test_no_bytes_at_all_bring_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, tail: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.pth"
    path.write_bytes(head + tail)
    with pytest.raises(WeightsError, match=r"junk\.pth"):
        read_tensors(as_given(path))
