"""BLEU and CIDEr-D by hand, and against pycocoevalcap on generated captions."""

from __future__ import annotations

import math
import random

import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from lvlm_eval.captions.ngrams import bleu, bleu_counts, cider, count

WORDS = [f"w{number}" for number in range(40)]


def captions(seed: int, images: int) -> tuple[list[str], list[list[str]]]:
    """Captions of 0 to 14 words, some of them a reference with a word more, and references."""
    rng = random.Random(seed)

    def one() -> str:
        return " ".join(rng.choices(WORDS, k=rng.choice([0, 1, 2, 3, 8, 9, 10, 14])))

    references = [[one() for _ in range(rng.randint(1, 6))] for _ in range(images)]
    return [one() if rng.random() < 0.5 else f"{rng.choice(r)} w1" for r in references], references


@pytest.mark.parametrize("images", [1, 2, 60])
def test_equal_to_pycocoevalcap_for_each_caption_and_for_all(images: int) -> None:
    own, references = captions(images, images)
    known = dict(enumerate(references)), {n: [text] for n, text in enumerate(own)}
    their_bleu, their_bleus = Bleu(4).compute_score(*known, verbose=0)
    _, their_cider = Cider().compute_score(*known)
    counts = count(own, references)
    sums = bleu_counts(counts)
    whole = bleu({name: float(row.sum()) for name, row in sums.items()})
    assert list(whole.values()) == pytest.approx(their_bleu, abs=1e-12)
    for image in range(images):
        figures = bleu({name: float(row[image]) for name, row in sums.items()})
        theirs = [row[image] for row in their_bleus]
        assert list(figures.values()) == pytest.approx(theirs, abs=1e-12)
    assert cider(counts).tolist() == pytest.approx(their_cider.tolist(), abs=1e-12)


def test_bleu_by_hand() -> None:
    """Of "a a b" against "a b c d" and "b a": a counts once, "a b" matches, four words are no
    nearer than two, so the shorter counts: no penalty."""
    sums = bleu_counts(count(["a a b"], [["a b c d", "b a"]]))
    found = {name: row.tolist()[0] for name, row in sums.items()}
    assert (found["test_length"], found["reference_length"]) == (3, 2)
    assert [found[f"matches_{n}"] for n in (1, 2, 3, 4)] == [2, 1, 0, 0]
    assert [found[f"ngrams_{n}"] for n in (1, 2, 3, 4)] == [3, 2, 1, 0]
    figures = bleu(found)
    assert figures["Bleu_1"] == pytest.approx(2 / 3)
    assert figures["Bleu_2"] == pytest.approx(math.sqrt(2 / 3 * 1 / 2))


def test_a_caption_half_as_long_as_its_reference_is_punished() -> None:
    sums = bleu_counts(count(["a b"], [["a b c d"]]))
    figures = bleu({name: float(row[0]) for name, row in sums.items()})
    assert figures["Bleu_1"] == pytest.approx(math.exp(1 - 4 / 2))


def test_cider_by_hand_depends_on_which_other_images_are_marked() -> None:
    """Two words out of two images: "b" is in both, so it weighs nothing; "a" alone agrees."""
    counts = count(["a", "z"], [["a b"], ["b c"]])
    gap = math.exp(-1 / 72)  # one bigram fewer
    assert cider(counts).tolist() == pytest.approx([10 * gap / 4, 0])
    assert cider(count(["a"], [["a b"]])).tolist() == [0]  # one image: nothing is rare
