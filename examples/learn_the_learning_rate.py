"""Learn the learning rate: descend not only on the parameters, but on the learning rate too.

Training is a computation like any other: from a start and a learning rate, through every step, to the last loss. The rule
of an optimizer is a pure function, so a whole training can be recorded and differentiated: d(last loss) / d(lr). This program
fits the regression y = 2 x + 1 on x = 1..5 in a few steps, again and again, and improves the learning rate by Adam, on its
logarithm, which keeps it above 0. For gradient descent the rate must end below 2 / 23.66, the bound of this regression.

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


def loss_of(w: Tensor) -> Tensor:
    """Return the mean squared error of the line w[0] + w[1] x."""
    return ((w[0] + w[1] * X - Y) ** 2).mean()


def train(optimizer: optim.Optimizer, steps: int, **hyper: Tensor) -> Tensor:
    """Return the loss after some steps from w = 0, as a function of the hyper-parameters."""
    w = minigrad.zeros(2, dtype=minigrad.float64, requires_grad=True)
    state = None
    for _ in range(steps):
        (g,) = grad(loss_of(w), w, create_graph=True)
        assert g is not None
        w, state = optimizer.updated(w, g, state, **hyper)
    return loss_of(w)


def main(arguments: list[str] | None = None) -> float:
    """Run the program; return the learning rate that it found."""
    parser = argparse.ArgumentParser(description="Learn the learning rate by descending through the training.")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD")
    parser.add_argument("--steps", type=int, default=10, help="steps of one training")
    parser.add_argument("--rounds", type=int, default=60, help="trainings, each with a better learning rate")
    parser.add_argument("--lr", type=float, default=0.005, help="the first learning rate")
    args = parser.parse_args(arguments)
    for name in ("steps", "rounds", "lr"):
        if not getattr(args, name) > 0 or math.isinf(getattr(args, name)):
            parser.error(f"--{name} must be a number above 0")

    start = minigrad.zeros(2, dtype=minigrad.float64)
    optimizer: optim.Optimizer = getattr(optim, args.optimizer)([start])
    log_lr = minigrad.tensor(math.log(args.lr), dtype=minigrad.float64, requires_grad=True)
    outer = optim.Adam([log_lr], lr=0.1)
    least, best = math.inf, float(args.lr)
    print(f"{args.optimizer}, {args.steps} steps: round, learning rate, last loss, d(last loss) / d(log lr)")
    for k in range(args.rounds):
        lr = log_lr.exp()
        loss = train(optimizer, args.steps, lr=lr)
        outer.zero_grad()
        loss.backward()
        assert log_lr.grad is not None
        if loss.item() < least:
            least, best = loss.item(), float(lr.item())
        if k % max(1, args.rounds // 10) == 0 or k == args.rounds - 1:
            print(f"{k:5d}  {lr.item():.6f}  {loss.item():12.6g}  {log_lr.grad.item():12.4g}")
        outer.step()
    print(f"best: learning rate {best:.6f}, last loss {least:.6g}")
    return best


if __name__ == "__main__":
    main()
