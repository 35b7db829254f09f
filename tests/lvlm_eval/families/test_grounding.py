"""Boxes marked by hand, in every frame that models answer in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.families.grounding import (
    VARIANTS,
    holds_centre,
    iou,
    to_padded_square,
    to_unit,
)
from lvlm_eval.schema import Image, Prompt, Record, Response, Sample

STRICT, SQUARE, LOOSE = "lmms_eval_rec", "llava_padded_square", "vlmevalkit_parse"


def sample(split: str = "val") -> Sample:
    """A picture of 200 by 100 pixels with the left half of its lower half as the target."""
    return Sample(
        "q",
        Prompt.user(Image(Path("a.jpg")), "the dog"),
        [0, 50, 100, 50],
        facts={"width": 200, "height": 100},
        groups={"split": split},
    )


def record(text: str, variant: str = STRICT, split: str = "val") -> Record:
    one, response = sample(split), Response("q", text, "stop")
    return Record(one, response, VARIANTS[variant].score(one, response))


def metrics(records: Sequence[Record], variant: str = STRICT) -> dict[str, float]:
    scorer = VARIANTS[variant]
    return scorer.finish(scorer.tally(records))


def test_overlap_of_boxes_that_meet_touch_and_are_turned_round() -> None:
    assert iou((0, 0, 4, 2), (2, 0, 6, 2)) == pytest.approx(4 / 12)
    assert iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0
    assert iou((0, 0, 2, 2), (2, 2, 0, 0)) == 0
    assert iou((0, 0, 2, 2), (2, 0, 0, 2)) == 0  # signed areas cancel: no union to divide by


def test_the_centre_may_lie_on_the_edge() -> None:
    assert holds_centre((0, 0, 1, 1), (0, 0, 2, 2))
    assert not holds_centre((0, 0, 1, 1), (0, 0, 2.1, 2))


def test_one_target_in_each_frame() -> None:
    assert to_unit(sample()) == (0, 0.5, 0.5, 1)
    assert to_padded_square(sample()) == (0, 0.5, 0.5, 0.75)


def test_the_same_numbers_are_right_in_one_frame_and_wrong_in_the_other() -> None:
    assert record("[0, 0.5, 0.5, 0.75]", SQUARE).score.values["IoU"] == 1
    assert record("[0, 0.5, 0.5, 0.75]").score.values["IoU"] == pytest.approx(0.5)
    assert record("[0, 0.5, 0.5, 0.74]").score.values["correct"] == 0


def test_figures_of_a_lopsided_set() -> None:
    records = [
        record("[0, 0.5, 0.5, 1]"),  # exact
        record("[0, 0.5, 0.5, 0.8]"),  # IoU 0.6
        record("[0, 0, 1, 1]", split="testA"),  # IoU 0.25, its centre on the target's corner
        record("no box", split="testA"),
        record("(0, 0.5, 0.5, 1)", split="testB"),
    ]
    assert metrics(records) == pytest.approx(
        {
            "IoU": (1 + 0.6 + 0.25) / 5,
            "ACC@0.1": 3 / 5,
            "ACC@0.3": 2 / 5,
            "ACC@0.5": 2 / 5,
            "ACC@0.7": 1 / 5,
            "ACC@0.9": 1 / 5,
            "Center_ACC": 3 / 5,
            "val/ACC@0.5": 1,
            "testA/ACC@0.5": 0,
            "testB/ACC@0.5": 0,
        }
    )
    assert [r.score.answer is None for r in records] == [False, False, False, True, True]


def test_vlmevalkit_guesses_the_unit_and_counts_every_split_alike() -> None:
    records = [
        record("0 0.5 0.5 1", LOOSE),
        record("[500, 1000, 0, 500]", LOOSE),  # thousandths, corners turned round
        record("nothing", LOOSE),
        record("[0, 50, 2000, 2000]", LOOSE, "testA"),  # pixels, cut at the picture: IoU 0.5
    ]
    assert metrics(records, LOOSE) == pytest.approx(
        {"Precision@1": (2 / 3 + 1) / 2, "Average IoU": (2 / 3 + 0.5) / 2}
    )
