from __future__ import annotations

import numpy as np
import pytest

from lvlm_eval.demo import mme
from lvlm_eval.demo.scene import scenes


@pytest.mark.parametrize("category", mme.MAKERS)
def test_each_picture_has_one_question_to_be_answered_yes_and_one_no(category: str) -> None:
    rng = np.random.default_rng(3)
    chosen = mme.questions(scenes(rng, evaluation=True), mme.MAKERS[category], rng)
    assert len(chosen) == mme.IMAGES
    assert all({q.answer for q in pair} == {"yes", "no"} for _, pair in chosen)
    yes_first = sum(pair[0].answer == "yes" for _, pair in chosen)
    assert 0 < yes_first < mme.IMAGES
