"""Captions as COCO publishes them: one file with its images and their reference captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_array, require, unique
from lvlm_eval.errors import DataError
from lvlm_eval.families.caption import ALL, FIGURES, PROMPT, UNAVAILABLE, measured, score_in
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task

Groups = Callable[[Row], Mapping[str, str]]


def no_groups(row: Row) -> Mapping[str, str]:
    """An image without breakdown."""
    return {}


def read_captions(
    path: Path, root: Path, folders: tuple[str, ...], groups: Groups = no_groups
) -> Iterator[Sample]:
    """A question an image, in the file's order; an image without references is an error.

    folders: where its pictures may be, under the root.
    """
    references: dict[int, list[str]] = {}
    for row in read_array(path, "annotations"):
        references.setdefault(row.integer("image_id"), []).append(row.text("caption"))
    pictures = image_folder(root, *folders)
    for row in read_array(path, "images"):
        image = row.integer("id")
        if image not in references:
            raise DataError(f"{row.origin}: no caption of image {image} to compare with")
        picture = Image(inside(pictures, row.text("file_name"), row.origin))
        yield Sample(
            question_id=str(image),
            prompt=Prompt.user(picture, PROMPT),
            target=references[image],
            groups=groups(row),
            cluster=str(image),
            origin=row.origin,
        )


def make_task(
    name: str,
    title: str,
    *,
    file: str,
    folders: tuple[str, ...],
    licence: str,
    groups: Groups = no_groups,
    karpathy: str = "",
) -> Task:
    """A captioning task on a file of this layout, marked as pycocoevalcap marks it.

    karpathy: the name of Karpathy's file of splits; where it is there, only its test split counts.
    """

    def samples(root: Path) -> Iterator[Sample]:
        path = require(root, name, f"{name}/{file}", f"coco/annotations/{file}")
        splits = locate(root, f"{name}/{karpathy}") if karpathy else None
        wanted = None if splits is None else karpathy_test(splits)
        for sample in unique(read_captions(path, root, folders, groups)):
            if wanted is None or sample.question_id in wanted:
                yield sample

    return Task(
        name=name,
        version=1,
        title=title,
        decoding=Decoding(max_new_tokens=64),
        samples=samples,
        primary="official",
        variants={"official": score_in(ALL)},
        assurance="certified",
        licence=licence,
        shown=("Bleu_4", "METEOR", "ROUGE_L", UNAVAILABLE),
        expected=FIGURES,
        prepare=measured,
    )


def karpathy_test(path: Path) -> set[str]:
    """The ids of the images of Karpathy's test split."""
    return {
        row.identifier("cocoid")
        for row in read_array(path, "images")
        if row.text("split") == "test"
    }
