from contextlib import suppress

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.randomness import dropout_seed, generator, seed_of

parts = st.lists(st.integers(-(2**70), 2**70) | st.text(max_size=5), max_size=4)


@given(parts, parts)
def test_other_parts_give_another_seed(one, other) -> None:
    assert 0 <= seed_of(*one) < 2**63
    assert (seed_of(*one) == seed_of(*other)) == (one == other)


def test_a_number_is_not_its_digits_and_a_numpy_number_is_a_number() -> None:
    assert seed_of(1) != seed_of("1")
    assert seed_of(np.int64(7), "step") == seed_of(7, "step")


def test_the_seed_of_a_draw_never_changes_or_old_runs_could_not_go_on() -> None:
    assert seed_of(3, "mixup", 14) == 8313320467133745010


def test_generators_draw_by_their_parts_alone() -> None:
    first, again, other = (
        torch.rand(5, generator=generator(0, "erase", step)) for step in (1, 1, 2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first != other).all()


def test_dropout_depends_on_the_parts_and_leaves_the_random_state_alone() -> None:
    dropout = torch.nn.Dropout(0.5)
    before = torch.get_rng_state()
    masks = []
    for step in (1, 2, 1):
        with dropout_seed(0, "dropout", step):
            masks.append(dropout(torch.ones(64)))
        torch.rand(3)
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])
    torch.set_rng_state(before)
    with suppress(ZeroDivisionError), dropout_seed(0):
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)
