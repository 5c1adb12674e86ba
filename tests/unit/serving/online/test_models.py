"""Names of models: from a registry, never a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import ConfigError
from headstart.serving.online.models import read_sources


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
