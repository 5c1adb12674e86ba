from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.errors import ConfigError
from headstart.training.expressions import choose_trained, trainable_names
from headstart.training.layers import Layer, Shape

STAGES = ("low", "middle", "high")
LITE0_STAGES = tuple(f"blocks.{stage}" for stage in range(1, 7))
Layers = tuple[Layer, ...]


def made_up(count: int) -> Layers:
    shape: Shape = (1,)
    return tuple(
        Layer(n, f"part{n}", "Conv2d", shape, {f"part{n}.weight": 1}) for n in range(count)
    )


def first_of(expression: str, layers: Layers, stages: tuple[str, ...] = STAGES) -> int:
    """Return the number of the first trained layer; all behind it must be trained too."""
    names = trainable_names(expression, layers, stages)
    numbers = [la.number for la in layers if not names.isdisjoint(la.weights)]
    with_weights = [la.number for la in layers if la.weights]
    assert numbers == (with_weights[-len(numbers) :] if numbers else [])
    return numbers[0] if numbers else len(layers)


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("head", 13),
        ("all", 0),
        ("last layer", 12),
        ("last 1 layer", 12),
        ("last 5 layers", 8),
        ("Last  5  Layers", 8),
        ("last 5 of 13 layers", 8),
        ("last 5 layers of 13", 8),
        ("last 10 of 26 layers", 8),
        ("from layer 8", 8),
        ("from layer 16 of 26", 8),
        ("last stage", 8),
        ("last 2 stages", 4),
        ("last 3 stages", 0),
        ("0.0", 13),
        ("1.0", 0),
        ("0.4", 8),
        (".4", 8),
        ("40%", 8),
        ("40 %", 8),
    ],
)
def test_an_expression_trains_from_a_layer_on(
    expression: str, first: int, toy_layers: Layers
) -> None:
    assert first_of(expression, toy_layers) == first


def test_numbers_are_those_of_keras(lite0_layers: Layers) -> None:
    expected = {name for layer in lite0_layers[94:] for name in layer.weights}
    assert trainable_names("from layer 94", lite0_layers, LITE0_STAGES) == expected
    assert trainable_names("last 37 layers", lite0_layers, LITE0_STAGES) == expected


def test_another_networks_count_is_taken_in_proportion_and_said(lite0_layers: Layers) -> None:
    choice = choose_trained("last 280 of 780 layers", lite0_layers, LITE0_STAGES)
    assert choice.names == trainable_names("last 47 layers", lite0_layers, LITE0_STAGES)
    assert choice.words == (
        "the last 280 of 780 layers is taken in proportion: the last 47 of the 131 counted here; "
        "layers 84 to 130 (from blocks.4.2.bn2) and the head"
    )


@pytest.mark.parametrize(
    ("short", "long"),
    [("last 280 of 780", "last 280 of 780 layers"), ("from 94 of 132", "from layer 94 of 132")],
)
def test_layers_may_go_without_saying(lite0_layers: Layers, short: str, long: str) -> None:
    expected = trainable_names(long, lite0_layers, LITE0_STAGES)
    assert trainable_names(short, lite0_layers, LITE0_STAGES) == expected


def test_the_last_stage_of_lite0_holds_its_last_convolution(lite0_layers: Layers) -> None:
    names = trainable_names("last stage", lite0_layers, LITE0_STAGES)
    assert {name.split(".")[0] for name in names} == {"blocks", "conv_head", "bn2"}
    assert not any(name.startswith("blocks.5") for name in names)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("middle.*", {f"middle.{n}.{k}" for n in (0, 1) for k in ("weight", "bias")}),
        ("middle.0", {"middle.0.weight", "middle.0.bias"}),
        ("*.1.bias", {"low.1.bias", "middle.1.bias", "high.1.bias"}),
        ("norm, high.0.weight", {"norm.weight", "norm.bias", "high.0.weight"}),
        ("head, position", {"position"}),
    ],
)
def test_names_and_globs(expression: str, names: set[str], toy_layers: Layers) -> None:
    assert trainable_names(expression, toy_layers, STAGES) == names


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("the last few", "is not understood: write head, all, 'last 20 layers'"),
        ("", "is not understood"),
        ("last 14 layers", "there are 13 layers; choose 1 to 13"),
        ("last 0 layers", "choose 1 to 13 ('head' trains none)"),
        ("last 781 of 780 layers", "there are 780 layers"),
        ("from layer 13", "13 layers are numbered from 0 to 12"),
        ("from layer 780 of 780", "780 layers are numbered from 0 to 779"),
        ("last 4 stages", "the stages are low, middle, high; choose 1 to 3"),
        ("2.5", "a share goes from 0 to 1"),
        ("140%", "a share goes from 0 to 1"),
        ("midle.*", "did you mean middle"),
        ("hed", "did you mean head"),
        ("classifier.*", "matches no weights of the backbone"),
    ],
)
def test_what_cannot_be_is_said_with_its_mend(
    expression: str, message: str, toy_layers: Layers
) -> None:
    with pytest.raises(ConfigError) as caught:
        trainable_names(expression, toy_layers, STAGES)
    assert message in str(caught.value)


def test_layers_without_weights_are_told(toy_layers: Layers) -> None:
    words = choose_trained("last 2 layers", toy_layers[:12], STAGES).words
    assert words == "layers 10 to 11 (from high.2) and the head; but these layers have no weights"


@given(st.integers(1, 60), st.data())
def test_counting_to_the_own_total_is_exact(count: int, data: st.DataObject) -> None:
    layers = made_up(count)
    number = data.draw(st.integers(1, count))
    assert first_of(f"last {number} of {count} layers", layers) == count - number
    assert first_of(f"from layer {number - 1} of {count}", layers) == number - 1
    assert first_of(f"last {number} layers", layers) == count - number


@given(st.integers(1, 60), st.integers(2, 900), st.data())
def test_a_greater_number_never_trains_less(count: int, total: int, data: st.DataObject) -> None:
    layers = made_up(count)
    less, more = sorted(data.draw(st.tuples(*[st.integers(1, total)] * 2)))
    few = trainable_names(f"last {less} of {total} layers", layers, ())
    many = trainable_names(f"last {more} of {total} layers", layers, ())
    assert few
    assert few <= many
    assert abs(len(many) - more * count / total) <= max(0.5, 1 - more * count / total)


@given(st.floats(0, 1, allow_subnormal=False), st.integers(1, 60))
def test_a_share_is_that_share_of_the_layers(share: float, count: int) -> None:
    text = f"{share:.6f}"
    trained = count - first_of(text, made_up(count))
    assert abs(trained - float(text) * count) <= 1
    assert (trained == 0) == (float(text) == 0)


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    names: frozenset[str] = frozenset()
    with contextlib.suppress(ConfigError):
        names = trainable_names(text, made_up(5), ("part1", "part3"))
    assert names <= {f"part{number}.weight" for number in range(5)}
