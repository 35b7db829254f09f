"""SEED-Bench: multiple choice about images and video clips in twelve dimensions.

Li et al. 2023, arXiv 2307.16125. Data: SEED-Bench.json. LLaVA-1.5's table marks answers by its
`convert_seed_for_submission.py`, to which only a bare letter is one, and shows a video's middle
frame. The authors' own script ranks the options by likelihood instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import bare_letter, first_character
from lvlm_eval.data import unique
from lvlm_eval.families.choice import Marking, accuracy, scorer
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.metrics import per_item
from lvlm_eval.schema import JSON, Decoding, Record, Sample, Task

from .files import DIMENSIONS, HUB, read_frames, read_samples

_KINDS = ("image", "video")
_SHOWN = (*(f"data_type/{kind}" for kind in _KINDS), *(f"dimension/{name}" for name in DIMENSIONS))


def samples(root: Path) -> Iterator[Sample]:
    """All questions; see `files.py` for where they may be."""
    return unique(read_samples(root))


def samples_frames(root: Path) -> Iterator[Sample]:
    """The questions about videos with all their frames; the Hub's copy alone has them."""
    return unique(read_frames(root))


def _of_kind(kind: str) -> Callable[[Path], Iterator[Sample]]:
    return lambda root: (s for s in samples(root) if s.groups["data_type"] == kind)


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the script prints it, percent with two decimals, and the lines that it writes."""
    by_dimension = {name: _printed(records, "dimension", name) for name in DIMENSIONS}
    by_kind = {f"{kind} accuracy": _printed(records, "data_type", kind) for kind in _KINDS}
    metrics: dict[str, JSON] = {
        **{name: figure for name, figure in by_dimension.items() if figure is not None},
        "Total accuracy": _percent(records),
        **by_kind,
        "total_correct": sum(r.score.values["correct"] for r in records),
        "total": len(records),
    }
    return {
        "metrics": metrics,
        "per_item": per_item(records),
        "upload": [
            {"question_id": json.loads(r.sample.aliases[-1]), "prediction": r.response.text}
            for r in records
        ],
    }


def _printed(records: Sequence[Record], axis: str, row: str) -> float | None:
    return _percent([r for r in records if r.sample.groups[axis] == row])


def _percent(records: Sequence[Record]) -> float | None:
    mean = accuracy(records)
    return None if mean is None else float(f"{100 * mean:.2f}")


def official_lmms_eval(records: Sequence[Record]) -> dict[str, JSON]:
    """Its three figures."""
    kinds = {
        kind: accuracy([r for r in records if r.sample.groups["data_type"] == kind])
        for kind in _KINDS
    }
    figures = {**kinds, "all": accuracy(records)}
    return {
        "metrics": {f"seed_{kind}": figure for kind, figure in figures.items()},
        "per_item": per_item(records),
    }


_AXES = ("data_type", "dimension")
_LLAVA = replace(
    scorer(Marking(bare_letter, "bare letter", lenient=True), ACCURACY, _AXES),
    official=official,
    counts_missing=True,
)
_LMMS_EVAL = replace(
    scorer(
        Marking(first_character, "first character"),
        ACCURACY,
        why="takes the first character for the letter, in any case",
    ),
    official=official_lmms_eval,
)

TASK = Task(
    name="seed_bench",
    version=1,
    title="SEED-Bench (accuracy, images and middle frames of videos)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="moe_llava",
    variants={"moe_llava": _LLAVA, "lmms_eval": _LMMS_EVAL},
    assurance="certified",
    hub=(HUB.place,),
    licence="Apache-2.0; annotations CC BY-NC 4.0",
    shown=_SHOWN,
    expected=(ACCURACY, *_SHOWN),
)
_READERS = {
    "image": _of_kind("image"),
    "video": _of_kind("video"),
    "video_frames": samples_frames,
}
SPLITS: Mapping[str, Task] = {
    f"seed_bench_{split}": replace(
        TASK,
        name=f"seed_bench_{split}",
        title=f"SEED-Bench, {split.replace('_', ' ')} (accuracy)",
        samples=read,
        shown=(),
        expected=(ACCURACY,),
    )
    for split, read in _READERS.items()
}
