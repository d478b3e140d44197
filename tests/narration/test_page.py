"""The page of an explanation, in a real browser: what it shows, and its buttons, keys and slider."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import nn, optim
from minigrad.narration.explanation import Explanation, explain
from minigrad.narration.formula import show
from minigrad.narration.page import rows
from minigrad.picture import DotNotFound

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LINES_OF_BOXES = """
[...document.querySelectorAll("#graph .node")].map(box => [...box.querySelectorAll("text")].map(text => text.textContent))
"""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--disable-component-update"]
pytestmark = pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot of Graphviz is not installed")


def regression() -> Explanation:
    x, y = minigrad.tensor([1.0, 2.0, 3.0]), minigrad.tensor([3.0, 5.0, 7.0])
    w, b = minigrad.tensor(0.5, requires_grad=True), minigrad.tensor(0.0, requires_grad=True)

    def loss() -> Any:
        error = x * w + b - y
        return (error * error).mean()

    return explain(loss, optimizer=optim.SGD([w, b], lr=0.1))


def network() -> Explanation:
    minigrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    loss = nn.functional.mse_loss(model(minigrad.ones(4, 2)), minigrad.zeros(4, 1))
    return explain(loss)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="install the extra browser")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page of an explanation; it fails at the end if the console had a message."""
    messages: list[str] = []
    contexts: list[Any] = []

    def open_page(explanation: Explanation, **options: Any) -> Any:
        explanation.to_html(tmp_path / "page.html")
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []


def position(page: Any) -> int:
    return int(page.locator("#count").inner_text().split("/")[0])


def shown(page: Any) -> list[str]:
    """Return the lines of text in the graph that can be seen."""
    return [text.text_content() for text in page.locator("#graph .node text").all() if text.is_visible()]


def test_buttons_keys_and_slider(opened: Callable[..., Any]) -> None:
    told = regression()
    page = opened(told)
    last = 1 + 2 * len(told) + len(told.updates)
    assert position(page) == 1
    assert page.locator("#back").is_disabled()
    page.click("#next")
    assert position(page) == 2
    page.click("#back")
    assert position(page) == 1
    page.click("#last")
    assert position(page) == last
    assert page.locator("#next").is_disabled()
    page.click("#first")
    assert position(page) == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert position(page) == 2
    page.keyboard.press("End")
    assert position(page) == last
    page.keyboard.press("Home")
    assert position(page) == 1
    page.locator("#slider").fill("3")
    assert position(page) == 4
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert position(page) == 5


def test_the_address_names_a_step(opened: Callable[..., Any]) -> None:
    page = opened(regression())
    page.goto(page.url + "#4")
    assert position(page) == 4
    page.reload()
    assert position(page) == 4


def test_play_and_pause(opened: Callable[..., Any]) -> None:
    page = opened(regression())
    page.clock.install()
    page.click("#play")
    assert page.locator("#play").inner_text() == "Pause"
    page.clock.run_for(3200)
    assert position(page) == 3
    page.keyboard.press("Space")  # the button has the focus
    page.clock.run_for(5000)
    assert position(page) == 3
    assert page.locator("#play").inner_text() == "Play"
    page.keyboard.press("End")
    page.click("#play")  # from the start again
    assert position(page) == 1
    page.clock.run_for(60_000)
    assert page.locator("#next").is_disabled()
    assert page.locator("#play").inner_text() == "Play"


@pytest.mark.parametrize("make", [regression, network])
def test_what_is_shown_are_the_numbers_of_backward(make: Callable[[], Explanation], opened: Callable[..., Any]) -> None:
    told = make()
    page = opened(told)
    for step in reversed(told.steps):
        page.click("#next")
        assert page.locator("#phase").inner_text().lower() == "forward"
        assert page.locator("#title").inner_text() == step.equation
        assert {f"= {show(row)}" for row in rows(step.value)} <= set(shown(page))
    assert not any(line.startswith("∂") for line in shown(page))
    for step in told:
        page.click("#next")
        assert page.locator("#phase").inner_text().lower() == "backward"
        lines = page.locator("#lines p").all_inner_texts()
        assert lines == [*step.source, *step.lines]
        assert {f"∂ = {show(row)}" for row in rows(step.cotangent)} <= set(shown(page))  # complete by now
        assert page.locator(".node.lit").count() == 1 + len({part.vertex for part in step.parts})
    boxes = {lines[0]: lines for lines in page.evaluate(LINES_OF_BOXES)}
    for name, gradient in told.gradients.items():
        assert boxes[name][-len(rows(gradient)) :] == [f"∂ = {show(row)}" for row in rows(gradient)]
    for name, update in told.updates.items():
        page.click("#next")
        assert page.locator("#title").inner_text() == f"{update.optimizer} updates {name}"
        assert page.locator("#lines p").all_inner_texts() == update.lines


def test_a_gradient_appears_when_its_last_path_has_come(opened: Callable[..., Any]) -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    y = x * x + x
    page = opened(explain(y))
    for _ in range(3):
        page.click("#next")
    assert "∂ = 7" not in shown(page)
    page.click("#next")
    assert "∂ = 7" in shown(page)


def test_light_dark_and_phone(opened: Callable[..., Any]) -> None:
    colors = {}
    for scheme in ("light", "dark"):
        page = opened(network(), color_scheme=scheme, viewport={"width": 375, "height": 700})
        style = "getComputedStyle(document.body)"
        colors[scheme] = (page.evaluate(f"{style}.backgroundColor"), page.evaluate(f"{style}.color"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 375  # the page itself does not scroll sideways
        heights = page.evaluate("[...document.querySelectorAll('#graph text')].map(t => t.getBoundingClientRect().height)")
        assert min(heights) >= 11
        assert min(button.bounding_box()["height"] for button in page.locator("button").all()) >= 38
    brightness = {scheme: [sum(map(int, re.findall(r"\d+", c)[:3])) for c in pair] for scheme, pair in colors.items()}
    assert brightness["light"][0] > brightness["light"][1] + 400
    assert brightness["dark"][1] > brightness["dark"][0] + 400


def test_labels_for_screen_readers(opened: Callable[..., Any]) -> None:
    page = opened(regression())
    for name in ("First step", "Step back", "Play", "Step forward", "Last step"):
        assert page.get_by_role("button", name=name, exact=True).count() == 1
    assert page.get_by_role("slider", name="Step").count() == 1
    page.click("#next")
    assert page.locator("#slider").get_attribute("aria-valuetext").startswith("2 of ")
    assert page.locator("#step").get_attribute("aria-live") == "polite"
    assert page.locator("#graph svg").get_attribute("aria-label")


def test_hostile_names(opened: Callable[..., Any]) -> None:
    name = '</script><b>"x"\\N{a|b}\n${x} $data &amp;'
    x = minigrad.tensor(2.0, requires_grad=True)
    page = opened(explain(x.exp(), names={name: x}))
    page.click("#last")
    assert page.locator("#title").text_content() == f"L = exp({name})"
    assert page.locator("b").count() == 0


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    network().to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\s\"'<]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/TR/2001/..."}
    assert "src=" not in text


def test_too_many_operations(tmp_path: Path) -> None:
    y = minigrad.tensor(1.0, requires_grad=True)
    for _ in range(501):
        y = y + 1
    with pytest.raises(ValueError, match="up to 500 operations, but there are 501"):
        explain(y).to_html(tmp_path / "page.html")


def test_without_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = explain(minigrad.tensor(2.0, requires_grad=True).exp())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DotNotFound, match="Install Graphviz"):
        told.to_html(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
