"""The domain of each primitive: how to draw inputs where it is defined and smooth, and what torch calls it.

An elementwise primitive needs no entry here if it takes any values and no keyword arguments, and is called as in torch or not
in torch at all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.ops.convolution import Windows
from minigrad.primitive import Array, Primitive, Shape, primitives
from minigrad.testing import arrays, broadcastable, shapes, values
from tests.reference import torch


class Case(NamedTuple):
    """What a primitive is called with."""

    inputs: tuple[Array, ...]
    attributes: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Domain:
    """Where a primitive is tested.

    Attributes:
        cases: Inputs and keyword arguments, away from kinks.
        reference: The same in torch, called with the same; None if torch does not have it.
        analytic: Whether the NumPy code takes complex arrays, so that its complex step is the oracle.
        broadcasts: Whether its inputs are broadcast against each other.
    """

    cases: st.SearchStrategy[Case]
    reference: Callable[..., Any] | None
    analytic: bool = True
    broadcasts: bool = False


def lift(array: Array) -> torch.Tensor:
    """Return torch's tensor of an array, in memory of its own: torch knows no negative strides."""
    return torch.from_numpy(array.copy())


Elements = st.SearchStrategy[Any] | None
anything = values()
nonzero = values(kinks=[0])
positive = values(0.2, 4)
whole = range(-4, 5)
fractional = values(kinks=whole)
special = st.sampled_from([0.0, 1.5, -2.0, np.inf, -np.inf, np.nan])
F = torch.nn.functional


def elementwise(
    reference: Callable[..., Any] | None, *elements: Elements, analytic: bool = True, **attributes: Any
) -> Domain:
    """Return the domain of a function of arrays that are broadcast together; keyword arguments may be strategies."""
    inputs = broadcastable(*elements)
    return Domain(st.builds(Case, inputs, drawn(attributes)), reference, analytic, broadcasts=len(elements) > 1)


def drawn(attributes: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for keyword arguments, each given by a strategy or by a value."""
    strategies = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in attributes.items()}
    return st.fixed_dictionaries(strategies)


def on(inputs: Any, reference: Callable[..., Any], analytic: bool = True, **attributes: Any) -> Domain:
    """Return a domain with one array, or a tuple of them, drawn by a strategy."""
    packed = inputs.map(lambda x: x if isinstance(x, tuple) else (x,))
    return Domain(st.builds(Case, packed, drawn(attributes)), reference, analytic)


def cases(define: Callable[..., Case]) -> Callable[..., st.SearchStrategy[Case]]:
    """Return a composite strategy for cases."""
    return st.composite(define)


# ------------------------------------------------------------------------------------------------------------ two by two


@cases
def apart(draw: st.DrawFn) -> Case:
    """Two arrays, no element of one equal to any of the other."""
    a, b = draw(broadcastable(st.integers(-20, 20), st.integers(-20, 20)))
    return Case((np.asarray(a / 8), np.asarray(b / 8 + 1 / 16)))


@cases
def divided(draw: st.DrawFn) -> Case:
    """A dividend and a divisor, whose quotient is no integer."""
    shape = draw(shapes())
    b = draw(arrays(shape[draw(st.integers(0, len(shape))) :], values(0.5, 2) | values(-2, -0.5)))
    quotient = draw(arrays(shape, values(kinks=range(-4, 5), margin=0.2)))
    return Case((np.asarray(quotient * b), b))


@cases
def conditional(draw: st.DrawFn) -> Case:
    condition, a, b = draw(broadcastable(None, None, None))
    return Case((np.asarray(condition > 0), a, b))


@cases
def with_mask(draw: st.DrawFn) -> Case:
    x, chosen = draw(broadcastable(None, None))
    return Case((x, np.asarray(chosen > 0)))


# ----------------------------------------------------------------------------------------------------------- reductions


def dims(ndim: int) -> st.SearchStrategy[tuple[int, ...] | None]:
    """Return a strategy for the axes of a reduction: some, or None for all."""
    if ndim == 0:
        return st.none()
    some = st.lists(st.integers(0, ndim - 1), min_size=1, max_size=ndim, unique=True).map(tuple)
    return st.none() | some


@cases
def reduced(
    draw: st.DrawFn, elements: Elements = None, min_side: int = 0, distinct: bool = False, several: bool = True
) -> Case:
    x = draw(arrays(shapes(min_side=min_side), elements, distinct=distinct))
    dim: Any = draw(dims(x.ndim))
    if not several and dim is not None:
        dim = dim[0]
    return Case((x,), {"dim": dim, "keepdim": draw(st.booleans())})


def over(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return torch's reduction with None for all axes, which some of torch's do not take."""
    return lambda x, dim, keepdim, **p: f(x, *p.values(), dim=tuple(range(x.ndim)) if dim is None else dim, keepdim=keepdim)


def extremum(of_all: Callable[..., Any], along: Callable[..., Any]) -> Callable[..., Any]:
    """Return torch's extremum: its functions over all axes and over some give NaN another gradient."""

    def reference(x: Any, dim: Any, keepdim: bool) -> Any:
        if dim is not None:
            return along(x, dim=dim, keepdim=keepdim)
        return of_all(x).reshape([1] * x.ndim) if keepdim else of_all(x)

    return reference


@st.composite
def stacked(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1)))
    return Case(tuple(np.ascontiguousarray(part) for part in x) or (x,), {"dim": draw(st.integers(0, x.ndim - 1))})


