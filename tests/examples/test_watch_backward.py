"""The program that shows how one product travels, and its pages."""

import re
from pathlib import Path

import pytest
import watch_backward

from minigrad.narration.formula import show
from minigrad.narration.page import rows
from tests.reference import torch


def test_the_way_of_a_product(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w, b = watch_backward.main(["--output", str(tmp_path)])
    output = capsys.readouterr().out
    assert (w.item(), b.item()) == pytest.approx((2.7, 0.3))
    assert "Shown: " in output
    assert "NOT SHOWN" not in output
    product = output.split(">>> y = ")[0]
    assert [name in product for name in ("apply ", "mul ", "record ", "PrimitiveNode.__init__ ")] == [True] * 4
    assert "backward_pass" in output.split(">>> loss.backward()")[1]
    assert "SGD.update" in output.split(">>> optimizer.step()")[1]


def test_every_function_stands_where_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch_backward.main(["--output", str(tmp_path)])
    places = re.findall(r"^    +(\S.*\S) +([\w/]+\.py):(\d+)$", capsys.readouterr().out, re.M)
    assert len(places) > 30
    assert ("a gradient rule", "ops/arithmetic.py") in {place[:2] for place in places}
    for name, file, number in places:
        lines = (watch_backward.PACKAGE / file).read_text("utf-8").splitlines()[int(number) - 1 :]
        if name == "a gradient rule":
            assert "lambda g" in lines[0]
            continue
        definition = next(line for line in lines if not line.lstrip().startswith("@"))
        assert re.search(rf"def {name.split('.')[-1]}\b", definition), (name, file, number)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_pages_have_the_gradients_of_torch(seed: int, tmp_path: Path) -> None:
    found = watch_backward.network_page(tmp_path / "network.html", seed)
    weights = [torch.tensor(value.tolist(), requires_grad=True) for value in watch_backward.network(seed).parameters()]
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    hidden = torch.tanh(x @ weights[0].T + weights[1])
    ((hidden @ weights[2].T + weights[3] - torch.tensor([[0.0], [1.0], [1.0], [0.0]])) ** 2).mean().backward()  # type: ignore[no-untyped-call]
    page = (tmp_path / "network.html").read_text("utf-8")
    names = ["model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"]
    for name, weight in zip(names, weights, strict=True):
        assert weight.grad is not None
        assert found[name] == pytest.approx(weight.grad.numpy(), abs=1e-6)
        assert all(show(row) in page for row in rows(found[name]))
