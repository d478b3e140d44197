"""The pages from slide to program: what they name exists, their corrections are complete, their figures are printed."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

import minigrad

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = {name: (EXAMPLES / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")}
ENGLISH, KOREAN = PAGES.values()
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name != "common.py")
CODE = {name: re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page) for name, page in PAGES.items()}
LIGHT = ["gradient_descent", "regression", "problems_and_remedies"]  # two or three seconds each

# What each correction is about, in words that it must have in each language.
CORRECTIONS = {
    1: ("convex", "볼록"),
    2: ("derivative is zero", "도함수가 0인"),
    3: ("*sample*", "표본"),
    4: ("2/n", "2/n"),
    5: ("ormaliz", "정규화"),
    6: ("times the learning rate", "학습률을 곱한"),
    7: ("Polyak", "폴랴크"),
    8: ("only grows", "커지기만"),
    9: ("more than one hyperparameter", "하나가 아닙니다"),
    10: ("sum", "합입니다"),
    11: ("stalling", "정체"),
    12: ("start at zero", "0에서 시작한"),
    13: ("does not guarantee convergence", "수렴을 보장하지"),
}


def resolve(name: str) -> object:
    """Return what a dotted name such as optim.SGD or minigrad.Tensor means in minigrad."""
    value: object = minigrad
    for part in name.removeprefix("minigrad.").split("."):
        if isinstance(value, ModuleType) and not hasattr(value, part):
            value = importlib.import_module(f"{value.__name__}.{part}")
        else:
            value = getattr(value, part)
    return value


def output_of(program: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the main function of a program prints."""
    capsys.readouterr()
    importlib.import_module(program).main(arguments)
    return capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------- names in the tree


