"""Anomaly mode: the first NaN or inf is reported with its operation, line, values and cause, and nothing else is."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import Tensor, optim
from minigrad.autograd import Function, anomaly, detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from minigrad.nn import functional
from minigrad.primitive import elementwise, primitives
from tests.reference import torch
from tests.torch_parity import Library

INF, NAN = float("inf"), float("nan")
Step = Any  # a function of a Tensor


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    yield
    assert not is_anomaly_enabled()


def leaf(*values: float, **options: Any) -> Tensor:
    return minigrad.tensor(values, requires_grad=True, **options)


def report(step: Step, *values: float, backward: bool = True, **options: Any) -> str:
    """Return what anomaly mode says about a function of a leaf, and about the gradient of its sum."""

    def program() -> None:
        y = step(leaf(*values))
        if backward:
            y.sum().backward(**options)

    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        program()
    return str(caught.value)


FORWARD: dict[str, tuple[Step, str, str]] = {
    "sqrt": (lambda x: (x - 5).sqrt(), "sqrt returned nan", "(0,)"),
    "rsqrt": (lambda x: x.rsqrt(), "rsqrt returned inf", "(1,)"),
    "log": (lambda x: x.log(), "log returned inf", "(1,)"),
    "div": (lambda x: 1 / x[1:], "div returned inf", "(0,)"),
    "reciprocal": (lambda x: x.reciprocal(), "reciprocal returned inf", "(1,)"),
    "pow": (lambda x: x**-1, "pow returned inf", "(1,)"),
    "power": (lambda x: x ** (x - 1), "power returned inf", "(1,)"),
    "exp": (lambda x: (x * 100).exp(), "exp returned inf", "(0,)"),
    "mul": (lambda x: x * 3e38, "mul returned inf", "(0,)"),
    "a number": (lambda x: x[1].log(), "log returned inf", "()"),
    "a matrix": (lambda x: x.reshape(1, 2).log(), "log returned inf", "(0, 1)"),
    "nothing": (lambda x: x[:0].mean(), "mean returned nan", "()"),
    "nothing in columns": (lambda x: x.reshape(2, 1)[:, :0].mean(1), "mean returned nan", "(0,)"),
    "in place": (lambda x: (x * 1).log_(), "log returned inf", "(1,)"),
    "in a view": (lambda x: (x * 1)[1:].log_(), "log returned inf", "(0,)"),
    "another dtype": (lambda x: (x * 5e4).half(), "cast returned inf", "(0,)"),
    "Function": (lambda x: Logarithm.apply(x), "<LogarithmBackward> returned inf", "(1,)"),
    "second result": (lambda x: Both.apply(x)[0], "<BothBackward> returned inf", "(1,)"),
    "nan, then inf": (lambda x: (4 - x) / (x * 0), "div returned nan", "(0,)"),
    "inf, then nan": (lambda x: x / (x * 0), "div returned inf", "(0,)"),
}
BACKWARD: dict[str, tuple[Step, str, int, str]] = {
    "sqrt": (lambda x: x.sqrt(), "sqrt returned inf", 0, "(1,)"),
    "sqrt of a number": (lambda x: x[1].sqrt(), "sqrt returned inf", 0, "()"),
    "pow": (lambda x: x**0.5, "pow returned inf", 0, "(1,)"),
    "power": (lambda x: x ** minigrad.tensor([0.5, 0.5]), "power returned inf", 0, "(1,)"),
    "div": (lambda x: 1e-10 / (x + 1e-30), "div returned inf", 1, "(1,)"),
    "discarded": (lambda x: minigrad.where(x > 0, x.sqrt(), 0), "sqrt returned nan", 0, "(1,)"),
    "in place": (lambda x: (x * 1).sqrt_(), "sqrt returned inf", 0, "(1,)"),
    "Function": (lambda x: Steep.apply(x), "<SteepBackward> returned nan", 0, "(0,)"),
}


def attention(x: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(x, x, x, is_causal=True)


def own(name: str, forward: Callable[..., Any], backward: Callable[..., Any]) -> Any:
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


Steep: Any = own("Steep", lambda ctx, x: x * 1, lambda ctx, g: g * NAN)
Logarithm: Any = own("Logarithm", lambda ctx, x: x.log(), lambda ctx, g: g)
Both: Any = own("Both", lambda ctx, x: (x * 1, x.log()), lambda ctx, g, h: g + h)
Twice = own("Twice", lambda ctx, x: (x * 1, x * 2), lambda ctx, g, h: g + h * 2)


@elementwise(floating=True, x=lambda g, x: minigrad.where(x > 0, g / x, 0) if isinstance(x, Tensor) else g * (x > 0))
def guarded(x: Any) -> Any:
    return x * 1.0


del primitives["guarded"]  # its tests ask for a domain of every entry


@pytest.mark.parametrize("name", FORWARD)
def test_the_forward_is_reported_at_once(name: str) -> None:
    step, fault, index = FORWARD[name]
    assert report(step, 4.0, 0.0, backward=False).startswith(f"{fault} values in its forward at index {index}.\n")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", BACKWARD)
def test_the_backward_is_reported_by_the_name_of_the_operation(name: str, create_graph: bool) -> None:
    step, fault, gradient, index = BACKWARD[name]
    message = report(step, 4.0, 0.0, create_graph=create_graph)
    assert message.startswith(f"{fault} values in its backward (gradient {gradient}) at index {index}.\n")
    assert f"\nIt was called in {__file__}:{step.__code__.co_firstlineno}, in <lambda>: " in message


@pytest.mark.parametrize("name", anomaly.KNOWN_CAUSES)
def test_each_known_cause_is_that_of_an_operation_and_comes_with_its_remedy(name: str) -> None:
    assert name in primitives
    assert report(FORWARD[name][0], 4.0, 0.0, backward=False).endswith(f"Known cause: {anomaly.KNOWN_CAUSES[name]}.")


@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64])
def test_a_diverging_training_is_told_to_use_a_smaller_learning_rate(dtype: minigrad.dtype) -> None:
    x = minigrad.arange(34, dtype=dtype)

    def train(lr: float, *, by_hand: bool) -> None:
        w = leaf(1.0, dtype=dtype)
        optimizer = optim.SGD([w], lr=lr)
        with detect_anomaly():
            for _ in range(200):
                loss = ((w * x - 2 * x) ** 2).mean() if by_hand else functional.mse_loss(w * x, 2 * x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    train(1e-4, by_hand=True)
    for by_hand in (True, False):
        with pytest.raises(RuntimeError, match=r"(pow|mse_loss) returned inf(.|\n)*: use a smaller learning rate"):
            train(0.1, by_hand=by_hand)
    with pytest.raises(RuntimeError, match=r"not finite(.|\n)*: use a smaller learning rate"):
        train(1e308 if dtype is minigrad.float64 else 1e38, by_hand=False)


def test_the_whole_report() -> None:
    def program(x: Tensor) -> Tensor:
        y = x * 2
        return y / minigrad.tensor([[1.0, 0.0]])  # this line

    line = next(
        k for k, text in enumerate(Path(__file__).read_text("utf-8").splitlines(), 1) if text.endswith("  # this line")
    )
    assert report(program, 4.0, 3.0).splitlines() == [
        "div returned inf values in its forward at index (0, 1).",
        f"It was called in {__file__}:{line}, in program: return y / minigrad.tensor([[1.0, 0.0]])  # this line",
        "Its value 0, of shape [2]: from 6.0 to 8.0",
        "Its value 1, of shape [1, 2]: 0.0 at this index",
        f"Known cause: {anomaly.KNOWN_CAUSES['div']}.",
    ]
    assert "Its value 0, of shape [2]: 0.0 at this index" in report(BACKWARD["sqrt"][0], 4.0, 0.0).splitlines()
    assert "Its value 0, of shape [0]: empty" in report(FORWARD["nothing"][0], 1.0).splitlines()
    assert "Its value 0, of shape []: 1.0 at this index" in report(lambda x: x[0] / x[1:], 1.0, 0.0).splitlines()
    assert "Known cause" not in report(FORWARD["nothing"][0], 1.0)


def test_a_discarded_branch_is_told_how_to_be_harmless() -> None:
    hint = "If where() discards this branch, put a harmless number in before the function: where(c, f(where(c, x, 1)), 0)."
    assert report(BACKWARD["discarded"][0], 4.0, 0.0).endswith(hint)
    assert hint not in report(BACKWARD["sqrt"][0], 4.0, 0.0)
    assert hint not in report(FORWARD["sqrt"][0], 4.0, 0.0)


def test_a_second_derivative_is_reported_with_the_line_of_the_first_computation() -> None:
    with detect_anomaly():
        x = leaf(0.0)
        y = x**1.5  # cursed
        y.backward(create_graph=True)
        assert x.grad is not None
        with pytest.raises(RuntimeError, match=r"pow returned inf values in its backward .*\n.*# cursed"):
            x.grad.backward()


def test_the_line_is_the_innermost_that_is_not_minigrads() -> None:
    beside = f"{Path(minigrad.__file__).parent}_course/lesson.py"
    space: dict[str, Any] = {"__name__": "lesson"}
    exec(compile("\n\ndef logarithm(x):\n    return x.log()", beside, "exec"), space)
    assert f"{beside}:4, in logarithm: " in report(space["logarithm"], 0.0)

    within = report(lambda x: functional.mse_loss(x * 1e30, x), 3.0)
    assert f"{__file__}:" in within
    assert "functional.mse_loss(x * 1e30, x)" in within


FINITE: dict[str, Step] = {
    "masked_fill": lambda x: x.masked_fill(minigrad.tensor([True, False]), -INF).softmax(0),
    "where": lambda x: minigrad.where(x > 0, x, -INF).max(),
    "pad": lambda x: functional.pad(x, (1, 1), value=-INF).max(),
    "max_pool2d": lambda x: functional.max_pool2d(x.reshape(1, 1, 1, 2), 2, padding=1),
    "clamp": lambda x: x.clamp(-INF, INF),
    "attention": lambda x: attention(x.reshape(1, 2, 1)),
    "norm of zeros": lambda x: (x * 0).norm(),
    "std of equals": lambda x: (x * 0).std(),
    "cosine of zeros": lambda x: functional.cosine_similarity(x * 0, x, dim=0),
    "power of itself": lambda x: x ** (x + 1),
    "entropy of certainty": lambda x: functional.binary_cross_entropy(x, minigrad.tensor([1.0, 0.0])),
    "saturated": lambda x: functional.softplus(x * 1e6) + (x * -1e6).sigmoid() + functional.elu(x * 1e6),
    "integers": lambda x: x + x.argmax() + (x > 0).long(),
    "nothing": lambda x: x[:0].log(),
    "in place": lambda x: (x * 1).exp_().mul_(2),
    "harmless": lambda x: minigrad.where(x > 0, minigrad.where(x > 0, x, 1).sqrt(), 0),
    "Function": lambda x: Twice.apply(x)[1],
    "a rule of one's own": lambda x: guarded(x),
    "under no_grad": lambda x: x + (x.detach().log() > 0),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", FINITE)
def test_a_finite_program_runs_as_without(name: str, create_graph: bool) -> None:
    grads = []
    for mode in (False, True):
        x = leaf(0.0, 1.0)
        with set_detect_anomaly(mode):
            FINITE[name](x).sum().backward(create_graph=create_graph)
        assert x.grad is not None
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_an_operation_is_not_blamed_for_what_it_was_given(bad: float) -> None:
    x = leaf(1.0, bad)
    with detect_anomaly():
        for y in (x * 2, x.exp().exp(), x + leaf(1.0, bad), minigrad.cat([x, x]).sum(), functional.relu(x)):
            assert y.requires_grad
        y = leaf(1.0, 2.0) * 1
        y[0] = bad
        for y in (leaf(1.0, 2.0) * 2, Twice.apply(leaf(1.0, 2.0))[0], minigrad.stack([leaf(1.0, 2.0)])[0]):
            y.backward(minigrad.tensor([1.0, bad]))
        y = leaf(1.0, 2.0) * 2
        y.register_hook(lambda g: g * bad)
        (y * 3).sum().backward()


@pytest.mark.parametrize("call", [lambda y: y.backward(), lambda y: minigrad.autograd.grad(y, y), minigrad.autograd.backward])
def test_a_loss_that_is_not_finite_does_not_pass(call: Callable[[Tensor], object]) -> None:
    before = leaf(0.0)[0].log()
    with detect_anomaly():
        for loss in (leaf(1.0, NAN).sum(), leaf(INF)[0] * 1, before):
            with pytest.raises(RuntimeError, match=r"called on a result that is not finite, tensor\((nan|-?inf)\)"):
                call(loss)
    with detect_anomaly(check_nan=False):
        call(before)


def curse() -> None:
    leaf(4.0, 0.0).sqrt().sum().backward()


def test_without_check_nan_lines_are_remembered_and_nothing_is_raised() -> None:
    with detect_anomaly(check_nan=False):
        curse()
        y = leaf(0.0).sqrt()  # remembered
        assert leaf(0.0).log().item() == -INF
    forgotten = leaf(0.0).sqrt()
    with set_detect_anomaly(True, check_nan=False):
        curse()
    with detect_anomaly():
        with pytest.raises(RuntimeError, match="# remembered"):
            y.backward()
        with pytest.raises(RuntimeError, match="called in a line that anomaly mode did not see"):
            forgotten.backward()


def modes(t: Library) -> list[bool]:
    seen = [t.is_anomaly_enabled()]

    def note() -> None:
        seen.append(t.is_anomaly_enabled())

    t.autograd.set_detect_anomaly(True)
    note()
    with t.autograd.detect_anomaly():
        note()
        with t.autograd.set_detect_anomaly(False):
            note()
            with t.autograd.detect_anomaly(check_nan=False):
                note()
            note()
        note()
    note()
    t.autograd.set_detect_anomaly(mode=False)
    switch = t.autograd.set_detect_anomaly(True)
    for _ in range(2):
        with suppress(KeyError), switch:
            note()
            raise KeyError
        note()
    return seen


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_blocks_nest_and_restore_as_in_torch() -> None:
    class Named:
        autograd, is_anomaly_enabled = minigrad.autograd, staticmethod(is_anomaly_enabled)

    assert modes(Named) == modes(torch)


def test_one_object_can_be_entered_twice_over() -> None:
    mode = detect_anomaly()
    with mode:
        with mode, pytest.raises(RuntimeError):
            curse()
        assert is_anomaly_enabled()
    curse()


def test_it_holds_for_its_thread() -> None:
    seen: list[Any] = []

    def elsewhere() -> None:
        curse()
        seen.append(is_anomaly_enabled())

    with detect_anomaly():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == [False]


def test_the_graph_is_not_kept_alive() -> None:
    with detect_anomaly():
        y = leaf(1.0).exp()
        node = weakref.ref(y.grad_fn)
        del y
        gc.collect()
        assert node() is None
