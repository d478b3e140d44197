"""Fields of application, matrix factorization: recommend items from the few ratings that are known.

A matrix of ratings by users u of items i, most of them unknown, is approximated by a constant, biases and a product of two
thin matrices of rank k, whose rows are the tastes of the users and the traits of the items:

    prediction[u, i] = mu + b[u] + c[i] + p[u] . q[i]

Gradient descent (Adam) minimizes the mean over the known ratings of (rating - prediction)^2 + lambda (|p[u]|^2 + |q[i]|^2).
The penalty is L2 regularization, a remedy for overfitting. The ratings are made by the program: of rank 3, with biases and
noise, so that the least error to be expected is known, the standard deviation of the noise. A tenth of the known ratings is
held out: on them the factorization is compared with the constant and with the biases alone, and the ranks with each other.
Source of the model: Koren, Bell, Volinsky, Matrix factorization techniques for recommender systems, 2009.

    python examples/matrix_factorisation.py
    python examples/matrix_factorisation.py --compare-torch
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from common import compare_with_torch, parser, same_weights, save, show
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor

USERS, ITEMS, TRUE_RANK, NOISE, KNOWN = 200, 120, 3, 0.4, 0.3
RANKS = (0, 1, 2, 3, 4, 6, 10)
LR, PENALTY = 0.02, 0.02


@dataclass(frozen=True)
class Ratings:
    """Known ratings: users (N,), items (N,) and values (N,)."""

    users: Tensor
    items: Tensor
    values: Tensor


def make_ratings(seed: int) -> tuple[Tensor, Ratings, Ratings]:
    """Return the expected ratings (USERS, ITEMS), and known ratings with noise: those for training and those held out."""
    generator = mg.Generator().manual_seed(seed)
    bias_users, bias_items = (0.5 * mg.randn(n, generator=generator) for n in (USERS, ITEMS))
    tastes, traits = (mg.randn(n, TRUE_RANK, generator=generator) for n in (USERS, ITEMS))
    expected = 3 + bias_users.unsqueeze(1) + bias_items + 0.5 * tastes @ traits.T
    known = mg.randperm(USERS * ITEMS, generator=generator)[: round(KNOWN * USERS * ITEMS)]
    users, items = known // ITEMS, known % ITEMS
    values = expected[users, items] + NOISE * mg.randn(len(known), generator=generator)
    tenth = len(known) // 10
    training = Ratings(users[tenth:], items[tenth:], values[tenth:])
    return expected, training, Ratings(users[:tenth], items[:tenth], values[:tenth])


def factors(lib: ModuleType, rank: int) -> Any:
    """Return the biases, at 0, and the factors, small at random. `lib` is minigrad or torch."""
    nn = lib.nn
    model = nn.ModuleDict({"b": nn.Embedding(USERS, 1), "c": nn.Embedding(ITEMS, 1)})
    for table in model.values():
        nn.init.zeros_(table.weight)
    if rank:
        model.update({"p": nn.Embedding(USERS, rank), "q": nn.Embedding(ITEMS, rank)})
        nn.init.normal_(model["p"].weight, std=0.1)
        nn.init.normal_(model["q"].weight, std=0.1)
    return model


def predict(model: Any, mean: float, users: Tensor, items: Tensor) -> Tensor:
    """Return mu + b[u] + c[i] + p[u] . q[i]."""
    biases: Tensor = mean + (model["b"](users) + model["c"](items)).squeeze(-1)
    return biases + (model["p"](users) * model["q"](items)).sum(dim=-1) if "p" in model else biases


def train(lib: ModuleType, model: Any, ratings: Ratings, steps: int) -> Iterator[float]:
    """Minimize the penalized squared error over all ratings at once; yield the loss of each step."""
    users, items, values = (lib.from_numpy(part.numpy()) for part in (ratings.users, ratings.items, ratings.values))
    mean = ratings.values.mean().item()
    optimizer = lib.optim.Adam(model.parameters(), lr=LR)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = lib.nn.functional.mse_loss(predict(model, mean, users, items), values)
        if "p" in model:
            loss = loss + PENALTY * (model["p"](users).square() + model["q"](items).square()).sum(dim=1).mean()
        loss.backward()
        optimizer.step()
        yield loss.item()


def rmse(predictions: Tensor | float, values: Tensor) -> float:
    """Return the root of the mean squared error."""
    return float((values - predictions).square().mean().sqrt())


@dataclass(frozen=True)
class Fit:
    """A trained factorization, and its errors for the training and the held-out ratings after each step."""

    model: Any
    training: list[float]
    held_out: list[float]


def fit(training: Ratings, held_out: Ratings, rank: int, steps: int, seed: int) -> Fit:
    """Train a factorization of a rank."""
    mean = training.values.mean().item()
    result = Fit(same_weights(partial(factors, rank=rank), mg, seed), [], [])
    for _ in tqdm(train(mg, result.model, training, steps), total=steps, desc=f"rank {rank:2}", unit="step"):
        with mg.no_grad():
            for ratings, errors in ((training, result.training), (held_out, result.held_out)):
                errors.append(rmse(predict(result.model, mean, ratings.users, ratings.items), ratings.values))
    return result


def recommend(model: Any, user: int, training: Ratings, expected: Tensor) -> None:
    """Print the five items with the highest prediction among those that a user has not rated, and their expected ratings."""
    with mg.no_grad():
        predictions = predict(model, training.values.mean().item(), mg.full((ITEMS,), user), mg.arange(ITEMS))
    rated = training.items[training.users == user]
    best = predictions.index_fill(0, rated, -math.inf).topk(5)
    mean = expected[user].mean().item()
    print(f"\nRecommended to user {user} (whose expected rating of all items is {mean:.2f} on average):")
    for item, prediction in zip(best.indices.tolist(), best.values.tolist(), strict=True):
        print(f"  item {item:3}: predicted {prediction:.2f}, expected {expected[user, item].item():.2f}")


def draw(fits: dict[int, Fit], constant: float, file: Path) -> None:
    """Draw the held-out error of the ranks during the training, and the errors of both parts against the rank."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5), sharey=True, layout="constrained")
    for rank in (0, 1, TRUE_RANK, max(fits)):
        left.plot(fits[rank].held_out, label=f"rank {rank}" if rank else "biases alone")
    left.set(xlabel="Steps", ylabel="Root of the mean squared error", title="Held-out ratings during the training")
    right.plot(list(fits), [result.training[-1] for result in fits.values()], "s--", label="training")
    right.plot(list(fits), [result.held_out[-1] for result in fits.values()], "o-", label="held out")
    right.set(xlabel="Rank k", title="After the training; rank 0: biases alone")
    for axes in (left, right):
        axes.axhline(constant, color="#999999", linestyle="--", label="constant")
        axes.axhline(NOISE, color="black", linestyle=":", label="standard deviation of the noise")
        axes.set_ylim(0, None)
        axes.legend()
        axes.grid(alpha=0.3)
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> dict[int, float]:
    """Run the program and return the held-out error of each rank."""
    options = parser("Recommend items by matrix factorization.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    steps = 100 if args.quick else 400
    expected, training, held_out = make_ratings(args.seed)
    print(f"{USERS} users, {ITEMS} items, {len(training.values)} ratings for training, {len(held_out.values)} held out")
    fits = {rank: fit(training, held_out, rank, steps, args.seed) for rank in RANKS}
    errors = {rank: result.held_out[-1] for rank, result in fits.items()}
    constant = rmse(training.values.mean().item(), held_out.values)
    print(f"\nRoot of the mean squared error of the held-out ratings; the noise alone makes {NOISE}")
    print(f"  constant       {constant:.4f}\n  biases alone   {errors[0]:.4f}")
    for rank in RANKS[1:]:
        print(f"  rank {rank:2}        {errors[rank]:.4f}   (training {fits[rank].training[-1]:.4f})")
    recommend(fits[TRUE_RANK].model, 0, training, expected)

    best, largest = errors[TRUE_RANK], max(RANKS)
    overfitted = fits[largest].training[-1] < fits[TRUE_RANK].training[-1] and errors[largest] > best
    print()
    show(f"factors predict better than biases alone: {best:.3f} < {errors[0]:.3f}", best < errors[0])
    show(f"biases predict better than a constant: {errors[0]:.3f} < {constant:.3f}", errors[0] < constant)
    show(f"the error exceeds that of the noise by less than a quarter: {best / NOISE:.3f} times", best < 1.25 * NOISE)
    show(f"rank {largest} overfits: less error than rank {TRUE_RANK} in training, and more for held-out ratings", overfitted)
    draw(fits, constant, args.output / "matrix_factorisation.png")
    if args.compare_torch:

        def first_steps(lib: ModuleType) -> Iterator[float]:
            return train(lib, same_weights(partial(factors, rank=TRUE_RANK), lib, args.seed), training, steps=20)

        print(compare_with_torch(first_steps))
    return errors


if __name__ == "__main__":
    main()
