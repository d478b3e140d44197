"""Fields of application, artificial neural networks: backpropagation recognizes handwritten digits.

A network of two layers classifies the 1797 digits of scikit-learn, images of 8 x 8 pixels:

    z = x W1' + b1,  h = max(z, 0),  logits = h W2' + b2,  loss = mean over the images of -log softmax(logits)[digit].

Backpropagation computes the gradient of the loss from the last layer to the first by the chain rule. The program first does
this by hand for one batch and compares with `loss.backward()`. Then it trains the network by mini-batch gradient descent with
momentum, a falling learning rate, and two remedies for overfitting, dropout and weight decay. Where the lecture says that the
gradient is subtracted from the weight: it is the learning rate times the gradient.

    python examples/neural_network.py
    python examples/neural_network.py --compare-torch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from common import Digits, accuracy, compare_with_torch, load_digits, parser, predict, same_weights, save, show
from sklearn.linear_model import LogisticRegression
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor, nn

HIDDEN, BATCH, LR, MOMENTUM, WEIGHT_DECAY = 256, 32, 0.1, 0.9, 5e-4
GOAL = 0.97


def network(lib: ModuleType, dropout: bool) -> Any:
    """Return the network: 64 pixels, a hidden layer, 10 logits. `lib` is minigrad or torch."""
    nn = lib.nn
    layers = [nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)]
    if dropout:
        layers = [layers[0], nn.Dropout(0.1), *layers[1:3], nn.Dropout(0.5), layers[3]]
    return nn.Sequential(*layers)


def gradients_by_hand(model: nn.Module, x: Tensor, digits: Tensor) -> dict[str, Tensor]:
    """Return the gradient of the loss for each parameter, computed by the chain rule from the last layer to the first."""
    w1, b1, w2, b2 = (p.detach() for p in model.parameters())
    z = x @ w1.T + b1
    h = z.relu()
    logits = h @ w2.T + b2
    g_logits = (logits.softmax(dim=1) - nn.functional.one_hot(digits, 10)) / len(x)
    g_h = g_logits @ w2
    g_z = g_h * (z > 0)
    return {"W1": g_z.T @ x, "b1": g_z.sum(0), "W2": g_logits.T @ h, "b2": g_logits.sum(0)}


def check_backpropagation(model: nn.Module, data: Digits) -> float:
    """Compare the gradients by hand with those of backward for one batch; return the largest relative difference."""
    x, digits = data.images[:BATCH].flatten(1), data.digits[:BATCH]
    nn.functional.cross_entropy(model(x), digits).backward()
    differences = []
    for p, (name, by_hand) in zip(model.parameters(), gradients_by_hand(model, x, digits).items(), strict=True):
        assert p.grad is not None
        differences.append(float((p.grad - by_hand).abs().max() / by_hand.abs().max()))
        print(f"  d loss / d {name}: norm {by_hand.norm().item():.6f} by hand, {p.grad.norm().item():.6f} by backward")
    return max(differences)


def train(lib: ModuleType, model: Any, data: Digits, epochs: int, seed: int) -> Iterator[float]:
    """Train by mini-batch gradient descent; yield the loss of each batch."""
    optimizer = lib.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    images, digits = lib.from_numpy(data.images.numpy()), lib.from_numpy(data.digits.numpy())
    scheduler = lib.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.02, total_iters=epochs)
    generator = mg.Generator().manual_seed(seed)
    for _ in range(epochs):
        for batch in mg.randperm(len(digits), generator=generator).split(BATCH):
            indices = lib.from_numpy(batch.numpy())
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(images[indices]), digits[indices])
            loss.backward()
            optimizer.step()
            yield loss.item()
        scheduler.step()


def draw(
    model: nn.Module, losses: Sequence[float], accuracies: Sequence[tuple[float, float]], test: Digits, file: Path
) -> None:
    """Draw the loss of the batches, the accuracies, weights of the hidden layer, and the wrongly read test digits."""
    figure = plt.figure(figsize=(13, 8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False).flat
    left, right = upper.subplots(1, 2)
    epochs = len(accuracies) - 1
    left.semilogy(
        [(k + 1) * epochs / len(losses) for k in range(len(losses))], losses, linewidth=0.8, label="loss of a batch"
    )
    left.set(xlabel="Epochs", ylabel="Loss", title="Cross-entropy")
    for part, label in enumerate(("training", "test")):
        right.plot([pair[part] for pair in accuracies], label=label)
    right.axhline(GOAL, color="black", linestyle=":", label=f"{GOAL:.0%}")
    right.set(xlabel="Epochs", ylabel="Accuracy", ylim=(0.9, 1.002), title="Accuracy")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    predictions = predict(model, test.images)
    wrong = (predictions != test.digits).nonzero().flatten().tolist()
    weights, mistakes = lower.subfigures(1, 2, squeeze=False).flat
    weights.suptitle("Weights of 24 hidden units: red positive, blue negative")
    first_layer = next(iter(model.parameters())).detach().unflatten(1, (8, 8))
    for axes, image in zip(weights.subplots(4, 6).flat, first_layer, strict=False):
        axes.imshow(image.numpy(), cmap="RdBu_r", vmin=-0.5, vmax=0.5)
        axes.axis("off")
    mistakes.suptitle(f"{len(wrong)} of {len(test.digits)} test digits are read wrongly (digit, read as)")
    for axes in mistakes.subplots(2, 5).flat:
        axes.axis("off")
        if wrong:
            i = wrong.pop(0)
            axes.imshow(test.images[i, 0].numpy(), cmap="gray_r")
            axes.set_title(f"{test.digits[i].item()}, {predictions[i].item()}", fontsize=10)
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> float:
    """Run the program and return the accuracy on the test digits."""
    options = parser("A neural network reads handwritten digits.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    epochs = 8 if args.quick else 60
    training, test = load_digits(args.seed)
    model = same_weights(partial(network, dropout=True), mg, args.seed)
    print(f"{model}\n\nBackpropagation for the first {BATCH} digits, without dropout:")
    difference = check_backpropagation(network(mg, dropout=False), training)
    show(f"backward computes the chain rule: largest relative difference {difference:.1e}", difference < 1e-5)

    batches = -(-len(training.digits) // BATCH)
    print(f"\nTraining: {len(training.digits)} digits, {batches} batches an epoch, {epochs} epochs")
    losses = []
    accuracies = [(accuracy(model, training), accuracy(model, test))]
    for loss in tqdm(train(mg, model, training, epochs, args.seed), total=epochs * batches, unit="batch"):
        losses.append(loss)
        if len(losses) % batches == 0:
            accuracies.append((accuracy(model, training), accuracy(model, test)))
    linear = LogisticRegression(max_iter=2000).fit(training.images.flatten(1).numpy(), training.digits.numpy())
    linear_accuracy = float(linear.score(test.images.flatten(1).numpy(), test.digits.numpy()))
    reached = accuracies[-1][1]
    print(f"Accuracy on {len(test.digits)} test digits: {accuracies[0][1]:.2%} before, {reached:.2%} after the training.")
    show(f"the network reads at least {GOAL:.0%} of digits that it has not seen: {reached:.2%}", reached >= GOAL)
    show(f"the hidden layer is worth it: without one (logistic regression) {linear_accuracy:.2%}", reached > linear_accuracy)
    draw(model, losses, accuracies, test, args.output / "neural_network.png")
    if args.compare_torch:

        def first_steps(lib: ModuleType) -> Iterator[float]:
            model = same_weights(partial(network, dropout=False), lib, args.seed)
            return train(lib, model, training, 1, args.seed)

        print(f"Without dropout, {compare_with_torch(first_steps)}")
    return reached


if __name__ == "__main__":
    main()
