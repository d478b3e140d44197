"""Methods and functions that arrange, join, pick and multiply: values, gradients, spellings and refusals against torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.torch_parity import Library, assert_same_in_both

Program = Callable[[Library, Any], Any]

ARRANGED: dict[str, Program] = {  # of a tensor of shape (2, 3, 4)
    "view_as": lambda t, x: x.view_as(t.ones(6, 4)),
    "view": lambda t, x: x.view(-1, 4),
    "ravel": lambda t, x: t.ravel(x.transpose(0, 2)),
    "flatten": lambda t, x: x.flatten(1),
    "flatten the first": lambda t, x: t.flatten(x, end_dim=1),
    "flatten backwards": lambda t, x: x.flatten(2, 1),
    "unflatten": lambda t, x: x.unflatten(-1, (2, -1)),
    "unflatten into too much": lambda t, x: x.unflatten(2, (3, 2)),
    "transpose": lambda t, x: x.transpose(-1, 0),
    "swapaxes": lambda t, x: t.swapaxes(x, 0, 1),
    "permute": lambda t, x: x.permute(2, 0, 1),
    "permute by a tuple": lambda t, x: t.permute(x, (1, -1, 0)),
    "permute twice the same": lambda t, x: x.permute(0, 0, 1),
    "movedim": lambda t, x: x.movedim(0, -1),
    "movedim of two": lambda t, x: t.movedim(x, (0, 1), (2, 0)),
    "movedim of unequally many": lambda t, x: x.movedim((0, 1), (2,)),
    "movedim twice the same": lambda t, x: x.movedim((0, 0), (1, 2)),
    "mT": lambda t, x: x.mT,
    "t of too many": lambda t, x: x.t(),
    "squeeze": lambda t, x: x[:, :1, :].squeeze(1),
    "squeeze several": lambda t, x: x[:1, :1].squeeze((0, 1)),
    "unsqueeze": lambda t, x: x.unsqueeze(-2),
    "unsqueeze too far": lambda t, x: x.unsqueeze(4),
    "expand": lambda t, x: x[:, :1].expand(5, -1, 3, 4),
    "expand_as": lambda t, x: x[:1].expand_as(t.ones(2, 3, 4)),
    "broadcast_to": lambda t, x: t.broadcast_to(x, (2, 2, 3, 4)),
    "broadcast_to another": lambda t, x: x.broadcast_to((2, 2, 4)),
    "repeat": lambda t, x: x.repeat(2, 1, 1, 3),
    "repeat too little": lambda t, x: x.repeat(2, 2),
    "tile": lambda t, x: t.tile(x, (2, 2)),
    "flip": lambda t, x: x.flip(0, 2),
    "flip twice the same": lambda t, x: t.flip(x, (1, 1)),
    "roll": lambda t, x: x.roll(1),
    "roll along": lambda t, x: t.roll(x, -1, 2),
    "roll along two": lambda t, x: x.roll((1, 5), (0, -1)),
    "roll by too few": lambda t, x: x.roll((1,), (0, 1)),
    "tril": lambda t, x: x.tril(-1),
    "triu": lambda t, x: t.triu(x, 1),
    "diagonal": lambda t, x: x.diagonal(1, 1, 2),
    "diagonal of itself": lambda t, x: t.diagonal(x, 0, 1, -2),
    "diag of a matrix": lambda t, x: x[0].diag(1),
    "diag of a vector": lambda t, x: t.diag(x[0, 0], -1),
    "diag of a 0-d tensor": lambda t, x: x[0, 0, 0].diag(),
    "diag of more": lambda t, x: x.diag(),
    "trace": lambda t, x: x[0].trace(),
    "trace of a vector": lambda t, x: t.trace(x[0, 0]),
    "contiguous": lambda t, x: x.permute(2, 1, 0).contiguous(),
}
PICKED: dict[str, Program] = {
    "narrow": lambda t, x: x.narrow(2, 1, 2),
    "narrow from the back": lambda t, x: t.narrow(x, -1, -3, 2),
    "narrow too far": lambda t, x: x.narrow(1, 2, 2),
    "select": lambda t, x: x.select(1, -1),
    "select too far": lambda t, x: t.select(x, 1, 3),
    "split": lambda t, x: x.split(3, 2),
    "split by sizes": lambda t, x: t.split(x, [1, 3], -1),
    "split by other sizes": lambda t, x: x.split([1, 2], 2),
    "split by nothing": lambda t, x: x.split(0, 2),
    "chunk": lambda t, x: x.chunk(3, 2),
    "chunk into none": lambda t, x: t.chunk(x, 0),
    "unbind": lambda t, x: x.unbind(1),
    "topk": lambda t, x: x.topk(2).values,
    "topk of the least": lambda t, x: t.topk(x, 3, dim=1, largest=False).values,
    "topk of all of a 0-d tensor": lambda t, x: x[0, 0, 0].topk(1).values,
    "topk of too many": lambda t, x: x.topk(5),
    "sort": lambda t, x: t.sort(x, 1, True).values,
    "masked_select": lambda t, x: x[0].masked_select(t.tensor([True, False, True, True])),
    "masked_select by a column": lambda t, x: t.masked_select(x, t.tensor([[True], [False], [True]])),
    "take_along_dim": lambda t, x: x.take_along_dim(x.argsort(1), 1),
    "where with a scalar": lambda t, x: x.where(x > 0, 3.0),
    "norm by name": lambda t, x: x[0].norm("fro"),
    "norm by another name": lambda t, x: x[0].norm("inf"),
    "greatest norm": lambda t, x: t.norm(x, float("inf"), 1),
    "least norm": lambda t, x: x.norm(-float("inf"), (0, 2), keepdim=True),
    "max of two": lambda t, x: t.max(x, x.flip(0)),
    "min of two": lambda t, x: x.min(x.roll(1)),
}
JOINED: dict[str, Program] = {
    "cat": lambda t, x: t.cat([x, x * 2], 1),
    "cat of 0-d tensors": lambda t, x: t.cat([x[0, 0, 0], x[0, 0, 1]]),
    "stack": lambda t, x: t.stack((x, x.exp()), -1),
    "hstack": lambda t, x: t.hstack([x[0], x[1]]),
    "hstack of vectors": lambda t, x: t.hstack([x[0, 0], x[1, 1, :2]]),
    "hstack of 0-d tensors": lambda t, x: t.hstack([x[0, 0, 0], x[1, 1, 1]]),
    "hstack of nothing": lambda t, x: t.hstack([]),
    "vstack": lambda t, x: t.vstack([x[0], x[1, :2]]),
    "vstack of vectors": lambda t, x: t.vstack([x[0, 0], x[1]]),
    "vstack of 0-d tensors": lambda t, x: t.vstack((x[0, 0, 0], x[0, 0, 1])),
    "meshgrid": lambda t, x: t.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"),
    "meshgrid of x and y": lambda t, x: t.meshgrid([x[0, 0], x[0, :, 0]], indexing="xy"),
    "meshgrid of one": lambda t, x: t.meshgrid(x[0, 0], indexing="xy"),
    "meshgrid in no order": lambda t, x: t.meshgrid(x[0, 0], indexing="yx"),
}
MULTIPLIED: dict[str, Program] = {
    "mv": lambda t, x: x[0].mv(x[1, 0]),
    "mv of a matrix": lambda t, x: t.mv(x[0], x[1].T),
    "bmm": lambda t, x: t.bmm(x, x.mT),
    "bmm of other stacks": lambda t, x: x.bmm(x[:1].mT),
    "bmm of matrices": lambda t, x: x[0].bmm(x[0].T),
    "outer": lambda t, x: t.outer(x[0, 0], x[1, :, 0]),
    "outer of matrices": lambda t, x: x[0].outer(x[1, 0]),
    "dot": lambda t, x: x[0, 0].dot(x[1, 2]),
    "addmm": lambda t, x: t.addmm(x[0, :, :3], x[0], x[1].T, beta=2, alpha=-1),
    "matmul with a list": lambda t, x: x @ [1.0, 2.0, 3.0, 4.0],
    "einsum": lambda t, x: t.einsum("bij,bkj->bik", x, x),
    "einsum without a result": lambda t, x: t.einsum("zij,zkj", x, x),
    "einsum of an ellipsis without a result": lambda t, x: t.einsum("...ij, ...kj", x, x),
    "einsum along a diagonal": lambda t, x: t.einsum("bii->bi", x[:, :, :3]),
    "einsum of a trace": lambda t, x: t.einsum("bii", x[:, :, :3]),
    "einsum along two diagonals": lambda t, x: t.einsum("ijij->ji", x[:, :2, None, :3].expand(2, 3, 2, 3)),
    "einsum of too many letters": lambda t, x: t.einsum("abcd->a", x),
    "einsum of too few operands": lambda t, x: t.einsum("ab,bc->ac", x[0]),
    "einsum with an unknown letter": lambda t, x: t.einsum("ab->ac", x[0]),
}
PROGRAMS = {**ARRANGED, **PICKED, **JOINED, **MULTIPLIED}


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_value_and_gradient_as_in_torch(program: Program) -> None:
    def with_gradient(t: Library) -> Any:
        x = t.linspace(-2.0, 3.0, 24, dtype=t.float64).cos().reshape(2, 3, 4).requires_grad_()
        result = parts(program(t, x))
        weighed = [(y * t.linspace(1.0, 2.0, y.numel(), dtype=t.float64).reshape(y.shape)).sum() for y in result]
        return [*result, *t.autograd.grad(sum(weighed), x)]

    assert_same_in_both(with_gradient, 1e-12)


WITHOUT_GRADIENT: dict[str, Callable[[Library], Any]] = {
    "nonzero": lambda t: t.tensor([[0, 1], [2, 0]]).nonzero(),
    "nonzero of a 0-d tensor": lambda t: t.tensor(3).nonzero(),
    "nonzero as a tuple": lambda t: t.nonzero(t.eye(2), as_tuple=True),
    "where without values": lambda t: t.where(t.eye(2) > 0),
    "argmax of all": lambda t: t.tensor([[1, 5], [7, 2]]).argmax(),
    "isinf": lambda t: t.tensor([1.0, float("inf"), float("nan")]).isinf(),
    "isfinite": lambda t: t.isfinite(t.tensor([1.0, -float("inf"), float("nan")])),
    "allclose": lambda t: t.allclose(t.ones(2), t.ones(2) + 1e-9),
    "allclose with nan": lambda t: [
        t.tensor([float("nan")]).allclose(t.tensor([float("nan")]), equal_nan=same) for same in (True, False)
    ],
    "is_tensor": lambda t: [t.is_tensor(t.ones(1)), t.is_tensor(1)],
    "new_zeros": lambda t: t.ones(2, dtype=t.int64).new_zeros(2, 3),
    "new_ones": lambda t: t.ones(2).new_ones((3,), dtype=t.int64),
    "new_tensor": lambda t: t.ones(2, dtype=t.float64).new_tensor([1, 2]),
    "randn_like": lambda t: t.randn_like(t.ones(2, 3, dtype=t.float64)).shape,
    "rounding in no way": lambda t: t.ones(2).div(t.ones(2), rounding_mode="up"),
    "clamp without bounds": lambda t: t.ones(2).clamp(),
    "cumsum of a 0-d tensor": lambda t: t.tensor(3.0).cumsum(0),
    "uniform integers": lambda t: t.ones(2, dtype=t.int64).uniform_(),
    "normal integers": lambda t: t.ones(2, dtype=t.int64).normal_(),
    "multinomial of a cube": lambda t: t.ones(2, 2, 2).multinomial(1),
    "multinomial of less than nothing": lambda t: t.tensor([1.0, -1.0]).multinomial(1),
    "argmin": lambda t: (t.tensor([[3, 1], [0, 2]]).argmin(1, keepdim=True), t.tensor([3.0, float("nan"), 1.0]).argmin()),
    "floor of an integer quotient": lambda t: [
        t.tensor([7, -7, 7, -7]).div(t.tensor([2, 2, -2, -2]), rounding_mode=mode) for mode in ("floor", "trunc")
    ],
    "unary plus": lambda t: +t.tensor([1, -2]),
    "unary plus of booleans": lambda t: +t.tensor([True]),
    "new_empty": lambda t: (t.ones(2).new_empty(2, 3).shape, t.ones(2, dtype=t.int64).new_empty((1,)).dtype),
    "randn of integers": lambda t: t.randn(2, dtype=t.int64),
    "softmax of a 0-d tensor": lambda t: (t.tensor(3.0).softmax(0), t.tensor(3.0).log_softmax(-1), t.tensor(3.0).softmax(1)),
    "cumprod of integers": lambda t: [t.arange(1, 5, dtype=t.int32).cumprod(0, dtype=d) for d in (None, t.uint8, t.float32)],
    "cumprod of booleans": lambda t: t.ones(3, dtype=t.bool).cumprod(0),
    "cumsum along a wrong axis": lambda t: t.tensor(3.0).cumsum(1),
    "median of a 0-d tensor": lambda t: t.tensor(3.0).median(),
    "prod of a 0-d tensor": lambda t: t.tensor(3.0).prod(0),
    "tril of a vector": lambda t: t.ones(3).tril(),
    "scatter_add of a larger index": lambda t: t.ones(2).scatter_add(0, t.tensor([0, 0, 1]), t.ones(2)),
    "gather of a larger index": lambda t: t.ones(2, 2).gather(0, t.tensor([[0, 0, 0]])),
    "index by true": lambda t: t.arange(3)[True],
    "index by false": lambda t: t.arange(3)[False],
    "index by an empty list": lambda t: t.arange(3)[[]],
    "set at an empty list": lambda t: [x := t.arange(3), x.__setitem__([], 5), x][2],
    "cropped by too much": lambda t: t.nn.functional.pad(t.ones(3), (-2, -2)),
    "conv2d with a weight of a line": lambda t: t.nn.functional.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 3)),
    "conv2d with a bias in another dtype": lambda t: t.nn.functional.conv2d(
        t.ones(1, 1, 4, 4), t.ones(1, 1, 3, 3), t.ones(1, dtype=t.float64)
    ),
    "one_hot of no class": lambda t: t.nn.functional.one_hot(t.tensor([0]), 0),
    "cross_entropy of a 0-d tensor": lambda t: t.nn.functional.cross_entropy(t.tensor(1.0), t.tensor(0)),
    "cross_entropy of one with two targets": lambda t: t.nn.functional.cross_entropy(t.ones(3), t.tensor([0, 1])),
    "batch_norm without statistics": lambda t: t.nn.functional.batch_norm(t.ones(2, 3), None, None),
    "as_tensor of a tensor": lambda t: t.as_tensor(t.ones(2), dtype=t.float64),
    "Tensor of several": lambda t: t.Tensor([1], [2]),
    "data that is a list": lambda t: t.ones(2).__setattr__("data", [1.0]),
    "detach_": lambda t: (t.ones(2, requires_grad=True) * 2).detach_().requires_grad,
    "detach_ of a view": lambda t: (t.ones(2, requires_grad=True) * 2)[:1].detach_(),
    "materialized and not allowed": lambda t: t.autograd.grad(
        t.ones(1, requires_grad=True).sum(), t.ones(1, requires_grad=True), allow_unused=False, materialize_grads=True
    ),
    "Variable": lambda t: (t.autograd.Variable(t.ones(2)), t.autograd.Variable(t.ones(2), requires_grad=True).is_leaf),
    "seed": lambda t: isinstance(t.seed(), int),
    "device by number": lambda t: t.device(1.5),
    "device of an unknown kind": lambda t: t.device("abacus"),
    "device": lambda t: [repr(t.device("cpu")), t.device("cpu") == t.device("cpu"), t.device("cpu") == "cpu"],
    "device as a key": lambda t: {t.device("cpu"): 1}[t.device("cpu")],
    "device of a tensor": lambda t: [t.ones(1).to("cpu").device.type, t.ones(1).cpu().device.index],
    "default device": lambda t: t.set_default_device("cpu"),
    "other devices": lambda t: [t.cuda.is_available(), t.backends.mps.is_available(), t.cuda.device_count()],
}


SEVERAL = ["sum", "mean", "amax", "logsumexp"]
ONE = [*SEVERAL, "max", "argmin", "var", "norm", "any", "cumsum", "sort", "argsort", "softmax", "prod"]
ALONG = [*itertools.product(ONE, [0, -1, 1, -2]), *itertools.product(SEVERAL, [(0, -1), ()])]


@pytest.mark.parametrize(("name", "dim"), ALONG)
def test_a_0d_tensor_has_one_axis_and_no_other(name: str, dim: Any) -> None:
    assert_same_in_both(lambda t: (getattr(t.tensor(3.0), name)(dim),))


@pytest.mark.parametrize("program", WITHOUT_GRADIENT.values(), ids=WITHOUT_GRADIENT)
def test_result_as_in_torch(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)
