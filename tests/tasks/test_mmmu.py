"""MMMU: hand-computed figures, pictures at their tokens, the layouts, and broken rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Record, Response, Sample
from lvlm_eval.tasks.mmmu import SPLITS, TASK

CHOICE: dict[str, JSON] = {
    "id": "validation_Art_1",
    "question": "See <image 1>?",
    "options": "['a cat', 'a dog', 'a cow']",
    "answer": "B",
    "question_type": "multiple-choice",
}
OPEN: dict[str, JSON] = {
    **CHOICE,
    "id": "validation_Art_Theory_2",
    "question": "How many?",
    "options": "[]",
    "answer": "['5', 'five']",
    "question_type": "open",
}
HUB: dict[str, JSON] = dict.fromkeys((f"image_{n}" for n in range(2, 8)), None)
COLUMNS = {f"image_{n}": 0 for n in range(1, 8)}


def write(root: Path, *rows: Mapping[str, JSON]) -> list[Sample]:
    write_data({"mmmu/validation": list(rows)}, root)
    return list(TASK.samples(root))


def marked(samples: Sequence[Sample], *texts: str, variant: str = "official") -> list[Record]:
    score = TASK.variants[variant].score
    pairs = [(s, Response(s.question_id, t, "stop")) for s, t in zip(samples, texts, strict=True)]
    return [Record(s, r, score(s, r)) for s, r in pairs]


def many(root: Path, *ids: str) -> list[Sample]:
    return write(root, *({**CHOICE, "id": f"validation_{one}"} for one in ids))


def test_pictures_stand_where_the_text_names_them_first(tmp_path: Path) -> None:
    question = "<image 1> and <image 2>, once more <image 1>"
    (sample,) = write(tmp_path, {**CHOICE, "question": question, "options": "['<image 3>', 'x']"})
    parts = sample.prompt.turns[0].parts
    shown = [part.name if isinstance(part, Image) else part for part in parts]
    suffix = "\n\nAnswer with the option's letter from the given choices directly."
    assert shown == [
        "validation_Art_1_1",
        " and ",
        "validation_Art_1_2",
        ", once more <image 1>\nA. ",
        "validation_Art_1_3",
        f"\nB. x{suffix}",
    ]
    assert sample.prompt.images[0].path == tmp_path / "mmmu/images/validation_Art_1_1.png"


def test_open_questions_want_a_word_or_phrase(tmp_path: Path) -> None:
    (sample,) = write(tmp_path, OPEN)
    suffix = "\n\nAnswer the question using a single word or phrase."
    assert sample.prompt.text == f"How many?{suffix}"
    assert sample.target == ["5", "five"]
    assert sample.groups["subject"] == "Art_Theory"
    records = marked([sample, sample, sample], "there are 5.0", "fifteen", "fife")
    assert [r.score.values["correct"] for r in records] == [1, 0, 0]
    assert records[0].score.answer == "5.0 | there are 5.0"


def test_what_the_authors_draw_gets_the_average_of_a_draw(tmp_path: Path) -> None:
    samples = [*many(tmp_path, "Art_1", "Art_2", "Math_1", "Math_2"), *write(tmp_path / "x", OPEN)]
    records = marked(samples, "B", "no idea", "A", "(B)", "five")
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == pytest.approx(
        {
            "accuracy": (3 + 1 / 3) / 5,
            "accuracy_without_draws": 3 / 4,
            "domain/Art and Design": (2 + 1 / 3) / 3,
            "domain/Science": 1 / 2,
            "subject/Art": (1 + 1 / 3) / 2,
            "subject/Art_Theory": 1,
            "subject/Math": 1 / 2,
            "question_type/multiple-choice": (2 + 1 / 3) / 4,
            "question_type/open": 1,
        }
    )
    assert records[1].score.answer is None


def test_the_official_form_repeats_the_authors_draws_subject_by_subject(tmp_path: Path) -> None:
    samples = many(tmp_path, "Math_1", "Art_1", "Math_2", "Art_2", "Math_3")
    records = marked(samples, "?", "?", "?", "B", "A")
    random = Random(42)
    math, art = ([random.choice("ABC") == "B" for _ in range(n)] for n in (2, 1))
    official = TASK.scorer.official(records)
    assert official["metrics"] == {
        "per_subject": {"Math": sum(math) / 3, "Art": (sum(art) + 1) / 2},
        "per_domain": {
            "Overall-Art and Design": round((sum(art) + 1) / 2, 3),
            "Overall-Science": round(sum(math) / 3, 3),
        },
        "overall": round((sum(math) + sum(art) + 1) / 5, 3),
        "accuracy_without_random_items": 0.5,
        "n_without_random_items": 2,
    }
    assert official["per_item"] == {"validation_Art_2": 1, "validation_Math_3": 0}
    assert official["random_fallback_ids"] == [
        f"validation_{one}" for one in ("Math_1", "Math_2", "Art_1")
    ]


def test_other_harnesses_mark_choice_alone(tmp_path: Path) -> None:
    samples = [*many(tmp_path, "Art_1", "Art_2", "Art_3"), *write(tmp_path / "x", OPEN)]
    name = "vlmevalkit_exact_matching_mcq_only"
    records = marked(samples, "a dog", "B.", "C", "5", variant=name)
    scorer = TASK.variants[name]
    assert scorer.official(records)["metrics"] == pytest.approx({"Overall": 2 / 3})
    assert scorer.finish(scorer.tally(records)) == {"accuracy": pytest.approx(2 / 3)}
    name = "lmms_eval_parsed_choice_only"
    records = marked(samples, "B. x", "b", "C", "5", variant=name)
    parsed = TASK.variants[name].official(records)["per_item_parsed"]
    drawn = Random(42).choice("ABC")
    assert parsed == {
        "validation_Art_1": "B",
        "validation_Art_2": drawn,
        "validation_Art_3": "C",
    }


def test_every_copy_on_the_hub_gives_the_samples_of_the_written_out_rows(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    hub: Callable[..., Path],
    content: Callable[[Sequence[Sample]], list[JSON]],
    tmp_path: Path,
) -> None:
    ((_, table),) = vectors("mmmu").annotations.items()
    assert isinstance(table, Sequence)
    rows = [
        {**row, **HUB, "answer": str(row["answer"])} for row in table if isinstance(row, Mapping)
    ]
    hub(tmp_path / "one/mmmu/data/validation-00000-of-00001.parquet", rows, COLUMNS)
    ours = content(list(SPLITS["mmmu_val"].samples(official("mmmu"))))
    assert content(list(TASK.samples(tmp_path / "one"))) == ours
    by_subject: dict[str, list[Mapping[str, JSON]]] = {}
    for row in rows:
        by_subject.setdefault(str(row["id"])[11:].rpartition("_")[0], []).append(row)
    for subject, some in by_subject.items():
        file = tmp_path / f"many/mmmu/{subject}/validation-00000-of-00001.parquet"
        hub(file, some, COLUMNS)
    theirs = content(list(SPLITS["mmmu_val"].samples(tmp_path / "many")))
    assert sorted(theirs, key=str) == sorted(ours, key=str)
    assert content(list(TASK.samples(tmp_path / "many"))) == theirs


def test_the_test_split_is_asked_and_not_marked(tmp_path: Path) -> None:
    rows: list[JSON] = [{**CHOICE, "id": "test_Art_1", "answer": "?"}]
    write_data({"mmmu/test.json": rows}, tmp_path)
    (sample,) = SPLITS["mmmu_test"].samples(tmp_path)
    assert sample.target is None
    assert sample.facts["options"] == {"A": "a cat", "B": "a dog", "C": "a cow"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answer": "D"}, "validation:1: the answer 'D' is not among the options A, B, C"),
        ({"options": "a cat"}, "validation:1: 'options' must be a list, got \"a cat\""),
        ({"id": "validation_Cats_3"}, "validation:1: 'id' must be like validation_Art_1, got"),
        ({"id": "validation_Art_1"}, "validation:1: id 'validation_Art_1' occurs twice"),
        ({"question": None}, "validation:1: 'question' must be text, got null"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, CHOICE, {**CHOICE, "id": "validation_Art_2", **change})
