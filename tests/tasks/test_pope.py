"""POPE: hand-computed figures, both layouts, and broken files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.pope import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]

ROW: dict[str, JSON] = {
    "question_id": 1,
    "image": "a.jpg",
    "text": "Is there a cat?",
    "label": "yes",
}


def record(split: str, target: str, text: str, variant: str = TASK.primary) -> Record:
    sample = Sample("q", Prompt.user(Image(Path("a.jpg"))), target, groups={"split": split})
    response = Response("q", text, "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def answers(
    split: str, tp: int, fp: int, tn: int, fn: int, variant: str = TASK.primary
) -> list[Record]:
    cells = (("yes", "yes", tp), ("no", "yes", fp), ("no", "no", tn), ("yes", "no", fn))
    return [record(split, label, text, variant) for label, text, n in cells for _ in range(n)]


def metrics(records: Sequence[Record], variant: str = TASK.primary) -> dict[str, float]:
    scorer = TASK.variants[variant]
    return scorer.finish(scorer.tally(records))


def test_figures_of_a_lopsided_split() -> None:
    found = metrics(answers("random", tp=3, fp=1, tn=10, fn=6))
    assert found == pytest.approx(
        {
            "random/accuracy": 13 / 20,
            "random/precision": 3 / 4,
            "random/recall": 1 / 3,
            "random/f1": 6 / 13,
            "random/yes_ratio": 4 / 20,
            "mean_f1": 6 / 13,
            "mean_accuracy": 13 / 20,
        }
    )


def test_the_headline_is_the_mean_over_splits_not_over_questions() -> None:
    found = metrics([*answers("random", 1, 0, 0, 0), *answers("popular", 1, 3, 0, 6)])
    assert found["mean_f1"] == pytest.approx((1 + 2 / 11) / 2)
    assert "adversarial/f1" not in found


def test_without_a_yes_answer_precision_and_f1_have_no_value() -> None:
    records = answers("random", tp=0, fp=0, tn=4, fn=2)
    found = metrics(records)
    assert math.isnan(found["random/precision"])
    assert math.isnan(found["random/f1"]) and math.isnan(found["mean_f1"])
    assert found["random/recall"] == 0
    printed = TASK.scorer.official(records)["metrics"]
    assert isinstance(printed, Mapping) and isinstance(printed["random"], Mapping)
    assert printed["random"]["f1_score"] is None
    assert printed["mean_f1_over_categories"] is None


def test_the_yes_ratio_counts_answers_but_in_lmms_eval_labels() -> None:
    assert metrics(answers("random", 1, 3, 0, 0))["random/yes_ratio"] == 1
    assert metrics(answers("random", 1, 3, 0, 0, "lmms_eval"), "lmms_eval")["yes_ratio"] == 0.25


def test_lmms_eval_leaves_unreadable_answers_out_of_f1_but_not_of_accuracy() -> None:
    records = [
        *answers("random", 2, 1, 0, 0, "lmms_eval"),
        *answers("popular", 0, 0, 1, 2, "lmms_eval"),
        record("popular", "yes", "Yes.", "lmms_eval"),
    ]
    found = metrics(records, "lmms_eval")
    assert found["accuracy"] == pytest.approx(3 / 7)
    assert found["recall"] == pytest.approx(2 / 4)
    assert found["precision"] == pytest.approx(2 / 3)


def test_vlmevalkit_takes_an_unreadable_answer_for_a_no() -> None:
    name = "vlmevalkit_exact_matching"
    records = [*answers("random", 1, 0, 0, 0, name), record("random", "yes", "maybe", name)]
    assert metrics(records, name) == pytest.approx(
        {"Overall": 200 / 3, "acc": 50, "precision": 100, "recall": 50}
    )


def test_both_layouts_give_identical_samples(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    write: Write,
    content: Content,
) -> None:
    files = vectors("pope").annotations
    folders = {"llava_pope_test.jsonl": "pope"}
    llava = write({f"{folders.get(name, 'pope/coco')}/{name}": v for name, v in files.items()})
    samples = list(TASK.samples(llava))
    assert content(samples) == content(list(TASK.samples(official("pope"))))
    assert len({sample.question_id for sample in samples}) == 144
    assert samples[0].question_id == "random/1"


def test_without_llavas_file_only_the_aliases_are_lost(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    write: Write,
    content: Content,
) -> None:
    files = {f"pope/{n}": v for n, v in vectors("pope").annotations.items() if n[0] == "c"}
    samples = list(TASK.samples(write(files)))
    both = list(TASK.samples(official("pope")))
    assert content(samples) == content(both)
    assert not any(sample.aliases for sample in samples)
    assert all(sample.aliases for sample in both)


def test_with_llavas_file_alone_nothing_can_be_marked_but_all_be_asked(
    vectors: Callable[[str], Vectors], official: Callable[[str], Path], write: Write
) -> None:
    name = "llava_pope_test.jsonl"
    samples = list(TASK.samples(write({f"pope/{name}": vectors("pope").annotations[name]})))
    both = list(TASK.samples(official("pope")))
    assert all(sample.target is None for sample in samples)
    for one, other in zip(samples, both, strict=True):
        assert (one.question_id, one.prompt.text) == (other.question_id, other.prompt.text)
        assert one.aliases == other.aliases


def test_images_are_looked_for_in_the_shared_and_in_llavas_folder(tmp_path: Path) -> None:
    write_split(tmp_path, ROW)
    assert image(tmp_path) == tmp_path / "coco/val2014/a.jpg"
    (tmp_path / "pope/val2014").mkdir()
    assert image(tmp_path) == tmp_path / "pope/val2014/a.jpg"
    (tmp_path / "coco/val2014").mkdir(parents=True)
    assert image(tmp_path) == tmp_path / "coco/val2014/a.jpg"


def test_a_label_file_may_be_one_json_list(tmp_path: Path) -> None:
    write_split(tmp_path, ROW)
    lines = list(TASK.samples(tmp_path))
    (tmp_path / "pope/coco_pope_random.json").write_text(
        '[{"question_id": 1, "image": "a.jpg", "text": "Is there a cat?", "label": "yes"}]'
    )
    assert list(TASK.samples(tmp_path)) == lines


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image": "../../secret.jpg"}, "random.json:2: path .*leaves"),
        ({"question_id": 1}, "random.json:2: id 'random/1' occurs twice, first at .*json:1"),
        ({"label": "maybe"}, "random.json:2: 'label' must be yes or no, got 'maybe'"),
        ({"text": None}, "random.json:2: 'text' must be text"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    write_split(tmp_path, ROW, {**ROW, "question_id": 2, **change})
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(tmp_path))


def test_llavas_file_must_ask_the_same_questions_in_the_same_order(write: Write) -> None:
    twin: dict[str, JSON] = {
        "question_id": 0,
        "image": "a.jpg",
        "text": "Is there a dog?\nAnswer the question using a single word or phrase.",
        "category": "random",
    }
    root = write({"pope/coco_pope_random.json": [ROW], "pope/llava_pope_test.jsonl": [twin]})
    with pytest.raises(DataError, match=r"llava_pope_test.jsonl:1: asks something else than"):
        list(TASK.samples(root))
    root = write({"pope/coco_pope_random.json": [ROW], "pope/llava_pope_test.jsonl": [twin] * 2})
    with pytest.raises(DataError, match=r"1 questions, but .* has 2 of split random: .*editions"):
        list(TASK.samples(root))


def test_the_tally_of_an_image_counts_each_split_apart() -> None:
    sums = TASK.scorer.tally([record("random", "yes", "Yes"), record("popular", "no", "Yes")])
    assert add_up([sums, sums]) == {"random/tp": 2, "popular/fp": 2}


def write_split(root: Path, *rows: Mapping[str, JSON]) -> None:
    write_data({"pope/coco_pope_random.json": list(rows)}, root)


def image(root: Path) -> Path | None:
    (sample,) = TASK.samples(root)
    return sample.prompt.images[0].path
