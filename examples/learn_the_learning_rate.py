"""Learn the learning rate by gradient descent through the training.

The final loss of a training run is a differentiable function of the learning rate: the update rule of an optimizer is a pure
function, so the whole run can be recorded and d(final loss) / d(lr) computed. This program repeatedly fits the regression
y = 2 x + 1 on x = 1..5 in a few steps and improves the learning rate with Adam, on its logarithm, which keeps it positive.
For gradient descent the learning rate must stay below the stability limit of this problem, 2 / 23.66.

    python examples/learn_the_learning_rate.py --optimizer SGD --steps 10 --rounds 60

Nothing is random here, so `--seed` changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from common import bounded_int, parser, save, show

import minigrad
from minigrad import Tensor, optim
from minigrad.autograd import grad

X = minigrad.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=minigrad.float64)
Y = 2 * X + 1
OPTIMIZERS = ("SGD", "HeavyBall", "NAG", "RMSprop", "Adam")


def loss_function(w: Tensor) -> Tensor:
    """Return the mean squared error of the prediction w[0] + w[1] x."""
    return ((w[0] + w[1] * X - Y) ** 2).mean()


def train(optimizer: optim.Optimizer, steps: int, **hyper: Tensor) -> Tensor:
    """Return the loss after a number of steps from w = 0, as a differentiable function of the hyperparameters."""
    w = minigrad.zeros(2, dtype=minigrad.float64, requires_grad=True)
    state = None
    for _ in range(steps):
        (g,) = grad(loss_function(w), w, create_graph=True)
        assert g is not None
        w, state = optimizer.functional_step(w, g, state, **hyper)
    return loss_function(w)


def draw(history: Sequence[tuple[float, float]], path: Path) -> None:
    """Draw the learning rate and the final loss of each round."""
    lrs, losses = zip(*history, strict=True)
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 7))
    for ax, values, label in zip(axes, (lrs, losses), ("learning rate", "final loss"), strict=True):
        ax.semilogy(values, "o-", color="#0072b2", markersize=4, label=label)
        ax.set_ylabel(label)
        ax.grid(True, which="both", alpha=0.3)
    best = min(range(len(losses)), key=lambda k: losses[k])
    axes[0].axhline(lrs[best], color="#d55e00", linestyle="--", label=f"the best one, {lrs[best]:.5f}")
    axes[0].legend()
    axes[0].set_title("The learning rate, learned by gradient descent")
    axes[1].set_xlabel("round")
    figure.tight_layout()
    save(figure, path)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> float:
    """Run the program and return the best learning rate."""
    options = parser("Learn the learning rate by gradient descent through the training.")
    options.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD")
    options.add_argument("--steps", type=bounded_int(1), default=10, help="steps of a training run")
    options.add_argument(
        "--rounds", type=bounded_int(1), default=60, help="training runs, each with an updated learning rate"
    )
    options.add_argument("--lr", type=float, default=0.005, help="the initial learning rate")
    args = options.parse_args(argv)
    if not 0 < args.lr < math.inf:
        options.error("--lr must be positive and finite")
    rounds = min(args.rounds, 5) if args.quick else args.rounds

    weights = minigrad.zeros(2, dtype=minigrad.float64)
    optimizer: optim.Optimizer = getattr(optim, args.optimizer)([weights])
    log_lr = minigrad.tensor(math.log(args.lr), dtype=minigrad.float64, requires_grad=True)
    lr_optimizer = optim.Adam([log_lr], lr=0.1)
    history = []
    print(f"{args.optimizer}, {args.steps} steps: round, learning rate, final loss, d(final loss) / d(log lr)")
    for k in range(rounds):
        lr = log_lr.exp()
        loss = train(optimizer, args.steps, lr=lr)
        lr_optimizer.zero_grad()
        loss.backward()
        assert log_lr.grad is not None
        history.append((lr.item(), loss.item()))
        if k % max(1, rounds // 10) == 0 or k == rounds - 1:
            print(f"{k:5d}  {lr.item():.6f}  {loss.item():12.6g}  {log_lr.grad.item():12.4g}")
        lr_optimizer.step()
    best_lr, best_loss = min(history, key=lambda pair: pair[1])
    draw(history, args.output / "learn_the_learning_rate.png")
    first = history[0][1]
    show(
        f"gradient descent improves the learning rate: {args.lr:g} leaves the loss {first:.6g}, the best found, "
        f"{best_lr:.6f}, leaves {best_loss:.6g}",
        best_loss < first,
    )
    return float(best_lr)


if __name__ == "__main__":
    main()
