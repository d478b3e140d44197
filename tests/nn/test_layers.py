"""Every layer against torch's of that name: text, state, and with the same state the same function and gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from tests.nn.parity import Array, assert_close, assert_same_in_both, uniform
from tests.reference import torch

rows, image, signal = uniform(5, 3), uniform(2, 4, 7, 6), uniform(2, 4, 9)
numbers = np.array([[1, 0, 2], [2, 2, 3]])

LAYERS: dict[str, tuple[Any, Array]] = {
    "Linear": (lambda nn: nn.Linear(3, 2), rows),
    "Linear without bias": (lambda nn: nn.Linear(3, 2, bias=False), rows),
    "Identity": (lambda nn: nn.Identity(3, a=4), rows),
    "Flatten": (lambda nn: nn.Flatten(), image),
    "Flatten some": (lambda nn: nn.Flatten(2, -1), image),
    "ReLU": (lambda nn: nn.ReLU(), rows),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(), rows),
    "LeakyReLU slope": (lambda nn: nn.LeakyReLU(0.3), rows),
    "ELU": (lambda nn: nn.ELU(), rows),
    "ELU alpha": (lambda nn: nn.ELU(0.5), rows),
    "GELU": (lambda nn: nn.GELU(), rows),
    "GELU tanh": (lambda nn: nn.GELU(approximate="tanh"), rows),
    "SiLU": (lambda nn: nn.SiLU(), rows),
    "ReLU6": (lambda nn: nn.ReLU6(), 10 * rows),
    "PReLU": (lambda nn: nn.PReLU(), image),
    "PReLU channels": (lambda nn: nn.PReLU(4, 0.1), image),
    "Softplus": (lambda nn: nn.Softplus(), rows),
    "Softplus beta": (lambda nn: nn.Softplus(2, 10), rows),
    "Sigmoid": (lambda nn: nn.Sigmoid(), rows),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), rows),
    "Tanh": (lambda nn: nn.Tanh(), rows),
    "Hardtanh": (lambda nn: nn.Hardtanh(), rows),
    "Hardtanh bounds": (lambda nn: nn.Hardtanh(-0.5, 0.7), rows),
    "Softmax": (lambda nn: nn.Softmax(dim=1), rows),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=0), rows),
    "Embedding": (lambda nn: nn.Embedding(4, 3), numbers),
    "Embedding padded": (lambda nn: nn.Embedding(4, 3, padding_idx=-2), numbers),
    "LayerNorm": (lambda nn: nn.LayerNorm(3), rows),
    "LayerNorm of images": (lambda nn: nn.LayerNorm((7, 6), eps=0.1), image),
    "LayerNorm without bias": (lambda nn: nn.LayerNorm([3], bias=False), rows),
    "LayerNorm without affine": (lambda nn: nn.LayerNorm(3, elementwise_affine=False), rows),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(3), rows),
    "BatchNorm1d of signals": (lambda nn: nn.BatchNorm1d(4, momentum=None, eps=0.1), signal),
    "BatchNorm1d without affine": (lambda nn: nn.BatchNorm1d(3, affine=False), rows),
    "BatchNorm1d without bias": (lambda nn: nn.BatchNorm1d(3, bias=False), rows),
    "BatchNorm1d without statistics": (lambda nn: nn.BatchNorm1d(3, track_running_stats=False), rows),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(4, momentum=0.5), image),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), image),
    "GroupNorm of no samples": (lambda nn: nn.GroupNorm(2, 4), image[:0]),
    "GroupNorm of signals": (lambda nn: nn.GroupNorm(4, 4, eps=0.1, affine=False), signal),
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2), signal),
    "Conv1d same": (lambda nn: nn.Conv1d(4, 6, 3, padding="same", groups=2, bias=False), signal),
    "Conv1d reflect": (lambda nn: nn.Conv1d(4, 6, 3, padding=2, padding_mode="reflect"), signal),
    "Conv2d": (lambda nn: nn.Conv2d(4, 6, 3), image),
    "Conv2d everything": (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False), image),
    "Conv2d same": (lambda nn: nn.Conv2d(4, 6, 3, padding="same"), image),
    "Conv2d circular": (lambda nn: nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="circular"), image),
    "Conv2d replicate same": (lambda nn: nn.Conv2d(4, 6, 5, padding="same", padding_mode="replicate"), image),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), image),
    "MaxPool2d everything": (lambda nn: nn.MaxPool2d((3, 2), 2, 1, dilation=2), image),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2), image),
    "AvgPool2d everything": (lambda nn: nn.AvgPool2d((3, 2), stride=1, padding=1), image),
    "MaxPool2d ceil": (lambda nn: nn.MaxPool2d(3, 2, 1, ceil_mode=True), image),
    "AvgPool2d ceil": (lambda nn: nn.AvgPool2d(3, 2, 1, True, False), image),
    "AvgPool2d divisor": (lambda nn: nn.AvgPool2d(2, divisor_override=3), image),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), signal),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(2, ceil_mode=True), signal),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1), signal),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3), image),
    "ConvTranspose2d everything": (
        lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, dilation=2),
        image,
    ),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 2)), image),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), image),
    "AdaptiveAvgPool2d 1": (lambda nn: nn.AdaptiveAvgPool2d(1), image),
    "Dropout 0": (lambda nn: nn.Dropout(0.0), rows),
    "Dropout1d 0": (lambda nn: nn.Dropout1d(0.0), signal),
    "Dropout2d 0": (lambda nn: nn.Dropout2d(0.0), image),
}
KINDS = {name.split()[0] for name in LAYERS}


def pair(name: str) -> tuple[Any, Any]:
    """Return the layer in both libraries, in float64, with minigrad's state."""
    build = LAYERS[name][0]
    ours, reference = build(nn).double(), build(torch.nn).double()
    reference.load_state_dict({key: torch.from_numpy(t.numpy().copy()) for key, t in ours.state_dict().items()})
    return ours, reference


