"""CHAIR's files: COCO's instances and captions, of val2014 and, for images in it, of train2014."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_array, require
from lvlm_eval.errors import DataError
from lvlm_eval.schema import Image, Prompt, Sample

from .objects import CLASS_OF
from .words import classes, words

PROMPT = "Please describe this image in detail."
HALVES = ("val2014", "train2014")


def read_samples(root: Path) -> Iterator[Sample]:
    """An image of the val2014 captions file a question, in its order.

    The truth about an image: the classes of its instances and those that its captions name.
    """
    pictures = image_folder(root, "coco/val2014", "chair/val2014")
    captions = [_file(root, "captions", half) for half in HALVES]
    assert captions[0] is not None
    rows = list(read_array(captions[0], "images"))
    truth = _truth(root, captions, {row.integer("id") for row in rows})
    for row in rows:
        image = row.integer("id")
        yield Sample(
            question_id=str(image),
            prompt=Prompt.user(Image(inside(pictures, row.text("file_name"), row.origin)), PROMPT),
            target=sorted(truth[image]),
            cluster=row.text("file_name"),
            origin=row.origin,
        )


def _file(root: Path, kind: str, half: str) -> Path | None:
    """A file of annotations; only val2014's must be there."""
    name = f"{kind}_{half}.json"
    places = (f"chair/{name}", f"coco/annotations/{name}", f"chair/annotations/{name}")
    return require(root, "chair", *places) if half == "val2014" else locate(root, *places)


def _truth(
    root: Path, captions: Iterable[Path | None], images: Collection[int]
) -> dict[int, set[str]]:
    """The classes in each of the images."""
    truth: dict[int, set[str]] = {image: set() for image in images}
    for path in (_file(root, "instances", half) for half in HALVES):
        names = {} if path is None else _categories(path)
        for row in _annotations(path, images):
            category = row.integer("category_id")
            if category not in names:
                raise DataError(f"{row.origin}: no category has the id {category}")
            truth[row.integer("image_id")].add(names[category])
    for path in captions:
        for row in _annotations(path, images):
            named = classes(words(row.text("caption")))
            truth[row.integer("image_id")].update(kind for _, kind in named)
    return truth


def _annotations(path: Path | None, images: Collection[int]) -> Iterator[Row]:
    """The file's entries about the images, none without a file."""
    rows = () if path is None else read_array(path, "annotations")
    return (row for row in rows if row.integer("image_id") in images)


def _categories(path: Path) -> dict[int, str]:
    return {row.integer("id"): _known(row) for row in read_array(path, "categories")}


def _known(row: Row) -> str:
    name = row.text("name")
    if name not in CLASS_OF:
        raise DataError(f"{row.origin}: {name!r} is no class of COCO's 80")
    return CLASS_OF[name]
