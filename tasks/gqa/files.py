"""GQA's files: the questions of testdev_balanced, choices if there are, LLaVA's file, the Hub's.

The official file is an object from id to question. Files with all questions hold unbalanced
ones too: they are asked, and count for consistency only, as in the official script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_jsonl, read_mapping
from lvlm_eval.errors import DataError
from lvlm_eval.families.splits import Source
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import JSON, Image, Prompt, Sample

from .hub import QUESTIONS, read_copy

_TIER = "testdev_balanced"
_FOLDERS = ("gqa", "gqa/questions1.2", "gqa/data", "gqa/data/questions1.2")
_QUESTIONS = tuple(f"{folder}/{_TIER}_questions.json" for folder in _FOLDERS)
_CHOICES = tuple(
    f"{folder}/{name}"
    for folder in _FOLDERS
    for name in ("choices.json", f"{_TIER}_choices.json", "testdev_choices.json")
)
_LLAVA_FILE = f"gqa/llava_gqa_{_TIER}.jsonl"

# Steps that only name what was found do not count as reasoning (official `eval.py`).
_NO_STEP = ("exist", "query: name", "choose name")
# What is valid for a question about what things have in common, whatever its choices say.
_COMMON = ("color", "material", "shape")


def read_samples(root: Path) -> Iterator[Sample]:
    """The questions in their file's order; with LLaVA's file alone the targets are None."""
    images = image_folder(root, "gqa/images", "gqa/data/images")
    path, llava = locate(root, *_QUESTIONS), locate(root, _LLAVA_FILE)
    if path is None and llava is not None:
        yield from _unanswered(llava, images)
        return
    path = Source(_QUESTIONS, QUESTIONS).find(root, "gqa")
    rows, pictures = (dict(read_mapping(path)), {}) if path else read_copy(root)
    choices = locate(root, *_CHOICES)
    entries = dict(read_mapping(choices)) if choices else None
    clusters, inferred = _clusters(rows), _inferred(rows)
    for question_id, row in rows.items():
        facts = _facts(row)
        if entries is not None and facts["balanced"]:
            facts |= _choice_facts(question_id, row, entries)
        if question_id in inferred:
            facts["inferred"] = inferred[question_id]
        image_id = row.text("imageId")
        image = pictures.get(image_id) or Image(inside(images, f"{image_id}.jpg", row.origin))
        yield _sample(question_id, row, facts, clusters[image_id], image)


def _sample(
    question_id: str, row: Row, facts: Mapping[str, JSON], cluster: str, image: Image
) -> Sample:
    types = row.row("types")
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(image, row.text("question") + SHORT_ANSWER),
        target=row.text("answer"),
        facts=facts,
        groups={"structural": types.text("structural"), "semantic": types.text("semantic")},
        cluster=cluster,
        origin=row.origin,
    )


def _facts(row: Row) -> dict[str, JSON]:
    """What the official script counts a question by."""
    steps = [f"{step.text('operation')}: {step.text('argument')}" for step in row.rows("semantic")]
    balanced, group = row.get("isBalanced"), row.row("groups").get("global")
    if not isinstance(balanced, bool):
        raise DataError(f"{row.origin}: 'isBalanced' must be true or false, got {balanced!r}")
    if not isinstance(group, str | None):
        raise DataError(f"{row.origin}: the global group must be text or null, got {group!r}")
    return {
        "balanced": balanced,
        "global": group,
        "steps": sum(not any(name in step for name in _NO_STEP) for step in steps),
        "words": len(row.text("question").split()),
    }


def _choice_facts(question_id: str, row: Row, choices: Mapping[str, Row]) -> dict[str, JSON]:
    """The valid and the plausible answers of a question."""
    if question_id not in choices:
        raise DataError(f"{row.origin}: question {question_id} has no entry in the choices file")
    if "Common" in row.row("types").text("detailed"):
        return {"valid": _COMMON, "plausible": _COMMON}
    entry = choices[question_id]
    return {"valid": entry.texts("valid"), "plausible": entry.texts("plausible")}


def _inferred(rows: Mapping[str, Row]) -> dict[str, Sequence[str]]:
    """The other questions that each balanced one entails; empty unless the file has them all.

    testdev_balanced names many that only the file of all questions has. Consistency over the
    few that are left would be another figure under the same name.
    """
    inferred: dict[str, Sequence[str]] = {
        question_id: [other for other in row.texts("entailed") if other != question_id]
        for question_id, row in rows.items()
        if row.get("isBalanced")
    }
    named = {other for others in inferred.values() for other in others}
    return inferred if named and named <= rows.keys() else {}


def _clusters(rows: Mapping[str, Row]) -> dict[str, str]:
    """A cluster's name by image: the image itself, or one for all that entailment ties together.

    In GQA a question entails only questions on its own image. Were it otherwise, consistency
    would still be a sum over clusters.
    """
    parents: dict[str, str] = {}

    def root_of(image: str) -> str:
        while parents.setdefault(image, image) != image:
            image = parents[image]
        return image

    for row in rows.values():
        image = root_of(row.text("imageId"))
        for other in row.texts("entailed"):
            if other in rows:
                first, second = sorted((image, root_of(rows[other].text("imageId"))))
                parents[second] = image = first
    return {image: root_of(image) for image in list(parents)}


def _unanswered(path: Path, images: Path) -> Iterator[Sample]:
    for row in read_jsonl(path):
        image = row.text("image")
        yield Sample(
            question_id=row.identifier("question_id"),
            prompt=Prompt.user(Image(inside(images, image, row.origin)), row.text("text")),
            target=None,
            cluster=image.removesuffix(".jpg"),
            origin=row.origin,
        )
