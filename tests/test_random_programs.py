"""Random programs, run in minigrad and in torch: equal values, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import minigrad
from minigrad.testing import arrays, shapes
from tests.ops.domains import lift
from tests.reference import torch
from tests.torch_parity import Library

Shape = tuple[int, ...]
Step = Callable[[Library, Sequence[Any]], Any]

UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "exp": lambda x: x.tanh().exp(),
    "log": lambda x: (x * x + 0.5).log(),
    "sqrt": lambda x: (x.abs() + 0.1).sqrt(),
    "sin": lambda x: x.sin(),
    "relu": lambda x: x.relu(),
    "abs": lambda x: x.abs(),
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "power": lambda x: (x.abs() + 0.5) ** -1.5,
    "negative": lambda x: -x,
    "affine": lambda x: 2.5 * x - 1,
    "reversed": lambda x: 1 - 3 / (x * x + 1),
    "clamp": lambda x: x.clamp(-1, 1),
    "twice": lambda x: x + x * x,
    "transposed": lambda x: x.permute(tuple(reversed(range(x.ndim)))),
    "flattened": lambda x: x.reshape(-1),
    "half detached": lambda x: x.detach() * x,
}
BINARY: dict[str, Callable[[Library, Any, Any], Any]] = {
    "add": lambda t, x, y: x + y,
    "sub": lambda t, x, y: x - y,
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / (y * y + 1),
    "maximum": lambda t, x, y: t.maximum(x, y),
    "minimum": lambda t, x, y: t.minimum(x, y),
    "where": lambda t, x, y: t.where(x > y, x, y * 2),
    "atan2": lambda t, x, y: t.atan2(x, y * y + 0.5),
}


def broadcasts(a: Shape, b: Shape) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(a), reversed(b), strict=False))


class ProgramGenerator:
    """Draws the next step of a program, given the shapes of the existing tensors."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], shapes: Sequence[Shape]) -> None:
        self.draw = draw
        self.shapes = shapes

    def pick(self, condition: Callable[[Shape], bool] = lambda shape: True) -> int | None:
        """Return the index of a tensor, preferably of a recent one."""
        indices = [k for k, shape in enumerate(self.shapes) if condition(shape)]
        return indices[-1 - self.draw(st.integers(0, len(indices) - 1))] if indices else None

    def axis(self, shape: Shape) -> int:
        return int(self.draw(st.integers(-len(shape), len(shape) - 1)))

    def step(self) -> tuple[str, Step] | None:
        kinds = [self.unary, self.binary, self.binary, self.reduce, self.select, self.product, self.shape, self.join]
        kinds += [self.unrecorded, self.in_place]
        kind: Callable[[], tuple[str, Step] | None] = self.draw(st.sampled_from(kinds))
        return kind()

    def unary(self) -> tuple[str, Step] | None:
        k, name = self.pick(), self.draw(st.sampled_from(sorted(UNARY)))
        assert k is not None
        return f"{name}({k})", lambda t, v: UNARY[name](v[k])

    def binary(self) -> tuple[str, Step] | None:
        i = self.pick()
        assert i is not None
        j = self.pick(lambda shape: broadcasts(shape, self.shapes[i]))
        assert j is not None
        name = self.draw(st.sampled_from(sorted(BINARY)))
        return f"{name}({i}, {j})", lambda t, v: BINARY[name](t, v[i], v[j])

    def reduce(self) -> tuple[str, Step] | None:
        k = self.pick(lambda shape: len(shape) > 0)
        if k is None:
            return None
        axis, keep = self.axis(self.shapes[k]), self.draw(st.booleans())
        name = self.draw(st.sampled_from(["sum", "mean", "amax", "amin", "prod", "logsumexp"]))
        return f"{name}({k}, {axis}, {keep})", lambda t, v: getattr(v[k], name)(axis, keepdim=keep)

    def select(self) -> tuple[str, Step] | None:
        k = self.pick(lambda shape: len(shape) > 0)
        if k is None:
            return None
        size = self.shapes[k][0]
        index = self.draw(
            st.integers(-size, size - 1)
            | st.slices(size).filter(lambda s: (s.step or 1) > 0 and bool(range(size)[s]))
            | st.lists(st.integers(-size, size - 1), min_size=1, max_size=4)
            | st.sampled_from([None, Ellipsis, (Ellipsis, 0), (slice(None), None)])
        )
        return f"{k}[{index}]", lambda t, v: v[k][index]

    def product(self) -> tuple[str, Step] | None:
        k = self.pick(lambda shape: len(shape) == 2)
        if k is None:
            return None
        j = self.pick(lambda shape: len(shape) in (1, 2) and shape[0] == self.shapes[k][1])
        if j is None:
            return f"{k} @ {k}.T", lambda t, v: v[k] @ v[k].T
        return f"{k} @ {j}", lambda t, v: v[k] @ v[j]

    def shape(self) -> tuple[str, Step] | None:
        k = self.pick()
        assert k is not None
        n = len(self.shapes[k])
        name = self.draw(st.sampled_from(["unsqueeze", "expand", "softmax", "cumsum", "flip"]))
        if name == "unsqueeze":
            axis = self.draw(st.integers(0, n))
            return f"unsqueeze({k}, {axis})", lambda t, v: v[k].unsqueeze(axis)
        if name == "expand" or n == 0:
            return f"expand({k})", lambda t, v: v[k].expand(2, *v[k].shape)
        axis = self.axis(self.shapes[k])
        if name == "flip":
            return f"flip({k}, {axis})", lambda t, v: v[k].flip(axis)
        return f"{name}({k}, {axis})", lambda t, v: getattr(v[k], name)(axis)

    def join(self) -> tuple[str, Step] | None:
        i = self.pick(lambda shape: len(shape) > 0)
        if i is None:
            return None
        j = self.pick(lambda shape: shape[1:] == self.shapes[i][1:] and len(shape) > 0)
        assert j is not None
        if self.shapes[i] == self.shapes[j]:
            axis = self.axis(self.shapes[i])
            return f"stack({i}, {j}, {axis})", lambda t, v: t.stack([v[i], v[j]], axis)
        return f"cat({i}, {j})", lambda t, v: t.cat([v[i], v[j], v[i]])

    def unrecorded(self) -> tuple[str, Step] | None:
        k = self.pick()
        assert k is not None

        def step(t: Library, v: Sequence[Any]) -> Any:
            with t.no_grad():
                weight = v[k].tanh()
                with t.enable_grad():
                    inner = v[k] * 2
            return inner * weight

        return f"no_grad({k})", step

    def in_place(self) -> tuple[str, Step] | None:
        """Write to a new copy and to views of it."""
        i = self.pick(lambda shape: len(shape) > 0)
        if i is None:
            return None
        j = self.pick(lambda shape: shape in ((), self.shapes[i][1:], self.shapes[i]))
        row = self.draw(st.integers(-self.shapes[i][0], self.shapes[i][0] - 1))
        kinds = self.draw(
            st.lists(st.sampled_from(["add_", "mul_", "row", "row *=", "set", "transposed", "zero"]), max_size=3)
        )

        def step(t: Library, v: Sequence[Any]) -> Any:
            x, y = v[i].clone(), v[i] * 0.5 if j is None else v[j]
            for kind in kinds:
                values = y if y.shape != x.shape else y[row]
                if kind == "add_":
                    x.add_(y)
                elif kind == "mul_":
                    x.mul_(y.tanh())
                elif kind == "row":
                    x[row] = values
                elif kind == "row *=":
                    x[row] *= 2
                elif kind == "set":
                    x[row, ...] = 0.25
                elif kind == "transposed":
                    x.T.sub_(1) if x.ndim == 2 else x.sub_(1)
                else:
                    x[:1].zero_()
            return x

        return f"in place {kinds} on {i} with {j}, row {row}", step


