"""The language models: n-grams, a hidden layer, a transformer."""

import math
from importlib.util import find_spec
from pathlib import Path

import common
import language_model
import pytest
from language_model import CHARACTERS, MODELS, WINDOW, read_text

import minigrad


def test_it_runs_draws_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared = find_spec("torch") is not None
    bits = language_model.main(["--quick", *["--compare-torch"] * compared, "--output", str(tmp_path)])
    assert list(bits) == [*(f"{n}-gram" for n in range(1, 8)), "one hidden layer", "transformer"]
    assert all(1 < value < math.log2(len(CHARACTERS)) + 1 for value in bits.values())
    assert (tmp_path / "language_model.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert output.count("It continues") == 2
    assert output.count("20 steps with torch") == 2 * compared


def test_the_text_is_split_without_overlap() -> None:
    training, held_out = read_text()
    assert set(training + held_out) == set(CHARACTERS)
    assert not set(training.split("\n")) & set(held_out.split("\n"))
    assert 0.05 < len(held_out) / len(training) < 0.2


def test_n_grams_by_hand() -> None:
    """After the training text "aab": 1-gram (count + 2 / 30) / 5; 2-gram after a: a and b once each, 2 different."""
    unigram, bigram = language_model.n_gram_bits("aab", "aaab", longest=2)
    a, b = (2 + 2 / 30) / 5, (1 + 2 / 30) / 5
    assert unigram == pytest.approx(-(math.log2(a) + math.log2(b)) / 2)
    assert bigram == pytest.approx(-(math.log2((1 + 2 * a) / 4) + math.log2((1 + 2 * b) / 4)) / 2)


@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_does_not_depend_on_the_future(name: str) -> None:
    kind = MODELS[name]
    model = common.same_weights(kind.build, minigrad, 0)
    windows = minigrad.randint(len(CHARACTERS), (2, WINDOW), generator=minigrad.Generator().manual_seed(0))
    changed = windows.clone()
    changed[:, 40] = (changed[:, 40] + 1) % len(CHARACTERS)
    with minigrad.no_grad():
        difference = (kind.logits(minigrad, model, windows) - kind.logits(minigrad, model, changed)).abs().amax(dim=(0, 2))
    place = 40 - (WINDOW - len(difference))
    assert difference[:place].max().item() < 1e-5
    assert difference[place].item() > 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_bits_are_those_of_each_character_by_itself(name: str) -> None:
    kind, half = MODELS[name], WINDOW // 2
    model = common.same_weights(kind.build, minigrad, 0)
    text = minigrad.randint(len(CHARACTERS), (4 * WINDOW,), generator=minigrad.Generator().manual_seed(0))
    bits = language_model.bits_of_characters(kind, model, text)
    for k in (0, half - 1, half, 3 * half + 5):
        start, place = k // half * half, half + 1 + k
        with minigrad.no_grad():
            logits = kind.logits(minigrad, model, text[start:place].unsqueeze(0))[0, -1]
        assert bits[k].item() == pytest.approx(-logits.log_softmax(dim=0)[text[place]].item() / math.log(2), abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_and_the_losses_are_those_of_torch(name: str) -> None:
    pytest.importorskip("torch")
    kind = MODELS[name]
    text = language_model.encode("to be or not to be, that is the question.\n" * 20)
    comparison = common.compare_with_torch(
        lambda lib: language_model.train(lib, kind, common.same_weights(kind.build, lib, 0), text, 20, 0)
    )
    assert comparison.torch[-1] < 0.8 * comparison.torch[0]
    assert comparison.difference < 1e-5
