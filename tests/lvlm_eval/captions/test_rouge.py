"""ROUGE-L by hand, and against pycocoevalcap on generated captions."""

import random

import pytest
from pycocoevalcap.rouge.rouge import Rouge, my_lcs

from lvlm_eval.captions.rouge import common_words, rouge_l


def test_precision_and_recall_are_the_best_of_different_references() -> None:
    """ "a b c d" has 3 words in common with the first, all of the second's."""
    precision, recall = 3 / 4, 1.0
    f_measure = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert rouge_l("a b c d", ["a x b c y z", "b d"]) == pytest.approx(f_measure)


def test_an_empty_caption_is_one_empty_word() -> None:
    assert rouge_l("", ["a b"]) == 0
    assert rouge_l("", ["", "a"]) == pytest.approx(1)


def test_equal_to_pycocoevalcap_on_generated_captions() -> None:
    rng = random.Random(0)
    for _ in range(300):
        one, *others = [
            " ".join(rng.choices("abcdef", k=rng.choice([0, 1, 3, 9, 80]))) for _ in range(4)
        ]
        assert rouge_l(one, others) == pytest.approx(Rouge().calc_score([one], others), abs=1e-12)
        assert common_words(one.split(), others[0].split()) == my_lcs(
            one.split(), others[0].split()
        )