@st.composite
def lstm_sequence(draw: st.DrawFn) -> Case:
    length, n, lead = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([(), (2,), (3,)]))
    shapes = (length, *lead, 4 * n), (4 * n, n), (*lead, n), (*lead, n)
    return Case(tuple(draw(arrays(st.just(shape))) for shape in shapes))


def torch_lstm(p: torch.Tensor, weight: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    states = [torch.stack([h, c])]
    for x in p:
        i, f, z, o = (x + h @ weight.T).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * z.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(torch.stack([h, c]))
    return torch.stack(states, 1)


def torch_norm(x: torch.Tensor, p: float, **dims: Any) -> torch.Tensor:
    """Return torch's norm in float64: in float32 its powers overflow and vanish."""
    norm: torch.Tensor = torch.linalg.vector_norm(x.double(), p, **dims)
    return norm.to(x.dtype)


@st.composite
def with_power(draw: st.DrawFn) -> Case:
    [x], attributes = draw(reduced(nonzero, min_side=1))
    return Case((x,), {"p": draw(st.sampled_from([0.5, 1, 1.5, 2, 3, -1])), **attributes})


@cases
def along(draw: st.DrawFn, elements: Elements = None, min_side: int = 1, distinct: bool = False, **attributes: Any) -> Case:
    """One array and an axis of it."""
    x = draw(arrays(shapes(min_dims=1, min_side=min_side), elements, distinct=distinct))
    return Case((x,), {"dim": draw(st.integers(0, x.ndim - 1)), **draw(drawn(attributes))})


# ---------------------------------------------------------------------------------------------------------------- shapes


@cases
def reshaped(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(max_side=4)))
    sizes = [n for n in x.shape if n != 1] + [1] * draw(st.integers(0, 2))
    wanted = draw(st.permutations(sizes))
    if draw(st.booleans()):
        wanted = [x.size, 1]
    return Case((x,), {"shape": tuple(wanted)})


@cases
def permuted(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=3, min_side=1) | shapes()))
    return Case((x,), {"dims": tuple(draw(st.permutations(range(x.ndim))))})


@cases
def repeated(draw: st.DrawFn) -> Case:
    both = draw(hnp.mutually_broadcastable_shapes(num_shapes=1, max_dims=3, min_side=0, max_side=3))
    small_shape = both.input_shapes[0]
    x = draw(arrays(small_shape))
    wider = tuple(draw(st.integers(0, 3)) if n == 1 else n for n in small_shape)
    return Case((x,), {"shape": (*draw(shapes(max_dims=1)), *wider)})


@cases
def summed_to(draw: st.DrawFn) -> Case:
    x = draw(arrays())
    kept = x.shape[draw(st.integers(0, x.ndim)) :]
    return Case((x,), {"shape": tuple(1 if draw(st.booleans()) else n for n in kept)})


def torch_sum_to(x: torch.Tensor, shape: Shape) -> torch.Tensor:
    return x.sum_to_size(shape)


def some_axes(ndim: int, least: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(0, ndim - 1), min_size=least, max_size=ndim, unique=True).map(tuple) if ndim else st.just(())


@cases
def flipped(draw: st.DrawFn) -> Case:
    x = draw(arrays())
    return Case((x,), {"dims": draw(some_axes(x.ndim))})


@cases
def rolled(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1)))
    dims = draw(some_axes(x.ndim, 1))
    return Case((x,), {"shifts": tuple(draw(st.integers(-4, 4)) for _ in dims), "dims": dims})


@cases
def with_diagonal(draw: st.DrawFn, back: bool = False) -> Case:
    x = draw(arrays(shapes(min_dims=2)))
    dims = tuple(draw(st.permutations(range(x.ndim)))[:2])
    # torch refuses a diagonal that lies outside.
    offset = draw(st.integers(-x.shape[dims[0]], x.shape[dims[1]]))
    attributes = {"offset": offset, "dims": dims}
    if not back:
        return Case((x,), attributes)
    return Case((draw(arrays(np.diagonal(x, offset, *dims).shape)),), {"shape": x.shape, **attributes})


