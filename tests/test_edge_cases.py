"""Arguments at the edge: positions, dtypes, masks, spellings and refusals, each by name. Those of calculus are in `ops`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor
from tests.torch_parity import Library, assert_same_in_both

NAN = float("nan")
Program = Callable[[Library], Any]

POSITIONS: dict[str, Program] = {
    "gather from the back": lambda t: t.ones(2).gather(0, t.tensor([-1])),
    "gather too far": lambda t: t.ones(2, 2).gather(1, t.tensor([[0], [2]])),
    "gather by float": lambda t: t.ones(2).gather(0, t.tensor([1.0])),
    "gather by a mask": lambda t: t.ones(2).gather(0, t.tensor([True])),
    "gather from a 0-d tensor": lambda t: t.tensor(3.0).gather(0, t.tensor([0, 0])[:1]),
    "gather a 0-d tensor": lambda t: t.arange(3.0).gather(0, t.tensor(1)),
    "gather nothing": lambda t: t.ones(5).gather(0, t.tensor([], dtype=t.uint8)),
    "index_select from the back": lambda t: t.ones(2).index_select(0, t.tensor([-1])),
    "index_select too far": lambda t: t.ones(2).index_select(0, t.tensor([2])),
    "index_select by a matrix": lambda t: t.ones(2).index_select(0, t.tensor([[1]])),
    "index_select by a mask": lambda t: t.ones(2).index_select(0, t.tensor([True, False])),
    "index_select of a 0-d tensor": lambda t: t.tensor(3.0).index_select(0, t.tensor([0])),
    "take_along_dim from the back": lambda t: t.arange(4.0).reshape(2, 2).take_along_dim(t.tensor([[-1], [0]]), 1),
    "take_along_dim of all": lambda t: t.arange(4.0).reshape(2, 2).take_along_dim(t.tensor([[3, 0]])),
    "scatter_add from the back": lambda t: t.ones(2).scatter_add(0, t.tensor([-1]), t.ones(1)),
    "scatter_add of too few": lambda t: t.ones(2).scatter_add(0, t.tensor([0, 0, 1]), t.ones(2)),
    "scatter_add of another dtype": lambda t: t.ones(2).scatter_add(0, t.tensor([0]), t.ones(1, dtype=t.float64)),
    "scatter_add to a 0-d tensor": lambda t: t.tensor(1.0).scatter_add(0, t.tensor(0), t.tensor(2.0)),
    "index_add from the back": lambda t: t.ones(2).index_add(0, t.tensor([-1]), t.ones(1)),
    "index_add of too few": lambda t: t.ones(2).index_add(0, t.tensor([0, 1]), t.ones(1)),
    "index_add of integers": lambda t: t.ones(2).index_add(0, t.tensor([0]), t.tensor([1])),
    "scatter from the back": lambda t: t.ones(2).scatter(0, t.tensor([-1]), 5.0),
    "scatter too far": lambda t: t.ones(2, 2).scatter(1, t.tensor([[0], [2]]), 5.0),
    "scatter by a vector": lambda t: t.ones(2, 2).scatter(1, t.tensor([0]), 5.0),
    "scatter by float": lambda t: t.ones(2).scatter(0, t.tensor([1.0]), 5.0),
    "scatter of too few": lambda t: t.ones(2).scatter(0, t.tensor([0, 0, 1]), t.ones(2)),
    "scatter of another dtype": lambda t: t.ones(2).scatter(0, t.tensor([0]), t.ones(1, dtype=t.float64)),
    "scatter to a 0-d tensor": lambda t: t.tensor(1.0).scatter(0, t.tensor(0), t.tensor(2.0)),
    "scatter of nothing": lambda t: t.ones(2).scatter(0, t.tensor([0])),
    "scatter of a part": lambda t: t.zeros(3, 5).scatter(1, t.tensor([[0], [4]]), t.ones(3, 2)),
    "one-hot by scatter_": lambda t: t.zeros(2, 3, dtype=t.int64).scatter_(1, t.tensor([[2], [0]]), value=1),
    "index_copy": lambda t: t.zeros(2, 3).index_copy(1, t.tensor([2, 0]), t.arange(4.0).reshape(2, 2)),
    "index_copy from the back": lambda t: t.ones(2).index_copy(0, t.tensor([-1]), t.ones(1)),
    "index_copy of another dtype": lambda t: t.ones(2).index_copy(0, t.tensor([0]), t.ones(1, dtype=t.float64)),
    "index_copy to a 0-d tensor": lambda t: t.tensor(1.0).index_copy(0, t.tensor([0]), t.tensor(2.0)),
    "index_fill from the back": lambda t: t.ones(2, 2).index_fill(1, t.tensor([-1]), 5.0),
    "index_fill too far": lambda t: t.ones(2).index_fill(0, t.tensor([2]), 5.0),
    "index_fill of a 0-d tensor": lambda t: t.tensor(1.0).index_fill(0, t.tensor([0]), t.tensor(2.0)),
    "index_fill with a vector": lambda t: t.ones(2).index_fill(0, t.tensor([0]), t.ones(1)),
    "index_put": lambda t: t.zeros(2, 3).index_put((t.tensor(1), t.tensor([0, -1])), t.tensor([2.0, 3.0])),
    "index_put by a mask": lambda t: t.zeros(2, 2).index_put([t.eye(2) > 0], t.tensor(1)),
    "index_put twice": lambda t: t.zeros(2).index_put((t.tensor([1, 1]),), t.tensor(1.0), accumulate=True),
    "index_put too far": lambda t: t.zeros(2).index_put((t.tensor([2]),), t.ones(1)),
    "index_put by float": lambda t: t.zeros(2).index_put((t.tensor([1.0]),), t.ones(1)),
    "index_put by no tuple": lambda t: t.zeros(2).index_put(t.tensor([1]), t.ones(1)),
    "index_put of another dtype": lambda t: t.zeros(2).index_put((t.tensor([1]),), t.ones(1, dtype=t.int64)),
    "fill_diagonal_": lambda t: (t.zeros(4, 2).fill_diagonal_(1), t.zeros(2, 2, 2).fill_diagonal_(t.tensor(3.0))),
    "fill_diagonal_ of a vector": lambda t: t.zeros(2).fill_diagonal_(1),
    "fill_diagonal_ of no cube": lambda t: t.zeros(2, 2, 3).fill_diagonal_(1),
    "a list of lists": lambda t: t.arange(16).reshape(4, 4)[[[0, 1], [1, 0]]],
    "a list of one list": lambda t: t.arange(16).reshape(4, 4)[[[0, 1]]],
    "a list of tensors": lambda t: t.arange(16).reshape(4, 4)[[t.tensor([0, 1]), t.tensor(2)]],
    "a list with a slice": lambda t: t.arange(16).reshape(4, 4)[[slice(1, 3), 0]],
    "a list with None": lambda t: t.arange(16).reshape(4, 4)[[None, ..., 2]],
    "a list of too many lists": lambda t: t.arange(4)[[[0, 1], [1, 0]]],
    "a list of 32 lists": lambda t: t.arange(4)[[[1]] * 32],
    "a list of masks": lambda t: t.arange(4).reshape(2, 2)[[[True, False], [False, True]]],
    "a list of lists written to": lambda t: [x := t.zeros(2, 2), x.__setitem__([[0, 1], [1, 0]], 5.0), x][2],
    "an array of lists": lambda t: t.arange(4)[np.array([[0, 1], [1, 0]])],
    "index_add to a 0-d tensor": lambda t: t.tensor(1.0).index_add(0, t.tensor([0]), t.tensor(2.0), alpha=3),
    "masked_select that does not fit": lambda t: t.ones(3).masked_select(t.ones(2) > 0),
    "take_along_dim that does not fit": lambda t: t.ones(2, 3).take_along_dim(t.zeros(3, 1, dtype=t.int64), 1),
    "take_along_dim of fewer axes": lambda t: t.ones(2, 3).take_along_dim(t.zeros(3, dtype=t.int64), 1),
    "split of a 0-d tensor": lambda t: t.tensor(1.0).split(1),
    "chunk of a 0-d tensor": lambda t: t.tensor(1.0).chunk(1),
    "flip of a 0-d tensor": lambda t: t.tensor(1.0).flip(0),
    "mT of a vector": lambda t: t.ones(2).mT,
    "an axis that is no int": lambda t: (
        t.ones(2, 3).sum(t.tensor(1)),
        t.ones(2, 3).sum(np.int64(0)),
        t.ones(2, 3).max(np.int64(0)),
    ),
    "an axis that is a float": lambda t: t.ones(2, 3).sum(1.0),
    "narrow of a 0-d tensor": lambda t: t.tensor(1.0).narrow(0, 0, 1),
    "narrow from too far": lambda t: t.ones(3).narrow(0, 4, 0),
    "an integer and a list around a slice": lambda t: t.arange(24).reshape(2, 3, 4)[0, :, [0, 1]],
    "an integer and a mask": lambda t: t.arange(24).reshape(2, 3, 4)[1, t.tensor([True, False, True])],
    "integer, None and list": lambda t: t.arange(24).reshape(2, 3, 4)[..., None, [0, 1], 2],
    "bytes are a mask": lambda t: t.arange(3)[t.tensor([1, 0, 1], dtype=t.uint8)],
    "nonzero of a 0-d tensor, as tuple": lambda t: t.tensor(3.0).nonzero(as_tuple=True),
}

DTYPES: dict[str, Program] = {
    "matmul of two": lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64),
    "matmul with integers": lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.int64),
    "matmul of integers": lambda t: t.tensor([[1, 2]]) @ t.tensor([[3], [4]]),
    "dot of two": lambda t: t.ones(2).dot(t.ones(2, dtype=t.float64)),
    "einsum of two": lambda t: t.einsum("ij,jk->ik", t.ones(2, 2), t.ones(2, 2, dtype=t.float64)),
    "linear with a weight of another": lambda t: t.nn.functional.linear(t.ones(2, 2), t.ones(2, 2, dtype=t.float64)),
    "linear with a bias of another": lambda t: t.nn.functional.linear(t.ones(2), t.ones(2, 2), t.ones(2, dtype=t.float64)),
    "conv1d of two": lambda t: t.nn.functional.conv1d(t.ones(1, 2, 3), t.ones(2, 2, 1, dtype=t.float64)),
    "clamp integers by a float": lambda t: (t.tensor([1, 2, 3]).clamp(1.5), t.tensor([1, 2, 3]).clamp(max=1.5)),
    "clamp integers by integers": lambda t: t.tensor([1, 2, 3]).clamp(2, 2),
    "hardtanh of integers": lambda t: t.nn.functional.hardtanh(t.tensor([3, -1])),
    "masked_fill of integers by a float": lambda t: t.tensor([1, 2]).masked_fill(t.tensor([True, False]), 1.5),
    "sign of nan": lambda t: t.tensor([NAN, -2.0, 0.0]).sign(),
    "any of bytes": lambda t: t.tensor([0, 2], dtype=t.uint8).any(),
    "all of bytes along an axis": lambda t: t.tensor([[0, 2], [3, 1]], dtype=t.uint8).all(1),
    "powers of integers below 0": lambda t: t.tensor([2, 1, -1, -1, 0, 3]) ** t.tensor([-1, -2, -3, -4, -1, 2]),
    "powers of a small type": lambda t: t.tensor([-1, 2], dtype=t.int8) ** t.tensor([-3, -3], dtype=t.int8),
    "a scalar to powers below 0": lambda t: (2 ** t.tensor([-1, 3]), t.pow(-1, t.tensor([-3]))),
    "integers to a scalar below 0": lambda t: t.tensor([1, 2]) ** -1,
    "pow_ of integers by a scalar below 0": lambda t: t.tensor([1, 2]).pow_(-1),
    "integers to a float below 0": lambda t: t.tensor([1, 2]) ** -1.0,
    "shifts": lambda t: (t.tensor([5, -6]) << 2, t.tensor([5, -6]) >> 1, 1 << t.tensor([3]), 64 >> t.tensor([3, 70])),
    "shifts of bytes": lambda t: t.tensor([1, 200], dtype=t.uint8) << t.tensor([7, 1], dtype=t.uint8),
    "shifts of a truth": lambda t: t.tensor([True]) << 2,
    "bits of two types": lambda t: t.bitwise_xor(t.tensor([5], dtype=t.int8), t.tensor([3])),
    "bits of a scalar": lambda t: (t.bitwise_and(6, t.tensor([3])), t.tensor([6]).bitwise_or(True)),
    "bits of scalars": lambda t: t.bitwise_and(6, 3),
    "einsum adds up small integers": lambda t: t.einsum("ij->", t.ones(2, 2, dtype=t.int32)),
    "addcdiv of integers": lambda t: t.tensor([1]).addcdiv(t.tensor([1]), t.tensor([1])),
    "bytes over a scalar out of their range": lambda t: t.tensor([200], dtype=t.uint8) / 256,
    "a scalar out of their range over bytes": lambda t: 256 / t.tensor([200], dtype=t.uint8),
    "a scalar out of the range of float32": lambda t: t.tensor(3.0) / 1e300,
    "where with a scalar out of range": lambda t: t.where(t.tensor([True]), t.tensor([1], dtype=t.uint8), 300),
    "a scalar out of range": lambda t: t.tensor([1], dtype=t.uint8).fill_(300),
    "sign of booleans": lambda t: t.tensor([True, False]).sign(),
    "norm of integers": lambda t: t.tensor([1, 2]).norm(),
    "alpha that is no integer": lambda t: t.tensor([1, 2]).add(1, alpha=0.5),
    "not of a float": lambda t: ~t.tensor([1.0]),
    "sum in another": lambda t: (t.tensor([1.5, 2.5]).sum(dtype=t.int32), t.tensor([True, True]).sum(dtype=t.bool)),
    "mean in another": lambda t: t.tensor([1, 2]).mean(dtype=t.float32),
    "mean in integers": lambda t: t.tensor([1.0, 2.0]).mean(dtype=t.int64),
    "prod and cumsum in another": lambda t: (
        t.tensor([2, 3]).prod(dtype=t.float64),
        t.tensor([2, 3]).cumsum(0, dtype=t.float32),
    ),
    "softmax in another": lambda t: t.nn.functional.softmax(t.tensor([1.0, 2.0]), 0, dtype=t.float64),
    "allclose of two": lambda t: t.ones(2).allclose(t.ones(2, dtype=t.float64)),
    "meshgrid of two": lambda t: t.meshgrid(t.arange(2), t.ones(2), indexing="ij"),
    "arange in integers": lambda t: (t.arange(0, 3.1, dtype=t.int64), t.arange(0.1, -7.9, -4.0, dtype=t.int64)),
    "normal like its mean": lambda t: t.normal(t.zeros(2, dtype=t.float64), 0.0),
    "to with flags": lambda t: t.ones(1).to(t.float64, True, True),
}

MASKS: dict[str, Program] = {
    "where by floats": lambda t: t.where(t.tensor([1.0, 0.0]), 1.0, 2.0),
    "where by integers": lambda t: t.where(t.tensor([1, 0]), 1.0, 2.0),
    "where with one branch": lambda t: t.where(t.tensor([True]), t.ones(1)),
    "masked_select by integers": lambda t: t.arange(3.0).masked_select(t.tensor([0, 1, 1])),
    "masked_fill by integers": lambda t: t.arange(3.0).masked_fill(t.tensor([0, 1, 1]), 5.0),
    "masked_fill with a vector": lambda t: t.arange(3.0).masked_fill(t.tensor([True]), t.ones(1)),
    "masked_fill_ of columns": lambda t: t.zeros(2, 2).masked_fill_(t.tensor([True, False]), 7.0),
    "masked_fill_ by a larger mask": lambda t: t.zeros(2).masked_fill_(t.ones(2, 2) > 0, 7.0),
    "fill_ with a vector": lambda t: t.zeros(2).fill_(t.ones(2)),
}

IN_PLACE: dict[str, Program] = {
    "clamp_ by tensors": lambda t: t.tensor([1.0, 5.0]).clamp_(t.tensor([2.0, 2.0]), t.tensor(4.0)),
    "clamp by nan": lambda t: t.tensor([1.0, 5.0]).clamp(t.tensor([NAN, 2.0]), t.tensor([9.0, NAN])),
    "augmented assignment of integers": lambda t: [
        x := t.tensor([5, 6]),
        y := x,
        x.__iand__(3),
        x.__ior__(8),
        x.__ixor__(t.tensor([1, 2])),
        x.__ilshift__(2),
        x.__irshift__(1),
        y,
    ][-1],
    "augmented assignment of truths": lambda t: [m := t.tensor([True, False]), m.__iand__(t.tensor([True, True])), m][2],
    "clamp_ of integers by floats": lambda t: t.tensor([1, 5]).clamp_(t.tensor([1.5, 1.5])),
    "div_ rounded": lambda t: (
        t.tensor([7, -7]).div_(2, rounding_mode="floor"),
        t.tensor([-7.0]).div_(2, rounding_mode="trunc"),
    ),
    "div_ of integers": lambda t: t.tensor([7, -7]).div_(2),
    "a write to shared elements": lambda t: t.ones(2).expand(3, 2).add_(1),
}

SPELLINGS: dict[str, Program] = {
    "functions of an input": lambda t: (t.softmax(input=t.ones(2), dim=0), t.exp(input=t.ones(2))),
    "flip, permute, tile by dims": lambda t: (
        t.flip(t.arange(3), dims=[0]),
        t.permute(t.ones(2, 3), dims=(1, 0)).shape,
        t.tile(t.arange(2), dims=(2,)),
    ),
    "sizes by name": lambda t: (
        t.reshape(t.ones(2, 3), shape=(3, 2)).shape,
        t.ones(1).expand(size=(3,)).shape,
        t.ones(2, 3).view(size=(6,)).shape,
        t.arange(2).repeat(repeats=(2,)),
    ),
    "devices and their settings": lambda t: [
        t.cuda.manual_seed(0),
        t.backends.cudnn.__setattr__("benchmark", False),
        t.cuda.manual_seed_all(0),
        t.cuda.device_count(),
    ],
    "names of single arguments": lambda t: [
        t.set_grad_enabled(mode=True),
        t.autograd.set_detect_anomaly(mode=False),
        t.dot(t.ones(2), tensor=t.ones(2)),
    ][2],
    "NumPy's names": lambda t: (
        t.arange(6.0).reshape(2, 3).sum(axis=0, keepdims=True),
        t.max(t.arange(6.0).reshape(2, 3), axis=1).indices,
        t.cat([t.ones(1, 2), t.ones(1, 2)], axis=1),
        t.stack([t.ones(2), t.zeros(2)], axis=-1),
        t.ones(2).unsqueeze(axis=0),
        t.ones(2, 3).softmax(axis=-1),
        t.arange(3.0).cumsum_(axis=0),
    ),
    "std of unbiased": lambda t: (t.arange(4.0).std(False), t.arange(4.0).reshape(2, 2).var(0, True, True)),
    "var with both": lambda t: t.arange(4.0).var(0, unbiased=True, correction=0),
    "var without correction": lambda t: t.arange(4.0).var(correction=None),
    "round to decimals": lambda t: (t.tensor([1.2345]).round(decimals=2), t.tensor([123.0]).round(decimals=-1)),
    "division of a scalar, rounded": lambda t: (
        t.div(7, t.tensor([2, -2]), rounding_mode="floor"),
        t.sub(2, t.tensor([1.0]), alpha=3),
        t.remainder(7, other=t.tensor([4.0])),
        t.floor_divide(7, t.tensor([2])),
    ),
    "addcmul and addcdiv": lambda t: (
        t.addcmul(t.ones(2), t.ones(2, 2), t.arange(2.0), value=0.5),
        t.addcdiv(t.ones(2), t.tensor([1, 2]), t.full((2,), 4.0), value=-2),
    ),
    "numel and is_floating_point": lambda t: (t.numel(t.ones(2, 3)), t.is_floating_point(t.tensor(1))),
    "arithmetic with a scalar first": lambda t: (t.add(2, t.ones(1)), t.pow(2, t.ones(1)), t.div(2, t.ones(1))),
    "median": lambda t: (t.tensor([3.0, 1.0, 2.0, 0.0]).median(), t.tensor([[3.0, 1.0], [2.0, 9.0], [7.0, 4.0]]).median(0)),
    "median with nan": lambda t: (t.tensor([1.0, NAN, 0.0]).median(), t.tensor([1.0, NAN, 0.0]).median(0, keepdim=True)),
    "median of nothing": lambda t: (t.zeros(0).median(), t.zeros(3, 0).median(0)),
    "circular border after cropping": lambda t: t.nn.functional.pad(
        t.arange(16.0).reshape(1, 1, 4, 4), (-1, 1, -2, 1), mode="circular"
    ),
}

REFUSALS: dict[str, Program] = {
    "a function of a scalar": lambda t: t.exp(2.0),
    "a function of a list": lambda t: t.sum([1.0, 2.0]),
    "maximum with a scalar": lambda t: t.ones(2).maximum(2.0),
    "atan2 with a scalar": lambda t: t.atan2(t.ones(2), 2),
    "logical_and with a scalar": lambda t: t.logical_and(t.ones(2), 2),
    "addcmul with a scalar": lambda t: t.addcmul(t.ones(2), 2.0, t.ones(2)),
    "addcmul with no scalar": lambda t: t.addcmul(t.ones(2), t.ones(2), t.ones(2), value="a"),
    "addcdiv by a scalar": lambda t: t.addcdiv(t.ones(2), t.ones(2), 2.0),
    "arithmetic with scalars alone": lambda t: t.pow(2, 3),
    "lerp to a scalar": lambda t: t.ones(2).lerp(3.0, 0.5),
    "cat of a tensor": lambda t: t.cat(t.ones(2, 2)),
    "cat of none": lambda t: t.cat([]),
    "cat with None": lambda t: t.cat([t.ones(1), None]),
    "hstack of none": lambda t: t.hstack([]),
    "expand of a new axis to -1": lambda t: t.ones(2).expand(-1, 2),
    "squeeze twice": lambda t: t.ones(1, 2).squeeze((0, 0)),
    "max along nothing": lambda t: t.zeros(0, 3).max(0),
    "amax along nothing": lambda t: t.zeros(0, 3).amax(0),
    "argmax of nothing": lambda t: t.zeros(0).argmax(),
    "meshgrid of a matrix": lambda t: t.meshgrid(t.ones(2, 2), indexing="ij"),
    "allclose that does not fit": lambda t: t.ones(2).allclose(t.ones(3)),
    "embedding in a vector": lambda t: t.nn.functional.embedding(t.tensor([0]), t.ones(2)),
    "adaptive pooling to one size too few": lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(1, 2, 3, 4), ()),
    "equal to a scalar": lambda t: t.ones(2).equal(1),
    "allclose to a scalar": lambda t: t.ones(2).allclose(1),
    "einsum with a stranger": lambda t: t.einsum("i$->i", t.ones(2, 3)),
    "randperm of a negative number": lambda t: t.randperm(-1),
    "eye of a negative size": lambda t: t.eye(-1),
    "arange without end": lambda t: t.arange(0, float("inf")),
    "multinomial of integers": lambda t: t.multinomial(t.tensor([1, 2]), 1),
}

ALL = {**POSITIONS, **DTYPES, **MASKS, **IN_PLACE, **SPELLINGS, **REFUSALS}


@pytest.mark.parametrize("program", ALL.values(), ids=ALL)
def test_as_in_torch(program: Program) -> None:
    assert_same_in_both(program)


def written(index: Any) -> Program:
    """Return a program that writes into a computed tensor at an index and differentiates through what is there then."""

    def program(t: Library) -> Any:
        x, v = t.arange(24.0).reshape(2, 3, 4).requires_grad_(), t.tensor(3.0, requires_grad=True)
        y = x * 2
        y[index] = v * v
        (y * y).sum().backward()
        return y, x.grad, v.grad

    return program


@pytest.mark.parametrize("index", [(0, slice(None), [0, 1]), ([1, 0], 2), (..., [0, 3], 1), (None, 1, [0, 0])], ids=str)
def test_what_is_written_beside_an_integer_has_the_gradient_of_torch(index: Any) -> None:
    assert_same_in_both(written(index))


UNSUPPORTED: dict[str, Callable[[Library, Any], Any]] = {
    "size_average": lambda t, x: t.nn.functional.mse_loss(x, x, size_average=True),
    "scale_grad_by_freq": lambda t, x: t.nn.functional.embedding(x.long(), x[0, 0], scale_grad_by_freq=True),
    "memory_format": lambda t, x: x.to(memory_format=None),
    "layout": lambda t, x: t.zeros(2, layout=None),
    "keepdims": lambda t, x: x.relu(keepdims=True),
    "axis": lambda t, x: x.sum(dim=0, axis=0),
    "is_grads_batched": lambda t, x: t.autograd.grad(x, x, is_grads_batched=True),
}


@pytest.mark.parametrize(("name", "call"), UNSUPPORTED.items(), ids=UNSUPPORTED)
def test_what_is_not_supported_is_refused_by_name(name: str, call: Callable[[Library, Any], Any]) -> None:
    with pytest.raises((TypeError, NotImplementedError), match=name):
        call(minigrad, minigrad.ones(1, 1, 4, 4))


TWO = np.float64(2)
NUMPYS_NUMBERS: dict[str, Callable[[Library, Any], Any]] = {  # which are float64, and Python's floats all the same
    "power": lambda t, x: x**TWO,
    "base": lambda t, x: TWO**x,
    "quotient": lambda t, x: TWO / x,
    "clamp": lambda t, x: (x.clamp(-TWO, 1 / TWO), x.clamp(min=TWO)),
    "where": lambda t, x: (t.where(x > 0, x, TWO), t.where(x > 0, TWO, x)),
    "addcmul": lambda t, x: (t.addcmul(x, x, x, value=TWO), t.add(x, x, alpha=TWO), t.lerp(x, x, TWO)),
    "norm": lambda t, x: (x.norm(TWO), t.nn.functional.normalize(x, eps=TWO)),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x, TWO),
    "elu": lambda t, x: (t.nn.functional.elu(x, TWO), t.nn.functional.softplus(x, TWO)),
    "hardtanh": lambda t, x: t.nn.functional.hardtanh(x, -TWO, TWO),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, (2,), eps=TWO),
    "huber_loss": lambda t, x: t.nn.functional.huber_loss(x, -x, delta=TWO),
    "axis": lambda t, x: x.sum(np.int64(0)),
    "list of tensors": lambda t, x: (
        t.tensor([x[0, 0], 2.5]),
        t.tensor([x[0, 0].double(), 2.5]),
        t.tensor([t.tensor(1), 2.5]),
    ),
    "list of scalars": lambda t, x: (t.tensor([TWO, 2.5]), t.tensor([np.float32(2), 2.5]), t.tensor([np.int64(2), 2.5])),
    "empty lists": lambda t, x: (t.tensor([]), t.tensor([[], []])),
}


@pytest.mark.parametrize("program", NUMPYS_NUMBERS.values(), ids=NUMPYS_NUMBERS)
def test_numpy_scalars_do_not_decide_the_dtype(program: Callable[[Library, Any], Any]) -> None:
    def with_gradient(t: Library) -> Any:
        x = t.tensor([[-1.0, 2.0], [0.5, 3.0]], requires_grad=True)
        results = program(t, x)
        results = results if isinstance(results, tuple) else (results,)
        slopes = [t.autograd.grad(y.sum(), x) for y in results if y.requires_grad]
        return [results, slopes]

    assert_same_in_both(with_gradient)


def test_a_refused_write_leaves_the_tensor_as_it_was() -> None:
    x = minigrad.tensor([1, 5])
    writes: list[Callable[[], Tensor]] = [
        lambda: x.clamp_(minigrad.tensor(1.5)),
        lambda: x.masked_fill_(minigrad.ones(2, 2) > 0, 0),
        lambda: x.fill_(minigrad.ones(2)),
        lambda: x.div_(2),
    ]
    for write in writes:
        with pytest.raises(RuntimeError):
            write()
    assert x.tolist() == [1, 5]


def test_the_version_is_that_of_the_package() -> None:
    assert minigrad.__version__ == version("minigrad")


def test_numpy_functions_take_scalars_beside_tensors() -> None:
    x = minigrad.tensor([-1.0, 2.0], requires_grad=True)
    y: Any = np.maximum(x, 0.5)
    y.sum().backward()
    assert x.grad is not None
    assert (y.tolist(), x.grad.tolist()) == ([0.5, 2.0], [0.0, 1.0])
