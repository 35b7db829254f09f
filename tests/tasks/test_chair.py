"""CHAIR: words, singulars and classes by hand, lopsided figures, and broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.chair import TASK
from lvlm_eval.tasks.chair.objects import CLASS_OF
from lvlm_eval.tasks.chair.singular import singular
from lvlm_eval.tasks.chair.tokens import tokens
from lvlm_eval.tasks.chair.words import classes, words


@pytest.mark.parametrize(
    ("plural", "single"),
    [
        ("buses", "bus"), ("bus", "bu"), ("glass", "glas"), ("glasses", "glass"), ("is", "is"),
        ("women", "woman"), ("knives", "knife"), ("puppies", "puppy"), ("skis", "ski"),
        ("scissors", "scissors"), ("leaves", "leaf"), ("four", "fmy"), ("slice", "slouse"),
        ("doggies", "doggie"), ("ties", "ty"), ("dogs'", "dog's"), ("radii", "radius"),
        ("mothers-in-law", "mother-in-law"), ("t-shirts", "t-shirt"),
    ],
)  # fmt: skip
def test_singulars_go_by_ending_slips_included(plural: str, single: str) -> None:
    assert singular(plural) == single


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a cat. there is a dog.", "a cat . there is a dog ."),
        ("mr. dog at 5. he isn't st. bernard's", "mr. dog at 5. he is n't st. bernard 's"),
        ('"cats," he cannot (say)...', "`` cats , '' he can not ( say ) ..."),
        ("cat.dog 3.5 1,000 hot-dog", "cat.dog 3.5 1,000 hot-dog"),
        ("", ""),
    ],
)
def test_tokens_are_the_treebanks_a_sentence_at_a_time(text: str, found: str) -> None:
    assert tokens(text) == found.split()


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("A baby bird on a toilet seat, no seat", ["bird", "toilet"]),
        ("motor bike at home plate", []),
        ("A wine glass, a bow tie and hot dogs", ["wine glass", "tie", "hot dog"]),
        ("Two buses and a bus", ["bus"]),
        ("passenger jet. baby. desk", ["airplane", "person", "dining table"]),
        ("hot. dog", ["dog"]),
    ],
)
def test_what_a_caption_names(caption: str, named: list[str]) -> None:
    assert [kind for _, kind in classes(words(caption))] == named


def test_there_are_80_classes() -> None:
    assert len(set(CLASS_OF.values())) == 80


def record(caption: str, *truth: str) -> Record:
    sample = Sample("1", Prompt.user(Image(Path("a.jpg"))), sorted(truth))
    response = Response("1", caption, "stop")
    return Record(sample, response, TASK.scorer.score(sample, response))


def metrics(records: Sequence[Record]) -> dict[str, float]:
    return TASK.scorer.finish(TASK.scorer.tally(records))


def test_objects_and_captions_are_shares_of_their_own() -> None:
    found = metrics(
        [
            record("a dog, a dog and a cat", "cat"),
            record("a cat", "cat"),
            record("nothing at all", "cat"),
        ]
    )
    assert found == pytest.approx(
        {
            "CHAIRi": 2 / 4,
            "CHAIRs": 1 / 3,
            "objects_per_caption": 4 / 3,
            "words_per_caption": (7 + 2 + 3) / 3,
        }
    )


def test_captions_without_objects_have_no_chairi() -> None:
    official = TASK.scorer.official([record("nothing")])["metrics"]
    assert official == {"CHAIRs": 0, "CHAIRi": None}


CAPTIONS: dict[str, JSON] = {
    "images": [{"id": 7, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 7, "caption": "Two dogs"}, {"image_id": 8, "caption": "a cat"}],
}
INSTANCES: dict[str, JSON] = {
    "categories": [{"id": 3, "name": "tv"}],
    "annotations": [{"image_id": 7, "category_id": 3}],
}


def read(root: Path, folder: str, captions: JSON, instances: JSON) -> list[Sample]:
    files = {"captions_val2014.json": captions, "instances_val2014.json": instances}
    write_data({f"{folder}/{name}": content for name, content in files.items()}, root)
    return list(TASK.samples(root))


@pytest.mark.parametrize("folder", ["chair", "coco/annotations"])
def test_the_truth_is_what_instances_and_captions_say(tmp_path: Path, folder: str) -> None:
    (sample,) = read(tmp_path, folder, CAPTIONS, INSTANCES)
    assert (sample.question_id, sample.target) == ("7", ["dog", "tv"])
    assert sample.prompt.images[0].path == tmp_path / "coco/val2014/a.jpg"


@pytest.mark.parametrize(
    ("captions", "instances", "complaint"),
    [
        ({"images": [{"id": 7}]}, {}, "captions_val2014.json:1: 'file_name' is missing"),
        ({}, {"categories": []}, "instances_val2014.json:1: no category has the id 3"),
        ({}, {"categories": [{"id": 3, "name": "ufo"}]}, "instances_val2014.json:1: 'ufo' is no"),
        ({"images": [{"id": 7, "file_name": "a"}] * 2}, {}, "id '7' occurs twice"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_line(
    tmp_path: Path, captions: dict[str, JSON], instances: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, "chair", {**CAPTIONS, **captions}, {**INSTANCES, **instances})
