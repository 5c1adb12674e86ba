"""Names of models: from a registry, never a path."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import ConfigError
from headstart.serving.online.models import Source, open_model, read_sources


def test_a_bundle_has_the_name_of_its_run(tmp_path: Path) -> None:
    run = tmp_path / "my waste!" / "bundle"
    run.mkdir(parents=True)
    assert [one.name for one in read_sources([str(run)])] == ["my-waste"]
    assert [one.name for one in read_sources([str(run.parent)])] == ["my-waste"]
    named = read_sources([f"a={run}", f"b={run}"])
    assert [(one.name, one.path) for one in named] == [("a", run), ("b", run)]


@pytest.mark.parametrize("given", [["../x=a"], ["a=b", "a=c"], ["=b"], ["é=b"], []])
def test_names_that_cannot_be_served(given: list[str]) -> None:
    with pytest.raises(ConfigError):
        read_sources(given)


def test_a_model_that_is_replaced_is_let_go(small_bundle: Path) -> None:
    model = open_model(Source("a", small_bundle), precision="f32", threads=1)
    side = model.queue.size_px
    asyncio.run(model.queue.infer(np.zeros((side, side, 3), np.uint8)))
    gone = weakref.ref(model.queue)
    del model
    gc.collect()
    assert gone() is None
