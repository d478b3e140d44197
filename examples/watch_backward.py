"""Watch backward: how one product travels through minigrad, and two pages to step through.

1. ``y = x * w + b``, ``y.backward()`` and a step of gradient descent run while every function of the course that is called is
   noted, with the file and the line where it stands: read along in the files.
2. The same backward pass and the same step are explained with formulas and numbers.
3. Two pages are written, the lecture's regression and a network of two layers: open them in a browser and press the arrow
   keys. A picture of one step is made by, for example

       chromium --headless --screenshot=step.png --window-size=1400,700 "file://$PWD/regression.html#14"

    python examples/watch_backward.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from common import load_cars, parser, show

import minigrad
from minigrad import Tensor, nn, optim
from minigrad.backend import Backend, set_backend

PACKAGE = Path(minigrad.__file__).parent
COURSE = ["primitive.py", "autodiff.py", "ops/arithmetic.py", "views.py", "optim/optimizer.py", "optim/sgd.py"]


class CourseCalls:
    """Notes the calls of functions in the files of the course: the depth among them, and where the function stands."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str, str, int]] = []
        self.depth = 0
        self.files = {str(PACKAGE / name): name for name in COURSE}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note what Python tells a profiler: that a function is called, or that one returns."""
        code = frame.f_code
        if code.co_filename not in self.files or (code.co_name[0] == "<" and code.co_name != "<lambda>"):
            return
        if event == "call":
            name = "a gradient rule" if code.co_name == "<lambda>" else code.co_qualname
            self.calls.append((self.depth, name, self.files[code.co_filename], code.co_firstlineno))
            self.depth += 1
        elif event == "return":
            self.depth -= 1


@contextmanager
def course_calls() -> Iterator[CourseCalls]:
    """Note the calls in this block, which runs without the fast lane: the course is what the fast lane does sooner."""
    calls = CourseCalls()
    previous = set_backend(Backend())
    sys.setprofile(calls)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        set_backend(previous)


def travel(line: str, run: Callable[[], Any]) -> Any:
    """Run a line of the program and print the functions of the course that it calls; return its result."""
    with course_calls() as calls:
        result = run()
    print(f"\n>>> {line}")
    for depth, name, file, number in calls.calls:
        print(f"    {'  ' * depth}{name:<{46 - 2 * depth}} {file}:{number}")
    return result


def one_product() -> tuple[Tensor, Tensor]:
    """Run the product, its backward pass and a step, each with its way through the course; return w and b."""
    x = minigrad.tensor([1.0, 2.0])
    w, b = minigrad.tensor(3.0, requires_grad=True), minigrad.tensor(0.5, requires_grad=True)
    optimizer = optim.SGD([w, b], lr=0.1)
    product = travel("product = x * w", lambda: x * w)
    y = travel("y = product + b", lambda: product + b)
    loss = travel("loss = y.sum()", lambda: y.sum())
    print("\nThe backward pass, explained: print(minigrad.explain(loss, optimizer=optimizer))\n")
    print(minigrad.explain(loss, optimizer=optimizer))
    travel("loss.backward()", loss.backward)
    travel("optimizer.step()", optimizer.step)
    return w, b


def regression_page(path: Path) -> dict[str, Any]:
    """Write the page of one step of the lecture's regression, on four cars; return the gradients it shows."""
    cars = load_cars()
    x, y = cars.x[:4, 2], cars.y[:4, 0]  # the weight of a car, standardized, and its miles per gallon
    slope, intercept = minigrad.tensor(-5.0, requires_grad=True), minigrad.tensor(20.0, requires_grad=True)

    def train() -> Tensor:
        prediction = slope * x + intercept
        error = prediction - y
        loss = (error**2).mean()
        return loss  # noqa: RET504 (the page shows its name)

    explanation = minigrad.explain(train, optimizer=optim.SGD([slope, intercept], lr=0.1))
    explanation.to_html(path)
    return explanation.gradients


def network(seed: int) -> nn.Sequential:
    """Return a network of two layers."""
    minigrad.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))


def network_page(path: Path, seed: int) -> dict[str, Any]:
    """Write the page of one step of a network that is to learn "exclusive or"; return the gradients that it shows."""
    model = network(seed)
    x = minigrad.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = minigrad.tensor([[0.0], [1.0], [1.0], [0.0]])
    optimizer = optim.Adam(model.parameters(), lr=0.05)

    def train() -> Tensor:
        hidden = model[1](model[0](x))
        prediction = model[2](hidden)
        loss = nn.functional.mse_loss(prediction, y)
        return loss  # noqa: RET504 (the page shows its name)

    explanation = minigrad.explain(train, optimizer=optimizer)
    explanation.to_html(path)
    return explanation.gradients


def main(arguments: Sequence[str] | None = None) -> tuple[Tensor, Tensor]:
    """Run the program and return w and b after the step."""
    args = parser(__doc__.splitlines()[0]).parse_args(arguments)
    w, b = one_product()
    args.output.mkdir(parents=True, exist_ok=True)
    print()
    for name, write in (("regression", regression_page), ("network", lambda path: network_page(path, args.seed))):
        gradients = write(args.output / f"{name}.html")
        print(f"page: {args.output / name}.html, with the gradients of {', '.join(gradients)}")
    assert w.grad is not None
    assert b.grad is not None
    right = (w.grad.item(), b.grad.item(), round(w.item(), 6), round(b.item(), 6)) == (3.0, 2.0, 2.7, 0.3)
    show(
        "dloss/dw is the sum of cotangent times x, 1 + 2 = 3, dloss/db the sum of the cotangents, 1 + 1 = 2; "
        f"the step takes w from 3 to {w.item():.1f} and b from 0.5 to {b.item():.1f}.",
        right,
    )
    return w, b


if __name__ == "__main__":
    main()
