"""Our solver for logistic regression beside scikit-learn's and torch.optim.LBFGS.

Usage: python benchmarks/solvers.py [--rows 20000] [--solvers ours,lbfgs,torch]

Synthetic features shaped like a backbone's: correlated, not negative, in clusters by
class that overlap. Everybody minimises the same objective on the same standardised
float32 matrix: mean loss plus half the penalty times the squared norm of the weights,
once for every penalty of the grid that headstart searches. Ours solves the whole grid
at once on the principal axes, and finding the axes counts; the others are called once
for each penalty, with unit variances and the tolerances that are theirs by default (for
PyTorch: a gradient of 1e-5). Losses are computed alike, in float64.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from _measure import alternate_seconds
from _report import Cell, Check, Report, arguments_parser

PENALTIES = (1e-3, 1e-4, 1e-5, 1e-6)
LATENT = 96
NOISE = 0.3
SPREAD = 0.3
SKLEARN = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")
OURS, TORCH = "ours", "torch"
NAMES = {OURS: "headstart", TORCH: "torch.optim.LBFGS"}
Model: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Weights (D, K) and biases (K,) on the standardised features."""
Solver: TypeAlias = Callable[["Task"], list[Model]]


@dataclass(frozen=True)
class Task:
    """Training and held-out rows.

    Attributes:
        features: As a store keeps them, float16, shape (N, D).
        standard: Standardised and divided by sqrt(D), float32, shape (N, D).
        targets: Class of each row, shape (N,).
        held_out: Standardised held-out rows, shape (M, D).
        held_out_targets: Their classes, shape (M,).
        penalties: Strengths to solve for.
        unit: ``standard`` at unit variance, as the others' tolerances expect: the same
            problem there has weights smaller by sqrt(D), penalties D times as strong.
    """

    features: np.ndarray
    standard: np.ndarray
    targets: np.ndarray
    held_out: np.ndarray
    held_out_targets: np.ndarray
    penalties: tuple[float, ...]
    unit: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.targets.max()) + 1


