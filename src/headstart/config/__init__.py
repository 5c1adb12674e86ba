"""Settings: the only home of a default, checked before any work starts."""

from headstart.config.decision import DecisionConfig
from headstart.config.loading import build_config, merged, read_settings, set_dotted
from headstart.config.places import cache_dir, weights_dir
from headstart.config.schema import (
    BackboneConfig,
    DataConfig,
    EngineConfig,
    HeadConfig,
    JudgementConfig,
    TrainConfig,
)

__all__ = [
    "BackboneConfig",
    "DataConfig",
    "DecisionConfig",
    "EngineConfig",
    "HeadConfig",
    "JudgementConfig",
    "TrainConfig",
    "build_config",
    "cache_dir",
    "merged",
    "read_settings",
    "set_dotted",
    "weights_dir",
]
