"""TextCaps: captions that must read the text in the picture, five or more to each.

Sidorov et al. 2020, arXiv 2003.12462. Data: TextCaps_0.1_val.json of the authors, a row a caption;
pictures in train_images/, as TextVQA's. Marked as COCO captions are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import image_folder, inside, read_array, require
from lvlm_eval.families.caption import PROMPT
from lvlm_eval.families.coco_layout import make_task
from lvlm_eval.schema import Image, Prompt, Sample

FILE = "TextCaps_0.1_val.json"
FOLDERS = ("textcaps/train_images", "textvqa/train_images", "train_images")


def samples(root: Path) -> Iterator[Sample]:
    """A question a picture, in the file's order, with the captions of all its rows."""
    references: dict[str, list[str]] = {}
    origins: dict[str, str] = {}
    for row in read_array(require(root, "textcaps", f"textcaps/{FILE}"), "data"):
        image = row.identifier("image_id")
        references.setdefault(image, []).append(row.text("caption_str"))
        origins.setdefault(image, row.origin)
    folder = image_folder(root, *FOLDERS)
    for image, captions in references.items():
        picture = Image(inside(folder, f"{image}.jpg", origins[image]))
        prompt = Prompt.user(picture, PROMPT)
        yield Sample(image, prompt, captions, cluster=image, origin=origins[image])


TASK = replace(
    make_task(
        "textcaps",
        "TextCaps val: captions that read (CIDEr)",
        file=FILE,
        folders=FOLDERS,
        licence="CC BY 4.0, unverified; images of Open Images under their terms",
    ),
    samples=samples,
    assurance="declared",
)
