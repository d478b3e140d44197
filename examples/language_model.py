"""Fields of application, language processing: models of a language, trained by gradient descent, write text.

A language model gives the probability of each character after the characters before it. It is measured in bits per character
of text that it has not seen, the mean of -log2 p(character | characters before). The text is Python's own documentation,
which every Python contains (pydoc_data.topics), reduced to the letters a to z, comma, full stop, space and end of paragraph.
Every tenth paragraph is held out. The program compares

* n-gram models, which count what follows the last n - 1 characters, smoothed by the shorter n-grams (Witten, Bell, 1991);
* a network with one hidden layer, which sees the last 8 characters (Bengio and others, 2003);
* a small transformer, which sees up to 64 characters by causal attention (Vaswani and others, 2017).

Both networks are trained with Adam on equal windows of text; the transformer takes one or two minutes.

    python examples/language_model.py
    python examples/language_model.py --compare-torch
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from common import compare_with_torch, parser, same_weights, save, show
from tqdm.auto import tqdm

import minigrad as mg
from minigrad import Tensor

CHARACTERS = "\n ,.abcdefghijklmnopqrstuvwxyz"
WINDOW, BATCH = 64, 16
CONTEXT, EMBEDDING, HIDDEN = 8, 24, 256  # of the network with one hidden layer
WIDTH, HEADS, BLOCKS, NEIGHBOURS = 64, 4, 2, 6  # of the transformer
WARM_UP = 50


def read_text() -> tuple[str, str]:
    """Return the text for training and the held-out text. Paragraphs that occur several times are taken once."""
    paragraphs = "\n\n".join(topics[name].lower() for name in sorted(topics)).split("\n\n")
    cleaned = [" ".join(re.sub(r"[^a-z,.]", " ", paragraph).split()) for paragraph in paragraphs]
    unique = list(dict.fromkeys(paragraph for paragraph in cleaned if len(paragraph) > 80))
    held_out = unique[::10]
    return "\n".join(p for k, p in enumerate(unique) if k % 10), "\n".join(held_out)


def encode(text: str) -> Tensor:
    """Return the number of each character."""
    return mg.tensor([CHARACTERS.index(character) for character in text])


# ------------------------------------------------------------------------------------------------------------- n-grams


def n_gram_bits(training: str, held_out: str, longest: int) -> list[float]:
    """Return the bits per character of the n-gram models for n from 1 to `longest`.

    With c counts of the character after the context h of n - 1 characters, and T different characters seen after h,
    p_n(x | h) = (c(h x) + T(h) p_{n-1}(x | h without its first character)) / (c(h) + T(h)), and p_0 is uniform.
    """
    bits = []
    p = [1 / len(CHARACTERS)] * (len(held_out) - longest)
    for n in range(1, longest + 1):
        following: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for i in range(n - 1, len(training)):
            following[training[i - n + 1 : i]][training[i]] += 1
        totals = {context: (counts.total(), len(counts)) for context, counts in following.items()}
        for k, i in enumerate(range(longest, len(held_out))):
            context = held_out[i - n + 1 : i]
            total, different = totals.get(context, (0, 0))
            if total:
                p[k] = (following[context][held_out[i]] + different * p[k]) / (total + different)
        bits.append(-sum(map(math.log2, p)) / len(p))
    return bits


# ------------------------------------------------------------------------------------------------------------ networks


@dataclass(frozen=True)
class LanguageModel:
    """A kind of network.

    Attributes:
        build: Makes the layers with a library, minigrad or torch.
        logits: Maps the library, the layers and windows (N, T) of characters to the logits (N, t, C) of the characters that
            follow the last t ones of each window.
        lr: The highest learning rate.
    """

    build: Callable[[ModuleType], Any]
    logits: Callable[[ModuleType, Any, Tensor], Tensor]
    lr: float


def hidden_layer(lib: ModuleType) -> Any:
    """Return the layers of the network with one hidden layer."""
    nn, count = lib.nn, len(CHARACTERS)
    layers = nn.Sequential(nn.Linear(CONTEXT * EMBEDDING, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, count))
    return nn.ModuleDict({"embedding": nn.Embedding(count, EMBEDDING), "layers": layers})


def hidden_layer_logits(lib: ModuleType, model: Any, windows: Tensor) -> Tensor:
    """Concatenate the embeddings of 8 neighbouring characters, and return the logits of the next one, (N, T - 7, C)."""
    embedded = model["embedding"](windows)
    count = windows.shape[1] - CONTEXT + 1
    neighbours = lib.cat([embedded[:, k : k + count] for k in range(CONTEXT)], dim=2)
    logits: Tensor = model["layers"](neighbours)
    return logits


def transformer(lib: ModuleType) -> Any:
    """Return the layers of the transformer."""
    nn, count = lib.nn, len(CHARACTERS)

    def block() -> Any:
        return nn.ModuleDict(
            {
                "norm1": nn.LayerNorm(WIDTH),
                "queries_keys_values": nn.Linear(WIDTH, 3 * WIDTH),
                "attended": nn.Linear(WIDTH, WIDTH),
                "mlp": nn.Sequential(
                    nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH)
                ),
            }
        )

    model = nn.ModuleDict(
        {
            "embeddings": nn.ModuleList([nn.Embedding(count, WIDTH) for _ in range(NEIGHBOURS)]),
            "positions": nn.Embedding(WINDOW, WIDTH),
            "blocks": nn.ModuleList([block() for _ in range(BLOCKS)]),
            "head": nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, count)),
        }
    )
    for table in (model["positions"], *model["embeddings"]):
        nn.init.normal_(table.weight, std=0.1)
    return model


def transformer_logits(lib: ModuleType, model: Any, windows: Tensor) -> Tensor:
    """Return the logits of the character after each one, (N, T, C), from this one and those before it in the window.

    The first block gets at each position the sum of an embedding of the position and one of each of the last 6 characters.
    With an embedding of the last one alone, attention must first learn to find its neighbours, and 2000 steps end 0.1 bits
    higher.
    """
    batch, length = windows.shape
    x = model["positions"](lib.arange(length))
    for back, table in enumerate(model["embeddings"]):
        x = x + lib.nn.functional.pad(table(windows[:, : length - back]), (0, 0, back, 0))
    for block in model["blocks"]:
        projected = block["queries_keys_values"](block["norm1"](x)).reshape(batch, length, 3, HEADS, WIDTH // HEADS)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4).unbind(0)
        heads = lib.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + block["attended"](heads.transpose(1, 2).reshape(batch, length, WIDTH))
        x = x + block["mlp"](x)
    logits: Tensor = model["head"](x)
    return logits


MODELS = {
    "one hidden layer": LanguageModel(hidden_layer, hidden_layer_logits, lr=3e-3),
    "transformer": LanguageModel(transformer, transformer_logits, lr=5e-3),
}


def cross_entropy(lib: ModuleType, logits: Tensor, windows: Tensor, reduction: str = "mean") -> Tensor:
    """Return -log p(character) for the characters that the logits are for, the last ones of each window."""
    targets = windows[:, -logits.shape[1] :]
    loss: Tensor = lib.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)
    return loss


def train(lib: ModuleType, kind: LanguageModel, model: Any, text: Tensor, steps: int, seed: int) -> Iterator[float]:
    """Train on random windows of the text, with a learning rate that rises and then falls; yield the loss of each step."""
    optimizer = lib.optim.Adam(model.parameters(), lr=kind.lr)
    scheduler = lib.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(1, (k + 1) / WARM_UP) * (1 + math.cos(math.pi * k / steps)) / 2
    )
    generator = mg.Generator().manual_seed(seed)
    for _ in range(steps):
        starts = mg.randint(len(text) - WINDOW, (BATCH, 1), generator=generator)
        windows = lib.from_numpy(text[starts + mg.arange(WINDOW + 1)].numpy())
        optimizer.zero_grad()
        loss = cross_entropy(lib, kind.logits(lib, model, windows[:, :-1]), windows)
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield loss.item()


def bits_of_characters(kind: LanguageModel, model: Any, text: Tensor) -> Tensor:
    """Return -log2 p for the characters of a text but the first ones, each from at least half a window before it."""
    half = WINDOW // 2
    starts = half * mg.arange((len(text) - 1) // half - 1)
    bits = []
    with mg.no_grad():
        for part in starts.split(64):
            windows = text[part.unsqueeze(1) + mg.arange(WINDOW + 1)]
            logits = kind.logits(mg, model, windows[:, :-1])[:, -half:]
            bits.append(cross_entropy(mg, logits, windows, reduction="none") / math.log(2))
    return mg.cat(bits)


def write(kind: LanguageModel, model: Any, beginning: str, count: int, generator: mg.Generator) -> str:
    """Continue a text by characters drawn with the probabilities of the model."""
    text = encode(beginning)
    with mg.no_grad():
        for _ in range(count):
            p = kind.logits(mg, model, text[-WINDOW:].unsqueeze(0))[0, -1].softmax(dim=0)
            text = mg.cat([text, mg.multinomial(p, 1, generator=generator)])
    return "".join(CHARACTERS[k] for k in text[len(beginning) :].tolist())


# ------------------------------------------------------------------------------------------------------------- program


def draw(
    n_grams: Sequence[float], losses: dict[str, list[float]], bits: dict[str, Tensor], held_out: str, file: Path
) -> None:
    """Draw the training, the comparison with n-grams, and the bits that each character of a held-out text costs."""
    figure = plt.figure(figsize=(13, 8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.5, 1]).flat
    left, right = upper.subplots(1, 2, sharey=True)
    for color, (name, values) in zip(("#d55e00", "#0072b2"), losses.items(), strict=True):
        size = min(25, len(values))
        means = mg.tensor(values)[: len(values) // size * size].reshape(-1, size).mean(dim=1) / math.log(2)
        left.plot((size * mg.arange(1, len(means) + 1)).numpy(), means.numpy(), color=color, label=name)
        right.axhline(bits[name].mean().item(), color=color, label=name)
    left.set(xlabel="Steps", ylabel="Bits per character", ylim=(1, 5), title=f"Training, means of {size} steps")
    right.plot(range(1, len(n_grams) + 1), n_grams, "o--", color="black", label="n-grams")
    right.set(xlabel="n", title="Held-out text")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    axes = lower.subplots()
    lines, columns = 4, 76
    shown = held_out[WINDOW // 2 + 1 :][: lines * columns].replace("\n", "¶")
    costs = bits["transformer"][: lines * columns].reshape(lines, columns)
    image = axes.imshow(costs.numpy(), cmap="OrRd", vmin=0, vmax=8, aspect="auto")
    for k, character in enumerate(shown):
        axes.text(k % columns, k // columns, character, ha="center", va="center", family="monospace", fontsize=11)
    axes.set(xticks=[], yticks=[], title="Held-out text: what each character costs the transformer, knowing those before")
    lower.colorbar(image, label="Bits")
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the program and return the bits per character of held-out text of each model."""
    options = parser("Language models: n-grams, a hidden layer, a transformer.")
    options.add_argument("--compare-torch", action="store_true", help="run the first 20 steps with torch too")
    args = options.parse_args(argv)
    training, held_out = read_text()
    if args.quick:
        training, held_out = training[:20_000], held_out[:2_000]
    steps = {"one hidden layer": 20, "transformer": 6} if args.quick else {"one hidden layer": 2000, "transformer": 2500}
    print(f"{len(training)} characters for training, {len(held_out)} held out")
    n_grams = n_gram_bits(training, held_out, longest=7)
    for n, value in enumerate(n_grams, start=1):
        print(f"  {n}-gram: {value:.3f} bits per character")
    text = encode(training)
    losses: dict[str, list[float]] = {}
    bits = {}
    for name, kind in MODELS.items():
        model = same_weights(kind.build, mg, args.seed)
        run = train(mg, kind, model, text, steps[name], args.seed)
        losses[name] = list(tqdm(run, total=steps[name], desc=name, unit="step"))
        bits[name] = bits_of_characters(kind, model, encode(held_out))
        parameters = sum(p.numel() for p in model.parameters())
        print(f"\n{name}, {parameters} parameters: {bits[name].mean().item():.3f} bits per character. It continues")
        sample = write(kind, model, held_out[:WINDOW], 40 if args.quick else 300, mg.Generator().manual_seed(args.seed))
        print(f"  {held_out[:WINDOW]!r} by\n  {sample!r}")

    results = {name: values.mean().item() for name, values in bits.items()}
    network, attention = results.values()
    print()
    show(
        f"a hidden layer makes more of {CONTEXT} characters than a trigram of 2: {network:.3f} < {n_grams[2]:.3f}",
        network < n_grams[2],
    )
    show(f"attention to {WINDOW} characters predicts still better: {attention:.3f} < {network:.3f}", attention < network)
    better = [f"{n}-gram" for n, value in enumerate(n_grams, start=1) if value < attention]
    if better:
        times = steps["transformer"] * BATCH * WINDOW / len(text)
        print(
            f"Still better: {', '.join(better)}. The documentation repeats many phrases, which long n-grams store literally;"
        )
        print(f"the transformer learns from each character {times:.1f} times, in so short a training.")
    draw(n_grams, losses, bits, held_out, args.output / "language_model.png")
    if args.compare_torch:
        for name, kind in MODELS.items():

            def first_steps(lib: ModuleType, kind: LanguageModel = kind) -> Iterator[float]:
                return train(lib, kind, same_weights(kind.build, lib, args.seed), text, 20, args.seed)

            print(f"{name}, {compare_with_torch(first_steps)}")
    return {**{f"{n}-gram": value for n, value in enumerate(n_grams, start=1)}, **results}


if __name__ == "__main__":
    main()