def exceeds_range(value: Any) -> bool:
    return bool(np.abs(np.array(value.detach().tolist())).max(initial=0) > 30)


def close(ours: Any, reference: Any, what: str) -> None:
    expected = np.array(reference.detach().tolist())
    scale = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(np.array(ours.detach().tolist()), expected, rtol=1e-7, atol=1e-10 * scale, err_msg=what)
    assert ours.requires_grad == reference.requires_grad, what


def scalar_loss(t: Library, values: Sequence[Any]) -> Any:
    """Return a scalar that depends on the last tensors."""
    terms = [(v.tanh() * (k + 1)).mean() for k, v in enumerate(values[-4:])]
    return sum(terms[1:], terms[0]) + values[0].sum()


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), length=st.integers(1, 30))
def test_random_programs_have_equal_results(data: st.DataObject, length: int) -> None:
    given_shapes = data.draw(st.lists(shapes(max_dims=2, min_side=1), min_size=1, max_size=3))
    inputs = [data.draw(arrays(shape)) for shape in given_shapes]
    leaves: dict[Library, list[Any]] = {
        minigrad: [minigrad.from_numpy(x.copy()).requires_grad_() for x in inputs],
        torch: [lift(x).requires_grad_() for x in inputs],
    }
    values = {t: list(tensors) for t, tensors in leaves.items()}
    for _ in range(length):
        drawn = ProgramGenerator(data.draw, [tuple(v.shape) for v in values[minigrad]]).step()
        if drawn is None:
            continue
        text, step = drawn
        results = [step(t, values[t]) for t in (minigrad, torch)]
        if results[0].numel() > 200:
            continue
        if exceeds_range(results[0]):
            results = [x.tanh() for x in results]
        note(f"{len(values[minigrad])} = {text}: {list(results[0].shape)}")
        close(results[0], results[1], text)
        for t, result in zip((minigrad, torch), results, strict=True):
            values[t].append(result)

    gradients = {}
    for t in (minigrad, torch):
        first = t.autograd.grad(scalar_loss(t, values[t]), leaves[t], create_graph=True, allow_unused=True)
        gradient_norm = sum((g * g).sum() * 0.5 for g in first if g is not None)
        second = [None] * len(first)
        if gradient_norm.requires_grad:
            second = t.autograd.grad(gradient_norm, leaves[t], allow_unused=True, retain_graph=True)
        scalar_loss(t, values[t]).backward()
        gradients[t] = [*first, *second, *(x.grad for x in leaves[t])]
    for k, (ours, reference) in enumerate(zip(gradients[minigrad], gradients[torch], strict=True)):
        kind, leaf = divmod(k, len(inputs))
        what = f"{['gradient', 'second derivative', '.grad'][kind]} of leaf {leaf}"
        # A derivative that is 0 by construction may be None in one library and zeros in the other.
        if ours is None or reference is None:
            assert all(g is None or not np.any(g.detach().numpy()) for g in (ours, reference)), what
        else:
            expected = reference.detach().numpy()
            scale = 1 + np.abs(expected).max(initial=0)
            np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-6, atol=1e-9 * scale, err_msg=what)
