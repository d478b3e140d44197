"""Programs written for torch run unchanged under ``python -m minigrad``, as ``python`` would run them under torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = """
    import sys

    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    import torch.optim as optim
    from torch.autograd import Variable
    from torch.optim.lr_scheduler import StepLR
    from torch.utils.data import DataLoader, TensorDataset


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = nn.Linear(1, 8), nn.Linear(8, 1)

        def forward(self, x):
            return self.out(F.relu(self.hidden(x)))


    if __name__ == "__main__":
        torch.manual_seed(0)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        x = torch.linspace(-1, 1, 64).unsqueeze(1)
        batches = DataLoader(TensorDataset(x, x.abs()), batch_size=16, shuffle=True)
        model = Net().to(device)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        scheduler = StepLR(optimizer, step_size=50)
        for epoch in range(100):
            for features, targets in batches:
                optimizer.zero_grad()
                loss = nn.MSELoss()(model(Variable(features)), targets)
                loss.backward()
                optimizer.step()
            scheduler.step()
        print(sys.argv[1:], torch.__name__, loss.item() < 0.01, isinstance(batches, torch.utils.data.DataLoader))
"""


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def run_script(source: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = directory / "script.py"
    script.write_text(dedent(source), "utf-8")
    return run("-m", "minigrad", script, *arguments, cwd=directory)


def test_a_training_script(tmp_path: Path) -> None:
    result = run_script(TRAINING, tmp_path, "--epochs", "3")
    assert result.stderr == ""
    assert result.stdout.split("] ") == ["['--epochs', '3'", "minigrad True True\n"]


def test_modules_beside_the_script_are_found_and_get_minigrad_too(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "model.py").write_text("from torch import nn\nmodel = nn.Linear(2, 1)\n", "utf-8")
    (beside / "script.py").write_text("from model import model\nprint(model, __name__, __file__)\n", "utf-8")
    result = run("-m", "minigrad", "beside/script.py", cwd=tmp_path)
    assert result.stdout == "Linear(in_features=2, out_features=1, bias=True) __main__ beside/script.py\n"


def test_each_class_exists_once(tmp_path: Path) -> None:
    source = """
        from minigrad.optim.lr_scheduler import StepLR
        from minigrad.utils.data import DataLoader

        import torch.nn.functional, torch.optim.lr_scheduler, torch.utils.data

        print(torch.utils.data.DataLoader is DataLoader, torch.optim.lr_scheduler.StepLR is StepLR)
    """
    assert run_script(source, tmp_path).stdout == "True True\n"


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(3)", 3), ("sys.exit('bad')", 1), ("1 / 0", 1), ("", 0)])
def test_exit_codes_pass_through(ending: str, code: int, tmp_path: Path) -> None:
    assert run_script(f"import sys, torch\n{ending}", tmp_path).returncode == code


def test_tracebacks_show_the_script(tmp_path: Path) -> None:
    result = run_script("import torch\n\ntorch.ones(2) @ torch.ones(3)\n", tmp_path)
    assert 'script.py", line 3' in result.stderr
    assert result.stderr.splitlines()[-1].startswith("RuntimeError: ")


@pytest.mark.parametrize("statement", ["import torch.jit", "from torch.utils.tensorboard import SummaryWriter"])
def test_a_module_that_minigrad_does_not_have_is_an_import_error(statement: str, tmp_path: Path) -> None:
    result = run_script(statement, tmp_path)
    assert result.stderr.splitlines()[-1] == f"ModuleNotFoundError: minigrad has no module {statement.split()[1]!r}"
    optional = f"try:\n    {statement}\nexcept ImportError:\n    print('without')\n"
    assert run_script(optional, tmp_path).stdout == "without\n"


def test_a_name_that_minigrad_does_not_have_is_an_import_error(tmp_path: Path) -> None:
    result = run_script("from torch import vmap", tmp_path)
    assert "ImportError: cannot import name 'vmap' from 'minigrad'" in result.stderr


def test_torch_must_not_have_been_imported(tmp_path: Path) -> None:
    source = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')"
    result = run("-c", f"{source}; import minigrad.compat; minigrad.compat.install_as_torch()", cwd=tmp_path)
    assert "RuntimeError: torch has been imported already" in result.stderr


def test_it_may_be_installed_twice(tmp_path: Path) -> None:
    install = "minigrad.compat.install_as_torch()"
    result = run("-c", f"import minigrad.compat; {install}; {install}; import torch.nn; print(torch.__name__)", cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("minigrad\n", "")


@pytest.mark.parametrize(("arguments", "text"), [((), "required"), (("missing.py",), "there is no file missing.py")])
def test_wrong_commands(arguments: tuple[str, ...], text: str, tmp_path: Path) -> None:
    result = run("-m", "minigrad", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: python -m minigrad script.py [arguments]\n")
    assert text in result.stderr
