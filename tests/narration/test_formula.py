"""Formulas: what is written means what was computed, in Python, with numbers put in, and in LaTeX."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad
from minigrad import from_numpy
from minigrad.narration.formula import Expression, show, show_attribute, traced

A, B, C = np.array(2.0), np.array(-3.0), np.array(0.5)


def formula(function: Callable[..., Any], *values: Any) -> Expression:
    """Return the expression of a function of a, b and c."""
    names = dict(zip("abc", values or (A, B, C), strict=False))
    (found,) = traced(lambda *tensors: [function(*tensors[: function.__code__.co_argcount])], names)
    assert found is not None
    return found


OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "neg": lambda x, y: -x,
}


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=5))
def test_what_is_written_means_what_was_computed(program: list[tuple[str, int, int]]) -> None:
    """Parentheses stand where Python needs them, for each operator within each other and for negative numbers."""

    def run(a: Any, b: Any, c: Any) -> Any:
        known = [a, b, c]
        for name, k, n in program:
            known.append(OPERATIONS[name](known[k % len(known)], known[n % len(known)]))
        return known[-1]

    values = {"a": np.array(2.0), "b": np.array(3.0), "c": np.array(-2.0)}
    expression = formula(run, *values.values())
    assume(np.isfinite(expression.value))
    with np.errstate(all="ignore"):
        assert eval(expression.text(), values) == pytest.approx(float(expression.value), rel=1e-6)
    with suppress(ArithmeticError):  # Python's own numbers refuse what overflows, and powers of 0
        result = eval(expression.text(numbers=True))
        assert isinstance(result, complex) or result == pytest.approx(float(expression.value), rel=1e-6)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, b: (a**b) ** b, "(a ** b) ** b"),
        (lambda a, b: a ** (b**b), "a ** (b ** b)"),
        (lambda a, b: (-a) ** b, "(-a) ** b"),
        (lambda a, b: -(a**b), "-a ** b"),
        (lambda a, b: a - (b - a), "a - (b - a)"),
        (lambda a, b: (a - b) - a, "a - b - a"),
        (lambda a, b: a / (b * a), "a / (b * a)"),
        (lambda a, b: (a < b) == (b < a), "(a < b) == (b < a)"),
        (lambda a, b: (a < b) & (b < a), "(a < b) & (b < a)"),
    ],
)
def test_parentheses(function: Callable[..., Any], text: str) -> None:
    assert formula(function).text() == text


def test_a_negative_number_is_in_parentheses_within_a_formula() -> None:
    assert formula(lambda a, b: a * b).text(numbers=True) == "2 * (-3)"
    assert formula(lambda a, b: b**a).text(numbers=True) == "(-3) ** 2"
    assert formula(lambda a, b: a - b).latex() == "2 - (-3)"
    assert formula(lambda a, b: minigrad.exp(b)).text(numbers=True) == "exp(-3)"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, b: a * b, "b"),
        (lambda a, b: b * a, "b"),
        (lambda a, b: b / a, "b"),
        (lambda a, b: a / b, "1 / b"),
        (lambda a, b: b.pow(2) * a, "b ** 2"),
        (lambda a, b: a.pow(2), "1 ** 2"),
        (lambda a, b: a, "1"),
    ],
)
def test_at_one_leaves_factors_out(function: Callable[..., Any], text: str) -> None:
    assert formula(function).at_one("a").text() == text


def test_exponents_of_one_are_left_out() -> None:
    assert formula(lambda a, b: minigrad.pow(b, 1) * a).at_one("a").text() == "b"


def test_what_is_computed_in_place_of_itself_is_the_first_computation() -> None:
    """A result that is handed on unchanged is the formula that made it."""

    def twice(a: Any) -> Any:
        first = a * 2
        return minigrad.clone(first).view_as(first)

    assert "a * 2" in formula(twice).text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.arange(8.0), "[0, 1, 2, 3, 4, 5, 6, 7]"),
        (np.arange(9.0), "9 numbers from 0 to 8"),
        (np.arange(12).reshape(3, 4), "3x4 numbers from 0 to 11"),
        (np.array(7), "7"),
        (np.float32(0.1), "0.1"),
        (np.array([True]), "[ True]"),
    ],
)
def test_numbers_are_short(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 2), "(1, 2)"),
        ((1,), "(1,)"),
        ((), "()"),
        ((slice(1, None), Ellipsis), "[1:, ...]"),
        ((slice(None, 4, 2),), "[:4:2]"),
        ((slice(None), None, 0), "[:, None, 0]"),
        ((np.array([1, 2]),), "[[1, 2]]"),
        ({"dim": (0,)}, "{dim: (0,)}"),
        (np.dtype(np.float64), "float64"),
        (None, "None"),
        ("x", "'x'"),
    ],
)
def test_keyword_arguments_are_short(value: Any, text: str) -> None:
    assert show_attribute(value) == text


def test_latex_escapes_what_it_reads_as_commands() -> None:
    found = formula(lambda a: minigrad.sum(a, dim=(0,)), np.ones((2, 2)))
    assert found.latex({"a": "a"}) == r"\operatorname{sum}\left(a, \mathrm{dim}=(0,)\right)"
    strange = Expression(1.0, None, found.op, found.operands, (("price_$", "5%"),))
    assert strange.latex({"a": "a"}) == r"\operatorname{sum}\left(a, \mathrm{price\_\$}='5\%'\right)"


def test_symbols_have_their_values() -> None:
    x = from_numpy(np.ones(2))
    assert formula(lambda a, b: a * b + a).symbols() == {"a": A, "b": B}
    assert formula(lambda a: a * x, A).symbols() == {"a": A}