@pytest.mark.parametrize("page", PAGES)
def test_every_program_is_named(page: str) -> None:
    names = [*PROGRAMS, *(path.name for path in EXAMPLES.glob("*.ipynb"))]
    assert [name for name in names if not re.search(rf"(?<!\w){name}\b", PAGES[page])] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_named_files_exist(page: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", PAGES[page])
    named = re.findall(r"\b(?:examples/)?(\w+\.(?:py|ipynb))\b", PAGES[page])
    assert len(links) >= 2
    assert [link for link in links if not (EXAMPLES / link).is_file()] == []
    assert [name for name in named if not (EXAMPLES / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_programs_have_the_named_options(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [*re.findall(r"python (examples/\w+\.py --.*)", PAGES[page]), *re.findall(r"`(\w+\.py --.*?)`", PAGES[page])]
    assert len(commands) >= 2
    for command in commands:
        program, *arguments = shlex.split(command)
        with pytest.raises(SystemExit):
            output_of(Path(program).stem, ["--help"], capsys)
        usage = capsys.readouterr().out
        options = [argument for argument in arguments if argument.startswith("--")]
        assert [option for option in options if not re.search(rf"{option}\b", usage)] == [], command
        names = [argument for argument in arguments if re.fullmatch(r"[A-Z]\w+", argument)]
        assert [name for name in names if not re.search(rf"\b{name}\b", usage)] == [], command
        assert "--output" in usage


def test_every_named_option_is_one_of_some_program(capsys: pytest.CaptureFixture[str]) -> None:
    texts = "".join((EXAMPLES / name).read_text(encoding="utf-8") for name in [*PROGRAMS, "common.py"])
    for page in PAGES.values():
        assert [option for option in re.findall(r"`(--[\w-]+)", page) if f'"{option}"' not in texts] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_named_classes_and_arguments_exist(page: str) -> None:
    spans = [re.fullmatch(r"((?:minigrad|nn|optim|utils)(?:\.\w+)+)(?:\((.*)\))?", code) for code in CODE[page]]
    named = [(match[1], match[2] or "") for match in spans if match]
    assert len(named) >= 8
    for name, arguments in named:
        value = resolve(name)
        parameters = inspect.signature(value).parameters if callable(value) else {}
        assert [key for key in re.findall(r"(\w+)=", arguments) if key not in parameters] == [], name


def test_the_programs_use_the_classes_beside_them() -> None:
    rows = [line.split(" | ") for line in KOREAN.splitlines() if ".py" in line and line.startswith("| ")]
    assert len(rows) >= 20
    for row in rows:
        names = [*re.findall(r"\w+\.py", row[1]), "common.py"]
        text = "".join((EXAMPLES / name).read_text(encoding="utf-8") for name in names)
        classes = re.findall(r"(\w+)(?:\(.*?\))?`", row[2])
        assert [name for name in classes if not re.search(rf"\b{name}\b", text)] == [], row


def test_the_pictures_are_small_and_come_from_a_command_of_the_page() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(\.\./\.pictures/(\w+)\.(png|gif)\)", ENGLISH)
    assert len(pictures) >= 5
    for stem, kind in pictures:
        content = (ROOT / ".pictures" / f"{stem}.{kind}").read_bytes()
        assert content.startswith({"png": b"\x89PNG", "gif": b"GIF8"}[kind])
        assert len(content) < 120_000 or kind == "gif"


def test_the_commands_of_the_korean_page_are_those_of_the_readme() -> None:
    commands = [re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for page in (KOREAN, (ROOT / "README.md").read_text("utf-8"))]
    assert commands[0] == commands[1][:2]


def test_nobody_is_sent_to_the_project_of_the_same_name_on_the_package_index() -> None:
    texts = [*PAGES.values(), (EXAMPLES / "lecture.ipynb").read_text(encoding="utf-8").replace("\\", "")]
    commands = [re.findall(r"pip install (\S+ \S+)", text) for text in texts]
    assert all(commands)
    assert [command for text in commands for command in text if not command.startswith('-e ".[')] == []


# --------------------------------------------------------------------------------------------- corrections and figures


@pytest.mark.parametrize(("page", "language"), [("README.md", 0), ("README.ko.md", 1)])
def test_the_corrections_are_complete_and_in_order(page: str, language: int) -> None:
    quotes = re.findall(r"^> \*\*(?:Correction|정정) (\d+)\.\*\* ((?:.*\n)(?:^> .*\n)*)", PAGES[page], re.MULTILINE)
    assert [int(number) for number, _ in quotes] == list(CORRECTIONS)
    for number, text in quotes:
        assert CORRECTIONS[int(number)][language] in text.replace("\n> ", " ")


def test_the_notebook_numbers_corrections_as_the_pages_do() -> None:
    cells = json.loads((EXAMPLES / "lecture.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    quotes = re.findall(r"^\* \*Correction (\d+)(?:, the trap)?\.\* (.*(?:\n  .*)*)", text, re.MULTILINE)
    assert len(quotes) == text.count("*Correction ")
    assert {int(number) for number, _ in quotes} == set(CORRECTIONS) - {3, 7}
    for number, sentence in quotes:
        assert CORRECTIONS[int(number)][0] in " ".join(sentence.split()), number


@pytest.mark.parametrize("program", LIGHT)
def test_the_figures_after_a_command_are_printed_by_its_program(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of three and more digits, up to the next command."""
    text = ENGLISH.partition(f"python examples/{program}.py")[2].partition("python examples/")[0]
    figures = re.findall(r"(?<![\w.])(?:\d+\.\d\d+|\d{3,})", text)
    assert len(figures) >= 6
    printed = output_of(program, ["--output", str(tmp_path)], capsys)
    assert [figure for figure in figures if figure not in printed] == []


def test_progress_bars_suit_a_terminal_and_a_notebook() -> None:
    """tqdm.auto chooses."""
    assert [
        name for name in PROGRAMS if re.search(r"(from|import) tqdm( |$)", (EXAMPLES / name).read_text(encoding="utf-8"))
    ] == []
