"""What runs have in common is done once."""

from __future__ import annotations

from headstart.config import build_config
from headstart.workflows.shared_work import SharedWork, backbone_key, geometry_key


def test_only_another_key_does_the_work_again() -> None:
    shared, done = SharedWork(), []

    def work(key: int) -> int:
        return shared.once("step", key, lambda: done.append(key) or 10 * key)

    assert [work(1), work(1), work(2), work(2), work(1)] == [10, 10, 20, 20, 10]
    assert done == [1, 2, 1]


def test_a_failure_is_not_remembered() -> None:
    shared = SharedWork()

    def fail() -> int:
        raise ValueError

    shared.once("step", 1, lambda: 1)
    for _ in range(2):
        try:
            shared.once("step", 2, fail)
        except ValueError:
            continue
    assert shared.once("step", 2, lambda: 3) == 3


def test_heads_share_a_backbone_and_sizes_do_not() -> None:
    linear, knn = (build_config({"head": {"name": name}}) for name in ("linear", "knn"))
    flat = build_config({"head": {"name": "flatten-dense"}})
    small = build_config({"data": {"image_size_px": 160}})
    assert backbone_key(linear) == backbone_key(knn)
    assert backbone_key(linear) != backbone_key(flat)
    assert backbone_key(linear) != backbone_key(small)
    assert geometry_key("photos", linear) == geometry_key("photos", knn)
    assert geometry_key("photos", linear) != geometry_key("others", linear)
    taps = build_config({"head": {"taps": "final"}})
    assert geometry_key("photos", linear) != geometry_key("photos", taps)
