import subprocess
import sys

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


SIGNALLED = """
import gc, os, signal, sys
from pathlib import Path
from headstart.engines.openvino_engine import OpenVinoEngine

engines = [OpenVinoEngine(Path(sys.argv[1]), batch_size=1) for _ in range(2)]
while engines:
    del engines[0]
    gc.collect()
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_after_engines_are_gone_is_handled(lite0_graph) -> None:
    """OpenVINO installs a signal stack with each core, and takes it away with it."""
    command = [sys.executable, "-c", SIGNALLED, str(lite0_graph.path)]
    assert subprocess.run(command).returncode == 7
