"""HallusionBench.json: statements about figures, each asked of the original and of altered ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_rows, require
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Sample

FIELDS = ("category", "subcategory", "set_id", "figure_id", "question_id")
HUB = tuple(
    HubTable(
        repositories=("lmms-lab/HallusionBench", "lmms-lab-encoder/HallusionBench"),
        split=split,
        columns=(*FIELDS, "visual_input", "question", "gt_answer_details", "gt_answer", "filename"),
        pictures=pictures,
    )
    for split, pictures in (("image", ("image",)), ("non_image", ()))
)
INPUTS = ("0", "1", "2")  # no figure, the original, an altered one


def read_samples(root: Path) -> Iterator[Sample]:
    """The questions in the file's order; those without a figure are asked by text alone.

    Question ids join category, subcategory, set, figure and question by underscores.
    """
    file = "hallusionbench/HallusionBench.json"
    images = image_folder(root, "hallusionbench")
    from_hub = locate(root, file) is None and locate_hub(root, "hallusionbench", HUB[0])
    rows = _hub_rows(root) if from_hub else read_rows(require(root, "hallusionbench", file))
    for row in rows:
        parts = {field: row.identifier(field) for field in FIELDS}
        shown = _one_of(row, "visual_input", INPUTS)
        picture = () if shown == "0" else (_picture(row, images),)
        facts: dict[str, JSON] = {"visual_input": shown, "details": row.text("gt_answer_details")}
        yield Sample(
            question_id="_".join(parts.values()),
            prompt=Prompt.user(*picture, row.text("question")),
            target=_one_of(row, "gt_answer", ("0", "1")),
            facts={**facts, **parts},
            groups={"category": parts["category"], "subcategory": parts["subcategory"]},
            # questions of a set are judged together; other harnesses mix categories in it
            cluster=f"{parts['subcategory']}_{parts['set_id']}",
            origin=row.origin,
        )


def _hub_rows(root: Path) -> Iterator[Row]:
    """Questions with a figure, then those without."""
    for table in HUB:
        yield from read_hub(root, "hallusionbench", table)


def _one_of(row: Row, field: str, values: tuple[str, ...]) -> str:
    value = row.identifier(field)
    if value not in values:
        known = ", ".join(values)
        raise DataError(f"{row.origin}: {field!r} must be one of {known}, got {value!r}")
    return value


def _picture(row: Row, images: Path) -> Image:
    """`./hallusion_bench/VD/...` in the file; the archive unpacks to that folder."""
    path = inside(images, row.text("filename").removeprefix("./"), row.origin)
    return replace(row.image(), name=path.name) if row.pictures else Image(path)
