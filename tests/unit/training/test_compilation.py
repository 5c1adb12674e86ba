"""Compiled regions: same answers, same names, whole batches only, a fall back with its reason."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from headstart.training.arithmetic import Arithmetic
from headstart.training.compilation import compile_regions
from headstart.training.fast_convs import restore

BATCH = 4
Graphs = list[int]


def failing(graph: Any, inputs: Any) -> Any:
    del graph, inputs
    raise RuntimeError("\n  no compiler here.\nmore lines")


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graphs]:
    """What is compiled, and how often it runs; the backend does nothing else."""
    torch.compiler.reset()
    runs: Graphs = []

    def backend(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        del inputs
        number = len(runs)
        runs.append(0)

        def run(*arguments: Any) -> Any:
            runs[number] += 1
            return graph.forward(*arguments)

        return run

    compiles = torch.compile
    backends = {"counting": backend, "failing": failing}
    monkeypatch.setattr(
        torch,
        "compile",
        lambda model, *, backend, **more: compiles(model, backend=backends[backend], **more),
    )
    yield runs
    torch.compiler.reset()


def block(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())


class Stack(nn.Module):
    """Ten different blocks, the last three alike; taps on two."""

    taps = ("blocks.1", "blocks.5")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(6, 6)
        self.blocks = nn.Sequential(
            *(nn.Sequential(nn.Linear(6, 3 + n), nn.Linear(3 + n, 6)) for n in range(9)),
            block(6),
            block(6),
            block(6),
        )
        self.nothing = nn.ReLU()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.nothing(self.blocks(self.stem(values)))


def compiled(backend: str = "counting", **options: Any) -> tuple[Stack, list[str]]:
    network, said = Stack(), []
    compile_regions(
        network, Stack.taps, batch_size=BATCH, backend=backend, say=said.append, **options
    )
    return network, said


def seen_by_a_tap(network: Stack, values: torch.Tensor) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    hook = network.blocks[5].register_forward_hook(lambda *it: seen.append(it[2]))
    network(values)
    hook.remove()
    (only,) = seen
    return only


def test_answers_gradients_and_names_stay(graphs: Graphs) -> None:
    plain, (network, said) = Stack(), compiled()
    values = torch.randn(BATCH, 6)
    for each in (plain, network):
        each(values).sum().backward()
    assert list(plain.state_dict()) == list(network.state_dict())
    for one, other in zip(plain.parameters(), network.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)  # type: ignore[arg-type]
    assert not said


def test_regions_that_are_alike_are_compiled_once(graphs: Graphs) -> None:
    network, _ = compiled()
    network(torch.randn(BATCH, 6))
    network(torch.randn(BATCH, 6))
    assert len(graphs) == 1 + 9 + 1
    assert sum(graphs) == 2 * 13


def test_taps_see_what_passes(graphs: Graphs) -> None:
    plain, (network, _) = Stack(), compiled()
    values = torch.randn(BATCH, 6)
    for _ in range(2):
        assert torch.equal(seen_by_a_tap(plain, values), seen_by_a_tap(network, values))


def test_only_whole_training_batches_are_compiled(graphs: Graphs) -> None:
    network, _ = compiled()
    network(torch.randn(BATCH - 1, 6))
    with torch.no_grad():
        network(torch.randn(BATCH, 6))
    assert not graphs


def test_what_cannot_be_compiled_is_computed_as_before_and_said_once(graphs: Graphs) -> None:
    plain, (network, said) = Stack(), compiled("failing")
    values = torch.randn(BATCH, 6)
    assert torch.equal(plain(values), network(values))
    assert torch.equal(plain(values), network(values))
    assert len(said) == 1
    assert said[0].startswith("not compiled:")


def test_a_mistake_of_the_network_is_not_taken_for_the_compilers(graphs: Graphs) -> None:
    network, said = compiled()
    network(torch.randn(BATCH, 6))
    with pytest.raises(RuntimeError, match="reduction dim"):
        network(torch.randn(BATCH, 5))
    assert not said


def test_undone_nothing_is_left(graphs: Graphs) -> None:
    network, _ = compiled()
    restore(network)
    network(torch.randn(BATCH, 6))
    assert not graphs
    copy.deepcopy(network)


def test_an_arithmetic_by_name_compiles(graphs: Graphs) -> None:
    network = Stack()
    arithmetic = Arithmetic("bf16-compiled", backend="counting")
    example = torch.randn(2, 6)
    arithmetic.prepare(network, example, taps=Stack.taps, batch_size=BATCH)
    with arithmetic.applied(torch.device("cpu")):
        answer = network(torch.randn(BATCH, 6))
    assert answer.dtype == torch.bfloat16
    assert graphs
    Arithmetic("bf16").prepare(network, example)
    assert "forward" not in network.stem.__dict__