def torch_diagonal_adjoint(x: torch.Tensor, shape: Shape, offset: int, dims: tuple[int, int]) -> torch.Tensor:
    return torch.diagonal_scatter(torch.zeros(shape, dtype=x.dtype), x, offset, *dims)


@cases
def assembled(draw: st.DrawFn) -> Case:
    shape = draw(shapes(min_dims=1))
    dim = draw(st.integers(0, len(shape) - 1))
    ends = sorted(draw(st.lists(st.integers(0, shape[dim]), min_size=2, max_size=4)))
    indices: list[Any] = [(*(slice(None),) * dim, slice(a, b), ...) for a, b in itertools.pairwise(ends)]
    xs = tuple(draw(arrays(np.empty(shape)[index].shape)) for index in indices)
    return Case(xs, {"indices": indices, "shape": shape})


def torch_assemble(*xs: torch.Tensor, indices: Sequence[Any], shape: Shape) -> torch.Tensor:
    full = torch.zeros(shape, dtype=xs[0].dtype)
    for x, index in zip(xs, indices, strict=True):
        full[index] = x
    return full


@cases
def joined(draw: st.DrawFn) -> Case:
    shape = draw(shapes(min_dims=1))
    dim = draw(st.integers(0, len(shape) - 1))
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    return Case(tuple(draw(arrays((*shape[:dim], n, *shape[dim + 1 :]))) for n in lengths), {"dim": dim})


# -------------------------------------------------------------------------------------------------------------- indexing


@cases
def gathered(draw: st.DrawFn, back: bool = False) -> Case:
    """An array and positions along an axis of it; or the positions, and what goes there."""
    shape = draw(shapes(min_dims=1, min_side=1))
    dim = draw(st.integers(0, len(shape) - 1))
    wanted = tuple(draw(st.integers(0, 4 if k == dim else n)) for k, n in enumerate(shape))
    index = draw(arrays(wanted, st.integers(0, shape[dim] - 1), np.int64))
    if back:
        return Case((index, draw(arrays(wanted))), {"shape": shape, "dim": dim})
    return Case((draw(arrays(shape)), index), {"dim": dim})


@st.composite
def indices(draw: st.DrawFn, shape: Shape) -> tuple[Any, ...]:
    """What NumPy and torch agree on between brackets: basic, integer arrays with repetitions, or a mask."""
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed", "integers"]))
    if kind == "mask":
        return (draw(hnp.arrays(np.bool_, shape, elements=st.booleans())),)
    if kind == "basic" or not shape or 0 in shape:
        found = draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=5))
        return basic(found)
    result = shapes(min_dims=1, max_dims=2, max_side=4)
    if kind == "integers":
        count = draw(st.integers(1, len(shape)))
        picked = draw(hnp.integer_array_indices(shape[:count], result_shape=result))
        return tuple(np.asarray(k) for k in picked)
    axis = draw(st.integers(0, len(shape) - 1))
    (picked_one,) = draw(hnp.integer_array_indices((shape[axis],), result_shape=result))
    before = [slice(None, None, draw(st.sampled_from([1, 2]))) for _ in range(axis)]
    return (*before, np.asarray(picked_one))


def basic(index: Any) -> tuple[Any, ...]:
    """Return an index that torch takes too, ending in an Ellipsis, with which NumPy gives a view also of one element."""
    parts = tuple(
        forward(part) if isinstance(part, slice) else part for part in (index if isinstance(index, tuple) else (index,))
    )
    return parts if Ellipsis in parts else (*parts, ...)


def forward(part: slice) -> slice:
    """Return a slice that goes forward, because torch refuses others."""
    return part if part.step is None or part.step > 0 else slice(None, None, -part.step)


@cases
def indexed(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_side=3) | shapes()))
    return Case((x,), {"index": draw(indices(x.shape))})


@cases
def scattered(draw: st.DrawFn) -> Case:
    shape = draw(shapes(max_side=4))
    index = draw(indices(shape))
    x = draw(arrays(np.empty(shape)[index].shape))
    return Case((x,), {"index": index, "shape": shape})


@cases
def assigned(draw: st.DrawFn) -> Case:
    """An array, an index that selects no element twice, and a value that broadcasts to what it selects."""
    x = draw(arrays(shapes(max_side=4)))
    positions = np.arange(x.size).reshape(x.shape)
    index = draw(indices(x.shape).filter(lambda index: len(np.unique(positions[index])) == positions[index].size))
    selected = positions[index].shape
    value = tuple(draw(st.sampled_from([1, n])) for n in selected[draw(st.integers(0, len(selected))) :])
    return Case((x, draw(arrays(value))), {"index": index})


