"""VizWiz: whose answers are processed, three layouts of one split, broken files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.predictions import read_predictions
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.vizwiz import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]
Hub = Callable[[str, Sequence[Mapping[str, object]]], Path]

NAME = "VizWiz_val_00000007.jpg"
SUFFIX = (
    "\nWhen the provided information is insufficient, respond with 'Unanswerable'."
    "\nAnswer the question using a single word or phrase."
)
TEN = ["red"] * 7 + ["Red."] * 3


def record(text: str, people: Sequence[str], kind: str, variant: str = TASK.primary) -> Record:
    prompt = Prompt.user(Image(Path("a.jpg")))
    sample = Sample("1", prompt, "x", {"answers": people}, {"answer_type": kind})
    response = Response("1", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def row(**change: JSON) -> dict[str, JSON]:
    answers: list[JSON] = [{"answer": a, "answer_confidence": "yes"} for a in TEN]
    question = {"image": NAME, "question": "What IS it?", "answers": answers}
    return {**question, "answer_type": "other", "answerable": 1, **change}


def test_the_challenge_leaves_the_peoples_answers_as_they_are() -> None:
    people = ["Red."] * 4 + ["red"] * 2 + ["pink"] * 4
    marks = {v: record("Red.", people, "other", v).score.values["correct"] for v in TASK.variants}
    assert marks == pytest.approx(
        {
            "vizwiz_api_on_llava_submission": 0.6,
            "vizwiz_api_on_raw_text": 0.6,
            "vqa_official_on_raw_text": 1,
            "vqa_official_on_llava_submission": 1,
            "lmms_eval": 1,
        }
    )


def test_where_all_agree_only_vqas_evaluator_compares_to_the_letter() -> None:
    people = ["unanswerable"] * 10
    marks = {
        v: record("Unanswerable", people, "unanswerable", v).score.values["correct"]
        for v in TASK.variants
    }
    assert marks["vqa_official_on_raw_text"] == 0
    assert {value for v, value in marks.items() if v != "vqa_official_on_raw_text"} == {1}


def test_means_are_in_percent_in_all_and_by_type() -> None:
    scorer = TASK.scorer
    people = ["red"] * 2 + ["pink"] * 8
    records = [record("red", people, "other"), record("no", people, "yes/no")]
    found = scorer.finish(scorer.tally([*records, record("pink", people, "other")]))
    expected = {"accuracy": 160 / 3, "answer_type/other": 80, "answer_type/yes/no": 0}
    assert found == pytest.approx(expected)


def test_both_layouts_of_val_give_identical_samples(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    official = list(TASK.samples(write({"vizwiz/val.json": [row()]})))
    copied = {"question_id": NAME, "question": "What IS it?", "answers": TEN, "category": "other"}
    root = hub_copy("vizwiz/data/val-00000-of-00001.parquet", [{**copied, "picture": None}])
    assert content(official) == content(list(TASK.samples(root)))
    (sample,) = official
    assert sample.question_id == sample.cluster == NAME
    assert sample.prompt.text == "What IS it?" + SUFFIX
    assert (sample.target, sample.groups) == ("red", {"answer_type": "other"})


def test_three_layouts_of_test_give_identical_samples_without_targets(
    write: Write, hub_copy: Hub, content: Content
) -> None:
    test = load_task("vizwiz_test")
    official = list(test.samples(write({"vizwiz/test.json": [{"image": NAME, "question": "Q?"}]})))
    line: JSON = {"question_id": 0, "image": NAME, "text": "Q?" + SUFFIX, "category": "default"}
    llava = list(test.samples(write({"vizwiz/llava_test.jsonl": [line]})))
    rows = [{"question_id": NAME, "question": "Q?", "picture": None}]
    copied = list(test.samples(hub_copy("vizwiz/data/test-00000-of-00001.parquet", rows)))
    assert content(official) == content(llava) == content(copied)
    assert official[0].target is None
    assert llava[0].aliases == ("0",)


def test_answers_may_use_llavas_running_numbers(write: Write, tmp_path: Path) -> None:
    line: JSON = {"question_id": 5, "image": NAME, "text": "What IS it?" + SUFFIX}
    root = write({"vizwiz/val.json": [row()], "vizwiz/llava_test.jsonl": [line]})
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"question_id": 5, "text": "red"}\n')
    (response,) = read_predictions(answers, list(TASK.samples(root)))
    assert response.question_id == NAME


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([row(), row()], f"val.json:1: id '{NAME}' occurs twice"),
        ([row(answers=[])], "val.json:1: 'answers' is empty"),
        ([row(answers=[{"answer": 3}])], "val.json:1: 'answer' must be text, got 3"),
        ([row(answer_type=None)], "val.json:1: 'answer_type' must be text, got null"),
        ([row(image="../x.jpg")], r"val.json:1: path '../x.jpg' leaves the data root"),
    ],
)
def test_broken_files_are_named(write: Write, rows: list[JSON], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(write({"vizwiz/val.json": rows})))
