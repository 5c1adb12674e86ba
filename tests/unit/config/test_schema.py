import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from headstart.config import DataConfig, HeadConfig, TrainConfig, build_config
from headstart.config.training import (
    EarlyStoppingConfig,
    LossConfig,
    OptimiserConfig,
    PhaseConfig,
    ScheduleConfig,
)
from headstart.errors import ConfigError


def fields(model: type[BaseModel]) -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner)
        else:
            yield name, field


@pytest.mark.parametrize(("name", "field"), list(fields(TrainConfig)))
def test_every_setting_says_what_it_means(name: str, field) -> None:
    """The command line's help is made of these."""
    assert field.description
    assert field.description[0].isupper() or field.description[0] == "'"
    assert not field.is_required()


@pytest.mark.parametrize("share", [0, 0.5, 1, -0.1])
def test_shares_leave_something_to_train_on(share: float) -> None:
    with pytest.raises(ValidationError):
        DataConfig(val=share)
    with pytest.raises(ValidationError):
        DataConfig(test=share)


def test_a_penalty_is_positive() -> None:
    with pytest.raises(ValidationError):
        HeadConfig(strength=0)


def test_from_scratch_means_random_weights_unless_some_are_named() -> None:
    assert build_config({"training": {"strategy": "scratch"}}).backbone.weights == "none"
    assert TrainConfig(training={"strategy": "scratch"}).backbone.weights == "none"
    named = {"training": {"strategy": "scratch"}, "backbone": {"weights": "mine.safetensors"}}
    assert build_config(named).backbone.weights == "mine.safetensors"
    assert build_config({"training": {"strategy": "full"}}).backbone.weights is None
    phases = {"training": {"strategy": "scratch", "phases": [{}]}}  # then it is only a name
    assert build_config(phases).backbone.weights is None


@pytest.mark.parametrize("share", [0.3, 1, "1.0"])
def test_what_is_trained_may_be_a_share(share: float | str) -> None:
    (phase,) = build_config({"training": {"phases": [{"train": share}]}}).training.phases
    assert phase.train == str(float(share))
    with pytest.raises(ConfigError, match="train"):
        build_config({"training": {"phases": [{"train": True}]}})


def test_the_page_on_fine_tuning_knows_every_setting_of_a_phase() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fine-tuning.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(build_config(yaml.safe_load(example)).training.phases) == 2
    for section in (PhaseConfig, OptimiserConfig, ScheduleConfig, LossConfig, EarlyStoppingConfig):
        for name in section.model_fields:
            assert f"`{name}`" in page or f"`{name}:" in page, name