def torch_setitem(x: torch.Tensor, value: torch.Tensor, index: Sequence[Any]) -> torch.Tensor:
    out = x.clone()
    out[torch_index(index)] = value
    return out


@cases
def scattered_into_a_view(draw: st.DrawFn) -> Case:
    """An array, views of views of it, and a value for the last."""
    x = draw(arrays(shapes(max_side=4)))
    dims = tuple(draw(st.permutations(range(x.ndim))))
    turned = x.transpose(dims)
    index = basic(draw(hnp.basic_indices(turned.shape, allow_newaxis=True, max_dims=5)))
    path = (((), primitives["permute"], {"dims": dims}), primitives["getitem"], {"index": index})
    return Case((x, draw(arrays(turned[index].shape))), {"path": path})


def torch_view_scatter(x: torch.Tensor, value: torch.Tensor, path: Sequence[Any]) -> torch.Tensor:
    ((), _, turn), _, cut = path
    out = x.clone()
    out.permute(turn["dims"])[cut["index"]].copy_(value)
    return out


def torch_index(index: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(lift(k) if isinstance(k, np.ndarray) else k for k in index)


def torch_getitem_adjoint(x: torch.Tensor, index: Sequence[Any], shape: Shape) -> torch.Tensor:
    return transposed(lambda zeros: zeros[torch_index(index)], shape, x)


def torch_scatter_add(index: torch.Tensor, src: torch.Tensor, shape: Shape, dim: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=src.dtype).scatter_add(dim, index, src)


# ------------------------------------------------------------------------------------------------------- linear algebra


@cases
def matrices(draw: st.DrawFn) -> Case:
    signature = hnp.mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)", max_dims=2, min_side=0, max_side=3)
    a, b = draw(signature).input_shapes
    return Case((draw(arrays(a)), draw(arrays(b))))


@cases
def affine(draw: st.DrawFn) -> Case:
    n, m = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    lead = draw(shapes(max_dims=2))
    return Case((draw(arrays((*lead, n))), draw(arrays((m, n))), draw(arrays((m,)))))