@pytest.mark.parametrize("name", LAYERS)
def test_repr(name: str) -> None:
    build = LAYERS[name][0]
    assert repr(build(nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("name", LAYERS)
def test_state_has_the_names_shapes_and_types_of_torch(name: str) -> None:
    build = LAYERS[name][0]
    layouts = [
        [(key, tuple(t.shape), str(t.dtype).split(".")[1]) for key, t in build(lib).state_dict().items()]
        for lib in (nn, torch.nn)
    ]
    assert layouts[0] == layouts[1]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_function_and_derivatives(name: str, training: bool) -> None:
    ours, reference = pair(name)
    ours.train(training)
    reference.train(training)
    assert_same_in_both(ours, reference, LAYERS[name][1])
    for key, t in reference.state_dict().items():
        assert_close(ours.state_dict()[key], t)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_the_parameters(name: str) -> None:
    ours, reference = pair(name)
    x = LAYERS[name][1]
    our_values, reference_values = ours(minigrad.tensor(x)), reference(torch.tensor(x))
    if not our_values.requires_grad:
        assert not list(ours.parameters())
        return
    weights = uniform(*our_values.shape, seed=3)
    (our_values * minigrad.tensor(weights)).sum().backward()
    (reference_values * torch.tensor(weights)).sum().backward()
    for (_, p), (_, q) in zip(ours.named_parameters(), reference.named_parameters(), strict=True):
        assert_close(p.grad, q.grad)


@pytest.mark.parametrize("inplace", ["ReLU", "ReLU6", "LeakyReLU", "ELU", "Hardtanh", "SiLU", "Dropout"])
def test_in_place_layers_overwrite_their_input(inplace: str) -> None:
    layer = getattr(nn, inplace)(inplace=True)
    assert repr(layer) == repr(getattr(torch.nn, inplace)(inplace=True))
    x = minigrad.randn(5)
    assert layer(x) is x


def test_dropout_drops_only_in_training() -> None:
    layer = nn.Dropout(0.5)
    assert repr(layer) == repr(torch.nn.Dropout(0.5))
    minigrad.manual_seed(0)
    x = minigrad.ones(1000)
    assert set(layer(x).tolist()) == {0.0, 2.0}
    assert layer.eval()(x) is x


def uniform_bound(layer: Any) -> float:
    return 1 / math.sqrt(math.prod(layer.weight.shape[1:]))


@pytest.mark.parametrize(
    "build", [lambda: nn.Linear(50, 200), lambda: nn.Conv2d(6, 60, (5, 3), groups=2), lambda: nn.Conv1d(20, 100, 7)]
)
def test_initial_values_are_uniform(build: Any) -> None:
    minigrad.manual_seed(0)
    layer = build()
    k = uniform_bound(layer)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for values in (weight, bias):
        assert np.abs(values).max() <= k * (1 + 1e-6)
    assert np.abs(weight).max() > 0.98 * k
    assert np.abs(bias).max() > 0.8 * k
    np.testing.assert_allclose(weight.std(), k / math.sqrt(3), rtol=0.05)
    assert abs(weight.mean()) < 0.05 * k


def test_initial_values_follow_manual_seed() -> None:
    layers = []
    for seed in (1, 1, 2):
        minigrad.manual_seed(seed)
        layers.append(nn.Linear(3, 2).weight.tolist())
    assert layers[0] == layers[1] != layers[2]


def test_initial_values_of_an_embedding_are_normal() -> None:
    minigrad.manual_seed(0)
    weight = nn.Embedding(100, 100, padding_idx=3).weight.detach().numpy()
    assert not weight[3].any()
    np.testing.assert_allclose([weight.mean(), weight.std()], [0, 1], atol=0.03)


def test_layers_without_inputs() -> None:
    assert nn.Linear(0, 3)(minigrad.zeros(2, 0)).tolist() == [[0.0] * 3] * 2


def test_reset_parameters() -> None:
    for name in ("Linear", "Embedding padded", "LayerNorm", "BatchNorm2d", "Conv2d"):
        layer = LAYERS[name][0](nn)
        before = {key: t.tolist() for key, t in layer.state_dict().items()}
        layer(minigrad.tensor(LAYERS[name][1].astype(np.float32) if name[0] != "E" else LAYERS[name][1]))
        layer.weight.detach().fill_(9)
        layer.reset_parameters()
        after = {key: t.tolist() for key, t in layer.state_dict().items()}
        assert (before == after) == ("Norm" in name)
        assert after["weight"] != [[9.0] * 3] * 4


def test_embedding_from_a_table() -> None:
    table = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    assert layer(minigrad.tensor([1])).tolist() == [[3.0, 4.0]]
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    table.zero_()
    assert layer(minigrad.tensor([1])).tolist() == [[0.0, 0.0]]


MISTAKES: dict[str, Any] = {
    "Conv2d groups of inputs": lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2),
    "Conv2d groups of outputs": lambda lib: lib.nn.Conv2d(4, 3, 3, groups=2),
    "Conv2d groups 0": lambda lib: lib.nn.Conv2d(4, 3, 3, groups=0),
    "Conv2d padding word": lambda lib: lib.nn.Conv2d(4, 3, 3, padding="some"),
    "Conv2d padding same with stride": lambda lib: lib.nn.Conv2d(4, 3, 3, 2, padding="same"),
    "Conv2d padding mode": lambda lib: lib.nn.Conv2d(4, 3, 3, padding_mode="mirror"),
    "Dropout": lambda lib: lib.nn.Dropout(-0.1),
    "BatchNorm1d axes": lambda lib: lib.nn.BatchNorm1d(4)(lib.ones(4)),
    "BatchNorm2d axes": lambda lib: lib.nn.BatchNorm2d(4)(lib.ones(2, 4)),
    "BatchNorm1d of one row": lambda lib: lib.nn.BatchNorm1d(4)(lib.ones(1, 4)),
    "BatchNorm1d channels": lambda lib: lib.nn.BatchNorm1d(4)(lib.ones(2, 3)),
    "LayerNorm": lambda lib: lib.nn.LayerNorm(4)(lib.ones(2, 3)),
    "Embedding table": lambda lib: lib.nn.Embedding.from_pretrained(lib.ones(3)),
    "Linear": lambda lib: lib.nn.Linear(4, 2)(lib.ones(2, 3)),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_errors_are_of_the_types_of_torch(what: str) -> None:
    with pytest.raises(Exception) as reference:  # noqa: PT011
        MISTAKES[what](torch)
    with pytest.raises(reference.type):
        MISTAKES[what](minigrad)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="padding_idx 4"):
        nn.Embedding(4, 3, padding_idx=4)
    with pytest.raises(ValueError, match="must be less than"):
        nn.Hardtanh(1.0, 1.0)


def test_every_layer_of_the_library_is_here() -> None:
    others = {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"}  # tested in test_recurrent.py
    others |= {"MultiheadAttention", "TransformerEncoder", "TransformerEncoderLayer"}  # tested in test_attention.py
    others |= {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
    modules = {name for name, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)}
    assert {name for name in modules if not name.endswith("Loss")} - others == KINDS


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_no_axis_of_softmax_is_guessed(name: str) -> None:
    """torch warns, and takes one by the number of axes."""
    with pytest.raises(TypeError):
        getattr(nn, name)()
    with pytest.raises(TypeError):
        getattr(nn.functional, {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[name])(minigrad.ones(2))
