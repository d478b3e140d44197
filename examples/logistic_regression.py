"""Fields of application, machine learning: logistic regression by gradient descent, compared with scikit-learn.

The model is P(benign | x) = sigmoid(w x + b), for 30 standardized measurements x of 569 tumours (scikit-learn's breast cancer
data). The loss is the mean cross-entropy plus the penalty (a/2) |w|^2, whose gradient is

    (1/n) sum_i (P_i - y_i) x_ij + a w_j,

as in linear regression, with a probability for the prediction. The penalty is `weight_decay` of the weights; the bias has
none. The loss is convex, so gradient descent must find the minimum that scikit-learn's LogisticRegression(C=1 / (n a)) finds
by Newton's method. Without a penalty there is no minimum here: a plane separates the data, and the weights grow forever.

    python examples/logistic_regression.py
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from common import parser, save, show
from sklearn import datasets, linear_model

import minigrad as mg
from minigrad import Tensor, nn

PENALTY = 0.02
LR, MOMENTUM = 0.3, 0.9


@dataclass(frozen=True)
class Data:
    """Training and test data: the standardized features (n, 30), and 1.0 for benign or 0.0 for malignant, (n, 1)."""

    names: list[str]
    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


def load(seed: int) -> Data:
    """Draw a quarter of the tumours for the test; standardize with mean and standard deviation of the others."""
    source = datasets.load_breast_cancer()
    x, y = mg.tensor(source.data), mg.tensor(source.target, dtype=mg.float64).unsqueeze(1)
    order = mg.randperm(len(x), generator=mg.Generator().manual_seed(seed))
    test, training = order.split([len(x) // 4, len(x) - len(x) // 4])
    mean, std = x[training].mean(dim=0), x[training].std(dim=0, correction=0)
    x = (x - mean) / std
    return Data(source.feature_names.tolist(), x[training], y[training], x[test], y[test])


@dataclass
class Fit:
    """The result of a training: the model, the cross-entropy on both parts and the length of the weights, by step."""

    model: nn.Linear
    training: list[float]
    test: list[float]
    length: list[float]


def train(data: Data, penalty: float, steps: int) -> Fit:
    """Minimize the cross-entropy with a penalty, by gradient descent with momentum from 0."""
    model = nn.Linear(data.x.shape[1], 1, dtype=mg.float64)
    assert model.bias is not None
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    groups = [{"params": [model.weight], "weight_decay": penalty}, {"params": [model.bias]}]
    optimizer = mg.optim.SGD(groups, lr=LR, momentum=MOMENTUM)
    criterion = nn.BCEWithLogitsLoss()
    fit = Fit(model, [], [], [])
    for _ in range(steps):
        loss = criterion(model(data.x), data.y)
        with mg.no_grad():
            fit.training.append(loss.item())
            fit.test.append(criterion(model(data.x_test), data.y_test).item())
            fit.length.append(model.weight.norm().item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return fit


def accuracy(model: nn.Linear, x: Tensor, y: Tensor) -> float:
    """Return the share of tumours for which the larger probability is that of the truth."""
    with mg.no_grad():
        return float(((model(x) > 0) == (y > 0.5)).double().mean().item())


def check_gradient(data: Data) -> float:
    """Return the largest difference of backward from the formula in the docstring of the program, without penalty."""
    model = nn.Linear(data.x.shape[1], 1, dtype=mg.float64)
    nn.functional.binary_cross_entropy_with_logits(model(data.x), data.y).backward()
    assert model.weight.grad is not None
    with mg.no_grad():
        by_formula = (model(data.x).sigmoid() - data.y).T @ data.x / len(data.x)
        return float((model.weight.grad - by_formula).abs().max().item())


def draw(data: Data, fit: Fit, without: Fit, reference: Sequence[float], file: Path) -> None:
    """Draw the losses, the weights beside those of scikit-learn, and the probabilities of the test data."""
    figure, (losses, weights, chances) = plt.subplots(1, 3, figsize=(19, 6.5))
    for run, name, color in ((fit, f"penalty {PENALTY:g}", "#0072b2"), (without, "no penalty", "#d55e00")):
        steps = range(1, len(run.training) + 1)
        losses.loglog(steps, run.training, color=color, label=f"training, {name}")
        losses.loglog(steps, run.test, "--", color=color, label=f"test, {name}")
    losses.set(xlabel="step", ylabel="cross-entropy", title="The loss, with and without a penalty")
    places = range(len(data.names))
    weights.barh(places, fit.model.weight.detach().flatten().numpy(), color="#9fc9e6", label="minigrad, gradient descent")
    weights.plot(reference, places, "|", color="black", markersize=9, markeredgewidth=2, label="scikit-learn, Newton")
    weights.set_yticks(places, data.names, fontsize=7)
    weights.set(ylim=(-1, 34), xlabel="weight", title=f"The weights, penalty {PENALTY:g}")
    with mg.no_grad():
        probabilities = fit.model(data.x_test).sigmoid()
    groups = [probabilities[data.y_test == truth].numpy() for truth in (0.0, 1.0)]
    chances.hist(groups, bins=20, range=(0, 1), stacked=True, color=["#d55e00", "#009e73"], label=["malignant", "benign"])
    chances.set(xlabel="P(benign | x)", ylabel="tumours of the test", title="The predicted probabilities", yscale="symlog")
    for ax, place in ((losses, "upper right"), (weights, "upper right"), (chances, "upper center")):
        ax.grid(alpha=0.3)
        ax.legend(loc=place)
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> float:
    """Run the program and return the largest difference of the weights and the bias from those of scikit-learn."""
    args = parser("Logistic regression by gradient descent, compared with scikit-learn.").parse_args(argv)
    mg.manual_seed(args.seed)
    data = load(args.seed)
    steps = 1500 if args.quick else 5000
    print(f"{len(data.x)} tumours for training, {len(data.x_test)} for the test, {len(data.names)} measurements")
    error = check_gradient(data)
    show(f"backward computes the mean of (P - y) x, to {error:.0e}", error < 1e-12)

    fit, without = train(data, PENALTY, steps), train(data, 0.0, steps)
    expected = linear_model.LogisticRegression(C=1 / (len(data.x) * PENALTY), solver="newton-cholesky", tol=1e-10)
    expected.fit(data.x.numpy(), data.y.flatten().numpy())
    reference, bias = mg.tensor(expected.coef_), mg.tensor(expected.intercept_)
    assert fit.model.bias is not None
    with mg.no_grad():
        both = mg.cat([(fit.model.weight - reference).flatten(), fit.model.bias - bias])
    difference = both.abs().max().item()
    scores = accuracy(fit.model, data.x_test, data.y_test), expected.score(data.x_test.numpy(), data.y_test.flatten().numpy())
    print(f"accuracy in the test: {scores[0]:.2%}, scikit-learn {scores[1]:.2%}")
    show(f"with the penalty {PENALTY:g} the weights are those of scikit-learn, to {difference:.0e}", difference < 1e-6)
    for name, run in ((f"penalty {PENALTY:g}", fit), ("no penalty", without)):
        share = accuracy(run.model, data.x, data.y)
        ends = f"training {run.training[-1]:.4f}, test {run.test[-1]:.4f}"
        print(f"{name:12}  cross-entropy: {ends}; training accuracy {share:.2%}")
    (half, end), (kept, same) = ((run.length[steps // 2], run.length[-1]) for run in (without, fit))
    show(
        f"without a penalty the weights still grow, |w| is {half:.2f} after {steps // 2} steps and {end:.2f} after {steps}; "
        f"with it they do not, {kept:.5f} and {same:.5f}",
        end > 1.05 * half and abs(same - kept) < 1e-4,
    )
    draw(data, fit, without, expected.coef_[0].tolist(), args.output / "logistic_regression.png")
    return float(difference)


if __name__ == "__main__":
    main()
