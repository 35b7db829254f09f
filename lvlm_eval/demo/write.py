"""The demo's evaluation data as files: pictures and annotations where the tasks look."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from lvlm_eval.demo import gqa, mme, pope, vqav2
from lvlm_eval.demo.annotate import (
    Asked,
    coco_name,
    gqa_documents,
    mme_lines,
    pope_rows,
    vqav2_documents,
)
from lvlm_eval.demo.draw import jpeg
from lvlm_eval.demo.files import write_bytes, write_json
from lvlm_eval.demo.question import Question, select
from lvlm_eval.demo.scene import Scene, scenes
from lvlm_eval.demo.write_forms import (
    write_captions,
    write_countbench,
    write_muirbench,
    write_refcoco,
    write_seed_bench,
    write_textvqa,
)

PER_SCENE = 4  # questions on one picture, at most (VQAv2, GQA)
_FIRST_POPE_IMAGE = 5000  # in the ids of coco/val2014, after VQAv2's
_COCO_NAMED = ("existence", "count", "position", "color")  # MME's other images are numbered


def write_demo(root: Path, seed: int = 0) -> None:
    """Writes a folder a task, and coco/ with the pictures of several, under the data root.

    The same seed gives the same bytes. Existing files are overwritten. Every scene is one that
    `conversations` never shows, whatever its seed.
    """
    _write_vqav2(root, np.random.default_rng([seed, 1]))
    _write_gqa(root, np.random.default_rng([seed, 2]))
    _write_pope(root, np.random.default_rng([seed, 3]))
    _write_mme(root, np.random.default_rng([seed, 4]))
    forms = (
        write_seed_bench,
        write_refcoco,
        write_textvqa,
        write_captions,
        write_countbench,
        write_muirbench,
    )
    for place, write in enumerate(forms, 5):
        write(root, np.random.default_rng([seed, place]))


def _write_vqav2(root: Path, rng: np.random.Generator) -> None:
    pictures = scenes(rng, evaluation=True)
    chosen = select(pictures, vqav2.MAKERS, vqav2.QUOTAS, PER_SCENE, rng)
    asked = _write_images(root / "coco/val2014", chosen, first=1)
    questions, annotations = vqav2_documents(asked, rng)
    write_json(root / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json", questions)
    write_json(root / "vqav2/v2_mscoco_val2014_annotations.json", annotations)


def _write_gqa(root: Path, rng: np.random.Generator) -> None:
    pictures = scenes(rng, evaluation=True)
    asked = []
    for place, (scene, questions) in enumerate(
        select(pictures, gqa.MAKERS, gqa.QUOTAS, PER_SCENE, rng)
    ):
        image_id = f"n{place + 1:06d}"
        write_bytes(root / f"gqa/images/{image_id}.jpg", jpeg(scene))
        asked += [Asked(image_id, question) for question in questions]
    questions_file, choices = gqa_documents(asked)
    write_json(root / "gqa/testdev_balanced_questions.json", questions_file)
    write_json(root / "gqa/testdev_balanced_choices.json", choices)


def _write_pope(root: Path, rng: np.random.Generator) -> None:
    chosen = pope.askable(scenes(rng, evaluation=True))
    for split, asked_of in pope.questions(chosen, rng).items():
        asked = _write_images(root / "coco/val2014", asked_of, first=_FIRST_POPE_IMAGE)
        lines = (json.dumps(row) + "\n" for row in pope_rows(asked))
        write_bytes(root / f"pope/coco_pope_{split}.json", "".join(lines).encode())


def _write_mme(root: Path, rng: np.random.Generator) -> None:
    for category in mme.EVALUATED:
        folder = root / "mme/MME_Benchmark_release_version" / category
        digits = 12 if category in _COCO_NAMED else 4
        chosen = mme.questions(scenes(rng, evaluation=True), mme.MAKERS[category], rng)
        for place, (scene, pair) in enumerate(chosen, 1):
            name = f"{place:0{digits}d}"
            write_bytes(folder / f"{name}.jpg", jpeg(scene))
            write_bytes(folder / f"{name}.txt", mme_lines(pair, mme.POLITE).encode())


def _write_images(
    folder: Path, chosen: Iterable[tuple[Scene, Sequence[Question]]], first: int
) -> list[Asked]:
    """Writes COCO-named pictures, numbered from `first`; their questions with the image ids."""
    asked: list[Asked] = []
    for image_id, (scene, questions) in enumerate(chosen, first):
        write_bytes(folder / coco_name(str(image_id)), jpeg(scene))
        asked += [Asked(str(image_id), question) for question in questions]
    return asked
