"""Linear regression by gradient descent: the lecture's simple and multiple regression, to the last printed digit.

The lecture fits y = w0 + w1 x to five points of y = 2 x + 1 (simple), and y = b0 + b1 x1 + b2 x2 with a second input
(multiple). This program prints the lecture's figures, draws the points and the red line, and shows the trap between the two:

    simple regression    w <- w - lr (2/n) sum_i (prediction_i - y_i) x_i
    multiple regression  b <- b - lr (1/n) sum_i (prediction_i - y_i) x_i

The first is the gradient of the mean squared error, (1/n) sum_i (prediction_i - y_i)^2, which is `MSELoss`; the second is
the gradient of half of it. So the lecture's multiple regression with lr 0.01 is `MSELoss` with lr 0.005. With `MSELoss` and
lr 0.01 every step is twice as long, and the figures after 1000 steps are different ones. The same holds for the lecture's
formula for many variables, theta_j <- theta_j - lr (1/m) sum_i (h(x_i) - y_i) x_ij: backward computes it for 0.5 * mse.

The lecture says that multiple regression needs normalized inputs, but its program does not normalize. The program shows what
standardized inputs change: not the solution, but the number of steps, because the ratio of the curvatures is smaller. Here it
is even 1, since x1 and x2 are uncorrelated.

    python examples/regression.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import finish, parser, show

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.autograd.functional import hessian

X = mg.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]], dtype=mg.float64)
X2 = mg.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0], [5.0, 0.0]], dtype=mg.float64)
Y = mg.tensor([3.0, 5.0, 7.0, 9.0, 11.0], dtype=mg.float64)
PRINTED = [0.8907546215358821, 2.0237699271134932, 0.057888309859129156, 2.9145245486493754]  # in the lecture


def lecture_gradient(x: Tensor, y: Tensor, theta: Tensor) -> Tensor:
    """Return the lecture's (1/n) sum_i (prediction_i - y_i) x_ij for each j, where x_i0 = 1; theta is (k + 1,)."""
    prediction = theta[0]
    for j in range(x.shape[1]):
        prediction = prediction + theta[j + 1] * x[:, j]
    error = prediction - y
    columns = [error, *(error * x[:, j] for j in range(x.shape[1]))]
    return mg.stack([(1 / len(y)) * column.sum() for column in columns])


def descend_by_formula(x: Tensor, y: Tensor, lr: float, steps: int) -> Tensor:
    """Return the weights after steps of the lecture's formula from 0."""
    theta = mg.zeros(x.shape[1] + 1, dtype=mg.float64)
    for _ in range(steps):
        theta = theta - lr * lecture_gradient(x, y, theta)
    return theta


