"""The notebooks: they run from top to bottom, and print what is stored in them."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "lecture.ipynb"
NOTEBOOKS = [NOTEBOOK, ROOT / "examples" / "watch_backward.ipynb"]
NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")

Cells = list[dict[str, Any]]


def code_cells(path: Path) -> Cells:
    """Return the code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def printed(cells: Cells, stream: str = "stdout") -> list[str]:
    """Return the text that each cell printed."""
    return ["".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == stream) for cell in cells]


def displayed(cells: Cells) -> list[str]:
    """Return what cells displayed as Markdown."""
    return [
        "".join(output["data"].get("text/markdown", "")) for cell in cells for output in cell["outputs"] if "data" in output
    ]


def pictures(cells: Cells) -> list[bytes]:
    """Return the pictures."""
    outputs = [output for cell in cells for output in cell["outputs"] if "image/png" in output.get("data", {})]
    return [base64.b64decode(output["data"]["image/png"]) for output in outputs]


def differences(stored: str, executed: str) -> list[str]:
    """Return the numbers that differ by more than a unit of the last stored digit, or everything if the words differ."""
    if NUMBER.sub("#", " ".join(stored.split())) != NUMBER.sub("#", " ".join(executed.split())):
        return [stored]
    pairs = zip(NUMBER.finditer(stored), NUMBER.finditer(executed), strict=True)
    return [f"{old[0]} is now {new[0]}" for old, new in pairs if abs(float(old[0]) - float(new[0])) > tolerance(old[1])]


def tolerance(decimals: str | None) -> float:
    """Return a unit of the last decimal, and a little more for its rounding; nothing for an integer."""
    return 0.0 if decimals is None else 1.01 * 10.0 ** -len(decimals)


@pytest.mark.parametrize("executed", ["loss 18.41 after 10", "loss 18.39 after 11", "cost 18.39 after 10", "loss 18.39"])
def test_differences_are_found(executed: str) -> None:
    assert differences("loss 18.39 after 10", executed)
    assert not differences("loss 18.39 after 10", "loss  18.40 after 10")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_small_and_was_run_from_top_to_bottom(notebook: Path) -> None:
    assert notebook.stat().st_size < 300_000
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


def test_the_lecture_has_two_pictures() -> None:
    assert len(pictures(code_cells(NOTEBOOK))) == 2


def test_one_backward_is_watched_with_its_numbers() -> None:
    cells = code_cells(NOTEBOOKS[1])
    assert displayed(cells)[0].endswith("* gradient of `b`: 10\n* gradient of `w`: 16.5")
    assert "theta' = theta - lr * b' = 2.835 - 0.01 * 30.225 = 2.5328" in printed(cells)[4]


def test_the_stored_figures_are_the_lectures() -> None:
    text = "\n".join(printed(code_cells(NOTEBOOK)))
    assert "w0, w1 = [0.9999999836757114, 2.0000000045215662]" in text
    assert "lr 0.005: betas = [0.890754621536, 2.023769927113, 0.057888309859]" in text
    assert "398 cars, 12 batches an epoch, the last one of 24 cars" in text
    assert "zero weights 613.87, of least squares 18.3877" in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_execution_gives_the_stored_numbers(notebook: Path, tmp_path: Path) -> None:
    if not (importlib.util.find_spec("nbconvert") and importlib.util.find_spec("ipykernel")):
        pytest.skip("the extra `notebook` is not installed")
    convert = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    result = subprocess.run([*convert, str(notebook)], capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    stored, executed = code_cells(notebook), code_cells(tmp_path / notebook.name)
    assert [cell["source"] for cell in executed] == [cell["source"] for cell in stored]
    assert not any(printed(executed, "stderr")), "a warning"
    assert [
        difference for pair in zip(printed(stored), printed(executed), strict=True) for difference in differences(*pair)
    ] == []
    assert [*zip(displayed(stored), displayed(executed), strict=True)] == [(text, text) for text in displayed(stored)]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures(executed))
    assert len(pictures(executed)) == len(pictures(stored))
