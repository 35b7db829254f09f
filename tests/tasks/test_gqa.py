"""GQA: hand-computed figures, both layouts, what the files allow, broken files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.gqa import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]

QUESTIONS = "gqa/testdev_balanced_questions.json"


def question(answer: str = "yes", **change: JSON) -> dict[str, JSON]:
    return {
        "semantic": [],
        "entailed": [],
        "question": "Is it red?",
        "imageId": "n1",
        "isBalanced": True,
        "groups": {"global": None, "local": "x"},
        "answer": answer,
        "types": {"detailed": "verifyAttr", "semantic": "attr", "structural": "verify"},
        **change,
    }


def kind(structural: str, semantic: str, detailed: str = "x") -> dict[str, JSON]:
    return {"structural": structural, "semantic": semantic, "detailed": detailed}


def records(
    write: Write,
    questions: Mapping[str, JSON],
    answers: Mapping[str, str],
    choices: Mapping[str, JSON] | None = None,
    variant: str = TASK.primary,
) -> list[Record]:
    files: dict[str, JSON] = {QUESTIONS: questions}
    if choices is not None:
        files["gqa/choices.json"] = choices
    samples = {sample.question_id: sample for sample in TASK.samples(write(files))}
    score = TASK.variants[variant].score
    responses = [Response(which, text, "stop") for which, text in answers.items()]
    return [Record(s := samples[r.question_id], r, score(s, r)) for r in responses]


def metrics(records: Sequence[Record]) -> dict[str, float]:
    return TASK.scorer.finish(TASK.scorer.tally(records))


def test_accuracies_are_broken_down_by_kind_steps_and_words(write: Write) -> None:
    step: list[JSON] = [
        {"operation": operation, "argument": argument}
        for operation, argument in (
            ("select", "cat (1)"),
            ("filter color", "red"),
            ("exist", "?"),
            ("query", "name"),
            ("query", "color"),
            ("choose name", "cat|dog"),
        )
    ]
    questions: dict[str, JSON] = {
        "1": question(semantic=step, question="Is  the cat red?"),
        "2": question("cat", types=kind("query", "obj"), question="What is it?"),
        "3": question("dog", types=kind("query", "obj"), question="What is it?"),
        "4": question("left", types=kind("choose", "rel"), question="Left or right?"),
        "5": question("no", isBalanced=False),
    }
    answers = {"1": "no", "2": "Cat.", "3": "dog...", "4": "left ", "5": "no"}
    assert metrics(records(write, questions, answers)) == pytest.approx(
        {
            "accuracy": 50,
            "binary": 0,
            "open": 100,
            "structural/verify": 0,
            "structural/query": 100,
            "structural/choose": 0,
            "semantic/attr": 0,
            "semantic/obj": 100,
            "semantic/rel": 0,
            "steps/3": 0,
            "steps/0": 200 / 3,
            "words/4": 0,
            "words/3": 200 / 3,
            "distribution": math.nan,
        },
        nan_ok=True,
    )


def test_the_conversion_lowers_case_and_drops_trailing_periods_and_no_more(write: Write) -> None:
    texts = ["Yes", "yes..", " yes", "yes.\n", "yes!", "the yes"]
    questions: dict[str, JSON] = {str(n): question() for n in range(len(texts))}
    answers = {str(n): text for n, text in enumerate(texts)}

    def marks(variant: str) -> list[float]:
        marked = records(write, questions, answers, variant=variant)
        return [record.score.values["correct"] for record in marked]

    assert marks("moe_llava_testdev") == [1, 1, 0, 0, 0, 0]
    assert marks("official_raw") == [0, 0, 0, 0, 0, 0]
    assert marks("lmms_eval") == [1, 1, 0, 0, 1, 0]
    assert marks("vlmevalkit") == [1, 0, 1, 0, 0, 0]


def test_distribution_compares_given_and_true_counts_in_each_global_group(write: Write) -> None:
    true = {"colour": ["red"] * 4 + ["blue"], "place": ["left"] * 2}
    given = {"colour": ["red", "blue", "blue", "pink", "blue"], "place": ["left", "right"]}
    questions: dict[str, JSON] = {"none": question("yes")}
    answers = {"none": "no"}
    for group, gold in true.items():
        for n, (answer, text) in enumerate(zip(gold, given[group], strict=True)):
            questions[f"{group}{n}"] = question(answer, groups={"global": group})
            answers[f"{group}{n}"] = text
    colour = (1 - 4) ** 2 / 4 + (3 - 1) ** 2 / 1
    place = (1 - 2) ** 2 / 2
    found = metrics(records(write, questions, answers))
    assert found["distribution"] == pytest.approx((5 * colour + 2 * place) / 7 / 100)


def test_consistency_is_the_mean_over_right_answers_of_what_they_entail(write: Write) -> None:
    questions: dict[str, JSON] = {
        "1": question(entailed=["1", "3", "4", "5"]),
        "2": question(entailed=["3"]),
        "3": question("no", entailed=["1", "4"]),
        "4": question(isBalanced=False),
        "5": question(isBalanced=False, entailed=["1"]),
    }
    answers = {"1": "yes", "2": "no", "3": "no", "4": "yes", "5": "no"}
    found = metrics(records(write, questions, answers))
    assert found["consistency"] == pytest.approx(100 * (2 / 3 + 1) / 2)
    del answers["4"]
    found = metrics(records(write, questions, answers))
    assert found["consistency"] == pytest.approx(100 * (1 / 2 + 1) / 2)


def test_consistency_is_absent_where_an_entailed_question_is_not_in_the_file(write: Write) -> None:
    questions: dict[str, JSON] = {"1": question(entailed=["2", "3"]), "2": question()}
    marked = records(write, questions, {"1": "yes", "2": "yes"})
    assert "consistency" not in metrics(marked)
    assert "inferred" not in marked[0].sample.facts
    # The file of all questions has an unbalanced one that entails nothing of ours.
    questions |= {"3": question(isBalanced=False, entailed=["9"])}
    marked = records(write, questions, {"1": "no", "2": "yes"})
    assert math.isnan(metrics(marked)["consistency"])


def test_questions_tied_by_entailment_over_images_are_one_cluster(write: Write) -> None:
    questions: dict[str, JSON] = {
        "1": question(imageId="n3", entailed=["2"]),
        "2": question(imageId="n2"),
        "3": question(imageId="n1", entailed=["2"]),
        "4": question(imageId="n4"),
    }
    samples = TASK.samples(write({QUESTIONS: questions}))
    assert [sample.cluster for sample in samples] == ["n1", "n1", "n1", "n4"]


def test_validity_and_plausibility_come_from_the_choices_of_the_balanced(write: Write) -> None:
    questions: dict[str, JSON] = {
        "1": question("red"),
        "2": question("red"),
        "3": question("shape", types=kind("compare", "attr", "twoCommon")),
        "4": question("red", isBalanced=False),
    }
    choices: dict[str, JSON] = {
        which: {"valid": ["red", "blue"], "plausible": ["red"]} for which in ("1", "2", "3")
    }
    answers = {"1": "Blue.", "2": "soft", "3": "shape", "4": "red"}
    found = metrics(records(write, questions, answers, choices))
    assert found["validity"] == pytest.approx(200 / 3)
    assert found["plausibility"] == pytest.approx(100 / 3)
    without = metrics(records(write, questions, answers))
    assert without.keys().isdisjoint({"validity", "plausibility"})


@pytest.mark.parametrize("folder", ["gqa", "gqa/questions1.2", "gqa/data", "gqa/data/questions1.2"])
def test_the_official_file_is_found_wherever_the_scripts_keep_it(
    write: Write, content: Content, folder: str
) -> None:
    questions: dict[str, JSON] = {"20": question(), "3": question("no")}
    here = write({f"{folder}/testdev_balanced_questions.json": questions})
    samples = list(TASK.samples(here))
    assert content(samples) == content(list(TASK.samples(write({QUESTIONS: questions}))))
    assert [sample.question_id for sample in samples] == ["20", "3"]


def test_llavas_layout_gives_the_same_questions_with_targets_if_the_official_file_is_there(
    write: Write, content: Content
) -> None:
    row: dict[str, JSON] = {
        "question_id": "20",
        "image": "n1.jpg",
        "text": "Is it red?\nAnswer the question using a single word or phrase.",
        "category": "default",
    }
    llava = {"gqa/llava_gqa_testdev_balanced.jsonl": [row]}
    official = list(TASK.samples(write({QUESTIONS: {"20": question()}})))
    both = write({**llava, "gqa/data/testdev_balanced_questions.json": {"20": question()}})
    assert content(list(TASK.samples(both))) == content(official)
    (alone,) = TASK.samples(write(dict(llava)))
    assert (alone.question_id, alone.prompt.text) == ("20", official[0].prompt.text)
    assert alone.cluster == official[0].cluster
    assert alone.target is None


def test_images_lie_in_the_shared_or_in_llavas_folder(write: Write) -> None:
    root = write({QUESTIONS: {"1": question()}})
    assert next(TASK.samples(root)).prompt.images[0].path == root / "gqa/images/n1.jpg"
    (root / "gqa/data/images").mkdir(parents=True)
    assert next(TASK.samples(root)).prompt.images[0].path == root / "gqa/data/images/n1.jpg"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"imageId": "../n1"}, "path '../n1.jpg' leaves"),
        ({"answer": None}, "'answer' must be text, got null"),
        ({"isBalanced": "yes"}, "'isBalanced' must be true or false, got 'yes'"),
        ({"groups": {"global": 3}}, "global group must be text or null, got 3"),
        ({"entailed": [7]}, "'entailed' must be a list of texts"),
        ({"types": {}}, "'structural' is missing"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    path = tmp_path / QUESTIONS
    path.parent.mkdir()
    entries = {"1": question(), "2": question() | change}
    lines = (f"{json.dumps(which)}: {json.dumps(entry)}" for which, entry in entries.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    with pytest.raises(DataError, match=f"questions.json:3: .*{complaint}"):
        list(TASK.samples(tmp_path))


def test_a_repeated_question_is_named(tmp_path: Path) -> None:
    path = tmp_path / QUESTIONS
    path.parent.mkdir()
    path.write_text('{"1": {},\n"1": {}}')
    with pytest.raises(DataError, match=r"questions.json:2: id '1' occurs twice"):
        list(TASK.samples(tmp_path))


def test_a_question_without_choices_is_named(write: Write) -> None:
    root = write({QUESTIONS: {"1": question()}, "gqa/choices.json": {"2": {}}})
    with pytest.raises(DataError, match="question 1 has no entry in the choices file"):
        list(TASK.samples(root))
