"""Marking boxes for referring expressions: accuracy at IoU 0.5; `refcoco.py` reads the files.

Boxes are (left, top, right, bottom). Targets are stored in pixels, as [x, y, width, height] in
the files, with the picture's size among the facts, since models answer in frames of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lvlm_eval import facts
from lvlm_eval.answers.boxes import Box, box_of_any_numbers, bracketed_box
from lvlm_eval.metrics import means, per_item, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
HEADLINE = "ACC@0.5"


def area(box: Box) -> float:
    """Its area; negative if one pair of corners is swapped."""
    return (box[2] - box[0]) * (box[3] - box[1])


def intersection(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def iou(one: Box, other: Box) -> float:
    """Intersection over union, the union out of signed areas; 0 where that is 0."""
    common = intersection(one, other)
    union = area(one) + area(other) - common
    return common / union if union else 0.0


def holds_centre(target: Box, box: Box) -> bool:
    """Whether the box's centre lies in the target, its edge included."""
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return target[0] <= across <= target[2] and target[1] <= down <= target[3]


def target_box(sample: Sample) -> Box:
    """The target's corners in pixels."""
    assert isinstance(sample.target, Sequence) and not isinstance(sample.target, str)
    left, top, width, height = (value for value in sample.target if isinstance(value, (int, float)))
    return left, top, left + width, top + height


def size(sample: Sample) -> tuple[int, int]:
    """The picture's width and height in pixels."""
    return facts.number(sample, "width"), facts.number(sample, "height")


def to_unit(sample: Sample) -> Box:
    """The target as shares of the picture's width and height."""
    (width, height), box = size(sample), target_box(sample)
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def to_padded_square(sample: Sample) -> Box:
    """The target as shares of the square that LLaVA pads a picture to, the picture centred."""
    (width, height), box = size(sample), target_box(sample)
    side = max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    x0, y0, x1, y1 = box
    return (x0 + left) / side, (y0 + top) / side, (x1 + left) / side, (y1 + top) / side


def score_in(frame: Callable[[Sample], Box]) -> Callable[[Sample, Response], Score]:
    """lmms-eval's marking, with target and answer in the frame; no box is a box of zeros."""

    def score(sample: Sample, response: Response) -> Score:
        target, box = frame(sample), bracketed_box(response.text)
        overlap = iou(target, box or (0, 0, 0, 0))
        centre = holds_centre(target, box or (0, 0, 0, 0))
        values = {"correct": float(overlap >= 0.5), "IoU": overlap, "Center_ACC": float(centre)}
        return Score(values, shown(box), read="square brackets")

    return score


def shown(box: Box | None) -> str | None:
    return None if box is None else "[" + ", ".join(f"{value:g}" for value in box) + "]"


def tally(records: Sequence[Record]) -> Tally:
    """Sums of every figure over all expressions, and of the headline's by split."""
    return tally_values(pair for record in records for pair in _figures(record))


def _figures(record: Record) -> list[tuple[str, float]]:
    overlap = record.score.values["IoU"]
    reached = [(f"ACC@{at}", float(overlap >= at)) for at in THRESHOLDS]
    centre = ("Center_ACC", record.score.values["Center_ACC"])
    split = (f"{record.sample.groups['split']}/{HEADLINE}", float(overlap >= 0.5))
    return [("IoU", overlap), *reached, centre, split]


def official(records: Sequence[Record]) -> dict[str, JSON]:
    metrics = means(tally(records))
    return {
        "metrics": {name: value for name, value in metrics.items() if "/" not in name},
        "per_item": per_item(records),
        "per_item_iou": {r.sample.question_id: r.score.values["IoU"] for r in records},
    }


def score_rescaled(sample: Sample, response: Response) -> Score:
    """VLMEvalKit: numbers to 1.5 are shares, to 1,000 thousandths, else pixels; corners sorted."""
    box = box_of_any_numbers(response.text)
    target, found = target_box(sample), box and _to_pixels(box, *size(sample))
    overlap = iou(target, found) if found and intersection(target, found) else 0.0
    return Score({"correct": float(overlap >= 0.5), "IoU": overlap}, shown(box), read="any numbers")


def _to_pixels(box: Box, width: int, height: int) -> Box:
    largest = max(abs(value) for value in box)
    unit = 1.0 if largest <= 1.5 else 1000.0 if largest <= 1000 else 0.0
    across, down = (width / unit, height / unit) if unit else (1.0, 1.0)
    x0, x1 = sorted(min(max(x * across, 0.0), float(width)) for x in (box[0], box[2]))
    y0, y1 = sorted(min(max(y * down, 0.0), float(height)) for y in (box[1], box[3]))
    return x0, y0, x1, y1


def tally_rescaled(records: Sequence[Record]) -> Tally:
    return tally_values(
        (f"{r.sample.groups['split']}/{name}", r.score.values[name])
        for r in records
        for name in ("correct", "IoU")
    )


def finish_rescaled(sums: Tally) -> dict[str, float]:
    """The means of the splits, each counting alike."""
    found = means(sums)
    figures = {"Precision@1": "correct", "Average IoU": "IoU"}
    rows = {
        name: [value for key, value in found.items() if key.endswith("/" + of)]
        for name, of in figures.items()
    }
    return {name: sum(row) / len(row) for name, row in rows.items() if row}


def official_rescaled(records: Sequence[Record]) -> dict[str, JSON]:
    """What was read; the figures of its own data set, with splits of its own, are not recorded."""
    parsed: dict[str, JSON] = {
        r.sample.question_id: box_of_any_numbers(r.response.text) for r in records
    }
    return {"metrics": {}, "per_item_parsed": parsed}


REC = Scorer(
    score=score_in(to_unit),
    tally=tally,
    finish=means,
    headline=HEADLINE,
    official=official,
    scale=100.0,
)

VARIANTS: Mapping[str, Scorer] = {
    "lmms_eval_rec": REC,
    "llava_padded_square": replace(
        REC,
        score=score_in(to_padded_square),
        why="takes coordinates as shares of the padded square that LLaVA shows its tower",
    ),
    "vlmevalkit_parse": Scorer(
        score=score_rescaled,
        tally=tally_rescaled,
        finish=finish_rescaled,
        headline="Precision@1",
        official=official_rescaled,
        scale=100.0,
        why="reads any four numbers, guesses their unit, sorts corners, and averages over splits",
    ),
}
