"""Training dense heads: how many epochs is decided on held-out images, then all are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.config import HeadConfig
from headstart.config.schema import Activation, Optimiser
from headstart.heads.base import Logits
from headstart.heads.dense import DenseHead
from headstart.heads.dense_inputs import DenseInputs
from headstart.heads.folds import Indices, assign_folds
from headstart.heads.presets import DenseSettings
from headstart.heads.probe import Candidate, HeldOut, ProbeFit, ProbeTask
from headstart.heads.scoring import Score, row_weights, score
from headstart.progress import Progress, Silent

_FOLDS_WORK = 10**10
"""Images times weights times folds: as many folds are held out as this allows, at least one."""
_ALL_FOLDS_ROWS = 20_000
_PREDICT_ROWS = 512
_LEAST_GAIN = 1e-3
"""Nats by which the held-out likelihood has to be better to count as better."""

_ACTIVATIONS: Final[Mapping[Activation, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
_OPTIMISERS: Final[Mapping[Optimiser, Callable[..., torch.optim.Optimizer]]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "sgd": partial(torch.optim.SGD, momentum=0.9, fused=True),
}


def fit_dense(
    task: ProbeTask,
    settings: DenseSettings,
    config: HeadConfig,
    *,
    taps: str,
    seed: int,
    progress: Progress,
) -> ProbeFit:
    """Train hidden layers on cached features.

    The folds' networks are trained side by side until their pooled, calibrated held-out
    likelihood has not improved for ``settings.patience`` epochs. The best epoch's held-out
    logits calibrate; the head itself is trained on every row for as many epochs.

    Args:
        task: Features, targets and groups.
        settings: Layers and optimiser.
        config: Folds and class weights.
        taps: Tap set.
        seed: Seed of folds, initial weights, order and dropout.
        progress: Who is told.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        job = _DenseJob(task, settings, config, taps, seed)
        epochs = list(job.held_out_epochs(progress))
        best = min(epochs, key=lambda epoch: epoch.score.nll)
        with progress.wait("fitting the head"):
            head = job.fit_all(best.number, best.score.temperature)
    return ProbeFit(
        head=head,
        candidates=tuple(job.candidate(epoch) for epoch in epochs),
        chosen=job.candidate(best),
        held_out_rows=job.held_rows,
        held_out_logits=best.logits,
        kind=settings.described,
    )


