"""The numeric results of the lecture's slides, and the convergence limits of its examples."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from vega_datasets import data

import minigrad
from minigrad import Tensor, nn, optim
from minigrad.autograd import grad
from minigrad.utils.data import DataLoader, TensorDataset

# ---------------------------------------------------------------------------------------- f(x) = x² - 6x + 5 from x = 5


def parabola(x: Tensor) -> Tensor:
    return x**2 - 6 * x + 5


def descend(alpha: float, steps: int, start: float = 5.0) -> list[float]:
    """Return the iterates of gradient descent on the parabola."""
    x = minigrad.tensor(start, dtype=minigrad.float64, requires_grad=True)
    optimizer = optim.SGD([x], lr=alpha)
    iterates = [x.item()]
    for _ in range(steps):
        optimizer.zero_grad()
        parabola(x).backward()
        optimizer.step()
        iterates.append(x.item())
    return iterates


def test_the_derivative_at_5_is_4() -> None:
    x = minigrad.tensor(5.0, requires_grad=True)
    parabola(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 4


@given(st.floats(0.0001, 10))
def test_the_first_step_leads_to_5_minus_4_alpha(alpha: float) -> None:
    assert descend(alpha, 1)[1] == 5 - alpha * 4


@given(st.floats(-100, 100))
def test_the_derivative_is_2x_minus_6(position: float) -> None:
    x = minigrad.tensor(position, dtype=minigrad.float64, requires_grad=True)
    (gradient,) = grad(parabola(x), x)
    assert gradient is not None
    assert gradient.item() == pytest.approx(2 * position - 6, rel=1e-15, abs=1e-14)


def test_the_minimum_is_minus_4_at_3() -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    y = parabola(x)
    y.backward()
    assert x.grad is not None
    assert (y.item(), x.grad.item()) == (-4, 0)


def test_a_learning_rate_of_one_half_converges_in_one_step() -> None:
    assert descend(0.5, 3) == [5, 3, 3, 3]


def test_a_learning_rate_of_1_alternates_between_5_and_1() -> None:
    assert descend(1.0, 6) == [5, 1, 5, 1, 5, 1, 5]


@given(st.floats(0.05, 0.95), st.floats(-50, 50))
def test_every_learning_rate_between_0_and_1_converges(alpha: float, start: float) -> None:
    distances = np.abs(np.array(descend(alpha, 320, start)) - 3)
    assert distances[-1] < 1e-12
    expected = abs(start - 3) * abs(1 - 2 * alpha) ** np.arange(len(distances))
    np.testing.assert_allclose(distances, expected, rtol=1e-9, atol=1e-12)


def test_a_learning_rate_of_1_1_diverges() -> None:
    distances = np.abs(np.array(descend(1.1, 100)) - 3)
    assert (np.diff(distances) > 0).all()
    assert distances[-1] == pytest.approx(2 * 1.2**100)


# ----------------------------------------------------------------------- simple regression: y = 2x + 1 on x = 1, ..., 5

X = minigrad.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]], dtype=minigrad.float64)
Y = 2 * X + 1
SIMPLE = (0.9999999836757114, 2.0000000045215662)


def linear(features: Tensor) -> nn.Linear:
    """Return a float64 layer with weights and bias zero."""
    layer = nn.Linear(features.shape[1], 1, dtype=minigrad.float64)
    with minigrad.no_grad():
        for p in layer.parameters():
            p.zero_()
    return layer


def fit(features: Tensor, lr: float, iterations: int) -> tuple[float, ...]:
    """Return bias and weights after training with the mean squared error."""
    model = linear(features)
    criterion, optimizer = nn.MSELoss(), optim.SGD(model.parameters(), lr=lr)
    for _ in range(iterations):
        optimizer.zero_grad()
        criterion(model(features), Y).backward()
        optimizer.step()
    assert model.bias is not None
    return (model.bias.item(), *model.weight.detach()[0].tolist())


def test_simple_regression_with_the_gradient_of_the_slides() -> None:
    x, y, w0, w1 = X[:, 0], Y[:, 0], minigrad.tensor(0.0), minigrad.tensor(0.0)
    w0, w1 = w0.double(), w1.double()
    for _ in range(1000):
        error = y - (w0 + w1 * x)
        w0 -= 0.05 * (-2.0 / 5) * error.sum()
        w1 -= 0.05 * (-2.0 / 5) * (error * x).sum()
    assert (w0.item(), w1.item()) == pytest.approx(SIMPLE, rel=0, abs=1e-15)


def test_simple_regression_with_linear_mse_and_sgd() -> None:
    assert fit(X, lr=0.05, iterations=1000) == pytest.approx(SIMPLE, rel=0, abs=1e-15)


def hessian(features: Tensor, loss: nn.Module) -> np.ndarray:
    """Return the Hessian of the loss with respect to bias and weights, by double backward."""
    design = minigrad.tensor(np.column_stack([np.ones(len(features)), features.numpy()]))
    theta = minigrad.zeros(design.shape[1], 1, dtype=minigrad.float64, requires_grad=True)
    (gradient,) = grad(loss(design @ theta, Y), theta, create_graph=True)
    assert gradient is not None
    rows = [grad(gradient[k, 0], theta, retain_graph=True)[0] for k in range(len(theta))]
    return np.column_stack([row.numpy() for row in rows if row is not None])


def test_simple_regression_converges_below_2_over_the_largest_eigenvalue() -> None:
    eigenvalues = np.linalg.eigvalsh(hessian(X, nn.MSELoss()))
    np.testing.assert_allclose(eigenvalues, [0.3381, 23.6619], atol=5e-5)
    assert 2 / eigenvalues[-1] == pytest.approx(0.08452, abs=5e-6)
    assert fit(X, lr=0.084, iterations=3000) == pytest.approx((1, 2), abs=1e-9)
    assert abs(fit(X, lr=0.085, iterations=3000)[1] - 2) > 1e6


# -------------------------------------------------------------- multiple regression: x1 = 1, ..., 5, x2 = 0, 1, 0, 1, 0

X2 = minigrad.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0], [5.0, 0.0]], dtype=minigrad.float64)
MULTIPLE = (0.8907546215358821, 2.0237699271134932, 0.057888309859129156)


def test_multiple_regression_with_the_gradient_of_the_slides() -> None:
    x1, x2, y = X2[:, 0], X2[:, 1], Y[:, 0]
    beta = [minigrad.tensor(0.0, dtype=minigrad.float64) for _ in range(3)]
    for _ in range(1000):
        error = beta[0] + beta[1] * x1 + beta[2] * x2 - y
        beta[0] -= 0.01 * (1 / 5) * error.sum()
        beta[1] -= 0.01 * (1 / 5) * (error * x1).sum()
        beta[2] -= 0.01 * (1 / 5) * (error * x2).sum()
    assert tuple(b.item() for b in beta) == MULTIPLE
    assert (beta[0] + beta[1] * 1 + beta[2] * 0).item() == 2.9145245486493754


def test_multiple_regression_with_mse_needs_half_the_learning_rate() -> None:
    """The gradient of the slides is 1/n times the sum, that of the mean squared error 2/n."""
    assert fit(X2, lr=0.005, iterations=1000) == pytest.approx(MULTIPLE, rel=0, abs=1e-15)
    assert fit(X2, lr=0.01, iterations=1000) == pytest.approx((0.97191254, 2.00613307, 0.01469171), rel=0, abs=5e-9)


def test_multiple_regression_diverges_above_0_1671() -> None:
    limit = 2 / np.linalg.eigvalsh(hessian(X2, nn.MSELoss()) / 2)[-1]
    assert limit == pytest.approx(0.1671, abs=5e-5)
    assert fit(X2, lr=0.166 / 2, iterations=5000) == pytest.approx((1, 2, 0), abs=1e-6)
    assert math.hypot(*fit(X2, lr=0.168 / 2, iterations=5000)) > 1e6


# ---------------------------------------------------------------------------- theta_j -= alpha (1/m) sum (h(x) - y) x_j


@given(st.data())
def test_the_slides_gradient_is_that_of_half_the_mean_squared_error(draw: st.DataObject) -> None:
    m, n = draw.draw(st.integers(1, 6)), draw.draw(st.integers(1, 5))
    elements = st.floats(-100, 100, allow_subnormal=False)
    x, theta, y = (draw.draw(arrays(np.float64, shape, elements=elements)) for shape in ((m, n), (n, 1), (m, 1)))
    t = minigrad.tensor(theta, requires_grad=True)
    (0.5 * nn.MSELoss()(minigrad.tensor(x) @ t, minigrad.tensor(y))).backward()
    assert t.grad is not None
    error = x @ theta - y
    slides = np.array([[sum(error[i, 0] * x[i, j] for i in range(m)) / m] for j in range(n)])
    scale = np.abs(error).max() * np.abs(x).max()
    np.testing.assert_allclose(t.grad.numpy(), slides, rtol=0, atol=1e-14 * scale)


# ---------------------------------------------------------------------------------------------------- the auto-mpg data


@pytest.fixture(scope="module")
def cars() -> tuple[Tensor, Tensor]:
    """Return the standardized cylinders, displacement and weight, and the miles per gallon."""
    table = pd.read_json(data.cars.filepath)
    assert len(table) == 406
    table = table.dropna(subset=["Miles_per_Gallon"])
    x = table[["Cylinders", "Displacement", "Weight_in_lbs"]].to_numpy(np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return minigrad.tensor(x), minigrad.tensor(table[["Miles_per_Gallon"]].to_numpy(np.float64))


def test_398_cars_give_12_batches_the_last_of_size_24(cars: tuple[Tensor, Tensor]) -> None:
    batches = list(DataLoader(TensorDataset(*cars), batch_size=34, shuffle=True))
    assert [len(x) for x, _ in batches] == [34] * 11 + [24]


def test_least_squares_on_the_cars(cars: tuple[Tensor, Tensor]) -> None:
    x, y = cars
    model, criterion = linear(x), nn.MSELoss()
    assert criterion(model(x), y).item() == pytest.approx(613.87, abs=0.005)
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    for _ in range(1000):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    assert model.bias is not None
    assert model.bias.item() == pytest.approx(23.51457, abs=5e-6)
    np.testing.assert_allclose(model.weight.detach().numpy()[0], [-0.41440, -1.33683, -4.87436], atol=5e-6)
    assert criterion(model(x), y).item() == pytest.approx(18.3877, abs=5e-5)


@pytest.mark.parametrize(("lr", "converges"), [(0.350, True), (0.351, False)])
def test_the_full_batch_limit_on_the_cars(cars: tuple[Tensor, Tensor], lr: float, converges: bool) -> None:
    x, y = cars
    model, criterion = linear(x), nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr)
    for _ in range(3000):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    assert (loss.item() < 18.3878) == converges
