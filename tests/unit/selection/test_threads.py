from __future__ import annotations

import torch

from headstart.selection.threads import one_thread


def test_the_number_of_threads_comes_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
