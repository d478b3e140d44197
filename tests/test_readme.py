"""What the README says is true: its programs run, its numbers are counted, its files and commands exist."""

from __future__ import annotations

import ast
import importlib
import io
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minigrad"
README = (ROOT / "README.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COURSE = {file: int(count) for file, count in re.findall(r"^\| `([\w/]+\.py)` \|.*\| (\d+) \|$", README, re.MULTILINE)}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def section(title: str) -> str:
    """Return the text under a heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def code_lines(source: str) -> int:
    """Return the number of lines that have a token other than a comment or a docstring."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return len(lines)


def test_code_lines_are_counted_without_documentation() -> None:
    source = (
        '"""Two\nlines."""\n\nx = [  # one\n    1,\n]\n\n\ndef f():\n    """One."""\n    # none\n    return """a\n    b"""\n'
    )
    assert code_lines(source) == 6


# ------------------------------------------------------------------------------------------------------- the course


def test_code_lines_of_the_course() -> None:
    assert {file: code_lines((PACKAGE / file).read_text("utf-8")) for file in COURSE} == COURSE


def test_the_course_is_read_in_an_evening() -> None:
    assert 7 <= len(COURSE) <= 8
    assert sum(COURSE.values()) <= 1000
    assert COURSE["autodiff.py"] <= 220


def test_every_part_of_the_package_is_named() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if path.name[0] not in "_." and path.suffix in ("", ".py")}
    named = "".join(section(title) for title in ("The course", "The surface", "The fast lane"))
    assert not {part for part in parts if not re.search(rf"[`/]{re.escape(part)}\b", named)}


# ----------------------------------------------------------------------------------------------- programs, commands


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """The programs are read from top to bottom: the names of one are known to the next."""
    return {}


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.strip().splitlines()[0] for program in PROGRAMS])
def test_programs_run(
    program: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(program, names)
    for name in [name for name in names if name.startswith("test_")]:
        names.pop(name)()
    printed = capsys.readouterr().out
    if "exclusive or" in program:
        loss, prediction = printed.split(maxsplit=1)
        assert float(loss) < 1e-3
        assert re.findall(r"(\d)\.", prediction) == ["0", "1", "1", "0"]


def test_the_graph_can_be_drawn(names: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.skip("dot is not installed")
    for name, picture in re.findall(r"(\w+)\.render\(\"(\w+)\", format=\"png\"\)", README):
        assert Path(names[name].render(tmp_path / picture, format="png")).exists()
        assert (ROOT / ".pictures" / f"{picture}.png").exists()


def test_the_texts_are_what_the_programs_give(names: dict[str, Any]) -> None:
    """Numbers are compared to two digits: the last ones depend on the machine."""
    tree = names["viz"].tree(names["loss"], params=names["names"])
    number = r"-?\b\d[\d.]*(?:e-?\d+)?"
    for given in (tree, f"{names['layers']}\n\n{names['diagnosis']}"):
        (shown,) = re.findall(rf"```text\n({given.split()[0]} .*?)\n```", README, re.DOTALL)
        assert re.sub(number, "?", shown) == re.sub(number, "?", given)
        ours, theirs = ([float(x.rstrip(".")) for x in re.findall(number, text)] for text in (shown, given))
        assert ours == pytest.approx(theirs, rel=1e-2)


def test_the_explanation_is_what_is_printed(names: dict[str, Any]) -> None:
    (shown,) = re.findall(r"```text\n(1\. loss.*?)\.\.\.\n```", README, re.DOTALL)
    printed = re.sub(r"<string>:10: ", "lesson.py:10: loss = (error**2).mean()", str(names["explanation"]))
    assert printed.startswith(shown)


@pytest.mark.parametrize("name", ["SignDescent", "NormalizedDescent"])
def test_the_new_optimizers_descend(name: str, names: dict[str, Any]) -> None:
    x = names["torch"].tensor([3.0], requires_grad=True)
    optimizer = names[name]([x], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
    assert abs(x.item()) < 0.5
    assert optimizer.state_dict()["state"][0]


@pytest.mark.parametrize("path", sorted({*re.findall(r"[` ]((?:benchmarks|examples|tests)/[\w/.]+\.py)\b", README)}))
def test_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", re.findall(r"!\[[^]]+\]\(([\w./]+)\)", README))
def test_pictures_exist(path: str) -> None:
    assert (ROOT / path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("script", sorted({*re.findall(r"python (examples/\w+\.py)", README)}))
def test_examples_explain_themselves(script: str) -> None:
    if "cluster" in script:
        pytest.importorskip("dask", reason="the extra `search` is not installed")
    result = subprocess.run([sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout


@pytest.mark.parametrize("name", sorted({*re.findall(r"(minigrad(?:\.[a-z_0-9]+)+)\(", README)} - {"minigrad.softplus2"}))
def test_functions_exist(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("module", sorted({*re.findall(r"python -m ((?:minigrad|tests)[.\w]*)", README)}))
def test_modules_can_be_run(module: str) -> None:
    spec = importlib.util.find_spec(f"{module}.__main__" if module == "minigrad" else module)
    assert spec is not None


def test_nobody_is_sent_to_the_project_of_the_same_name_on_the_package_index() -> None:
    texts = {
        path: path.read_text("utf-8")
        for part in ("minigrad", "examples", "benchmarks")
        for path in (ROOT / part).rglob("*.py")
    }
    texts[ROOT / "README.md"] = README
    assert not [path for path, text in texts.items() if re.search(r"pip install [\"']?minigrad", text)]
    assert all("pip install -e" in command for command in COMMANDS if "pip install" in command)


def test_the_gate_finds_the_test_command() -> None:
    """The script `.ci/run` runs the first such line."""
    assert re.search(r"^pip install .*pytest.*$", README, re.MULTILINE)