def train(x: Tensor, y: Tensor, lr: float, steps: int) -> tuple[Tensor, list[float]]:
    """Train Linear with MSELoss and SGD from 0; return bias and weights, (k + 1,), and the loss before each step."""
    model = nn.Linear(x.shape[1], 1, dtype=mg.float64)
    nn.init.zeros_(model.weight)
    assert model.bias is not None
    nn.init.zeros_(model.bias)
    criterion, optimizer = nn.MSELoss(), mg.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        loss = criterion(model(x).squeeze(1), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mg.cat([model.bias.detach(), model.weight.detach().flatten()]), losses


def curvatures(x: Tensor, y: Tensor) -> list[float]:
    """Return the eigenvalues of the Hessian of the mean squared error, in ascending order."""

    def loss(theta: Tensor) -> Tensor:
        return ((theta[0] + x @ theta[1:] - y) ** 2).mean()

    matrix = hessian(loss, mg.zeros(x.shape[1] + 1, dtype=mg.float64))
    assert isinstance(matrix, Tensor)
    eigenvalues: list[float] = np.linalg.eigvalsh(matrix.numpy()).tolist()
    return eigenvalues


def simple_regression() -> tuple[Tensor, dict[str, list[float]]]:
    """Run the lecture's simple regression; return its weights, and the losses with three learning rates."""
    weights, losses = train(X, Y, lr=0.05, steps=1000)
    by_formula = descend_by_formula(X, Y, lr=2 * 0.05, steps=1000)
    print(f"Simple regression, MSELoss, lr 0.05, 1000 steps: w0 {weights[0].item()!r}, w1 {weights[1].item()!r}")
    show("the formula with 2/n gives the same to the last bit", weights.tolist() == by_formula.tolist())
    smallest, largest = curvatures(X, Y)
    print(f"curvatures {smallest:.4f} and {largest:.4f}, so that the learning rate must be below 2 / L = {2 / largest:.5f}")
    below, above = train(X, Y, 0.084, 1000)[1], train(X, Y, 0.085, 1000)[1]
    show(
        f"lr 0.084 converges and lr 0.085 diverges: after 1000 steps the losses are {below[-1]:.1e} and {above[-1]:.1e}",
        0.084 < 2 / largest < 0.085 and below[-1] < 1e-6 and above[-1] > above[0],
    )
    return weights, {"lr 0.05": losses, "lr 0.084": below, "lr 0.085": above}


def multiple_regression() -> dict[str, Tensor]:
    """Run the lecture's multiple regression, by its formula and with MSELoss; return the weights."""
    runs = {
        "the lecture's formula, 1/n, lr 0.01": descend_by_formula(X2, Y, lr=0.01, steps=1000),
        "MSELoss, 2/n, lr 0.005": train(X2, Y, lr=0.005, steps=1000)[0],
        "MSELoss, 2/n, lr 0.01": train(X2, Y, lr=0.01, steps=1000)[0],
    }
    print("\nMultiple regression, 1000 steps                  beta_0              beta_1                beta_2")
    for name, theta in runs.items():
        print(f"{name:36}", " ".join(f"{value!r:>20}" for value in theta.tolist()))
    by_formula, half, equal = runs.values()
    prediction = (by_formula[0] + by_formula[1] * 1 + by_formula[2] * 0).item()
    print(f"the prediction for x1 = 1, x2 = 0: {prediction!r}")
    show("the formula gives all digits that the lecture prints", [*by_formula.tolist(), prediction] == PRINTED)
    near, far = ((by_formula - other).abs().max().item() for other in (half, equal))
    show(
        f"MSELoss needs half the learning rate: with 0.005 the weights differ by {near:.1e}, with 0.01 by {far:.2f}",
        near < 1e-14 and far > 0.05,
    )
    return runs


def compare_formula_with_backward(seed: int, trials: int) -> None:
    """Compare the lecture's formula for many variables with backward of 0.5 * mse, for random inputs, targets and weights."""
    generator = mg.Generator().manual_seed(seed)
    largest = 0.0
    for _ in range(trials):
        n, k = mg.randint(1, 10, (2,), generator=generator).tolist()
        x, y, theta = (mg.randn(*size, generator=generator, dtype=mg.float64) for size in ((n, k), (n,), (k + 1,)))
        theta.requires_grad_()
        (0.5 * nn.functional.mse_loss(theta[0] + x @ theta[1:], y)).backward()
        assert theta.grad is not None
        with mg.no_grad():
            largest = max(largest, (theta.grad - lecture_gradient(x, y, theta)).abs().max().item())
    show(
        f"theta_j's formula is the gradient of 0.5 * mse: {trials} random cases differ by at most {largest:.0e}",
        largest < 1e-12,
    )


def compare_standardized(steps: int) -> dict[str, list[float]]:
    """Train on the raw and the standardized inputs, each with lr = 1 / L; return the losses."""
    mean, std = X2.mean(dim=0), X2.std(dim=0, correction=0)
    runs, solutions = {}, []
    print("\nThe same data with raw and with standardized inputs, lr = 1 / L")
    for name, x in (("raw", X2), ("standardized", (X2 - mean) / std)):
        smallest, *_, largest = curvatures(x, Y)
        theta, losses = train(x, Y, 1 / largest, steps)
        if name == "standardized":
            slopes = theta[1:] / std
            theta = mg.cat([theta[:1] - (slopes * mean).sum(), slopes])
        solutions.append(theta)
        runs[name] = losses
        print(f"{name:12}  L / smallest curvature {largest / smallest:6.1f}, lr {1 / largest:.4f}, loss {losses[-1]:.1e}")
    counts = [next((k for k, loss in enumerate(losses) if loss < 1e-6), steps) for losses in runs.values()]
    difference = (solutions[0] - solutions[1]).abs().max().item()
    show(
        f"until the loss is 1e-6, raw inputs take {counts[0]} steps, standardized ones {counts[1]}; the solutions, in the "
        f"raw inputs, differ by {difference:.0e}",
        counts[1] < counts[0] / 10 and difference < 1e-2,
    )
    return runs


def draw(
    weights: Tensor,
    rates: dict[str, list[float]],
    multiple: dict[str, Tensor],
    standardized: dict[str, list[float]],
    file: Path,
) -> None:
    """Draw the points with the red line, the losses by learning rate, the trap of the factor 2, and standardized inputs."""
    figure, axes = plt.subplots(2, 2, figsize=(14, 10))
    (line, losses), (bars, scaled) = axes
    line.scatter(X.flatten().numpy(), Y.numpy(), color="#0072b2", zorder=3, label="data, y = 2 x + 1")
    ends = mg.tensor([0.5, 5.5], dtype=mg.float64)
    for steps in (1, 2, 3):
        w0, w1 = train(X, Y, 0.05, steps)[0]
        label = "after 1, 2, 3 steps" if steps == 1 else None
        line.plot(ends.numpy(), (w0 + w1 * ends).numpy(), color="#999999", linewidth=1, label=label)
    label = f"after 1000 steps: y = {weights[0].item():.4f} + {weights[1].item():.4f} x"
    line.plot(ends.numpy(), (weights[0] + weights[1] * ends).numpy(), color="red", label=label)
    line.set(xlabel="x", ylabel="y", title="Simple regression")
    for (name, values), color in zip(rates.items(), ("#009e73", "#0072b2", "#d55e00"), strict=True):
        losses.loglog(range(1, len(values) + 1), values, color=color, label=name)
    losses.set(xlabel="step", ylabel="loss", title="Simple regression: the limit is lr 0.0845", ylim=(1e-15, 1e14))
    for k, (name, theta) in enumerate(multiple.items()):
        places = [place + 0.27 * (k - 1) for place in range(3)]
        drawn = bars.bar(places, theta.tolist(), width=0.25, color=("#0072b2", "#009e73", "#d55e00")[k], label=name)
        bars.bar_label(drawn, fmt="%.3f", fontsize=8)
    bars.set_xticks(range(3), ["beta_0", "beta_1", "beta_2"])
    bars.set(ylim=(0, 2.9), ylabel="after 1000 steps", title="Multiple regression: the factor 2 of MSELoss")
    for (name, values), color in zip(standardized.items(), ("#d55e00", "#009e73"), strict=True):
        scaled.loglog(range(1, len(values) + 1), values, color=color, label=f"{name} inputs")
    scaled.set(xlabel="step", ylabel="loss", title="Multiple regression: raw and standardized inputs", ylim=(1e-15, 1e2))
    finish(figure, axes.flat, file)


def main(argv: Sequence[str] | None = None) -> list[float]:
    """Run the program and return the weights of the lecture's multiple regression."""
    args = parser("Linear regression by gradient descent.").parse_args(argv)
    weights, rates = simple_regression()
    multiple = multiple_regression()
    compare_formula_with_backward(args.seed, trials=20 if args.quick else 200)
    standardized = compare_standardized(steps=1000 if args.quick else 4000)
    draw(weights, rates, multiple, standardized, args.output / "regression.png")
    by_formula, *_ = multiple.values()
    result: list[float] = by_formula.tolist()
    return result


if __name__ == "__main__":
    main()
