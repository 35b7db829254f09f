"""Where VizWiz's files are, and what their rows hold: the authors', LLaVA's and the Hub's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import (
    Row,
    image_folder,
    inside,
    locate,
    read_array,
    read_jsonl,
    unique,
)
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.splits import Source
from lvlm_eval.families.vqa_files import most_given
from lvlm_eval.prompts import VIZWIZ
from lvlm_eval.schema import Image, Prompt, Sample

HUB = HubTable(
    repositories=("lmms-lab/VizWiz-VQA", "lmms-lab-encoder/VizWiz-VQA"),
    split="val",
    columns=("question_id", "question", "answers", "category"),
)
HUB_TEST = replace(HUB, split="test", columns=("question_id", "question"))
LLAVA = "vizwiz/llava_test.jsonl"
SOURCES = {
    "vizwiz_val": Source(("vizwiz/val.json",), HUB),
    "vizwiz_test": Source(("vizwiz/test.json", LLAVA), HUB_TEST),
}


def samples_val(root: Path) -> Iterator[Sample]:
    """The questions of val by their pictures' names; LLaVA's running numbers where its file is."""
    path, numbers = SOURCES["vizwiz_val"].find(root, "vizwiz"), _llava_numbers(root)
    if path is None:
        return unique(_annotated(row, _hub(row), numbers) for row in read_hub(root, "vizwiz", HUB))
    images = image_folder(root, "vizwiz/val")
    return unique(_annotated(row, _file(images, row), numbers) for row in read_array(path))


def samples_test(root: Path) -> Iterator[Sample]:
    """The questions of test without targets, from the authors', LLaVA's or the Hub's file."""
    path, numbers = SOURCES["vizwiz_test"].find(root, "vizwiz"), _llava_numbers(root)
    if path is None:
        return unique(_asked(row, _hub(row), numbers) for row in read_hub(root, "vizwiz", HUB_TEST))
    images = image_folder(root, "vizwiz/test")
    rows = read_jsonl(path) if path.suffix == ".jsonl" else read_array(path)
    return unique(_asked(row, _file(images, row), numbers) for row in rows)


def _file(images: Path, row: Row) -> Image:
    return Image(inside(images, row.text("image"), row.origin))


def _hub(row: Row) -> Image:
    return replace(row.image(), name=row.text("question_id"))


def _asked(row: Row, image: Image, numbers: Mapping[str, str]) -> Sample:
    """A question as it is asked; LLaVA's file has the instruction in it, the others not."""
    text = row.text("text") if "text" in row.values else row.text("question") + VIZWIZ
    aliases = (numbers[image.name],) if image.name in numbers else ()
    prompt = Prompt.user(image, text)
    return Sample(image.name, prompt, target=None, aliases=aliases, origin=row.origin)


def _annotated(row: Row, image: Image, numbers: Mapping[str, str]) -> Sample:
    answers = _answers(row)
    if not answers:
        raise DataError(f"{row.origin}: 'answers' is empty; nothing can be marked against it")
    return replace(
        _asked(row, image, numbers),
        target=most_given(answers),
        facts={"answers": answers},
        groups={
            "answer_type": row.text("answer_type" if "answer_type" in row.values else "category")
        },
    )


def _answers(row: Row) -> tuple[str, ...]:
    """Ten answers: texts on the Hub, objects in the authors' file."""
    if all(isinstance(answer, str) for answer in row.items("answers")):
        return tuple(row.texts("answers"))
    return tuple(answer.text("answer") for answer in row.rows("answers"))


def _llava_numbers(root: Path) -> dict[str, str]:
    """The question ids of LLaVA's file by image; empty without the file."""
    path = locate(root, LLAVA)
    rows = read_jsonl(path) if path else ()
    return {row.text("image"): row.identifier("question_id") for row in rows}