@cases
def contracted(draw: st.DrawFn) -> Case:
    """Up to three arrays, a letter for each axis, and the letters that stay."""
    size = {letter: draw(st.integers(0, 3)) for letter in "abc"}
    words = st.lists(st.sampled_from("abc"), unique=True, max_size=3).map("".join)
    terms = draw(st.lists(words, min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    result = "".join(draw(st.lists(st.sampled_from(used), unique=True))) if used else ""
    inputs = tuple(draw(arrays(tuple(size[letter] for letter in term))) for term in terms)
    return Case(inputs, {"subscripts": tuple(terms), "output": result})


def torch_einsum(*xs: torch.Tensor, subscripts: tuple[str, ...], output: str) -> torch.Tensor:
    return torch.einsum(f"{','.join(subscripts)}->{output}", *xs)


# ------------------------------------------------------------------------------------------------------------ convolution


@st.composite
def moving(draw: st.DrawFn, dilated: bool = True) -> tuple[Shape, Windows, Shape]:
    """The size of an image or a signal, how windows move over it, and how many there are along each axis."""
    ndim = draw(st.integers(1, 2))
    kernel, stride, dilation = (
        tuple(draw(st.integers(1, most)) for _ in range(ndim)) for most in (3 if ndim == 1 else 2, 3, 2 if dilated else 1)
    )
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = tuple(e + draw(st.integers(0, 3)) for e in extent)
    output_size = tuple((n - e) // s + 1 for n, e, s in zip(size, extent, stride, strict=True))
    return size, Windows(kernel, stride, dilation), output_size


@cases
def convolved(draw: st.DrawFn, of: str) -> Case:
    """Two of the three arrays of a convolution: its input, its weight, its output."""
    size, windows, output_size = draw(moving())
    n, groups, inner, outer = (draw(st.integers(1, 2)) for _ in range(4))
    shape = {
        "x": (n, groups * inner, *size),
        "weight": (groups * outer, inner, *windows.kernel),
        "y": (n, groups * outer, *output_size),
    }
    further = {"size": size} if of == "y weight" else {}
    attributes = {**further, "windows": windows, "groups": groups}
    return Case(tuple(draw(arrays(shape[name])) for name in of.split()), attributes)


@cases
def pooled(draw: st.DrawFn, back: bool = False) -> Case:
    size, windows, output_size = draw(moving(dilated=False))
    lead = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    if back:
        return Case((draw(arrays((*lead, *output_size))),), {"size": size, "windows": windows})
    return Case((draw(arrays((*lead, *size))),), {"windows": windows})


@cases
def peaked(draw: st.DrawFn, what: str) -> Case:
    """Windows and an element of each: x whose windows have one largest element, and the index of an element, or its value."""
    size, windows, output_size = draw(moving())
    lead = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    x = draw(arrays((*lead, *size), distinct=True))
    index = draw(hnp.arrays(np.uint8, (*lead, *output_size), elements=st.integers(0, math.prod(windows.kernel) - 1)))
    if what == "scatter":
        return Case((draw(arrays(index.shape)), index), {"size": size, "windows": windows})
    if what != "max":
        return Case((x, index), {"windows": windows})
    border = tuple([draw(st.integers(0, d * (k - 1))) for k, d in zip(windows.kernel, windows.dilation, strict=True)])
    for axis, width in enumerate(border, 2):
        x[(slice(None),) * axis + (slice(width),)] -= 1e3
    return Case((x,), {"windows": windows, "border": border})


@cases
def padded(draw: st.DrawFn) -> Case:
    x = draw(arrays())
    widths = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in x.shape)
    return Case((x,), {"widths": widths, "value": draw(st.sampled_from([0, 1.5]))})


def torch_conv(x: torch.Tensor, weight: torch.Tensor, windows: Windows, groups: int) -> torch.Tensor:
    conv = torch.nn.functional.conv1d if x.ndim == 3 else torch.nn.functional.conv2d
    return conv(x, weight, stride=windows.stride, dilation=windows.dilation, groups=groups)


def torch_pool(x: torch.Tensor, windows: Windows) -> torch.Tensor:
    if x.ndim == 3:
        return torch_pool(x[:, :, None], Windows((1, *windows.kernel), (1, *windows.stride), (1, 1)))[:, :, 0]
    return torch.nn.functional.avg_pool2d(x, windows.kernel, windows.stride, divisor_override=1)


def torch_windows(x: torch.Tensor, windows: Windows) -> torch.Tensor:
    """Return the windows along a new last axis, (N, C, *output_size, elements of the kernel)."""
    for k, (size, step, gap) in enumerate(zip(*windows, strict=True)):
        x = x.unfold(2 + k, gap * (size - 1) + 1, step)[..., ::gap]
    return x.flatten(-len(windows.kernel))


def torch_window_gather(x: torch.Tensor, index: torch.Tensor, windows: Windows) -> torch.Tensor:
    return torch_windows(x, windows).gather(-1, index.long()[..., None])[..., 0]


def transposed(f: Callable[[torch.Tensor], torch.Tensor], shape: Shape, y: torch.Tensor) -> torch.Tensor:
    """Return the transpose of a linear function, as torch's backward computes it."""
    zeros = torch.zeros(shape, dtype=y.dtype, requires_grad=True)
    return torch.autograd.grad(f(zeros), zeros, y, create_graph=True)[0]


def torch_conv_transpose(y: torch.Tensor, weight: torch.Tensor, size: Shape, windows: Windows, groups: int) -> torch.Tensor:
    return transposed(lambda x: torch_conv(x, weight, windows, groups), (len(y), weight.shape[1] * groups, *size), y)


def torch_conv_weight_grad(x: torch.Tensor, y: torch.Tensor, windows: Windows, groups: int) -> torch.Tensor:
    shape = (y.shape[1], x.shape[1] // groups, *windows.kernel)
    return transposed(lambda weight: torch_conv(x, weight, windows, groups), shape, y)


def torch_pad(x: torch.Tensor, widths: Sequence[tuple[int, int]], value: float) -> torch.Tensor:
    return torch.nn.functional.pad(x, [n for pair in reversed(widths) for n in pair], value=value)


# --------------------------------------------------------------------------------------------------------- neural networks


@cases
def judged(draw: st.DrawFn) -> Case:
    """Probabilities, and how probable it was."""
    shape = draw(shapes())
    return Case((draw(arrays(shape, values(0.1, 0.9))), draw(arrays(shape, values(0, 1)))))


@cases
def standardized(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    return Case((x,), {"dim": draw(some_axes(x.ndim, 1)), "eps": 0.25})


def torch_standardize(x: torch.Tensor, dim: tuple[int, ...], eps: float) -> torch.Tensor:
    return (x - x.mean(dim, keepdim=True)) / (x.var(dim, correction=0, keepdim=True) + eps).sqrt()


@cases
def normalized(draw: st.DrawFn) -> Case:
    """Rows, and for some of them a factor and a summand for each column."""
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    affine = (draw(arrays((x.shape[-1],))), draw(arrays((x.shape[-1],)))) if draw(st.booleans()) else ()
    return Case((x, *affine), {"eps": 0.25})


def torch_layer_norm(x: torch.Tensor, *affine: torch.Tensor, eps: float) -> torch.Tensor:
    weight, bias = affine or (None, None)
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


@cases
def paired(draw: st.DrawFn) -> Case:
    """Two arrays of one shape."""
    shape = draw(shapes(min_side=1))
    return Case((draw(arrays(shape)), draw(arrays(shape))))


@cases
def paired_along(draw: st.DrawFn) -> Case:
    """Two arrays of one shape, and an axis of them."""
    shape = draw(shapes(min_dims=1, min_side=1))
    return Case((draw(arrays(shape)), draw(arrays(shape))), {"dim": draw(st.integers(0, len(shape) - 1))})


@cases
def picked(draw: st.DrawFn, back: bool) -> Case:
    """Rows and an index for each; or what was picked, the index, and how wide the rows are."""
    n, width = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    index = draw(arrays((n,), st.integers(0, width - 1), np.int64))
    return Case((draw(arrays((n,) if back else (n, width))),), {"index": index} | ({"width": width} if back else {}))


@cases
def classified(draw: st.DrawFn, back: bool) -> Case:
    """Rows of scores and a class for each; for the vjp a cotangent in front."""
    n, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    index = draw(arrays((n,), st.integers(0, width - 1), np.int64))
    return Case((*([draw(arrays(()))] if back else []), draw(arrays((n, width)))), {"index": index})


def torch_pick_adjoint(x: torch.Tensor, index: Array, width: int) -> torch.Tensor:
    return torch.zeros((len(index), width), dtype=x.dtype).scatter(1, lift(index)[:, None], x[:, None])


# ------------------------------------------------------------------------------------------------------------- the table

DOMAINS: dict[str, Domain] = {
    # arithmetic
    "add": elementwise(torch.add, anything, anything),
    "sub": elementwise(torch.sub, anything, anything),
    "mul": elementwise(torch.mul, anything, anything),
    "div": elementwise(torch.div, anything, nonzero),
    "power": elementwise(torch.pow, positive, anything),
    "pow": elementwise(
        lambda x, exponent: torch.pow(x, exponent),
        positive,
        exponent=st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 5]),
    ),
    "neg": elementwise(torch.neg, anything),
    "abs": elementwise(torch.abs, nonzero, analytic=False),
    "sign": elementwise(torch.sign, nonzero, analytic=False),
    "maximum": Domain(apart(), torch.maximum, analytic=False, broadcasts=True),
    "minimum": Domain(apart(), torch.minimum, analytic=False, broadcasts=True),
    "floor": elementwise(torch.floor, fractional, analytic=False),
    "ceil": elementwise(torch.ceil, fractional, analytic=False),
    "trunc": elementwise(torch.trunc, fractional, analytic=False),
    "round": elementwise(torch.round, values(kinks=[k + 0.5 for k in whole]), analytic=False),
    "floor_divide": Domain(divided(), lambda a, b: torch.div(a, b, rounding_mode="floor"), False, True),
    "trunc_divide": Domain(divided(), lambda a, b: torch.div(a, b, rounding_mode="trunc"), False, True),
    "remainder": Domain(divided(), torch.remainder, False, True),
    "fmod": Domain(divided(), torch.fmod, False, True),
    "xlogy": elementwise(torch.xlogy, anything, positive),
    # selection and comparison
    "clamp": elementwise(
        lambda x, low, high: torch.clamp(x, low, high),
        values(kinks=[-1, 1.5]),
        low=st.sampled_from([-1, None]),
        high=st.just(1.5),
        analytic=False,
    ),
    "isnan": elementwise(torch.isnan, special),
    "isinf": elementwise(torch.isinf, special),
    "isfinite": elementwise(torch.isfinite, special),
    "masked": Domain(with_mask(), lambda x, mask: torch.where(mask, x, 0), analytic=False),
    "masked_out": Domain(with_mask(), lambda x, mask: torch.where(mask, 0, x), analytic=False),
    "where": Domain(conditional(), torch.where, broadcasts=True),
    "bitwise_and": on(broadcastable(None, None, dtype=np.int64), torch.bitwise_and),
    "bitwise_or": on(broadcastable(None, None, dtype=np.int64), torch.bitwise_or),
    "bitwise_xor": on(broadcastable(None, None, dtype=np.int64), torch.bitwise_xor),
    "bitwise_left_shift": on(broadcastable(None, st.integers(-2, 70), dtype=np.int64), torch.bitwise_left_shift),
    "bitwise_right_shift": on(broadcastable(None, st.integers(-2, 70), dtype=np.int64), torch.bitwise_right_shift),
    "bitwise_not": on(arrays(dtype=st.sampled_from([np.int64, np.bool_])), torch.bitwise_not),
    # elementary functions
    "exp": elementwise(torch.exp, anything),
    "log": elementwise(torch.log, positive),
    "sqrt": elementwise(torch.sqrt, positive),
    "sin": elementwise(torch.sin, anything),
    "cos": elementwise(torch.cos, anything),
    "tanh": elementwise(torch.tanh, anything),
    "relu": elementwise(torch.relu, nonzero, analytic=False),
    "exp2": elementwise(torch.exp2, anything),
    "expm1": elementwise(torch.expm1, anything),
    "log2": elementwise(torch.log2, positive),
    "log10": elementwise(torch.log10, positive),
    "log1p": elementwise(torch.log1p, values(-0.8, 3)),
    "rsqrt": elementwise(torch.rsqrt, positive),
    "reciprocal": elementwise(torch.reciprocal, nonzero),
    "tan": elementwise(torch.tan, values(-1.2, 1.2)),
    "asin": elementwise(torch.asin, values(-0.8, 0.8)),
    "acos": elementwise(torch.acos, values(-0.8, 0.8)),
    "atan": elementwise(torch.atan, anything),
    "atan2": elementwise(torch.atan2, nonzero, anything, analytic=False),
    "sinh": elementwise(torch.sinh, anything),
    "cosh": elementwise(torch.cosh, anything),
    "leaky_slope": elementwise(None, nonzero, negative_slope=st.sampled_from([0.01, 0.5]), analytic=False),
    "leaky_relu": elementwise(F.leaky_relu, nonzero, negative_slope=st.sampled_from([0.01, 0.5]), analytic=False),
    "elu": elementwise(F.elu, nonzero, alpha=st.sampled_from([1.0, 0.5]), analytic=False),
    "hardtanh": elementwise(
        lambda x, low, high: F.hardtanh(x, low, high), values(kinks=[-1, 2]), low=-1.0, high=2.0, analytic=False
    ),
    "softplus": elementwise(F.softplus, anything, beta=st.sampled_from([1, 2.5]), threshold=20, analytic=False),
    "fill": elementwise(lambda x, value: torch.fill(x, value), anything, value=2.5),
    # broadcasting and shape
    "expand": Domain(repeated(), lambda x, shape: x.expand(shape)),
    "sum_to": Domain(summed_to(), torch_sum_to),
    "reshape": Domain(reshaped(), lambda x, shape: x.reshape(shape)),
    "permute": Domain(permuted(), torch.permute),
    "cast": on(arrays(), lambda x, dtype: x.to(torch.float64), dtype=np.dtype(np.float64), analytic=False),
    "clone": on(arrays(), torch.clone),
    "flip": Domain(flipped(), torch.flip),
    "roll": Domain(rolled(), torch.roll),
    "tril": on(arrays(shapes(min_dims=2)), torch.tril, diagonal=st.integers(-3, 3)),
    "triu": on(arrays(shapes(min_dims=2)), torch.triu, diagonal=st.integers(-3, 3)),
    "diagonal": Domain(with_diagonal(), lambda x, offset, dims: torch.diagonal(x, offset, *dims)),
    "diagonal_adjoint": Domain(with_diagonal(back=True), torch_diagonal_adjoint),
    "assemble": Domain(assembled(), torch_assemble),
    "stack": Domain(stacked(), lambda *xs, dim: torch.stack(xs, dim)),
    "lstm": Domain(lstm_sequence(), torch_lstm),
    "cat": Domain(joined(), lambda *xs, dim: torch.cat(xs, dim)),
    # indexing
    "nonzero": on(arrays(elements=values(0, 1)), torch.nonzero),
    "gather": Domain(gathered(), lambda x, index, dim: x.gather(dim, index)),
    "scatter_add": Domain(gathered(back=True), torch_scatter_add, analytic=False),
    "getitem": Domain(indexed(), lambda x, index: x[torch_index(index)]),
    "view_scatter": Domain(scattered_into_a_view(), torch_view_scatter, analytic=False),
    "setitem": Domain(assigned(), torch_setitem, analytic=False),
    "getitem_adjoint": Domain(scattered(), torch_getitem_adjoint),
    # reductions
    "sum": Domain(reduced(), over(torch.sum)),
    "mean": Domain(reduced(), over(torch.mean)),
    "amax": Domain(reduced(min_side=1, distinct=True), extremum(torch.max, torch.amax), analytic=False),
    "amin": Domain(reduced(min_side=1, distinct=True), extremum(torch.min, torch.amin), analytic=False),
    "norm": Domain(with_power(), over(torch_norm), analytic=False),
    "argmax": Domain(reduced(min_side=1, distinct=True, several=False), torch.argmax),
    "argmin": Domain(reduced(min_side=1, distinct=True, several=False), torch.argmin),
    "any": Domain(reduced(values(0, 1)), over(torch.any)),
    "all": Domain(reduced(values(0, 1)), over(torch.all)),
    "logsumexp": Domain(reduced(min_side=1), over(torch.logsumexp), analytic=False),
    "cumsum": Domain(along(min_side=0), torch.cumsum),
    "argtop": Domain(
        along(distinct=True, k=st.just(1), largest=st.booleans()), lambda x, k, dim, largest: x.topk(k, dim, largest)[1]
    ),
    "argsort": Domain(along(distinct=True, descending=st.booleans()), torch.argsort),
    # linear algebra and neural networks
    "einsum": Domain(contracted(), torch_einsum),
    "convolution": Domain(convolved("x weight"), torch_conv, analytic=False),
    "conv_transpose": Domain(convolved("y weight"), torch_conv_transpose, analytic=False),
    "conv_weight_grad": Domain(convolved("x y"), torch_conv_weight_grad, analytic=False),
    "pad": Domain(padded(), torch_pad, analytic=False),
    "sum_pool": Domain(pooled(), torch_pool, analytic=False),
    "sum_unpool": Domain(
        pooled(back=True),
        lambda y, size, windows: transposed(lambda x: torch_pool(x, windows), (*y.shape[:2], *size), y),
        analytic=False,
    ),
    "max_pool": Domain(peaked("max"), lambda x, windows, border: torch_windows(x, windows).amax(-1), analytic=False),
    "max_pool_indices": Domain(
        peaked("max"),
        lambda x, windows, border: torch_windows(x, windows).argmax(-1).to(torch.uint8),
    ),
    "window_gather": Domain(peaked("gather"), torch_window_gather),
    "window_scatter": Domain(
        peaked("scatter"),
        lambda y, index, size, windows: transposed(
            lambda x: torch_window_gather(x, index, windows), (*y.shape[:2], *size), y
        ),
        analytic=False,
    ),
    "binary_cross_entropy": Domain(
        judged(), lambda x, target: F.binary_cross_entropy(x, target, reduction="none"), analytic=False
    ),
    "standardize": Domain(standardized(), torch_standardize),
    "layer_norm": Domain(normalized(), torch_layer_norm),
    "matmul": Domain(matrices(), torch.matmul),
    "linear": Domain(affine(), F.linear),
    "softmax": Domain(along(), torch.softmax, analytic=False),
    "softmax_vjp": Domain(paired_along(), lambda u, y, dim: y * (u - (u * y).sum(dim, keepdim=True))),
    "log_softmax": Domain(along(), torch.log_softmax, analytic=False),
    "cross_entropy": Domain(classified(back=False), lambda x, index: F.cross_entropy(x, lift(index)), analytic=False),
    "cross_entropy_vjp": Domain(
        classified(back=True),
        lambda u, x, index: u * (x.softmax(1) - F.one_hot(lift(index), x.shape[1])) / len(index),
        analytic=False,
    ),
    "mse_loss": Domain(paired(), F.mse_loss),
    "pick": Domain(picked(back=False), lambda x, index: x.gather(1, lift(index)[:, None])[:, 0]),
    "pick_adjoint": Domain(picked(back=True), torch_pick_adjoint),
}


def torch_function(name: str) -> Callable[..., Any] | None:
    """Return torch's function of a name, if there is one."""
    return next((getattr(module, name) for module in (torch, torch.special, F) if hasattr(module, name)), None)


def is_own(op: Primitive) -> bool:
    """Return whether a primitive is minigrad's, and not made by a test."""
    return op.forward.__module__.startswith("minigrad.")


DOMAINS["gelu_tanh"] = elementwise(lambda x: F.gelu(x, approximate="tanh"), anything)
DOMAINS |= {
    name: elementwise(torch_function(name), *[anything] * len(op.inputs), analytic=False)
    for name, op in primitives.items()
    if name not in DOMAINS and is_own(op) and all(op.promote) and not (op.variadic or op.defaults)
}


def documented_formula(op: Primitive) -> Callable[..., Any] | None:
    """Return the first line of a docstring as a function of mpmath numbers, if it is a formula: "log2(1 + 2**x)."."""
    functions = {"log2": lambda x: mpmath.log(x, 2), "exp2": lambda x: mpmath.power(2, x)}
    names = {name: getattr(mpmath, name) for name in ("cos", "exp", "log", "sin", "sqrt", "tan")}
    formula, *_ = (op.forward.__doc__ or "").splitlines() or [""]
    try:
        code = compile(formula.removesuffix("."), op.name, "eval")
    except SyntaxError:
        return None
    return lambda *xs: eval(code, {**names, **functions}, dict(zip(op.inputs, xs, strict=True)))
