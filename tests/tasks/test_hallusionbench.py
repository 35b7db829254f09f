"""HallusionBench: verdicts, what is right as a whole, other harnesses' readings, broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.hallusionbench import TASK, read_verdict

JUDGED, EXACT, ANYWHERE = TASK.variants


def row(identifier: str, shown: str = "1", truth: str = "1") -> dict[str, JSON]:
    category, subcategory, set_id, figure, question = identifier.split("_")
    return {
        "category": category,
        "subcategory": subcategory,
        "visual_input": shown,
        "set_id": set_id,
        "figure_id": figure,
        "question_id": question,
        "question": "Is it so?",
        "gt_answer_details": "It is.",
        "gt_answer": truth,
        "filename": None if shown == "0" else f"./hallusion_bench/{category}/a.png",
    }


def samples(root: Path, *rows: dict[str, JSON]) -> list[Sample]:
    write_data({"hallusionbench/HallusionBench.json": list(rows)}, root)
    return list(TASK.samples(root))


def mark(sample: Sample, text: str = "", reply: str = "", variant: str = JUDGED) -> Record:
    said = Sample(
        sample.question_id,
        sample.prompt,
        sample.target,
        facts={**sample.facts, "replies": [[reply]]},
        groups=sample.groups,
        cluster=sample.cluster,
    )
    response = Response(sample.question_id, text, "stop")
    return Record(said, response, TASK.variants[variant].score(said, response))


def metrics(records: Sequence[Record], variant: str = JUDGED) -> dict[str, float]:
    scorer = TASK.variants[variant]
    return scorer.finish(scorer.tally(records))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("Correct.", "correct"), ("“InCorrect”, not correct", "incorrect"), ("unclear", None)],
)
def test_a_verdict_is_a_word_anywhere_in_the_reply(reply: str, verdict: str | None) -> None:
    assert read_verdict(reply) == verdict


def test_unclear_is_right_only_where_there_is_no_figure(tmp_path: Path) -> None:
    names = ("VS_map_0_0_0", "VS_map_0_1_0", "VD_map_0_0_0")
    found = samples(tmp_path, row(names[0], "0"), row(names[1]), row(names[2]))
    assert [mark(s, reply="unclear").score.values["correct"] for s in found] == [1, 0, 0]
    assert len(found[0].prompt.images) == 0


def test_questions_and_figures_are_right_as_a_whole(tmp_path: Path) -> None:
    """A set of two figures with two questions each, one answer wrong; and one of another set."""
    rows = [
        row("VD_ocr_0_0_0", truth="1"),
        row("VD_ocr_0_0_1", truth="0"),
        row("VD_ocr_0_1_0", "2", truth="1"),
        row("VD_ocr_0_1_1", "2", truth="0"),
        row("VS_ocr_0_0_0", "0", truth="1"),
    ]
    replies = ["correct", "correct", "correct", "incorrect", "incorrect"]
    records = [mark(s, reply=r) for s, r in zip(samples(tmp_path, *rows), replies, strict=True)]
    assert metrics(records) == pytest.approx(
        {
            "aAcc": 60,
            "qAcc": 100 / 3,  # question 0 of both figures; VS's own is wrong
            "fAcc": 50,  # the figure of VS that is none is left out
            "easy_aAcc": 200 / 3,
            "hard_aAcc": 50,
            "figure_consistency": (1 + 0.5) / 2,
            "yes_no_bias_pct_diff": (3 - 3) / 5,
            "yes_no_bias_fp": 1 / 2,
        }
    )


def test_vlmevalkit_knows_a_set_by_its_subcategory_and_only_questions_with_figures(
    tmp_path: Path,
) -> None:
    rows = [row("VD_ocr_0_0_0"), row("VS_ocr_0_0_0", "1"), row("VS_ocr_0_0_1", "0")]
    texts = ["Yes!", "yes or no", "Yes"]
    found = samples(tmp_path, *rows)
    records = [mark(s, text, variant=EXACT) for s, text in zip(found, texts, strict=True)]
    figures = metrics(records, EXACT)
    assert (figures["aAcc"], figures["fAcc"], figures["VD/fAcc"], figures["ocr/qAcc"]) == (
        50, 0, 100, 0,
    )  # fmt: skip


def test_lmms_eval_sees_a_yes_in_eyes(tmp_path: Path) -> None:
    (sample,) = samples(tmp_path, row("VD_ocr_0_0_0"))
    assert mark(sample, "Two eyes", variant=ANYWHERE).score.values["correct"] == 1
    assert mark(sample, "Two eyes", variant=EXACT).score.answer is None


def test_without_a_judge_there_is_a_task_of_its_own(tmp_path: Path) -> None:
    (sample,) = samples(tmp_path, row("VD_ocr_0_0_0"))
    exact = load_task("hallusionbench_exact")
    assert (exact.judge, exact.primary) == (None, EXACT)
    assert list(exact.samples(tmp_path)) == [sample]


def test_the_judge_gets_question_reference_and_answer(tmp_path: Path) -> None:
    record = mark(samples(tmp_path, row("VD_ocr_0_0_0"))[0], "Sure {}")
    assert TASK.judge is not None
    assert TASK.judge(record.sample, record.response).text.endswith(
        "\n\n Question:Is it so?\nReference answer: It is.\nPrediction answer:Sure {}\nOutput:"
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"gt_answer": "2"}, "json:1: 'gt_answer' must be one of 0, 1, got '2'"),
        ({"visual_input": "3"}, "json:1: 'visual_input' must be one of 0, 1, 2"),
        ({"filename": None}, "json:1: 'filename' must be text, got null"),
        ({"filename": "./../a.png"}, "json:1: path .* leaves the data root"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        samples(tmp_path, {**row("VD_ocr_0_0_0"), **change})
