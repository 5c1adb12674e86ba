"""What a phase trains of a network is what its head's features come from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.backbones.catalog import find_backbone
from headstart.backbones.scratch import build_scratch
from headstart.backbones.tapped import TappedBackbone
from headstart.config.training import PhaseConfig
from headstart.training.arithmetic import Arithmetic
from headstart.training.network import Classifier
from headstart.training.plan import plan_phases

SIZE_PX = 16


@pytest.mark.parametrize(("output", "trained"), [("final/pooled", True), ("final/mean", False)])
def test_the_layers_before_its_classifier_are_trained_where_they_are_used(
    output: str, trained: bool
) -> None:
    network = build_scratch("cnn6", size_px=SIZE_PX)
    backbone = TappedBackbone(network, find_backbone("cnn6"))
    backbone.narrow([output])
    classifier = Classifier(backbone, nn.Linear(512 if trained else 128, 2))
    example = torch.zeros(2, 3, SIZE_PX, SIZE_PX)
    phases = [PhaseConfig(train="all", batch_norm="train")]
    (plan,) = plan_phases(classifier, phases, arithmetic=Arithmetic("f32"), example=example)
    plan.prepare()
    hidden = network.hidden
    assert hidden[0].weight.requires_grad is trained
    assert hidden[2].training is trained  # its dropout
    learned = [id(weight) for group in plan.groups() for weight in group["params"]]
    assert (id(hidden[0].weight) in learned) is trained


def test_rates_decay_stage_by_stage_towards_the_input() -> None:
    network = build_scratch("cnn6", size_px=SIZE_PX)
    backbone = TappedBackbone(network, find_backbone("cnn6"))
    backbone.narrow(["final/mean"])
    classifier = Classifier(backbone, nn.Linear(128, 2))
    example = torch.zeros(2, 3, SIZE_PX, SIZE_PX)
    optimiser = {"learning_rate": 0.8, "layer_decay": 0.5, "head_factor": 10}
    phases = [PhaseConfig.model_validate({"train": "all", "optimiser": optimiser})]
    (plan,) = plan_phases(classifier, phases, arithmetic=Arithmetic("f32"), example=example)
    plan.prepare()
    rates = {id(weight): group["lr"] for group in plan.groups() for weight in group["params"]}
    found = [{rates[id(weight)] for weight in stage.parameters()} for stage in network.stages]
    assert found == [{0.2}, {0.4}, {0.8}]
    assert {rates[id(weight)] for weight in classifier.head.parameters()} == {8.0}
