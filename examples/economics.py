"""Fields of application, optimization problems of economics: a consumer spends a budget by gradient descent.

A consumer has the income m and buys the quantities x_i of goods with the prices p_i. The utility is that of Cobb and Douglas,
in logarithms: U(x) = sum_i a_i log x_i, to be maximized under the budget sum_i p_i x_i = m. The known answer, by Lagrange's
multiplier: the share of the income spent on good i is a_i / sum_j a_j, with two goods a / (a + b), whatever the prices are.

Gradient descent knows no constraint. So it moves unconstrained numbers z, and the shares are softmax(z): they are positive
and their sum is 1, so that every step spends exactly the budget. The loss is -U.

    python examples/economics.py
    python examples/economics.py --compare-torch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
from common import compare_with_torch, parser, save, show

import minigrad as mg
from minigrad import Tensor

LR = 0.2


@dataclass(frozen=True)
class Consumer:
    """The weights a_i of the goods in the utility, their prices p_i, and the income m."""

    weights: Sequence[float]
    prices: Sequence[float]
    income: float

    def known_shares(self) -> list[float]:
        """Return the best shares of the income, a_i / sum_j a_j."""
        return [a / sum(self.weights) for a in self.weights]


def random_consumer(goods: int, seed: int) -> Consumer:
    """Draw weights from 0.5 to 2.5, prices from 1 to 5 and an income from 50 to 150."""
    generator = mg.Generator().manual_seed(seed)
    weights = 0.5 + 2 * mg.rand(goods, generator=generator, dtype=mg.float64)
    prices = 1 + 4 * mg.rand(goods, generator=generator, dtype=mg.float64)
    income = 50 + 100 * mg.rand(1, generator=generator, dtype=mg.float64)
    return Consumer(weights.tolist(), prices.tolist(), income.item())


def utility(quantities: Tensor, weights: Tensor) -> Tensor:
    """Return U = sum_i a_i log x_i."""
    return (weights * quantities.log()).sum()


def spend(lib: ModuleType, consumer: Consumer, seed: int, steps: int) -> Iterator[tuple[float, list[float]]]:
    """Maximize the utility from random shares; yield the loss -U and the shares before each step.

    `lib` is minigrad or torch.
    """
    weights = lib.tensor(consumer.weights, dtype=lib.float64)
    prices = lib.tensor(consumer.prices, dtype=lib.float64)
    start = mg.randn(len(prices), generator=mg.Generator().manual_seed(seed), dtype=mg.float64)
    z = lib.tensor(start.tolist(), dtype=lib.float64, requires_grad=True)
    optimizer = lib.optim.SGD([z], lr=LR)
    for _ in range(steps):
        shares = lib.softmax(z, dim=0)
        loss = -utility(shares * consumer.income / prices, weights)
        yield loss.item(), shares.tolist()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def marginal_utilities(consumer: Consumer, shares: Sequence[float]) -> tuple[list[float], float]:
    """Return the utility of one more coin: for each good (dU/dx_i) / p_i, and for the income dU/dm with these shares."""
    weights, prices = mg.tensor(consumer.weights, dtype=mg.float64), mg.tensor(consumer.prices, dtype=mg.float64)
    income = mg.tensor(consumer.income, dtype=mg.float64, requires_grad=True)
    quantities = mg.tensor(shares, dtype=mg.float64) * income / prices
    quantities.retain_grad()
    utility(quantities, weights).backward()
    assert quantities.grad is not None
    assert income.grad is not None
    return (quantities.grad / prices).tolist(), income.grad.item()


def draw(consumer: Consumer, path: Sequence[Sequence[float]], file: Path) -> None:
    """Draw the budget line, the curves of equal utility and the way to the best purchase; and the shares at each step."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5))
    income, prices, known = consumer.income, consumer.prices, consumer.known_shares()
    ends = [income / p for p in prices]
    best = [share * end for share, end in zip(known, ends, strict=True)]
    axes = [mg.linspace(0.02 * end, 1.1 * end, 200) for end in ends]
    x, y = mg.meshgrid(*axes, indexing="xy")
    u = consumer.weights[0] * x.log() + consumer.weights[1] * y.log()
    u_best = utility(mg.tensor(best), mg.tensor(consumer.weights)).item()
    levels = [u_best + step for step in (-1.5, -1.0, -0.5, 0.0, 0.5)]
    contours = left.contour(x.numpy(), y.numpy(), u.numpy(), levels=levels, cmap="viridis", linewidths=1)
    left.clabel(contours, fmt=lambda level: f"U = {level:.1f}", fontsize=8)
    left.plot([ends[0], 0], [0, ends[1]], color="black", label="budget: p x + q y = m")
    points = [[share * end for share, end in zip(shares, ends, strict=True)] for shares in path]
    left.plot(*zip(*points, strict=True), "o", color="#d55e00", markersize=5, label="steps of gradient descent")
    left.plot(*best, "*", color="#0072b2", markersize=16, label="known answer")
    left.set(xlabel="quantity x of the first good", ylabel="quantity y of the second good", title="The best purchase")
    left.legend()
    left.grid(alpha=0.3)
    for i, (share, color) in enumerate(zip(known, ("#0072b2", "#d55e00"), strict=True)):
        right.plot([shares[i] for shares in path], color=color, label=f"good {i + 1}")
        right.axhline(share, color=color, linestyle="--", linewidth=1, label=f"known answer {share:.4f}")
    right.set(xlabel="step", xlim=(0, 60), ylabel="share of the income", ylim=(0, 1))
    right.set_title("The shares tend to a/(a+b) and b/(a+b)")
    right.legend()
    right.grid(alpha=0.3)
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def largest_difference(a: Sequence[float], b: Sequence[float]) -> float:
    """Return max_i |a_i - b_i|."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def main(argv: Sequence[str] | None = None) -> list[float]:
    """Run the program and return the shares found for two goods."""
    options = parser("A consumer spends a budget by gradient descent.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    steps = 200 if args.quick else 1000
    for goods in (5, 2):
        consumer = random_consumer(goods, args.seed)
        path = [shares for _, shares in spend(mg, consumer, args.seed, steps)]
        error = largest_difference(path[-1], consumer.known_shares())
        print(f"\n{goods} goods, income {consumer.income:.2f}, {steps} steps of gradient descent from random shares")
        print("  weight   price   share found   known answer   quantity")
        for a, p, share, known in zip(consumer.weights, consumer.prices, path[-1], consumer.known_shares(), strict=True):
            print(f"  {a:6.3f}  {p:6.3f}   {share:11.8f}   {known:12.8f}   {share * consumer.income / p:8.3f}")
        show(f"gradient descent finds the shares a_i / sum(a): largest difference {error:.1e}", error < 1e-6)

    per_good, per_income = marginal_utilities(consumer, path[-1])
    multiplier = sum(consumer.weights) / consumer.income
    print(f"\nOne more coin adds to the utility {per_good[0]:.8f} spent on the first good, {per_good[1]:.8f} on the second,")
    print(f"and {per_income:.8f} with the best shares: Lagrange's multiplier (a + b) / m = {multiplier:.8f}.")
    equal = max(largest_difference(per_good, [multiplier] * 2), abs(per_income - multiplier))
    show(f"at the best purchase it does not matter what one more coin is spent on, to {equal:.1e}", equal < 1e-6)

    dearer = Consumer(consumer.weights, [2 * consumer.prices[0], consumer.prices[1]], consumer.income)
    *_, (_, shares) = spend(mg, dearer, args.seed + 1, steps)
    change = largest_difference(shares, path[-1])
    show(f"at twice the price half the quantity is bought: the shares change by {change:.1e}", change < 1e-6)
    draw(consumer, path, args.output / "economics.png")
    if args.compare_torch:
        print(compare_with_torch(lambda lib: (loss for loss, _ in spend(lib, consumer, args.seed, steps=20))))
    return path[-1]


if __name__ == "__main__":
    main()
