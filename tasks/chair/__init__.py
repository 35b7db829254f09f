"""CHAIR: which objects of a caption are not in the image.

Rohrbach et al. 2018, arXiv 1809.02156. CHAIRi: the share of objects named that are not there;
CHAIRs: the share of captions that name such a one. Lower is better. The paper's captions are short
and of the Karpathy test split; papers on large models ask for a detailed description of 500 images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval.data import unique
from lvlm_eval.metrics import add_up, or_none, ratio
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)  # fmt: skip

from .files import read_samples
from .words import classes, words


def samples(root: Path) -> Iterator[Sample]:
    return unique(read_samples(root))


def score(sample: Sample, response: Response) -> Score:
    """How many objects the caption names and how many of them are not there."""
    named = classes(words(response.text))
    wrong = _hallucinated(sample, named)
    values = {
        "correct": float(not wrong),
        "objects": float(len(named)),
        "hallucinated": float(len(wrong)),
        "words": float(len(response.text.split())),
    }
    return Score(values, ", ".join(word for word, _ in named), read="COCO's objects")


def _hallucinated(sample: Sample, named: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    assert isinstance(sample.target, Sequence)
    return [(word, kind) for word, kind in named if kind not in sample.target]


def tally(records: Sequence[Record]) -> Tally:
    return add_up(
        {
            "captions": 1.0,
            "captions_hallucinating": 1 - record.score.values["correct"],
            **{name: record.score.values[name] for name in ("objects", "hallucinated", "words")},
        }
        for record in records
    )


def finish(sums: Tally) -> dict[str, float]:
    """Both shares, 0 to 1, and what they must be read beside: objects and words a caption."""
    captions = sums.get("captions", 0.0)
    return {
        "CHAIRi": ratio(sums.get("hallucinated", 0.0), sums.get("objects", 0.0)),
        "CHAIRs": ratio(sums.get("captions_hallucinating", 0.0), captions),
        "objects_per_caption": ratio(sums.get("objects", 0.0), captions),
        "words_per_caption": ratio(sums.get("words", 0.0), captions),
    }


def official(records: Sequence[Record]) -> dict[str, JSON]:
    metrics = finish(tally(records))
    return {
        "metrics": {name: or_none(metrics[name]) for name in ("CHAIRs", "CHAIRi")},
        "per_item": {record.sample.question_id: _item(record) for record in records},
    }


def _item(record: Record) -> JSON:
    found = words(record.response.text)
    named = classes(found)
    wrong = _hallucinated(record.sample, named)
    return {
        "CHAIRs": int(bool(wrong)),
        "CHAIRi": len(wrong) / len(named) if named else 0.0,
        "words": found,
        "generated": [kind for _, kind in named],
        "hallucinated": [list(pair) for pair in wrong],
        "ground_truth": record.sample.target,
    }


TASK = Task(
    name="chair",
    version=1,
    title="CHAIR: objects in captions that are not in the image (CHAIRi, lower is better)",
    decoding=Decoding(max_new_tokens=512),
    samples=samples,
    primary="official",
    variants={
        "official": Scorer(
            score, tally, finish, "CHAIRi", official, scale=100.0, worst=100.0, best=0.0
        )
    },
    assurance="certified",
    licence="CC BY 4.0 (annotations); images of COCO under Flickr's terms",
    shown=("CHAIRs", "objects_per_caption", "words_per_caption"),
    expected=("CHAIRi", "CHAIRs"),
)