def judge_dense(
    task: ProbeTask, settings: DenseSettings, config: HeadConfig, *, taps: str, seed: int
) -> HeldOut:
    """Return the held-out answers that :func:`fit_dense` would come to, and fit no head."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        job = _DenseJob(task, settings, config, taps, seed)
        best = min(job.held_out_epochs(Silent()), key=lambda epoch: epoch.score.nll)
    return HeldOut(job.candidate(best), job.held_rows, best.logits)


@dataclass(frozen=True)
class _Epoch:
    number: int
    logits: Logits
    score: Score


@dataclass(frozen=True)
class _Learner:
    """One network and the rows it learns from."""

    network: nn.Sequential
    optimiser: torch.optim.Optimizer
    rows: Indices


class _DenseJob:
    def __init__(
        self, task: ProbeTask, settings: DenseSettings, config: HeadConfig, taps: str, seed: int
    ) -> None:
        self._task = task
        self._settings = settings
        self._taps = taps
        self._outputs = task.layout.outputs_of(taps)
        columns = task.layout.columns(self._outputs)
        self._inputs = DenseInputs(task.features, columns, seed=seed)
        self._weights = row_weights(task.targets, config.class_weight)
        self._loss_weights = torch.from_numpy(self._weights.astype(np.float32))
        self._targets = torch.from_numpy(task.targets)
        self._order = np.random.default_rng(seed)
        self._fold_of = assign_folds(task.targets, task.groups, folds=config.folds, seed=seed)
        self._folds = self._used_folds()
        self.held_rows = np.flatnonzero(np.isin(self._fold_of, self._folds))

    def _used_folds(self) -> Indices:
        folds, rows = np.unique(self._fold_of), len(self._task.targets)
        sizes = (self._inputs.width, *self._settings.widths, len(self._task.classes))
        work = rows * sum(a * b for a, b in pairwise(sizes))
        return folds[: 1 if rows > _ALL_FOLDS_ROWS else max(1, _FOLDS_WORK // work)]

    def held_out_epochs(self, progress: Progress) -> Iterator[_Epoch]:
        """Train every fold's network, an epoch each in turn, until it no longer helps."""
        learners = [self._learner(np.flatnonzero(self._fold_of != fold)) for fold in self._folds]
        numbers: Iterable[int] = range(1, self._settings.epochs + 1)
        best, since = float("inf"), 0
        for number in progress.track(
            numbers, total=self._settings.epochs, task="training the head", unit="epochs"
        ):
            epoch = self._held_out_epoch(number, learners)
            yield epoch
            gained = epoch.score.nll < best - _LEAST_GAIN
            best, since = (epoch.score.nll, 0) if gained else (best, since + 1)
            if since == self._settings.patience:
                break

    def _held_out_epoch(self, number: int, learners: list[_Learner]) -> _Epoch:
        logits = np.empty((len(self.held_rows), len(self._task.classes)))
        for fold, learner in zip(self._folds, learners, strict=True):
            self._train_epoch(learner)
            mine = self._fold_of[self.held_rows] == fold
            logits[mine] = self._predict(learner.network, self.held_rows[mine])
        rows = self.held_rows
        return _Epoch(number, logits, score(logits, self._task.targets[rows], self._weights[rows]))

    def fit_all(self, epochs: int, temperature: float) -> DenseHead:
        """Train on every row, and fold what is linear into the layers."""
        learner = self._learner(np.arange(len(self._task.targets)))
        for _ in range(epochs):
            self._train_epoch(learner)
        layers = _folded(learner.network.eval(), self._inputs)
        return DenseHead(
            classes=self._task.classes,
            taps=self._taps,
            outputs=self._outputs,
            weights=tuple(weight.float().numpy() for weight, _ in layers),
            biases=tuple(bias.float().numpy() for _, bias in layers),
            activation=self._settings.activation,
            temperature=temperature,
        )

    def candidate(self, epoch: _Epoch) -> Candidate:
        """Return an epoch as a line of the history."""
        return Candidate(
            taps=self._taps,
            strength=self._settings.l2,
            accuracy=epoch.score.accuracy,
            nll=epoch.score.nll,
            images=len(epoch.logits),
            setting=f"epoch {epoch.number}",
        )

    def _learner(self, rows: Indices) -> _Learner:
        network = build_layers(self._inputs.width, len(self._task.classes), self._settings)
        optimiser = _OPTIMISERS[self._settings.optimiser]
        rate = self._settings.learning_rate
        return _Learner(network, optimiser(network.parameters(), lr=rate), rows)

    def _train_epoch(self, learner: _Learner) -> None:
        learner.network.train()
        order = self._order.permutation(learner.rows)
        for rows in np.array_split(order, max(1, len(order) // self._settings.batch_size)):
            learner.optimiser.zero_grad()
            self._loss(learner.network, rows).backward()  # type: ignore[no-untyped-call]
            learner.optimiser.step()

    def _loss(self, network: nn.Sequential, rows: Indices) -> torch.Tensor:
        index = torch.from_numpy(rows)
        logits = network(self._inputs.batch(rows))
        losses = functional.cross_entropy(logits, self._targets[index], reduction="none")
        loss = (losses * self._loss_weights[index]).mean()
        if not self._settings.l2:
            return loss
        hidden = [layer for layer in network if isinstance(layer, nn.Linear)][:-1]
        squares = [(layer.weight * layer.weight).sum() for layer in hidden]
        return loss + self._settings.l2 * torch.stack(squares).sum() if squares else loss

    @torch.inference_mode()
    def _predict(self, network: nn.Sequential, rows: Indices) -> Logits:
        network.eval()
        parts = np.array_split(rows, -(-len(rows) // _PREDICT_ROWS))
        return torch.cat([network(self._inputs.batch(part)) for part in parts]).double().numpy()


def build_layers(width: int, classes: int, settings: DenseSettings) -> nn.Sequential:
    """Return the network of a dense head, Glorot-initialised as Keras does.

    Args:
        width: Features an image.
        classes: Logits.
        settings: Hidden layers.
    """
    layers: list[nn.Module] = [] if settings.widths else [nn.Dropout(settings.dropout)]
    for hidden in settings.widths:
        layers.append(_linear(width, hidden))
        layers.extend([nn.BatchNorm1d(hidden)] if settings.batch_norm else [])
        layers.extend([_ACTIVATIONS[settings.activation](), nn.Dropout(settings.dropout)])
        width = hidden
    return nn.Sequential(*layers, _linear(width, classes))


def _linear(width: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(width, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


_Affine = tuple[torch.Tensor, torch.Tensor]


@torch.inference_mode()
def _folded(network: nn.Sequential, inputs: DenseInputs) -> list[_Affine]:
    """Return each layer's weight (D, H) and bias (H,) on raw features, in float64."""
    layers: list[_Affine] = []
    for module in network:
        if isinstance(module, nn.Linear):
            layers.append((module.weight.T.double(), module.bias.double()))
        elif isinstance(module, nn.BatchNorm1d):
            layers.append(_normalised(layers.pop(), module))
    weight, bias = layers[0]
    raw = inputs.scale.double()[:, None] * weight
    return [(raw, bias - inputs.mean.double() @ raw), *layers[1:]]


def _normalised(layer: _Affine, norm: nn.BatchNorm1d) -> _Affine:
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight, bias = layer
    return weight * gain, (bias - norm.running_mean.double()) * gain + norm.bias.double()
