"""RefCOCO, RefCOCO+ and RefCOCOg: the box of the thing that an expression speaks of.

Yu et al. 2016, arXiv 1608.00272 (RefCOCO, RefCOCO+); Mao et al. 2016, arXiv 1511.02283 (RefCOCOg,
its umd split). The three differ in their expressions alone. The authors publish pickles, which
are not read: they can run code. The same rows as JSON, or as the Hub has them, are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_rows, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.grounding import HEADLINE, VARIANTS
from lvlm_eval.images import size_of
from lvlm_eval.schema import JSON, Assurance, Decoding, Image, Prompt, Sample, Task

INSTRUCTION = (
    "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right "
    "x, bottom-right y). All values are floating point numbers bounded between 0 and 1. Please "
    "provide the bounding box coordinate of the region this sentence describes: "
)
# The Hub's file names count an image's objects behind the name of COCO's file.
_COUNTED = re.compile(r"^(COCO_[a-z]+2014_\d{12})_\d+(\.\w+)$")


def make_task(
    name: str,
    repository: str,
    title: str,
    splits: tuple[str, ...],
    assurance: Assurance = "declared",
) -> Task:
    """The task for one of the three collections of expressions."""
    return Task(
        name=name,
        version=1,
        title=f"{title} (accuracy at IoU 0.5, all splits)",
        decoding=Decoding(max_new_tokens=128),
        samples=reader(name, repository, splits),
        primary="lmms_eval_rec",
        variants=VARIANTS,
        assurance=assurance,
        licence="Apache-2.0 (expressions); images of COCO under Flickr's terms",
        shown=(*(f"{split}/{HEADLINE}" for split in splits), "IoU", "Center_ACC"),
        expected=tuple(f"{split}/{HEADLINE}" for split in splits),
    )


def reader(
    name: str, repository: str, splits: tuple[str, ...]
) -> Callable[[Path], Iterator[Sample]]:
    """What reads `<name>/<name>.json`, or the splits of the Hub's copy one after the other.

    A row is an expression, or an object with several; these share its id and are told apart as
    `<id>#<which>`, from 1 on.
    """

    def read(root: Path) -> Iterator[Row]:
        file = f"{name}/{name}.json"
        tables = [_table(repository, split) for split in splits]
        if locate(root, file) is None and locate_hub(root, name, tables[0]):
            return (_with_size(row, t.split) for t in tables for row in read_hub(root, name, t))
        return read_rows(require(root, name, file))

    def samples(root: Path) -> Iterator[Sample]:
        images = image_folder(root, "coco/train2014", f"{name}/images", "coco/images")
        rows = [pair for row in read(root) for pair in _expressions(row)]
        shared = Counter(row.identifier("question_id") for row, _ in rows)
        seen: Counter[str] = Counter()
        for row, expression in rows:
            object_id = row.identifier("question_id")
            seen[object_id] += 1
            number = f"#{seen[object_id]}" if shared[object_id] > 1 else ""
            yield _sample(row, expression, object_id + number, images, splits)

    return samples


def _table(repository: str, split: str) -> HubTable:
    return HubTable(
        repositories=(f"lmms-lab/{repository}", f"lmms-lab-encoder/{repository}"),
        split=split,
        columns=("question_id", "answer", "bbox", "file_name"),
    )


def _with_size(row: Row, split: str) -> Row:
    """The Hub's row as the JSON has it: the split, and the size that the picture's head gives."""
    width, height = size_of(row.image())
    sizes: dict[str, JSON] = {"image_width": width, "image_height": height, "split": split}
    return Row({**row.values, **sizes}, row.origin, row.pictures)


def _expressions(row: Row) -> list[tuple[Row, str]]:
    answer = row.get("answer")
    return [
        (row, text)
        for text in (row.texts("answer") if isinstance(answer, list) else [row.text("answer")])
    ]


def _sample(
    row: Row, expression: str, question_id: str, images: Path, splits: tuple[str, ...]
) -> Sample:
    split = row.text("split")
    if split not in splits:
        raise DataError(f"{row.origin}: 'split' must be one of {', '.join(splits)}, got {split!r}")
    picture = _COUNTED.sub(r"\1\2", row.text("file_name"))
    path = inside(images, picture, row.origin)
    image = replace(row.image(), name=picture) if row.pictures else Image(path)
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(image, INSTRUCTION + expression),
        target=_box(row),
        facts={"width": _side(row, "image_width"), "height": _side(row, "image_height")},
        groups={"split": split},
        cluster=picture,
        origin=row.origin,
    )


def _box(row: Row) -> list[float]:
    values = [float(v) for v in row.items("bbox") if isinstance(v, (int, float))]
    if len(values) != 4 or len(row.items("bbox")) != 4:
        raise DataError(f"{row.origin}: 'bbox' must be four numbers: x, y, width, height in pixels")
    if values[2] <= 0 or values[3] <= 0:
        raise DataError(f"{row.origin}: 'bbox' has no area; nothing could overlap it")
    return values


def _side(row: Row, key: str) -> int:
    side = row.integer(key)
    if side < 1:
        raise DataError(f"{row.origin}: {key!r} must be at least 1 pixel, got {side}")
    return side
