"""POPE's files: the authors' label files, LLaVA's question file or both, else the Hub's copy.

The label files say what is asked and true. LLaVA's file numbers the same questions once more,
in one id space over all splits, and answers made with its scripts go by those numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_jsonl, read_rows
from lvlm_eval.errors import DataError
from lvlm_eval.families.splits import Source
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Image, Prompt, Sample

from .hub import HUB, read_copy

# How the objects that are not there were drawn: the splits of the benchmark.
SAMPLINGS = ("random", "popular", "adversarial")
LLAVA_FILE = "pope/llava_pope_test.jsonl"


def read_samples(root: Path) -> Iterator[Sample]:
    """The questions of every split that is there, split by split, each in its file's order.

    Question ids are `<split>/<question_id of the label file>`. With LLaVA's file alone the
    targets are None, and the ids are those that the label files would give.
    """
    labels = {split: path for split in SAMPLINGS if (path := locate(root, *_places(split)))}
    source = Source((*(place for split in SAMPLINGS for place in _places(split)), LLAVA_FILE), HUB)
    if source.find(root, "pope") is None:
        yield from read_copy(root, SAMPLINGS)
        return
    images = image_folder(root, "coco/val2014", "pope/val2014")
    llava = _llava_rows(root)
    for split in SAMPLINGS:
        if split in labels:
            yield from _labelled(split, labels[split], llava.get(split), images)
        elif not labels:
            yield from _unlabelled(split, llava.get(split, []), images)


def _places(split: str) -> tuple[str, str]:
    name = f"coco_pope_{split}.json"
    return f"pope/{name}", f"pope/coco/{name}"


def _llava_rows(root: Path) -> dict[str, list[Row]]:
    """LLaVA's rows by split, in file order; empty without its file."""
    path = locate(root, LLAVA_FILE)
    rows: dict[str, list[Row]] = {}
    for row in read_jsonl(path) if path else ():
        rows.setdefault(row.text("category"), []).append(row)
    return rows


def _labelled(split: str, path: Path, llava: list[Row] | None, images: Path) -> Iterator[Sample]:
    rows = list(read_rows(path))
    if llava is not None and len(llava) != len(rows):
        raise DataError(
            f"{path}: {len(rows)} questions, but {LLAVA_FILE} has {len(llava)} of split {split}: "
            "these are two editions of POPE; take both from one, or leave LLaVA's file out"
        )
    twins: Sequence[Row | None] = llava or [None] * len(rows)
    for row, twin in zip(rows, twins, strict=True):
        if twin is not None:
            _check_twin(row, twin)
        yield Sample(
            question_id=f"{split}/{row.identifier('question_id')}",
            prompt=_prompt(row.text("text") + SHORT_ANSWER, row, images),
            target=_label(row),
            groups={"split": split},
            cluster=row.text("image"),  # six questions a split share an image
            aliases=(twin.identifier("question_id"),) if twin else (),
            origin=row.origin,
        )


def _unlabelled(split: str, rows: list[Row], images: Path) -> Iterator[Sample]:
    for position, row in enumerate(rows, start=1):  # the label files count from 1
        yield Sample(
            question_id=f"{split}/{position}",
            prompt=_prompt(row.text("text"), row, images),
            target=None,
            groups={"split": split},
            cluster=row.text("image"),
            aliases=(row.identifier("question_id"),),
            origin=row.origin,
        )


def _prompt(text: str, row: Row, images: Path) -> Prompt:
    return Prompt.user(Image(inside(images, row.text("image"), row.origin)), text)


def _label(row: Row) -> str:
    label = row.text("label")
    if label not in ("yes", "no"):
        raise DataError(f"{row.origin}: 'label' must be yes or no, got {label!r}")
    return label


def _check_twin(row: Row, twin: Row) -> None:
    """An error unless LLaVA's row asks what the label file's row at the same place asks."""
    same_image = row.text("image") == twin.text("image")
    if not same_image or row.text("text") + SHORT_ANSWER != twin.text("text"):
        raise DataError(
            f"{twin.origin}: asks something else than {row.origin}, its counterpart by position; "
            "LLaVA's answers would be paired with the wrong labels"
        )
