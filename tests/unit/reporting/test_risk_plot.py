import io

import numpy as np
import pytest
from PIL import Image

from headstart.evaluation.bootstrap import Resampling
from headstart.evaluation.risk_coverage import risk_coverage
from headstart.reporting.canvas import png
from headstart.reporting.risk_drawing import HEIGHT_PX, WIDTH_PX, draw_risk
from headstart.reporting.risk_plot import draw_risk_coverage


def curve_of(n: int):
    rng = np.random.default_rng(0)
    sure = rng.random(n)
    return risk_coverage(sure, rng.random(n) < 0.5 + sure / 2, resampling=Resampling(10))


@pytest.mark.parametrize(("n", "threshold"), [(1, 0.0), (3, 0.5), (200, 0.7), (200, 1.5)])
def test_a_curve_of_any_length_is_drawn(n: int, threshold: float) -> None:
    picture = Image.open(io.BytesIO(png(draw_risk_coverage(curve_of(n), threshold=threshold))))
    assert len(picture.getcolors(picture.width * picture.height)) > 20


def test_the_drawing_stays_in_its_frame_and_the_table_names_round_coverages() -> None:
    curve = curve_of(400)
    drawn = draw_risk(curve)
    for pair in f"{drawn.line} {drawn.band}".split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH_PX
        assert 0 <= y <= HEIGHT_PX
    assert [round(row.coverage, 2) for row in drawn.rows] == [1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert drawn.rows[0].risk.value == curve.error_rate
    assert len(draw_risk(curve_of(1)).rows) == 1
