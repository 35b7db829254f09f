"""OCRBench: a thousand questions that test reading: words, scenes, documents, forms, formulas.

Liu et al. 2023, arXiv 2305.07895. Data: OCRBench.json of the authors, pictures in
OCRBench_Images/. A point where an accepted text occurs in the answer; the figure is of 1,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, read_array, unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.ocr_bench import OTHERS, SCORERS, TEXT, TOTAL
from lvlm_eval.families.splits import Source
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task

HUB = HubTable(
    repositories=("echo840/OCRBench",),
    split="test",
    columns=("dataset", "question", "question_type", "answer"),
)
SOURCE = Source(("ocrbench/OCRBench.json", "ocrbench/OCRBench/OCRBench.json"), HUB)


def samples(root: Path) -> Iterator[Sample]:
    """The questions by their ids, which are their places in the file, from 0."""
    path = SOURCE.find(root, "ocrbench")
    if path is None:
        rows = enumerate(read_hub(root, "ocrbench", HUB))
        return unique(_sample(row, str(n), row.image(), HUB_FIELDS) for n, row in rows)
    images = image_folder(root, "ocrbench/OCRBench_Images", "ocrbench")
    return unique(
        _sample(row, row.identifier("id"), _image(images, row), FIELDS) for row in read_array(path)
    )


FIELDS = ("dataset_name", "type", "answers")
HUB_FIELDS = ("dataset", "question_type", "answer")


def _image(images: Path, row: Row) -> Image:
    return Image(inside(images, row.text("image_path"), row.origin))


def _sample(row: Row, question_id: str, image: Image, fields: tuple[str, str, str]) -> Sample:
    data_set, kind, answers = fields
    return Sample(
        question_id,
        Prompt.user(image, row.text("question")),
        target=(accepted := _accepted(row, answers))[0],
        facts={"answers": accepted, "dataset": row.text(data_set)},
        groups={"type": row.text(kind)},
        cluster=f"{row.text(data_set)}/{image.name}",
        origin=row.origin,
    )


def _accepted(row: Row, field: str) -> list[str]:
    """The accepted texts; the file has one as text and several as a list."""
    accepted = [row.text(field)] if isinstance(row.get(field), str) else row.texts(field)
    if not accepted:
        raise DataError(f"{row.origin}: {field!r} is empty; nothing can be marked against it")
    return accepted


TASK = Task(
    name="ocrbench",
    version=1,
    title="OCRBench (points of 1,000)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official",
    variants=SCORERS,
    assurance="certified",
    hub=(HUB.place,),
    licence="MIT",
    shown=(TEXT, *OTHERS),
    expected=(TOTAL, TEXT, *OTHERS),
)
