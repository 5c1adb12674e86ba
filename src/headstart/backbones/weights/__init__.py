"""Pretrained tensors: found on this machine or fetched, checked by hash, read without running code.

Finding (:mod:`.resolution` and below) imports no PyTorch; reading does.
"""

from headstart.backbones.weights.file import Origin, WeightsFile, WeightsRequest
from headstart.backbones.weights.resolution import locate_weights, resolve_weights

__all__ = ["Origin", "WeightsFile", "WeightsRequest", "locate_weights", "resolve_weights"]
