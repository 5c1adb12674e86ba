from __future__ import annotations

import json
import shutil
from pathlib import Path


def test_a_whole_bundle_is_verified_and_a_changed_one_is_refused(cli, small_bundle, tmp_path):
    assert "is whole: 3 files" in cli("bundle", "verify", small_bundle).out
    shutil.copytree(small_bundle, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    done = cli("bundle", "verify", tmp_path / "bundle")
    assert done.code == 2
    assert "was changed" in done.err


def test_show_says_what_it_is(cli, small_bundle: Path) -> None:
    shown = cli("bundle", "show", small_bundle).out
    assert "classes    3: class 0, class 1, class 2" in shown
    assert "accuracy 0.900 [0.800, 0.950], n = 10" in shown
    said = json.loads(cli("bundle", "show", small_bundle, "--json").out)
    assert said["classes"] == ["class 0", "class 1", "class 2"]


def test_diff_exits_with_0_for_the_same_bundle(cli, small_bundle: Path) -> None:
    done = cli("bundle", "diff", small_bundle, small_bundle)
    assert (done.code, done.out) == (0, "the same, to the bit\n")
