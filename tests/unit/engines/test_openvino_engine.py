import numpy as np
import pytest

from headstart.engines.openvino_engine import OpenVinoEngine, native_precision


def test_the_processors_own_precision_is_the_default(lite0_graph) -> None:
    assert native_precision() in {"bf16", "f32"}
    assert OpenVinoEngine(lite0_graph.path).precision == native_precision()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_change_what_it_says(lite0_graph, picture, threads) -> None:
    side = (lite0_graph.size_px, lite0_graph.size_px)
    pixels = np.stack([picture(seed, size=side) for seed in range(3)])
    usual, other = (
        next(OpenVinoEngine(lite0_graph.path, precision="f32", threads=n).stream([pixels]))
        for n in (None, threads)
    )
    np.testing.assert_allclose(other, usual, rtol=1e-3, atol=1e-4 * np.abs(usual).max())
