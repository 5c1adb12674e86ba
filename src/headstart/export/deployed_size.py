"""How large a bundle will be, before there is one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

_NUMBER_BYTES = 4


def deployed_bytes(graph: Path, outputs: Iterable[str]) -> int:
    """Return the bytes of the weights that some outputs of a graph need.

    The head, a few thousand numbers a class, is not counted.

    Args:
        graph: ONNX file.
        outputs: Graph outputs that a head takes.
    """
    content = onnx.load(graph, load_external_data=False).graph
    producers = {name: node for node in content.node for name in node.output}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(producers[name].input if name in producers else ())
    sizes = [np.prod(t.dims, dtype=int) for t in content.initializer if t.name in needed]
    return int(sum(sizes)) * _NUMBER_BYTES
