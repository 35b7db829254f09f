"""The demo's data in other forms than short answers: choices, boxes, reading, captions, counting,
two pictures. Each where its task looks for it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lvlm_eval.demo import choice, vqav2
from lvlm_eval.demo.annotate import Asked, coco_name
from lvlm_eval.demo.annotate_forms import (
    Offered,
    caption_document,
    muirbench_row,
    refcoco_rows,
    seed_bench_document,
    textvqa_document,
)
from lvlm_eval.demo.draw import jpeg
from lvlm_eval.demo.facts import referable
from lvlm_eval.demo.files import write_bytes, write_json
from lvlm_eval.demo.question import Quota, select
from lvlm_eval.demo.scene import Scene, Thing, scenes
from lvlm_eval.demo.two_pictures import which

PER_SCENE = 3  # questions on one picture, at most
EXPRESSIONS, CAPTIONS, PAIRS = 120, 60, 100
_READING = {kind: vqav2.MAKERS[kind] for kind in ("word", "number")}
_READING_QUOTAS = {"word": Quota(50, 6), "number": Quota(50, 6)}
_COUNTING = {"count": vqav2.MAKERS["count"]}
_COUNTING_QUOTAS = {"count": Quota(90, 25)}
_FIRST_CAPTIONED = 7000  # in the ids of coco/val2014, after VQAv2's and POPE's


def write_seed_bench(root: Path, rng: np.random.Generator) -> None:
    """Questions with four options, some of each kind."""
    offered: list[Offered] = []
    pictures = scenes(rng, evaluation=True)
    chosen = select(pictures, choice.OPEN, choice.QUOTAS, PER_SCENE, rng)
    for place, (scene, questions) in enumerate(chosen, 1):
        name = f"{place:06d}.jpg"
        write_bytes(root / "seed_bench/SEED-Bench-image" / name, jpeg(scene))
        made = [choice.choice(question, rng) for question in questions]
        offered += [Offered(name, one) for one in made if one is not None]
    write_json(root / "seed_bench/SEED-Bench.json", seed_bench_document(offered))


def write_refcoco(root: Path, rng: np.random.Generator) -> None:
    """Expressions, at most two about a picture, each with its thing's box."""
    asked: list[tuple[str, str, Thing]] = []
    for place, (scene, named) in enumerate(_spoken_of(scenes(rng, evaluation=True), rng), 1):
        name = f"COCO_train2014_{place:012d}.jpg"
        write_bytes(root / "coco/train2014" / name, jpeg(scene))
        asked += [(name, expression, thing) for expression, thing in named]
    write_json(root / "refcoco/refcoco.json", refcoco_rows(asked))


def _spoken_of(
    pictures: Iterator[Scene], rng: np.random.Generator
) -> Iterator[tuple[Scene, list[tuple[str, Thing]]]]:
    missing = EXPRESSIONS
    while missing:
        scene = next(pictures)
        named = referable(scene)
        order = rng.permutation(len(named))[: min(2, missing)]
        if len(order):
            missing -= len(order)
            yield scene, [named[int(place)] for place in order]


def write_textvqa(root: Path, rng: np.random.Generator) -> None:
    """What signs say, a word or a digit."""
    asked: list[Asked] = []
    chosen = select(scenes(rng, evaluation=True), _READING, _READING_QUOTAS, 1, rng)
    for place, (scene, questions) in enumerate(chosen, 1):
        image_id = f"{place:016x}"
        write_bytes(root / f"textvqa/train_images/{image_id}.jpg", jpeg(scene))
        asked += [Asked(image_id, question) for question in questions]
    write_json(root / "textvqa/TextVQA_0.5.1_val.json", textvqa_document(asked, rng))


def write_captions(root: Path, rng: np.random.Generator) -> None:
    """Pictures with five captions each."""
    shown: list[tuple[int, str, Scene]] = []
    pictures = scenes(rng, evaluation=True)
    for number in range(_FIRST_CAPTIONED, _FIRST_CAPTIONED + CAPTIONS):
        scene, name = next(pictures), coco_name(str(number))
        write_bytes(root / "coco/val2014" / name, jpeg(scene))
        shown.append((number, name, scene))
    write_json(root / "coco_caption/captions_val2014.json", caption_document(shown))


def write_countbench(root: Path, rng: np.random.Generator) -> None:
    """How many there are, as the Hub's copy has it: pictures within the table."""
    chosen = select(scenes(rng, evaluation=True), _COUNTING, _COUNTING_QUOTAS, 1, rng)
    rows: list[dict[str, object]] = [
        {
            "image": _picture(scene, f"{place}.jpg"),
            "question": question.text,
            "number": int(question.answer),
        }
        for place, (scene, questions) in enumerate(chosen, 1)
        for question in questions
    ]
    _write_table(root / "countbench/data/test-00000-of-00001.parquet", rows)


def write_muirbench(root: Path, rng: np.random.Generator) -> None:
    """Which of two pictures shows a thing, each answer as often as the others."""
    rows: list[dict[str, object]] = []
    pictures = scenes(rng, evaluation=True)
    while len(rows) < PAIRS:
        pair = next(pictures), next(pictures)
        made = which(pair, rng, choice.LETTERS[len(rows) % len(choice.LETTERS)])
        if made is None:
            continue
        place = len(rows) + 1
        named = [_picture(scene, f"{place}_{side}.jpg") for side, scene in enumerate(pair, 1)]
        rows.append({**muirbench_row(place, made), "image_list": named})
    _write_table(root / "muirbench/data/test-00000-of-00001.parquet", rows)


def _picture(scene: Scene, name: str) -> dict[str, object]:
    """A picture as `datasets` keeps it within a table."""
    return {"bytes": jpeg(scene), "path": name}


def _write_table(path: Path, rows: Sequence[dict[str, object]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), stream)
    write_bytes(path, stream.getvalue())
