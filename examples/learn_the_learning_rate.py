"""Learn the learning rate by gradient descent through the training.

The final loss of a training run is a differentiable function of the learning rate: the update rule of an optimizer is a pure
function, so the whole run can be recorded and d(final loss) / d(lr) computed. This program repeatedly fits the regression
y = 2 x + 1 on x = 1..5 in a few steps and improves the learning rate with Adam, on its logarithm, which keeps it positive.
For gradient descent the learning rate must stay below the stability limit of this problem, 2 / 23.66.

    python examples/learn_the_learning_rate.py --optimizer SGD --steps 10 --rounds 60
"""

from __future__ import annotations

import argparse
import math

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


def main(arguments: list[str] | None = None) -> float:
    """Run the program and return the best learning rate."""
    parser = argparse.ArgumentParser(description="Learn the learning rate by gradient descent through the training.")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD")
    parser.add_argument("--steps", type=int, default=10, help="steps of a training run")
    parser.add_argument("--rounds", type=int, default=60, help="training runs, each with an updated learning rate")
    parser.add_argument("--lr", type=float, default=0.005, help="the initial learning rate")
    args = parser.parse_args(arguments)
    for name in ("steps", "rounds", "lr"):
        if not getattr(args, name) > 0 or math.isinf(getattr(args, name)):
            parser.error(f"--{name} must be positive and finite")

    weights = minigrad.zeros(2, dtype=minigrad.float64)
    optimizer: optim.Optimizer = getattr(optim, args.optimizer)([weights])
    log_lr = minigrad.tensor(math.log(args.lr), dtype=minigrad.float64, requires_grad=True)
    lr_optimizer = optim.Adam([log_lr], lr=0.1)
    best_loss, best_lr = math.inf, float(args.lr)
    print(f"{args.optimizer}, {args.steps} steps: round, learning rate, final loss, d(final loss) / d(log lr)")
    for k in range(args.rounds):
        lr = log_lr.exp()
        loss = train(optimizer, args.steps, lr=lr)
        lr_optimizer.zero_grad()
        loss.backward()
        assert log_lr.grad is not None
        if loss.item() < best_loss:
            best_loss, best_lr = loss.item(), float(lr.item())
        if k % max(1, args.rounds // 10) == 0 or k == args.rounds - 1:
            print(f"{k:5d}  {lr.item():.6f}  {loss.item():12.6g}  {log_lr.grad.item():12.4g}")
        lr_optimizer.step()
    print(f"best: learning rate {best_lr:.6f}, final loss {best_loss:.6g}")
    return best_lr


if __name__ == "__main__":
    main()
