"""The README's programs run, and its files exist."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """The programs are read from top to bottom, so the names of one are known to the next."""
    return {}


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.strip().splitlines()[0] for program in PROGRAMS])
def test_programs_run(program: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    exec(program, names)
    for name in [name for name in names if name.startswith("test_")]:
        names.pop(name)()
    printed = capsys.readouterr().out
    if "exclusive or" in program:
        loss, prediction = printed.split(maxsplit=1)
        assert float(loss) < 1e-3
        assert re.findall(r"(\d)\.", prediction) == ["0", "1", "1", "0"]


def test_the_new_optimizer_descends(names: dict[str, Any]) -> None:
    x = names["torch"].tensor([3.0], requires_grad=True)
    optimizer = names["SignDescent"]([x], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
    assert abs(x.item()) < 0.5


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\]\(([\w./]+)\)|`((?:benchmarks|examples|tests)/[\w/]+\.py)`", README)))
)
def test_files_exist(path: tuple[str, str]) -> None:
    assert (ROOT / "".join(path)).exists()


def test_the_map_names_every_room() -> None:
    listed = README[README.index("## The source") : README.index("Imports only point")]
    for room in (ROOT / "minigrad").iterdir():
        if room.name[0] not in "_." and room.name not in ("py.typed", "functions.py", "devices.py"):
            assert room.name in listed, room.name
