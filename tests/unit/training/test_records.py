"""Records: what goes in comes out, as the network wants it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.training.records import RecordLayout, flatten, open_records


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("pictured", [False, True])
def test_an_activation_and_its_blocks_come_back(half: torch.dtype, pictured: bool) -> None:
    torch.manual_seed(0)
    activation = torch.randn(3, 5, 3, 7).contiguous(memory_format=torch.channels_last)
    blocks = torch.randn(3, 2), torch.randn(3, 4)
    shape = (3, 7, 5) if pictured else (5, 3, 7)  # of an odd number of numbers
    layout = RecordLayout(shape, pictured, half, torch.float32, (2, 4))
    numbers = torch.cat([flatten(activation, pictured=pictured), *blocks], dim=1)
    records = torch.from_numpy(layout.pack(numbers.numpy()))
    assert records.shape == (3, layout.record_bytes)
    found, kept = layout.unpack(records)
    assert found is not None
    torch.testing.assert_close(found, activation.to(half).float(), rtol=0, atol=0)
    assert found.is_contiguous(memory_format=torch.channels_last) == pictured
    assert all(torch.equal(a, b) for a, b in zip(kept, blocks, strict=True))


def test_numbers_beyond_half_precision_are_held_at_its_end() -> None:
    layout = RecordLayout((2,), False, torch.float16, torch.float32, ())
    records = torch.from_numpy(layout.pack(np.array([[1e6, -1e6]], np.float32)))
    activation, _ = layout.unpack(records)
    assert activation is not None
    assert activation.tolist() == [[65504, -65504]]


def test_without_an_activation_there_are_blocks_alone() -> None:
    layout = RecordLayout(None, False, torch.float16, torch.float32, (3,))
    records = torch.from_numpy(layout.pack(np.arange(6, dtype=np.float32).reshape(2, 3)))
    activation, (block,) = layout.unpack(records)
    assert activation is None
    assert block.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_file_of_another_size_is_no_file_of_records(tmp_path: Path) -> None:
    path = tmp_path / "some"
    assert open_records(path, (2, 1), 4) is None
    path.write_bytes(bytes(range(12)))
    assert open_records(path, (2, 2), 4) is None
    parts = open_records(path, (2, 1), 4)
    assert parts is not None
    train, checked = parts
    assert train.read(np.array([1, 0])).tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert checked.read(np.array([0])).tolist() == [[8, 9, 10, 11]]
