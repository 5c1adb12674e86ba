import json

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.errors import UnknownNameError

LAYOUT = FeatureLayout(
    (
        FeatureBlock("blocks.1", "mean", 2),
        FeatureBlock("blocks.1", "max", 2),
        FeatureBlock("final", "mean", 3),
        FeatureBlock("final", "max", 3),
    )
)


def test_columns_are_where_the_blocks_lie() -> None:
    assert LAYOUT.dim == 10
    assert LAYOUT.columns(["final/mean"]).tolist() == [4, 5, 6]
    assert LAYOUT.columns(["final/max", "blocks.1/max"]).tolist() == [2, 3, 7, 8, 9]


def test_tap_sets_name_graph_outputs() -> None:
    sets = LAYOUT.tap_sets()
    assert sets["final"] == ("final/mean",)
    assert sets["early"] == ("blocks.1/mean", "blocks.1/max")
    assert sets["all"] == tuple(block.output for block in LAYOUT.blocks)
    assert np.array_equal(LAYOUT.columns(LAYOUT.outputs_of("all")), np.arange(LAYOUT.dim))


def test_the_networks_own_logits_are_no_features() -> None:
    layout = FeatureLayout((*LAYOUT.blocks, FeatureBlock("classifier", "logits", 5)))
    assert layout.tap_sets() == LAYOUT.tap_sets()
    assert layout.columns(["classifier/logits"]).tolist() == [10, 11, 12, 13, 14]


def test_the_unpooled_activation_is_a_set_of_its_own() -> None:
    layout = FeatureLayout((*LAYOUT.blocks, FeatureBlock("final", "flat", 6)))
    assert layout.tap_sets() == {"flat": ("final/flat",), **LAYOUT.tap_sets()}
    assert list(layout.tap_sets())[-1] == "all"


def test_a_backbone_without_early_taps_offers_none() -> None:
    assert "early" not in FeatureLayout(LAYOUT.blocks[2:]).tap_sets()


def test_an_unknown_tap_set_is_answered_with_what_is_close() -> None:
    with pytest.raises(UnknownNameError, match="did you mean final"):
        LAYOUT.outputs_of("finale")


def test_it_survives_json() -> None:
    assert FeatureLayout.from_json(json.loads(json.dumps(LAYOUT.to_json()))) == LAYOUT


def test_global_average_pooling_is_asked_for_by_name() -> None:
    layout = FeatureLayout((*LAYOUT.blocks, FeatureBlock("final", "pooled", 6)))
    assert layout.outputs_of("final") == ("final/pooled",)
    assert layout.outputs_of("gap") == ("final/mean",)
    assert "gap" not in layout.tap_sets()
