import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.config.training import ScheduleConfig
from headstart.errors import ConfigError
from headstart.training.schedules import build_schedule, draw_factors

NAMES = ["constant", "cosine", "one-cycle", "step", "plateau"]


def factors(*, epochs: int, steps_per_epoch: int, **settings) -> list[float]:
    config = ScheduleConfig(**settings)
    schedule = build_schedule(config, epochs=epochs, steps_per_epoch=steps_per_epoch)
    return draw_factors(schedule, steps=epochs * steps_per_epoch)


@given(st.sampled_from(NAMES), st.integers(1, 20), st.integers(1, 20), st.floats(0, 0.9))
def test_every_factor_is_positive_and_at_most_one(name, epochs, steps, warmup) -> None:
    warmup_epochs = 0 if name == "one-cycle" else warmup * epochs
    found = factors(name=name, warmup_epochs=warmup_epochs, epochs=epochs, steps_per_epoch=steps)
    assert all(0 < factor <= 1 for factor in found)


def test_constant_stays() -> None:
    assert factors(name="constant", epochs=3, steps_per_epoch=4) == [1.0] * 12


def test_warmup_rises_evenly_to_the_full_rate() -> None:
    found = factors(name="constant", warmup_epochs=1.5, epochs=3, steps_per_epoch=2)
    assert found == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1, 1, 1])


def test_cosine_is_that_of_torch() -> None:
    found = factors(name="cosine", final_factor=0.2, epochs=5, steps_per_epoch=3)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=14, eta_min=0.2)
    assert found == pytest.approx(torch_rates(optimiser, theirs, 15))


def test_cosine_begins_after_its_warmup_and_ends_at_the_final_factor() -> None:
    found = factors(name="cosine", final_factor=0, warmup_epochs=1, epochs=11, steps_per_epoch=10)
    assert max(found) == found[10] == 1
    assert found[60] == pytest.approx(0.5, abs=0.02)
    assert found[-1] == pytest.approx(0)


def test_one_cycle_is_that_of_torch_with_the_shares_of_fastai() -> None:
    found = factors(name="one-cycle", peak_share=0.25, epochs=20, steps_per_epoch=50)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1.0, total_steps=1000, pct_start=0.25, cycle_momentum=False,
        div_factor=25, final_div_factor=1e5 / 25,
    )  # fmt: skip
    assert found == pytest.approx(torch_rates(optimiser, theirs, 1000), abs=0.01)
    assert found[0] == pytest.approx(1 / 25)
    assert found[-1] == pytest.approx(1e-5)


def torch_rates(optimiser, schedule, steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        if len(rates) < steps:
            optimiser.step()
            schedule.step()
    return rates


def test_step_falls_every_few_epochs() -> None:
    found = factors(name="step", step_epochs=2, factor=0.5, epochs=5, steps_per_epoch=3)
    assert found == [1.0] * 6 + [0.5] * 6 + [0.25] * 3


def test_plateau_falls_after_patience_epochs_without_progress() -> None:
    config = ScheduleConfig(name="plateau", factor=0.1, patience=2)
    schedule = build_schedule(config, epochs=20, steps_per_epoch=1)
    seen = []
    for loss in [1.0, 0.9, 0.9, 0.95, 0.9, math.nan, 0.5, 0.49999]:
        schedule.update(loss)
        seen.append(schedule.factor(0))
    assert seen == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01])


@pytest.mark.parametrize("name", NAMES)
def test_any_schedule_goes_on_from_saved_state(name) -> None:
    config = ScheduleConfig(name=name, patience=1)
    whole, resumed = (build_schedule(config, epochs=9, steps_per_epoch=2) for _ in range(2))
    for loss in (1.0, 1.0, math.nan, 0.5):
        whole.update(loss)
    resumed.load_state_dict(json.loads(json.dumps(whole.state_dict(), allow_nan=False)))
    for loss in (0.5, 0.4, 0.4):
        whole.update(loss)
        resumed.update(loss)
        assert draw_factors(whole, steps=18) == draw_factors(resumed, steps=18)


def test_a_warmup_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"warmup_epochs is 1, but one-cycle has .*peak_share"):
        factors(name="one-cycle", warmup_epochs=1, epochs=5, steps_per_epoch=2)
    with pytest.raises(ConfigError, match=r"warmup_epochs is 5, but the phase has only 5 epochs"):
        factors(name="cosine", warmup_epochs=5, epochs=5, steps_per_epoch=2)
