"""Fields of application, image processing: a convolutional network (CNN) classifies images of handwritten digits.

A convolution slides small filters over the image:

    out[o, i, j] = b[o] + sum over c, k, l of w[o, c, k, l] in[c, i + k, j + l].

All places of the image share the weights of a filter, so there are few of them, and a shifted image gives shifted outputs.
The network has two convolutions with 3 x 3 filters, a maximum over 2 x 2 windows and a linear layer, and is trained with Adam
on the 1797 digits of scikit-learn. Dropout is a remedy for overfitting.

    python examples/convolutional_network.py
    python examples/convolutional_network.py --compare-torch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from common import Digits, accuracy, compare_with_torch, load_digits, parser, predict, same_weights, save, show
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import nn

BATCH, LR = 32, 3e-3
GOAL = 0.98


def network(lib: ModuleType, dropout: float) -> Any:
    """Return the network: images (N, 1, 8, 8) to logits (N, 10). `lib` is minigrad or torch."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(32 * 4 * 4, 10),
    )


def train(lib: ModuleType, model: Any, data: Digits, epochs: int, seed: int) -> Iterator[float]:
    """Train on mini-batches with Adam, with a learning rate that falls to 0; yield the loss of each batch."""
    optimizer = lib.optim.Adam(model.parameters(), lr=LR)
    scheduler = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    images, digits = lib.from_numpy(data.images.numpy()), lib.from_numpy(data.digits.numpy())
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


def shift_difference(convolution: nn.Module, data: Digits) -> float:
    """Return the largest difference between the output for shifted images and the shifted output.

    The images get a margin of two pixels on each side, so that nothing leaves them when they are shifted by one to the right.
    """
    images = nn.functional.pad(data.images, (2, 2, 2, 2))
    with mg.no_grad():
        outputs, shifted = convolution(images), convolution(images.roll(1, 3))
    return float((shifted[..., 1:] - outputs[..., :-1]).abs().max())


def confusion(predictions: mg.Tensor, digits: mg.Tensor) -> mg.Tensor:
    """Return how often the digit of each row was read as that of each column, of shape (10, 10)."""
    one_hot = nn.functional.one_hot
    return one_hot(digits, 10).T @ one_hot(predictions, 10)


def draw(model: Any, accuracies: Sequence[tuple[float, float]], test: Digits, file: Path) -> None:
    """Draw the accuracies, the confusion matrix, the filters of the first layer and what they make of a test digit."""
    figure = plt.figure(figsize=(13, 9), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False).flat
    left, right = upper.subplots(1, 2)
    for part, label in enumerate(("training", "test")):
        left.plot([pair[part] for pair in accuracies], label=label)
    left.axhline(GOAL, color="black", linestyle=":", label=f"{GOAL:.0%}")
    left.set(xlabel="Epochs", ylabel="Accuracy", ylim=(0.9, 1.002), title="Accuracy")
    left.legend(loc="lower right")
    left.grid(alpha=0.3)
    counts = confusion(predict(model, test.images), test.digits)
    right.imshow(counts.float().log1p().numpy(), cmap="Blues")
    for i, row in enumerate(counts.tolist()):
        for j, count in enumerate(row):
            if count:
                right.text(j, i, count, ha="center", va="center", color="white" if i == j else "#d55e00", weight="bold")
    right.set(xlabel="Read as", ylabel="Digit", xticks=range(10), yticks=range(10), title="Test digits")
    with mg.no_grad():
        filters, outputs = model[0].weight[:, 0], model[1](model[0](test.images[:1]))[0]
    image, first, second = lower.subfigures(1, 3, squeeze=False, width_ratios=[1, 1.6, 1.6]).flat
    axes = image.subplots()
    image.suptitle("A test digit")
    axes.imshow(test.images[0, 0].numpy(), cmap="gray_r")
    axes.axis("off")
    first.suptitle("The 16 filters of the first layer: red positive, blue negative")
    second.suptitle("What the filters make of the digit")
    for part, pictures, style in (
        (first, filters, {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}),
        (second, outputs, {"cmap": "gray_r"}),
    ):
        for axes, picture in zip(part.subplots(4, 4).flat, pictures, strict=True):
            axes.imshow(picture.numpy(), **style)
            axes.axis("off")
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> float:
    """Run the program and return the accuracy on the test digits."""
    options = parser("A convolutional network reads handwritten digits.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    epochs = 2 if args.quick else 25
    training, test = load_digits(args.seed)
    model = same_weights(partial(network, dropout=0.3), mg, args.seed)
    weights = sum(p.numel() for p in model[0].parameters())
    inputs, outputs = training.images[0].numel(), model[0](training.images[:1]).numel()
    print(f"{model}\n\n{sum(p.numel() for p in model.parameters())} parameters, {weights} of them in the first convolution.")
    print(f"A linear layer with as many inputs and outputs has {(inputs + 1) * outputs}.")
    difference = shift_difference(model[0], test)
    show(f"a shifted image gives a shifted output of a convolution: largest difference {difference:.1e}", difference < 1e-5)

    batches = -(-len(training.digits) // BATCH)
    print(f"\nTraining: {len(training.digits)} digits, {batches} batches an epoch, {epochs} epochs")
    accuracies = [(accuracy(model, training), accuracy(model, test))]
    steps = train(mg, model, training, epochs, args.seed)
    for k, _ in enumerate(tqdm(steps, total=epochs * batches, unit="batch"), start=1):
        if k % batches == 0:
            accuracies.append((accuracy(model, training), accuracy(model, test)))
    reached = accuracies[-1][1]
    print(f"Accuracy on {len(test.digits)} test digits: {accuracies[0][1]:.2%} before, {reached:.2%} after the training.")
    show(f"the network reads at least {GOAL:.0%} of digits that it has not seen: {reached:.2%}", reached >= GOAL)
    draw(model, accuracies, test, args.output / "convolutional_network.png")
    if args.compare_torch:

        def first_steps(lib: ModuleType) -> Iterator[float]:
            return train(lib, same_weights(partial(network, dropout=0.0), lib, args.seed), training, 1, args.seed)

        print(f"Without dropout, {compare_with_torch(first_steps)}")
    return reached


if __name__ == "__main__":
    main()
