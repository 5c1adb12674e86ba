import json
import math

import pytest

from headstart.config.training import EarlyStoppingConfig
from headstart.errors import ConfigError
from headstart.training.early_stopping import EarlyStopping


def stopped_at(figures: list[float], **settings) -> tuple[int | None, int | None]:
    """Feed figures epoch by epoch; return (epoch of the stop, best epoch)."""
    config = EarlyStoppingConfig(**settings)
    stopping = EarlyStopping(config)
    for epoch, figure in enumerate(figures):
        if stopping.update(epoch, {config.monitor: figure}):
            return epoch, stopping.best_epoch
    return None, stopping.best_epoch


def test_waits_patience_epochs_for_progress() -> None:
    losses = [1.0, 0.5, 0.6, 0.7, 0.4, 0.5, 0.5, 0.5]
    assert stopped_at(losses, patience=3) == (7, 4)
    assert stopped_at(losses, patience=2) == (3, 1)
    assert stopped_at(losses, patience=4) == (None, 4)


@pytest.mark.parametrize("patience", [0, 1])
def test_no_patience_stops_at_the_first_epoch_without_progress(patience: int) -> None:
    assert stopped_at([3.0, 2.0, 2.0, 1.0], patience=patience) == (2, 1)


def test_accuracy_is_better_upwards_and_loss_downwards() -> None:
    rising = [0.1, 0.2, 0.3, 0.4]
    assert stopped_at(rising, monitor="val_accuracy", patience=2) == (None, 3)
    assert stopped_at(rising, monitor="val_loss", patience=2) == (2, 0)
    assert stopped_at(rising, monitor="val_loss", mode="max", patience=2) == (None, 3)


def test_small_steps_do_not_count_but_may_add_up() -> None:
    creeping = [0.8, 0.8005, 0.8008, 0.8015]
    settings = {"monitor": "val_accuracy", "min_delta": 0.001}
    assert stopped_at(creeping, patience=2, **settings) == (2, 0)
    assert stopped_at(creeping, patience=3, **settings) == (None, 3)


def test_nan_is_never_progress() -> None:
    assert stopped_at([math.nan] * 3, patience=2) == (1, None)
    assert stopped_at([0.5, math.nan, math.nan, 0.4], patience=3) == (None, 3)
    assert stopped_at([math.nan, 0.9, 0.8], patience=2) == (None, 2)


def test_going_on_from_saved_state_stops_at_the_same_epoch() -> None:
    config = EarlyStoppingConfig(monitor="accuracy", patience=2)
    figures = [0.1, math.nan, 0.3, 0.2, 0.25, 0.1]
    whole = EarlyStopping(config)
    for epoch, figure in enumerate(figures):
        resumed = EarlyStopping(config)
        resumed.load_state_dict(json.loads(json.dumps(whole.state_dict(), allow_nan=False)))
        stop = whole.update(epoch, {"accuracy": figure})
        assert resumed.update(epoch, {"accuracy": figure}) == stop
        assert resumed.state_dict() == whole.state_dict()
    assert (whole.best, whole.best_epoch, whole.improved) == (0.3, 2, False)


def test_a_figure_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"watches val_loss, .* only loss, accuracy"):
        EarlyStopping(EarlyStoppingConfig()).update(0, {"loss": 1.0, "accuracy": 0.5})
