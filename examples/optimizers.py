"""What the optimizers do with given gradients: effective rates, first steps, memories, and where Adam fails.

All curves are measured: they are moves, and states that the optimizers keep. The program shows

1. Adagrad's effective learning rate, |move / gradient|, which never rises, and RMSprop's, which follows the gradients. (The
   lecture says that Adagrad's rises where gradients are small. It only falls less.)
2. Adam's first steps, of length lr, and what they would be without the correction for averages that begin at 0. (The
   lecture says that the correction lets Adam move where the derivative is 0.)
3. that momentum sums gradients, which the lecture calls an average; Adam averages them;
4. that Adam does not "guarantee convergence": the counter-example of Reddi, Kale & Kumar 2018,
   https://arxiv.org/abs/1904.09237. In every third step the loss is 3 x, and else -x, with x from -1 to 1, so that it is
   least at -1 on average. Adam forgets the rare large gradient too soon and goes to 1. AMSGrad divides by the root of the
   greatest average so far and goes to -1.

    python examples/optimizers.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from common import Trace, feed, parser, save, show
from matplotlib.axes import Axes

import minigrad as mg
from minigrad import Tensor, optim

LR = 0.1


def rates(trace: Trace, gradients: Tensor) -> Tensor:
    """Return the effective rates |move / gradient|, (steps,)."""
    return (trace.moves / gradients).abs()[:, 0]


def effective_rates(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the effective rates and the roots of the states for gradients of size 1, then 0.1, then 1; 200 each."""
    signs = 2 * mg.randint(2, (600, 1), generator=mg.Generator().manual_seed(seed)).double() - 1
    gradients = signs.clone()
    gradients[200:400] *= 0.1
    adagrad = feed(lambda params: optim.Adagrad(params, lr=LR), gradients, state="sum")
    rmsprop = feed(lambda params: optim.RMSprop(params, lr=LR, alpha=0.9), gradients, state="square_avg")
    found = {
        name: (rates(trace, gradients), trace.state.sqrt()[:, 0])
        for name, trace in (("Adagrad", adagrad), ("RMSprop", rmsprop))
    }
    (falling, _), (following, _) = found.values()
    unexplained = max((rate * root / LR - 1).abs().max().item() for rate, root in found.values())
    growth = (falling[1:] / falling[:-1]).max().item()
    print(f"\nEffective rates |move / gradient|, lr {LR:g}; the gradients are 0.1 in steps 201 to 400, and else 1")
    print("after step     1    200    400    600")
    for name, (rate, _) in found.items():
        print(f"{name:9} " + " ".join(f"{rate[k].item():6.4f}" for k in (0, 199, 399, 599)))
    show(
        f"Adagrad's rate never rises: at most {growth:.5f} times that of the step before, although the gradients fall to a "
        f"tenth; RMSprop's rises to {following[399].item() / following[199].item():.1f} times and comes back. Each is lr / "
        f"the root of the optimizer's state, to {unexplained:.0e}",
        growth < 1 and abs(following[399].item() / following[199].item() - 10) < 0.1 and unexplained < 1e-6,
    )
    return found


