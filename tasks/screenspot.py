"""ScreenSpot: which place of a screen an instruction means, on phones, desktops and the web.

Cheng et al. 2024, arXiv 2401.10935. Data: the Hub's rootsautomation/ScreenSpot, boxes as shares of
the screen's width and height. A click counts if it lands in the target: here the centre of the
box that is read; beside it the overlaps. Prompt and reader are lmms-eval's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from lvlm_eval.answers.boxes import bracketed_box
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.counting import Counting, official
from lvlm_eval.families.grounding import holds_centre, iou, shown
from lvlm_eval.metrics import means, tally_values
from lvlm_eval.schema import (
    Decoding,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)

PROMPT = (
    "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right "
    "x, bottom-right y). All values are floating point numbers bounded between 0 and 1 with two "
    "decimal places of precision (e.g., 0.15). Please provide the bounding box coordinates of the "
    "region that corresponds to the command: "
)
HUB = HubTable(
    ("rootsautomation/ScreenSpot",),
    "test",
    ("file_name", "bbox", "instruction", "data_type", "data_source"),
    known="as lmms-eval 75571cf reads it",
)
PHONES, DESKTOPS = ("ios", "android"), ("macos", "windows")


def samples(root: Path) -> Iterator[Sample]:
    """An instruction a row; they have no ids, so their place in the file is one."""
    rows = enumerate(read_hub(root, "screenspot", HUB), start=1)
    return unique(_sample(row, number) for number, row in rows)


def _sample(row: Row, number: int) -> Sample:
    box = [float(v) for v in row.items("bbox") if isinstance(v, (int, float))]
    if len(box) != 4:
        raise DataError(f"{row.origin}: 'bbox' must be four numbers")
    return Sample(
        question_id=str(number),
        prompt=Prompt.user(row.image(), PROMPT + row.text("instruction")),
        target=box,
        groups={"kind": f"{_platform(row.text('data_source'))}_{row.text('data_type')}"},
        cluster=row.text("file_name"),
        origin=row.origin,
    )


def _platform(source: str) -> str:
    if any(name in source for name in PHONES):
        return "mobile"
    return "desktop" if any(name in source for name in DESKTOPS) else "web"


def score(sample: Sample, response: Response) -> Score:
    """Right if the centre of the first box in square brackets lies in the target."""
    assert isinstance(sample.target, Sequence) and not isinstance(sample.target, str)
    left, top, right, bottom = (v for v in sample.target if isinstance(v, (int, float)))
    box = bracketed_box(response.text)
    target, found = (left, top, right, bottom), box or (0.0, 0.0, 0.0, 0.0)
    hit, overlap = float(holds_centre(target, found)), iou(target, found)
    return Score({"correct": hit, "IoU": overlap}, shown(box), "square brackets")


def tally(records: Sequence[Record]) -> Tally:
    """Sums of hits in all and by platform and kind, and of overlaps."""
    return tally_values(pair for record in records for pair in _values(record))


def _values(record: Record) -> Iterator[tuple[str, float]]:
    hit, overlap = (record.score.values[name] for name in ("correct", "IoU"))
    yield from (("accuracy", hit), (f"kind/{record.sample.groups['kind']}", hit))
    yield from (("IoU", overlap), ("ACC@0.5", float(overlap >= 0.5)))


KINDS = [f"{at}_{kind}" for at in ("mobile", "desktop", "web") for kind in ("text", "icon")]
SCORER = Scorer(
    score, tally, means, headline="accuracy", official=partial(official, Counting(("kind",))),
    scale=100.0,
)  # fmt: skip
TASK = Task(
    name="screenspot",
    version=1,
    title="ScreenSpot: where to click (accuracy of the box's centre)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="lmms_eval",
    variants={"lmms_eval": SCORER},
    hub=(HUB.place,),
    licence="Apache-2.0, unverified; screens under their makers' terms",
    shown=(*(f"kind/{kind}" for kind in KINDS), "IoU"),
    expected=("accuracy",),
)
