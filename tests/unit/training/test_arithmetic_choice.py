"""The choice of an arithmetic, on processors and on graphics cards that are played."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import TrainingError
from headstart.training import arithmetic_choice as choice
from headstart.training.arithmetic import Arithmetic
from headstart.training.arithmetic_choice import ArithmeticChoice, Work, candidates
from headstart.training.tuning_plan import TuningPlan

CUDA, MPS, CPU = (torch.device(name) for name in ("cuda", "mps", "cpu"))
IMAGES = 8


class Played:
    """A device whose steps take what they are told to, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.prepared: list[str] = []
        self.batches: list[int | None] = []
        monkeypatch.setattr(choice.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(choice, "_finish", lambda device: None)
        monkeypatch.setattr(Arithmetic, "prepare", self._prepare)

    def _prepare(self, network: nn.Module, example: torch.Tensor, **more: Any) -> None:
        del network, example, more

    def choose(
        self,
        device: torch.device,
        seconds: Mapping[str, float | Exception],
        *,
        compile_s: float = 40.0,
        work: Work | None = None,
    ) -> ArithmeticChoice:
        seen: set[str] = set()

        def step(arithmetic: Arithmetic) -> None:
            taken = seconds[arithmetic.name]
            if isinstance(taken, Exception):
                raise taken
            first = arithmetic.compiled and arithmetic.name not in seen
            seen.add(arithmetic.name)
            self.now += taken + (compile_s if first else 0.0)

        return choice.choose_arithmetic(
            nn.Linear(1, 1), torch.zeros(IMAGES, 3, 2, 2), step, device=device, work=work
        )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


CardMaker = Callable[..., None]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> CardMaker:
    """``card((8, 0), bf16=True)``: what PyTorch says of the graphics card."""

    def play(capability: tuple[int, int], *, bf16: bool) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)

    return play


def test_each_card_tries_what_it_can(card: CardMaker) -> None:
    card((8, 0), bf16=True)
    assert candidates(CUDA) == ("tf32", "bf16", "f16")
    card((7, 5), bf16=False)
    assert candidates(CUDA) == ("f32", "f16")
    assert candidates(MPS) == ("f32", "f16")
    assert candidates(CPU)[0] == "f32"


AMPERE = {"tf32": 0.020, "bf16": 0.010, "f16": 0.011, "bf16-compiled": 0.006}


def test_the_fastest_is_taken_and_all_are_told(played: Played, card: CardMaker) -> None:
    card((8, 0), bf16=True)
    found = played.choose(CUDA, AMPERE)
    assert found.arithmetic.name == "bf16"
    assert found.arithmetic.images_per_s == pytest.approx(IMAGES / 0.010)
    assert found.words.startswith("bf16, 800 images/s (tf32 400, f16 727; not compiled: ")


def test_speeds_that_noise_explains_go_to_the_more_exact(played: Played) -> None:
    assert played.choose(MPS, {"f32": 0.0102, "f16": 0.0100}).arithmetic.name == "f32"
    assert played.choose(MPS, {"f32": 0.0110, "f16": 0.0100}).arithmetic.name == "f16"


def test_what_does_not_work_is_left_out_with_its_reason(played: Played) -> None:
    found = played.choose(MPS, {"f32": 0.01, "f16": RuntimeError("no f16 here.\nTraceback")})
    assert found.arithmetic.name == "f32"
    assert "f16 failed: no f16 here" in found.words


def test_none_that_works_is_an_error_with_the_mend(played: Played) -> None:
    full = torch.OutOfMemoryError("out of memory")
    with pytest.raises(TrainingError, match=r"f32 failed: out of memory.*lower batch_size"):
        played.choose(MPS, {"f32": full, "f16": full})


