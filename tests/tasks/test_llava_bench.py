"""LLaVA-Bench: the judge's first line, lopsided figures, the judge's prompt, broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.llava_bench import TASK
from lvlm_eval.tasks.llava_bench.judge import scores

ALL, READ = TASK.variants


@pytest.mark.parametrize(
    ("reply", "pair"),
    [
        ("8 7\nBecause", (8, 7)),
        ("10,8", (10, 8)),
        ("7.5 6.5", (7.5, 6.5)),
        ("9, 6", None),
        ("8 7 ", None),
        ("8  7", None),
        ("\n8 7", None),
        ("8/10 7/10", None),
        ("", None),
    ],
)
def test_the_first_line_must_be_two_numbers(reply: str, pair: tuple[float, float] | None) -> None:
    assert scores(reply) == pair


def record(reply: str, category: str = "conv", variant: str = ALL) -> Record:
    sample = Sample(
        "0",
        Prompt.user(Image(Path("a.jpg")), "Who?"),
        "GPT-4 says",
        facts={"context": "A cat.\nA dog.", "replies": [[reply]]},
        groups={"category": f"llava_bench_{category}"},
    )
    response = Response("0", "mine", "stop")
    return Record(sample, response, TASK.variants[variant].score(sample, response))


def metrics(records: Sequence[Record], variant: str = ALL) -> dict[str, float]:
    scorer = TASK.variants[variant]
    return scorer.finish(scorer.tally(records))


def test_the_ratio_is_of_means_and_what_cannot_be_read_counts_minus_1() -> None:
    records = [record("8 4"), record("10 9"), record("sorry"), record("5 5", "detail")]
    found = metrics(records)
    assert found["llava_bench_conv/relative"] == pytest.approx(100 * (4 + 9 - 1) / (8 + 10 - 1))
    assert found["llava_bench_conv/reference"] == pytest.approx(10 * 17 / 3)
    assert found["all/relative"] == pytest.approx(100 * 17 / 22)
    assert [r.score.answer for r in records] == ["4", "9", None, "5"]


def test_the_other_variant_leaves_out_what_cannot_be_read() -> None:
    records = [record("8 4", variant=READ), record("sorry", variant=READ)]
    assert metrics(records, READ)["all/relative"] == pytest.approx(50)
    assert TASK.variants[READ].official(records)["ignored"] == [0]


def test_the_judge_compares_with_gpt4_and_sees_the_description() -> None:
    one = record("8 7")
    assert TASK.judge is not None
    text = TASK.judge(one.sample, one.response).text
    assert text.startswith(
        "[Context]\nA cat.\nA dog.\n\n[Question]\nWho?\n\n"
        "[Assistant 1]\nGPT-4 says\n\n[End of Assistant 1]\n\n"
        "[Assistant 2]\nmine\n\n[End of Assistant 2]\n\n[System]\nWe would like"
    )
    assert text.endswith("does not affect your judgment.\n\n")


FILES: dict[str, list[dict[str, JSON]]] = {
    "questions.jsonl": [
        {"question_id": 3, "image": "001.jpg", "text": "Who?", "category": "complex"}
    ],
    "context.jsonl": [{"id": "001", "image": "001.jpg", "caption": ["A cat.", "A dog."]}],
    "answers_gpt4.jsonl": [{"question_id": 3, "text": "GPT-4 says"}],
}


@pytest.mark.parametrize("folder", ["llava_bench", "llava-bench-in-the-wild"])
def test_three_files_make_a_question(tmp_path: Path, folder: str) -> None:
    write_data({f"{folder}/{name}": list(rows) for name, rows in FILES.items()}, tmp_path)
    (sample,) = TASK.samples(tmp_path)
    assert (sample.question_id, sample.target) == ("3", "GPT-4 says")
    assert sample.facts == {"context": "A cat.\nA dog."}
    assert not sample.prompt.padded
    assert sample.prompt.images[0].path == tmp_path / "llava_bench/images/001.jpg"


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        ("answers_gpt4.jsonl", {"question_id": 4}, "json.*:1: answers_gpt4.jsonl has nothing on"),
        ("context.jsonl", {"image": "2.jpg"}, "jsonl:1: context.jsonl has nothing on question 3"),
        ("questions.jsonl", {"category": "x"}, "questions.jsonl:1: 'category' must be one of"),
        ("context.jsonl", {"caption": None}, "context.jsonl:1: 'caption' must be text"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, file: str, change: dict[str, JSON], complaint: str
) -> None:
    files = {name: list(rows) for name, rows in FILES.items()}
    files[file] = [{**files[file][0], **change}]
    write_data({f"llava_bench/{name}": rows for name, rows in files.items()}, tmp_path)
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(tmp_path))