def draw(rows: int, dim: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw features and targets: centres and noise in a latent space, mixed, cut at zero."""
    rng = np.random.default_rng(0)
    decay = (1 + np.arange(LATENT)) ** -0.5
    targets = rng.integers(classes, size=rows)
    centres = rng.normal(size=(classes, LATENT)) * decay * SPREAD
    latent = centres[targets] + rng.normal(size=(rows, LATENT)) * decay
    mixing = rng.normal(size=(LATENT, dim)).astype(np.float32)
    raw = latent.astype(np.float32) @ mixing
    raw += NOISE * rng.standard_normal(raw.shape, dtype=np.float32)
    return np.maximum(raw, 0).astype(np.float16), targets


def build_task(rows: int, dim: int, classes: int, penalties: Sequence[float]) -> Task:
    """Return a problem whose standardisation is the one that headstart would use."""
    from headstart.heads.projection import fit_projection

    features, targets = draw(rows + rows // 5, dim, classes)
    projection = fit_projection(features[:rows], seed=0)
    standard = features.astype(np.float32)
    standard -= projection.mean.numpy()
    standard *= projection.scale.numpy()
    return Task(
        features=features[:rows],
        standard=standard[:rows],
        targets=targets[:rows],
        held_out=standard[rows:],
        held_out_targets=targets[rows:],
        penalties=tuple(penalties),
        unit=standard[:rows] * np.float32(dim**0.5),
    )


def solve_ours(task: Task) -> list[Model]:
    """Solve all penalties at once on the principal axes."""
    import torch

    from headstart.heads.logistic import fit_logistic
    from headstart.heads.projection import fit_projection

    projection = fit_projection(task.features, seed=0)
    count, problems = len(task.features), len(task.penalties)
    weights, biases = fit_logistic(
        projection.apply(task.features),
        torch.from_numpy(task.targets),
        classes=task.classes,
        weights=torch.full((problems, count), 1 / count),
        penalties=torch.tensor(task.penalties),
        variance=projection.variance,
    )
    return [
        ((projection.basis @ weight).numpy(), bias.numpy())
        for weight, bias in zip(weights, biases, strict=True)
    ]


def solve_sklearn(task: Task, iterations: int, solver: str) -> list[Model]:
    """Solve one penalty after the other with scikit-learn."""
    from sklearn.linear_model import LogisticRegression

    models = []
    for penalty in task.penalties:
        count, dim = task.unit.shape
        strength = 1 / (penalty * dim * count)
        model = LogisticRegression(C=strength, solver=solver, max_iter=iterations)
        model.fit(task.unit, task.targets)
        models.append((model.coef_.T * dim**0.5, model.intercept_))
    return models


def solve_torch(task: Task, iterations: int) -> list[Model]:
    """Solve one penalty after the other with PyTorch's own L-BFGS."""
    return [_torch_lbfgs(task, penalty, iterations) for penalty in task.penalties]


def _torch_lbfgs(task: Task, penalty: float, iterations: int) -> Model:
    import torch
    from torch.nn.functional import cross_entropy

    features, targets = torch.from_numpy(task.unit), torch.from_numpy(task.targets)
    dim = features.shape[1]
    weight = torch.zeros(dim, task.classes, requires_grad=True)
    bias = torch.zeros(task.classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=iterations,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        fit = cross_entropy(features @ weight + bias, targets)
        total = fit + penalty * dim / 2 * (weight**2).sum()
        total.backward()
        return total

    optimizer.step(closure)
    return weight.detach().numpy() * dim**0.5, bias.detach().numpy()


def nll(features: np.ndarray, targets: np.ndarray, model: Model) -> float:
    """Return the mean negative log-likelihood in nats, in float64."""
    weight, bias = (part.astype(np.float64) for part in model)
    total = 0.0
    for start in range(0, len(targets), 4096):
        logits = features[start : start + 4096] @ weight + bias
        logits -= logits.max(1, keepdims=True)
        mine = targets[start : start + 4096, None]
        total += (np.log(np.exp(logits).sum(1)) - np.take_along_axis(logits, mine, 1)[:, 0]).sum()
    return float(total / len(targets))


def objective(task: Task, model: Model, penalty: float) -> float:
    """Return what everybody minimises."""
    squared = float((model[0].astype(np.float64) ** 2).sum())
    return nll(task.standard, task.targets, model) + penalty / 2 * squared


def accuracy(task: Task, model: Model) -> float:
    """Return the accuracy on the held-out rows."""
    weight, bias = model
    return float(((task.held_out @ weight + bias).argmax(1) == task.held_out_targets).mean())


def solver_of(name: str, iterations: int) -> Solver:
    """Return a contestant by its name; the iterations are for the others."""
    if name == OURS:
        return solve_ours
    if name == TORCH:
        return partial(solve_torch, iterations=iterations)
    return partial(solve_sklearn, iterations=iterations, solver=name)


def title_of(name: str) -> str:
    """Return a contestant's name in the table."""
    return NAMES.get(name, f"scikit-learn, {name}")


def report(task: Task, seconds: Mapping[str, float], models: Mapping[str, list[Model]]) -> Report:
    """Put time, distance from the best loss found, and held-out accuracy side by side."""
    losses = {
        name: [objective(task, m, p) for m, p in zip(found, task.penalties, strict=True)]
        for name, found in models.items()
    }
    least = [min(column) for column in zip(*losses.values(), strict=True)]
    rows: list[list[Cell]] = []
    for name, taken in seconds.items():
        gap = max(mine - best for mine, best in zip(losses[name], least, strict=True))
        accuracies = [accuracy(task, model) for model in models[name]]
        nlls = [nll(task.held_out, task.held_out_targets, model) for model in models[name]]
        ratio = taken / seconds[OURS]
        rows.append(
            [title_of(name), taken, ratio, f"{gap:.5f}", f"{min(nlls):.4f}", max(accuracies)]
        )
    return Report(
        title=f"{task.standard.shape[0]:,} x {task.standard.shape[1]:,} features, "
        f"{task.classes} classes, {len(task.penalties)} penalties",
        headers=("solver", "s", "times ours", "worst gap", "best NLL", "best accuracy"),
        rows=rows,
        checks=[
            Check(f"times faster than {title_of(name)}", taken / seconds[OURS], 1, "at least", "x")
            for name, taken in seconds.items()
            if name != OURS
        ],
        notes=[
            "worst gap: over the penalties, objective minus the least that any found, in nats",
            f"best: of the penalties, on {len(task.held_out_targets):,} held-out rows",
        ],
    )


def solver_list(text: str) -> list[str]:
    """Return the names in a comma-separated list; ours is always in it."""
    names = [OURS, *(name for name in text.split(",") if name != OURS)]
    unknown = sorted(set(names) - {OURS, TORCH, *SKLEARN})
    if unknown:
        known = ", ".join((OURS, TORCH, *SKLEARN))
        raise argparse.ArgumentTypeError(f"no solver {', '.join(unknown)}: one of {known}")
    return names


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = arguments_parser(__doc__, rounds=1)
    parser.add_argument("--rows", type=int, default=20_000, help="training rows [%(default)s]")
    parser.add_argument("--dim", type=int, default=1280, help="features [%(default)s]")
    parser.add_argument("--classes", type=int, default=10, help="classes [%(default)s]")
    parser.add_argument(
        "--penalties", type=float, nargs="+", default=PENALTIES, help="strengths [%(default)s]"
    )
    parser.add_argument(
        "--iterations", type=int, default=1000, help="most iterations of the others [%(default)s]"
    )
    parser.add_argument(
        "--solvers", type=solver_list, default="lbfgs,torch",
        help=f"who takes part besides ours: {', '.join((TORCH, *SKLEARN))} [%(default)s]",
    )  # fmt: skip
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parse()
    task = build_task(arguments.rows, arguments.dim, arguments.classes, arguments.penalties)
    models: dict[str, list[Model]] = {}

    def job(name: str) -> None:
        models[name] = solver_of(name, arguments.iterations)(task)

    jobs = {name: partial(job, name) for name in arguments.solvers}
    seconds = alternate_seconds(jobs, arguments.rounds)
    report(task, seconds, models).publish(arguments.json)


if __name__ == "__main__":
    main()
