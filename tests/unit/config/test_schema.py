from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

from headstart.config import DataConfig, HeadConfig, TrainConfig


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
