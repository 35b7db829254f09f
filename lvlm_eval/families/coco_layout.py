"""Captions as COCO publishes them: one file with its images and their reference captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_array, require, unique
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
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


@dataclass(frozen=True, slots=True)
class Hub:
    """The same captions as a data set of the Hub: its table, and what its columns are called.

    image_id: "" where COCO's layout has the file's name without ending as the id.
    """

    table: HubTable
    captions: str
    file_name: str
    image_id: str = ""


def read_hub_captions(
    root: Path, name: str, hub: Hub, groups: Groups = no_groups
) -> Iterator[Sample]:
    """A question an image, in the data set's order."""
    for row in read_hub(root, name, hub.table):
        references = row.texts(hub.captions)
        if not references:
            raise DataError(f"{row.origin}: {hub.captions!r} is empty: nothing to compare with")
        named = row.text(hub.file_name)
        image = row.identifier(hub.image_id) if hub.image_id else Path(named).stem
        yield Sample(
            question_id=image,
            prompt=Prompt.user(replace(row.image(), name=named), PROMPT),
            target=references,
            groups=groups(row),
            cluster=image,
            origin=row.origin,
        )


def make_task(
    name: str,
    title: str,
    *,
    file: str,
    folders: tuple[str, ...],
    licence: str,
    hub: Hub | None = None,
    groups: Groups = no_groups,
    karpathy: str = "",
) -> Task:
    """A captioning task on a file of this layout, marked as pycocoevalcap marks it.

    karpathy: the name of Karpathy's file of splits; where it is there, only its test split counts.
    """

    def samples(root: Path) -> Iterator[Sample]:
        splits = locate(root, f"{name}/{karpathy}") if karpathy else None
        wanted = None if splits is None else karpathy_test(splits)
        for sample in unique(everything(root)):
            if wanted is None or sample.question_id in wanted:
                yield sample

    def everything(root: Path) -> Iterator[Sample]:
        places = (f"{name}/{file}", f"coco/annotations/{file}")
        if hub and locate(root, *places) is None and locate_hub(root, name, hub.table):
            return read_hub_captions(root, name, hub, groups)
        return read_captions(require(root, name, *places), root, folders, groups)

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