@pytest.mark.parametrize(
    ("steps", "phases", "name", "words"),
    [
        (20_000, 1, "bf16-compiled", "compiling took 40 s"),
        (9_000, 1, "bf16", "40 s of compiling would gain 36 s"),
        (20_000, 3, "bf16", "120 s of compiling would gain 80 s"),
        (1_000, 1, "bf16", "the 1,000 steps take 10 s as they are"),
    ],
)
def test_compiling_has_to_be_repaid(
    played: Played, card: CardMaker, steps: int, phases: int, name: str, words: str
) -> None:
    card((8, 0), bf16=True)
    found = played.choose(CUDA, AMPERE, work=Work(steps, phases))
    assert found.arithmetic.name == name
    assert words in found.words


def test_a_failing_compiler_is_told_and_done_without(played: Played, card: CardMaker) -> None:
    card((8, 0), bf16=True)
    missing = {**AMPERE, "bf16-compiled": RuntimeError("Cannot find a working triton")}
    found = played.choose(CUDA, missing, work=Work(20_000))
    assert found.arithmetic.name == "bf16"
    assert "bf16-compiled failed: Cannot find a working triton" in found.words


def test_a_region_that_fails_to_compile_counts_as_not_compiled(
    played: Played, card: CardMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    card((8, 0), bf16=True)

    def prepare(self: Arithmetic, *_: Any, **__: Any) -> None:
        if self.compiled:
            self.say("not compiled: no compiler")

    monkeypatch.setattr(Arithmetic, "prepare", prepare)
    found = played.choose(CUDA, AMPERE, work=Work(20_000))
    assert found.arithmetic.name == "bf16"
    assert found.words.endswith("not compiled: no compiler)")


def test_a_processor_compiles_nothing(played: Played) -> None:
    times = dict.fromkeys(candidates(CPU), 0.1)
    assert "compiled" not in played.choose(CPU, times, work=Work(10**6)).words


def test_time_is_really_taken() -> None:
    def step(arithmetic: Arithmetic) -> None:
        time.sleep(0.02 if arithmetic.name == "f32" else 0.06)

    found = choice.choose_arithmetic(nn.Identity(), torch.zeros(2, 3, 2, 2), step, device=CPU)
    assert found.arithmetic.name == "f32"
    assert found.arithmetic.images_per_s == pytest.approx(100, rel=0.5)


def test_another_programs_moment_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "candidates", lambda device: ("f32", "bf16", "bf16-fast"))
    monkeypatch.setattr(Arithmetic, "prepare", lambda self, network, example, **more: None)
    steps: list[str] = []

    def step(arithmetic: Arithmetic) -> None:
        disturbed = arithmetic.name == "bf16-fast" and steps.count("bf16-fast") < 2
        steps.append(arithmetic.name)
        time.sleep({"f32": 0.04, "bf16": 0.4, "bf16-fast": 0.06 if disturbed else 0.01}[steps[-1]])

    found = choice.choose_arithmetic(nn.Identity(), torch.zeros(2, 3, 2, 2), step, device=CPU)
    assert found.arithmetic.name == "bf16-fast"
    assert steps.count("bf16") == 2  # ten times as slow: not asked again


@pytest.mark.parametrize("name", ["f32", "tf32-compiled", "f16-compiled", "bf16-fast"])
def test_a_plan_keeps_any_of_them(tmp_path: Any, name: str) -> None:
    TuningPlan(arithmetic=name).write(tmp_path)  # type: ignore[arg-type]
    kept = TuningPlan.read(tmp_path)
    assert kept is not None
    assert Arithmetic(kept.arithmetic).compiled is name.endswith("compiled")


def test_tensor_cores_are_switched_for_the_block_only() -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    for name, wanted in (("tf32", True), ("tf32-compiled", True), ("f32", False)):
        with Arithmetic(name).tensor_cores(CUDA):  # type: ignore[arg-type]
            assert (matmul.allow_tf32, cudnn.allow_tf32) == (wanted, wanted)
        assert (matmul.allow_tf32, cudnn.allow_tf32) == before
    with Arithmetic("tf32").tensor_cores(CPU):
        assert (matmul.allow_tf32, cudnn.allow_tf32) == before
