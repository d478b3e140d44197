"""What differs between systems is not left to them: the encoding of files, and what a pipe without some letter gets."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [path for part in ("minigrad", "tests", "examples", "benchmarks") for path in (ROOT / part).rglob("*.py")]
POSITION = {"read_text": 0, "write_text": 1, "open": 3}
"""The position of the encoding among the arguments."""


def without_encoding(source: str) -> Iterator[int]:
    """Yield the lines that read or write text in the encoding of the system, which is not UTF-8 on a Korean Windows."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        names = {keyword.arg for keyword in node.keywords}
        match node.func:
            case ast.Attribute(attr="read_text" | "write_text" as name) | ast.Name(id="open" as name):
                modes = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant)] if name == "open" else []
                binary = any("b" in str(mode) for mode in modes)
                if not binary and "encoding" not in names and len(node.args) <= POSITION[name]:
                    yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_read_and_written_in_a_stated_encoding(path: Path) -> None:
    assert not list(without_encoding(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("open(path)", True),
        ("open(path, 'w')", True),
        ("open(path, 'rb')", False),
        ("open(path, encoding='utf-8')", False),
    ],
)
def test_a_missing_encoding_is_found(source: str, found: bool) -> None:
    assert list(without_encoding(source)) == [1] * found


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "cp949", "cp1252"])
def test_a_program_prints_to_a_pipe_of_any_encoding(encoding: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    command = [sys.executable, str(ROOT / "examples" / "watch_backward.py"), "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Shown: " in done.stdout.decode(encoding)
