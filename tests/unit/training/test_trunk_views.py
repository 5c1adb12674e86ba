"""How many views are kept: within the limit, and never one alone where augmentation is on."""

from __future__ import annotations

import pytest

from headstart.config.training import PhaseConfig
from headstart.training.trunk_views import Room


@pytest.mark.parametrize(
    ("limit_gb", "epochs", "views"),
    [(1.0, 9, 4), (0.011, 9, 4), (0.0085, 9, 3), (0.0065, 9, 2), (0.0045, 9, 0), (0.0045, 1, 1)],
)
def test_what_is_kept_stays_within_its_limit(limit_gb: float, epochs: int, views: int) -> None:
    room = Room(limit_gb=limit_gb, views=4, images=2000, checked=1000, varied=True)
    assert room.fitting_views(PhaseConfig(epochs=epochs), 1000) == views
    assert not views or room.size_gb(views, 1000) <= limit_gb
    plain = Room(limit_gb=limit_gb, views=4, images=2000, checked=1000, varied=False)
    assert plain.fitting_views(PhaseConfig(epochs=epochs), 1000) == 1
