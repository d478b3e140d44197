"""The lineage of the optimizers: what each adds to the one before it.

The lecture has a picture of the lineage, of which only the title is left: "how the finders of the path down the mountain
developed". This program draws it again, from what the lecture says of each optimizer, and shows every addition by taking it
away: what is left is the optimizer before it, step for step on the same gradients.

The batches at the root of the lineage are those of `batch_sizes.py`.

    python examples/optimizer_lineage.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import graphviz
from common import feed, parser, reduce_colors, show

import minigrad as mg
from minigrad import Tensor, optim

HUGE = 1e12
Make = Callable[[list[Tensor]], optim.Optimizer]

# ------------------------------------------------------------------------------------------------------- the additions


def mean_of_squares(optimizer: optim.Optimizer, x: Tensor, t: int) -> None:
    """Make RMSprop's average the mean of all squares, Adagrad's sum / t, and lr smaller by the root of t in return."""
    optimizer.param_groups[0].update(alpha=1 - 1 / t, lr=0.1 / math.sqrt(t))


def given_length(optimizer: optim.Optimizer, x: Tensor, t: int) -> None:
    """Do the same with Adadelta, and divide lr by the length that it gives the step itself."""
    own = optimizer.state[x]["acc_delta"].item() if x in optimizer.state else 0.0
    optimizer.param_groups[0].update(rho=1 - 1 / t, lr=0.1 / math.sqrt(t * (own + optimizer.defaults["eps"])))


class Addition(NamedTuple):
    """What an optimizer adds to its parent, and how that is taken away."""

    parent: str
    child: str
    adds: str
    without: str


ADDITIONS = [
    Addition("SGD", "Momentum", "follows the sum of the last gradients", "momentum 1e-300"),
    Addition("Momentum", "Heavy ball", "repeats the last displacement", "a constant lr"),
    Addition("Momentum", "NAG", "takes the gradient ahead", "the same gradients"),
    Addition("SGD", "Adagrad", "divides by the root of the sum of squares", "a huge first sum"),
    Addition("Adagrad", "RMSprop", "an average instead of the sum", "alpha = 1 - 1/t, lr / sqrt(t)"),
    Addition("Adagrad", "Adadelta", "an average, and its own step length", "rho = 1 - 1/t, lr / that length"),
    Addition("RMSprop", "Adam", "momentum, corrected first steps", "beta1 = 0, after 1000 steps"),
    Addition("Momentum", "Adam", "divides, as RMSprop", "a huge eps, after 1000 steps"),
    Addition("Adam", "Nadam", "looks ahead", "beta1 = 0"),
    Addition("NAG", "Nadam", "divides, as Adam", "a huge eps, after 1000 steps"),
]
PARENTS: dict[str, Make] = {
    "SGD": partial(optim.SGD, lr=0.1),
    "Momentum": partial(optim.SGD, lr=0.1, momentum=0.9),
    "NAG": partial(optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "Adagrad": partial(optim.Adagrad, lr=0.1),
    "RMSprop": partial(optim.RMSprop, lr=0.1, alpha=0.9),
    "Adam": partial(optim.Adam, lr=0.1, betas=(0.0, 0.9)),
}
REDUCED: dict[tuple[str, str], Make] = {
    ("SGD", "Momentum"): partial(optim.SGD, lr=0.1, momentum=1e-300),
    ("Momentum", "Heavy ball"): partial(optim.HeavyBall, lr=0.1, momentum=0.9),
    ("Momentum", "NAG"): partial(optim.NAG, lr=0.1, momentum=0.9),
    ("SGD", "Adagrad"): partial(optim.Adagrad, lr=0.1 * HUGE, initial_accumulator_value=HUGE**2),
    ("Adagrad", "RMSprop"): partial(optim.RMSprop, eps=1e-10),
    ("Adagrad", "Adadelta"): partial(optim.Adadelta, eps=1e-30),
    ("RMSprop", "Adam"): partial(optim.Adam, lr=0.1, betas=(0.0, 0.9)),
    ("Momentum", "Adam"): partial(optim.Adam, lr=HUGE, eps=HUGE),
    ("Adam", "Nadam"): partial(optim.NAdam, lr=0.1, betas=(0.0, 0.9)),
    ("NAG", "Nadam"): partial(optim.NAdam, lr=HUGE, eps=HUGE, momentum_decay=1e6),
}
ADJUSTED = {("Adagrad", "RMSprop"): mean_of_squares, ("Adagrad", "Adadelta"): given_length}


def difference(addition: Addition, gradients: Tensor) -> float:
    """Return how far a child without its addition is from its parent, relative to the longest way.

    The gradients come after 1000 of 0, when Adam's corrections for the start have worn off; but at once if the child is
    adjusted in each step.
    """
    edge = addition.parent, addition.child
    if edge not in ADJUSTED:
        gradients = mg.cat([mg.zeros(1000, *gradients.shape[1:], dtype=gradients.dtype), gradients])
    reduced = feed(REDUCED[edge], gradients, ADJUSTED.get(edge)).points
    plain = feed(PARENTS[addition.parent], gradients).points
    return float(((reduced - plain).abs().max() / plain.abs().max()).item())


# --------------------------------------------------------------------------------------------------------- the picture

FAMILIES = {
    "#e8e8e8": ["GD", "SGD", "Mini-batch"],
    "#cfe3f5": ["Momentum", "Heavy ball", "NAG"],
    "#fbe0b8": ["Adagrad", "RMSprop", "Adadelta"],
    "#d9ecd5": ["Adam", "Nadam", "AMSGrad"],
}
IDEAS = {
    "GD": "1847, Cauchy: down the slope<br/>of the loss of all samples",
    "SGD": "1951, Robbins and Monro: of one<br/>sample, drawn at random",
    "Mini-batch": "of k samples",
    "Momentum": "1964, Polyak:<br/>keeps its speed",
    "Heavy ball": "1964, Polyak: the same<br/>path while lr is constant",
    "NAG": "1983, Nesterov:<br/>first moves, then looks",
    "Adagrad": "2011, Duchi et al.: an lr for each<br/>parameter, which only falls",
    "RMSprop": "2012, Hinton: an lr for each<br/>parameter, which recovers",
    "Adadelta": "2012, Zeiler: no lr<br/>has to be chosen",
    "Adam": "2015, Kingma and Ba:<br/>direction and step length",
    "Nadam": "2016, Dozat:<br/>with NAG in place of momentum",
    "AMSGrad": "2018, Reddi et al.: remembers<br/>the largest gradients",
}
OTHER_EDGES = [
    ("GD", "SGD", "fewer samples, more steps"),
    ("SGD", "Mini-batch", "less noise"),
    ("Adam", "AMSGrad", "the greatest average so far"),
]
LEGEND = "\\nblue: the direction of the step; orange: its length; green: both; dashed: not in the lecture"


def show_additions(gradients: Tensor) -> list[float]:
    """Print what each optimizer adds, and return how far it is from its parent without that."""
    print("parent -> child           adds                                       taken away by                  difference")
    differences = [difference(addition, gradients) for addition in ADDITIONS]
    for one, apart in zip(ADDITIONS, differences, strict=True):
        print(f"{one.parent:10} -> {one.child:11} {one.adds:42} {one.without:30} {apart:.0e}")
    show(
        f"without its addition each optimizer is its parent for {len(gradients)} steps, to {max(differences):.0e} of the way",
        max(differences) < 1e-8,
    )
    return differences


def draw(file: Path) -> None:
    """Write the lineage as a picture, if the program dot is installed."""
    picture = mg.viz.Picture(
        graph_attr={"label": LEGEND, "fontname": "Helvetica", "ranksep": "0.7", "dpi": "110"},
        node_attr={"shape": "box", "style": "rounded,filled", "fontname": "Helvetica", "fontsize": "12"},
        edge_attr={"fontname": "Helvetica", "fontsize": "12", "color": "#555555"},
    )
    for color, names in FAMILIES.items():
        for name in names:
            picture.node(name, f'<<b><font point-size="16">{name}</font></b><br/>{IDEAS[name]}>', fillcolor=color)
    for parent, child, adds in OTHER_EDGES + [(one.parent, one.child, one.adds) for one in ADDITIONS]:
        picture.edge(parent, child, label=f"  {adds}", style="dashed" if child == "AMSGrad" else "solid")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        picture.render(outfile=file, cleanup=True)
    except graphviz.ExecutableNotFound as error:
        print(error)
        return
    reduce_colors(file)
    print(f"picture: {file}")


def main(argv: Sequence[str] | None = None) -> list[float]:
    """Run the program and return the differences."""
    args = parser("The lineage of the optimizers.").parse_args(argv)
    generator = mg.Generator().manual_seed(args.seed)
    draw(args.output / "optimizer_lineage.png")
    return show_additions(mg.randn(20 if args.quick else 100, 1, generator=generator, dtype=mg.float64))


if __name__ == "__main__":
    main()
