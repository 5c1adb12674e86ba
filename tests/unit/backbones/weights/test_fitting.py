"""Tensors held against a network: what fits, what may be left out, what is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from headstart.backbones.weights.fitting import MisfitError, fit_tensors

Tensors = dict[str, torch.Tensor]
EXPECTED: Tensors = {
    "conv.weight": torch.zeros(4, 3, 3, 3),
    "norm.weight": torch.zeros(4),
    "norm.num_batches_tracked": torch.tensor(0),
    "fc.weight": torch.zeros(1000, 4),
    "fc.bias": torch.zeros(1000),
}
STORED: Tensors = {name: torch.ones_like(tensor) for name, tensor in EXPECTED.items()}


def without(*names: str) -> Tensors:
    return {name: tensor for name, tensor in STORED.items() if name not in names}


def fit(stored: Tensors, **options: Any) -> Any:
    return fit_tensors(stored, EXPECTED, classifier=["fc"], **options)


def test_tensors_that_fit_are_taken_as_they_are() -> None:
    fitted = fit(STORED)
    assert fitted.has_classifier
    assert fitted.tensors == STORED


def test_a_batch_norms_counter_may_be_absent() -> None:
    fitted = fit(without("norm.num_batches_tracked"))
    assert fitted.tensors.keys() == EXPECTED.keys()


HEADS = {
    "of another class count": STORED | {"fc.weight": torch.ones(7, 4), "fc.bias": torch.ones(7)},
    "absent": without("fc.weight", "fc.bias"),
    "half absent": without("fc.bias"),
    "of another make": without("fc.weight", "fc.bias") | {"fc.0.weight": torch.ones(9, 4)},
}


@pytest.mark.parametrize("stored", HEADS.values(), ids=HEADS)
def test_a_classifier_that_does_not_fit_is_left_out(stored: Tensors) -> None:
    fitted = fit(stored)
    assert not fitted.has_classifier
    assert fitted.tensors.keys() == EXPECTED.keys() - {"fc.weight", "fc.bias"}


def test_a_network_without_a_classifier_has_none() -> None:
    bare = {name: tensor for name, tensor in EXPECTED.items() if not name.startswith("fc")}
    fitted = fit_tensors(STORED, bare, classifier=["fc"])
    assert not fitted.has_classifier
    assert fitted.tensors.keys() == bare.keys()
    assert not fit_tensors(fitted.tensors, bare).has_classifier


def test_what_only_training_needs_is_passed_over() -> None:
    assert fit(STORED | {"AuxLogits.conv.weight": torch.ones(3)}).tensors.keys() == EXPECTED.keys()


UNFIT = {
    "1 missing (conv.weight)": without("conv.weight"),
    "1 unexpected (se.weight)": STORED | {"se.weight": torch.ones(1)},
    "1 of another shape (norm.weight is (5,) instead of (4,))": STORED
    | {"norm.weight": torch.ones(5)},
    "1 missing (conv.weight), 1 unexpected (convolution.weight)": without("conv.weight")
    | {"convolution.weight": torch.ones(4, 3, 3, 3)},
}


@pytest.mark.parametrize(("said", "stored"), UNFIT.items(), ids=UNFIT)
def test_another_networks_tensors_are_told_apart(said: str, stored: Tensors) -> None:
    start = "does not fit the network: of its 5 tensors and the file's"
    with pytest.raises(MisfitError, match=f"{re.escape(start)} [456], {re.escape(said)}$"):
        fit(stored)


def test_values_that_are_not_finite_are_refused() -> None:
    bad = STORED | {"norm.weight": torch.full((4,), torch.nan)}
    with pytest.raises(MisfitError, match=r"not finite in 1 tensors \(norm.weight\)"):
        fit(bad)


def test_the_librarys_own_conversion_is_tried_where_names_differ() -> None:
    def convert(tensors: Tensors) -> Tensors:
        return {name.replace("stem", "conv"): tensor for name, tensor in tensors.items()}

    old = {name.replace("conv", "stem"): tensor for name, tensor in STORED.items()}
    assert fit(old, renamings=[convert]).tensors == STORED


def test_the_nearest_attempt_is_what_is_told() -> None:
    def break_it(tensors: Tensors) -> Tensors:
        raise KeyError("patch_embed")

    with pytest.raises(MisfitError, match="1 missing"):
        fit(without("conv.weight"), renamings=[break_it, lambda _: {}])


def test_a_familys_names_are_recognised() -> None:
    stored = {"_conv_stem.weight": torch.ones(4, 3, 3, 3), "_fc.bias": torch.arange(5.0)}
    expected = {"conv_stem.weight": torch.zeros(4, 3, 3, 3), "classifier.bias": torch.zeros(5)}
    fitted = fit_tensors(stored, expected, classifier=["classifier"])
    assert torch.equal(fitted.tensors["classifier.bias"], stored["_fc.bias"])


@pytest.mark.parametrize("extra", ["other.bias", "_blocks.7._bn1.bias", "_blocks.7"])
def test_a_familys_names_that_lead_nowhere_are_refused(extra: str) -> None:
    stored = {"_conv_stem.weight": torch.ones(4, 3, 3, 3), extra: torch.ones(1)}
    expected = {"conv_stem.weight": torch.zeros(4, 3, 3, 3)}
    with pytest.raises(MisfitError, match="does not hold the tensors of the network"):
        fit_tensors(stored, expected)