class UncorrectedAdam(optim.Adam):
    """Adam without the correction: its rule as it is late in a training, when the correction has worn off."""

    @staticmethod
    def update(
        t: int, theta: Any, g: Any, m: Any, v: Any, v_max: Any, *, lr: Any, betas: Any, eps: Any, amsgrad: bool
    ) -> tuple[Any, Any, Any, Any]:
        """Return what Adam's rule makes of a step in which the correction has worn off."""
        return optim.Adam.update(10**9, theta, g, m, v, v_max, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


def first_steps(steps: int) -> dict[str, Tensor]:
    """Return the lengths of Adam's steps divided by lr for gradients of 1, with and without the correction."""
    gradients = mg.ones(steps, 1, dtype=mg.float64)
    kinds: dict[str, type[optim.Adam]] = {"corrected": optim.Adam, "uncorrected": UncorrectedAdam}
    found = {name: rates(feed(partial(kind, lr=LR), gradients), gradients) / LR for name, kind in kinds.items()}
    corrected, uncorrected = found.values()
    still = feed(lambda params: optim.Adam(params, lr=LR), 0 * gradients[:100]).points.abs().max().item()
    print(
        "\nAdam's steps, divided by lr, for a constant gradient\nstep        "
        + " ".join(f"{k:7d}" for k in (1, 2, 10, 100, 1000))
    )
    for name, lengths in found.items():
        print(f"{name:11} " + " ".join(f"{lengths[k - 1].item():7.4f}" for k in (1, 2, 10, 100, 1000)))
    show(
        f"corrected, every step has the length lr, to {(corrected - 1).abs().max().item():.0e}; uncorrected, the first is "
        f"{uncorrected[0].item():.2f} and the longest {uncorrected.max().item():.2f} times that. Where the derivative is 0 "
        f"the correction does not move Adam: {still:g} after 100 steps",
        (corrected - 1).abs().max().item() < 1e-6
        and uncorrected[0].item() > 3
        and uncorrected.max().item() > 6
        and still == 0,
    )
    return found


def memories() -> dict[str, Tensor]:
    """Return the state that stands for the gradient: 50 gradients of 1, then 50 of 0."""
    gradients = mg.cat([mg.ones(50, 1), mg.zeros(50, 1)]).double()
    found = {
        "momentum's buffer": feed(lambda params: optim.SGD(params, momentum=0.9), gradients, state="momentum_buffer"),
        "Adam's average": feed(lambda params: optim.Adam(params), gradients, state="exp_avg"),
    }
    buffer, average = (trace.state[49].item() for trace in found.values())
    print("\nThe memory of the gradient, which is 1")
    show(
        f"momentum 0.9 sums gradients, to {buffer:.2f} after 50 steps, the limit is 1 / (1 - 0.9) = 10; Adam averages them: "
        f"{average:.2f}",
        9.9 < buffer < 10 and 0.99 < average < 1,
    )
    return {name: trace.state[:, 0] for name, trace in found.items()}


# ------------------------------------------------------------------------------------------ a counter-example to Adam


def kept_inside(optimizer: optim.Optimizer, x: Tensor, t: int) -> None:
    """Put the parameters back between -1 and 1."""
    with mg.no_grad():
        x.clamp_(-1, 1)


def kept_inside_and_slower(optimizer: optim.Optimizer, x: Tensor, t: int) -> None:
    """Do so, with lr = 0.5 / sqrt(t), as in the proof of convergence."""
    kept_inside(optimizer, x, t)
    optimizer.param_groups[0]["lr"] = 0.5 / math.sqrt(t)


def optimize_slopes(
    slopes: Tensor, betas: tuple[float, float], adjust: Callable[[optim.Optimizer, Tensor, int], None]
) -> dict[str, Tensor]:
    """Return the points of Adam and AMSGrad on the losses slope * x, (steps + 1, n)."""
    return {
        "Adam": feed(lambda params: optim.Adam(params, lr=0.01, betas=betas), slopes, adjust).points,
        "AMSGrad": feed(lambda params: optim.Adam(params, lr=0.01, betas=betas, amsgrad=True), slopes, adjust).points,
    }


def ends(points: dict[str, Tensor]) -> dict[str, float]:
    """Return the averages of the last points."""
    return {name: path[-1].mean().item() for name, path in points.items()}


def counter_example(seed: int, cycles: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the points on 3 x every third step, with the paper's betas; on 8000 x every 4000th, with the defaults."""
    third = mg.where(mg.arange(1500).unsqueeze(1) % 3 == 0, 3.0, -1.0).double()
    drawn = mg.where(mg.rand(1500, 100, generator=mg.Generator().manual_seed(seed)) < 1 / 3, 3.0, -1.0).double()
    rare = mg.where(mg.arange(4000 * cycles).unsqueeze(1) % 4000 == 0, 8000.0, -1.0).double()
    paper, defaults = (0.0, 1 / (1 + 3.0**2)), (0.9, 0.999)
    points = optimize_slopes(third, paper, kept_inside_and_slower)
    at_random = optimize_slopes(drawn, paper, kept_inside_and_slower)
    remembering = optimize_slopes(third, defaults, kept_inside_and_slower)
    rarely = optimize_slopes(rare, defaults, kept_inside)
    print("\nThe counter-example to Adam, least at -1: the last x" + " " * 26 + "Adam  AMSGrad")
    for what, found in (
        ("3 x every third step, betas 0 and 0.1", points),
        ("the same at random, 100 runs", at_random),
        ("every third step, betas 0.9 and 0.999", remembering),
        ("8000 x every 4000th, betas 0.9 and 0.999", rarely),
    ):
        print(f"{what:72}" + "".join(f"{end:9.3f}" for end in ends(found).values()))
    wrong = {name: (path[-1] > 0).double().mean().item() for name, path in at_random.items()}
    show(
        f"Adam goes to the wrong end, {ends(points)['Adam']:.2f}, AMSGrad to the right one, {ends(points)['AMSGrad']:.2f}; "
        f"at random {wrong['Adam']:.0%} of the runs of Adam go wrong and {wrong['AMSGrad']:.0%} of AMSGrad",
        ends(points)["Adam"] > 0.9 and ends(points)["AMSGrad"] < -0.9 and list(wrong.values()) == [1, 0],
    )
    show(
        f"with the default betas Adam remembers long enough for this, {ends(remembering)['Adam']:.2f}, but not if the large "
        f"gradient is rarer: {ends(rarely)['Adam']:.2f}, AMSGrad {ends(rarely)['AMSGrad']:.2f}",
        ends(remembering)["Adam"] < -0.9 and ends(rarely)["Adam"] > 0.5 and ends(rarely)["AMSGrad"] < -0.1,
    )
    return points, rarely


# ------------------------------------------------------------------------------------------------------------- picture


def plot(axes: Axes, curves: dict[str, Tensor], title: str, xlabel: str, ylabel: str) -> None:
    """Draw curves against the number of the step."""
    for (name, values), color in zip(curves.items(), ("#0072b2", "#d55e00"), strict=True):
        axes.plot(range(1, len(values) + 1), values.numpy(), color=color, label=name)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.3)


def draw(
    effective: dict[str, tuple[Tensor, Tensor]],
    firsts: dict[str, Tensor],
    kept: dict[str, Tensor],
    points: dict[str, Tensor],
    rarely: dict[str, Tensor],
    file: Path,
) -> None:
    """Draw a panel for each subject."""
    figure, axes = plt.subplots(2, 3, figsize=(19, 11))
    (rate_axes, root_axes, first_axes), (memory_axes, third_axes, rare_axes) = axes
    plot(
        rate_axes,
        {name: rate for name, (rate, _) in effective.items()},
        "The effective rate: Adagrad's only falls, RMSprop's recovers",
        "step; the gradients are 0.1 in the grey part, else 1",
        "|move / gradient|",
    )
    plot(
        root_axes,
        {
            f"{name}, sqrt({state})": root
            for (name, (_, root)), state in zip(effective.items(), ("sum", "square_avg"), strict=True)
        },
        f"What it is divided by: the optimizers' state; rate = {LR:g} / root",
        "step",
        "root of the state",
    )
    for ax in (rate_axes, root_axes):
        ax.axvspan(201, 400, color="grey", alpha=0.15)
        ax.set_yscale("log")
    plot(first_axes, firsts, "Adam's steps for a constant gradient, betas 0.9 and 0.999", "step", "length / lr")
    first_axes.set(xscale="log", ylim=(0, 7))
    plot(
        memory_axes,
        kept,
        "Momentum sums, Adam averages",
        "step; the gradient is 1 up to step 50, then 0",
        "memory of the gradient",
    )
    plot(third_axes, points, "Adam's counter-example: 3 x every third step, else -x", "step", "x; the loss is least at -1")
    third_axes.set_xscale("log")
    plot(rare_axes, rarely, "The same with default betas: 8000 x every 4000th step", "step", "x; the loss is least at -1")
    for ax in axes.flat:
        ax.legend()
    figure.tight_layout()
    save(figure, file)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Run the program and return the points of the counter-example."""
    args = parser("What the optimizers do with given gradients.").parse_args(argv)
    effective = effective_rates(args.seed)
    firsts = first_steps(2000 if args.quick else 10_000)
    kept = memories()
    points, rarely = counter_example(args.seed, cycles=4 if args.quick else 7)
    draw(effective, firsts, kept, points, rarely, args.output / "optimizers.png")
    return points


if __name__ == "__main__":
    main()
