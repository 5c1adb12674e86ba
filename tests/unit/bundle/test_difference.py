from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.bundle import load_bundle
from headstart.bundle.difference import compare_bundles
from headstart.bundle.sealing import copy_changed
from headstart.bundle.tensors import compare_tensors, read_tensors
from headstart.errors import BundleError


def test_a_bundle_and_itself_are_the_same(small_bundle: Path) -> None:
    bundle = load_bundle(small_bundle)
    assert compare_bundles(bundle, bundle).none


def test_what_two_bundles_say_otherwise_is_named_by_its_key(small_bundle, tmp_path) -> None:
    bundle = load_bundle(small_bundle)
    copy_changed(bundle, tmp_path / "other", {"temperature": 9.0})
    found = compare_bundles(bundle, load_bundle(tmp_path / "other"))
    assert found.fields == {"temperature": (bundle.info.temperature, 9.0)}
    assert found.tensors.none
    assert found.same_graph


def test_tensors_are_those_that_the_graph_has(small_bundle: Path) -> None:
    tensors = read_tensors(small_bundle / "weights.safetensors")
    assert any(name.startswith("network.") for name in tensors)
    assert all(np.isfinite(it).all() for it in tensors.values())


def test_tensors_of_another_shape_are_not_subtracted() -> None:
    found = compare_tensors({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.zeros(3)})
    assert (found.reshaped, found.only_first, found.changed) == (("a",), ("b",), {})


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"no tensors")
    with pytest.raises(BundleError, match="no safetensors file"):
        read_tensors(tmp_path / "it")
