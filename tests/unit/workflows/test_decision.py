from __future__ import annotations

import numpy as np
import pytest

from headstart.config import DecisionConfig
from headstart.errors import ConfigError
from headstart.workflows.decision import make_decision, plan_rule, record_of

CLASSES = ("ant", "bee")
SHARES = {"ant": 0.5, "bee": 0.5}
SURE = np.tile([[0.9, 0.1], [0.4, 0.6]], (50, 1))
RIGHT = np.tile([0, 1], 50)


def test_a_run_goes_on_with_every_answer_where_no_threshold_reaches_the_wish() -> None:
    config = DecisionConfig.model_validate({"reject": "precision=0.999"})
    made = make_decision(config, plan_rule(config, CLASSES, SHARES), SURE, RIGHT)
    assert made.rule.is_plain
    assert record_of(made, None, CLASSES) is None
    (note,) = made.notes
    assert note.startswith("no threshold reaches precision 0.999 with 95 % assurance on 100 held")
    assert note.endswith("So every image gets an answer")
    assert "--assurance none" in note


def test_a_reached_wish_is_recorded_with_what_it_rests_on() -> None:
    config = DecisionConfig.model_validate({"reject": "precision=0.9", "priors": "ant=3,bee=1"})
    made = make_decision(config, plan_rule(config, CLASSES, SHARES), SURE, RIGHT)
    record = record_of(made, None, CLASSES)
    assert record is not None
    assert record.priors == {"ant": 0.75, "bee": 0.25}
    assert record.reject is not None
    assert (record.reject.target, record.reject.share) == ("precision", 0.9)
    assert record.reject.threshold > 0.5
    assert "new images like these reach 0.9 with 95 % assurance" in made.notes[0]


def test_without_a_wish_there_is_nothing_to_note() -> None:
    config = DecisionConfig()
    assert make_decision(config, plan_rule(config, CLASSES, None), SURE, RIGHT).notes == ()
    with pytest.raises(ConfigError, match="does not say which priors"):
        plan_rule(DecisionConfig(priors="equal"), CLASSES, None)
