"""Class activation maps: where in an image the evidence for a class lies.

Computed from a bundle alone: its graph runs once, and its last part is differentiated in
NumPy. No PyTorch, no saved network, any head.
"""

from headstart.explain.explainer import ClassMap, Explainer, Explanation, load_explainer
from headstart.explain.overlay import framed, overlay, side_by_side
from headstart.explain.placing import on_image

__all__ = [
    "ClassMap",
    "Explainer",
    "Explanation",
    "framed",
    "load_explainer",
    "on_image",
    "overlay",
    "side_by_side",
]
