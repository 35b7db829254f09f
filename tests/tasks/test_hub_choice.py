"""AI2D, MMStar and RealWorldQA: hand-computed figures, layouts, and broken rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import JSON, Record, Response, Sample

AI2D: dict[str, JSON] = {"question": "What is B?", "options": ["cat", "dog"], "answer": "1"}
STAR: dict[str, JSON] = {
    "index": 3,
    "question": "Which?\nOptions: A: a cat, B: a dog, or two, C: x: y, D: none",
    "answer": "B",
    "category": "math",
    "l2_category": "geometry",
}
REAL: dict[str, JSON] = {"question": "Which?\nA. left\nB. right\nLetter only. ", "answer": "B"}
FILES = {"ai2d": "ai2d/test", "mmstar": "mmstar/MMStar.tsv", "realworldqa": "realworldqa/test"}


def write(root: Path, name: str, *rows: Mapping[str, JSON]) -> list[Sample]:
    write_data({FILES[name]: list(rows)}, root)
    return list(load_task(name).samples(root))


def marked(name: str, variant: str, samples: Sequence[Sample], *texts: str) -> list[Record]:
    score = load_task(name).variants[variant].score
    pairs = [(s, Response(s.question_id, t, "stop")) for s, t in zip(samples, texts, strict=True)]
    return [Record(s, r, score(s, r)) for s, r in pairs]


def figures(name: str, variant: str, records: Sequence[Record]) -> dict[str, float]:
    scorer = load_task(name).variants[variant]
    return scorer.finish(scorer.tally(records))


def printed(name: str, variant: str, records: Sequence[Record]) -> JSON:
    return load_task(name).variants[variant].official(records)["metrics"]


def test_ai2d_asks_like_llava_and_keeps_the_filters_text(tmp_path: Path) -> None:
    samples = write(tmp_path, "ai2d", AI2D, AI2D, AI2D, {**AI2D, "answer": "0"})
    assert samples[0].prompt.text == (
        "What is B?\nA. cat\nB. dog\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert (samples[1].question_id, samples[1].target) == ("1", "B")
    records = marked("ai2d", "lmms_eval", samples, "B. dog", " B", "(b)", "B")
    assert figures("ai2d", "lmms_eval", records) == pytest.approx(
        {"accuracy": 2 / 4, "lenient/accuracy": 3 / 4}
    )
    official = load_task("ai2d").scorer.official(records)
    assert official["metrics"] == {"exact_match": 0.5}
    assert official["filtered"] == {"0": "B", "1": " B", "2": "(b)", "3": "B"}


def test_mmstar_reads_options_out_of_the_question(tmp_path: Path) -> None:
    (sample,) = write(tmp_path, "mmstar", STAR)
    assert sample.facts["options"] == {"A": "a cat", "B": "a dog, or two", "C": "x: y", "D": "none"}
    assert sample.prompt.text.endswith("D: none\nAnswer with the option's letter from the given "
                                       "choices directly")  # fmt: skip
    (bare,) = write(tmp_path / "x", "mmstar", {**STAR, "question": "Which?"})
    assert bare.facts["options"] == dict.fromkeys("ABCD", "")


def test_mmstars_figures_of_a_lopsided_set(tmp_path: Path) -> None:
    other: dict[str, JSON] = {**STAR, "category": "x", "l2_category": "y"}
    rows = [{**(STAR if i < 3 else other), "index": i} for i in range(5)]
    samples = write(tmp_path, "mmstar", *rows)
    name = "official_correct_counts"
    records = marked("mmstar", name, samples, "Both", "(b)", "A", "b", "The dog: B")
    assert figures("mmstar", name, records) == pytest.approx(
        {
            "accuracy": 3 / 5,
            "category/math": 2 / 3,
            "category/x": 1 / 2,
            "l2_category/geometry": 2 / 3,
            "l2_category/y": 1 / 2,
            "mean of category": 7 / 12,
            "mean of l2_category": 7 / 12,
        }
    )
    assert printed("mmstar", name, records) == {"correct": 3, "total": 5, "accuracy": 3 / 5}
    assert printed("mmstar", "official_raw_output", records) == pytest.approx(
        {
            "final score": 3 / 1500,
            "math": 2 / 250,
            "math(geometry)": 2 / 3,
            "x": 1 / 250,
            "x(y)": 1 / 2,
        }
    )
    ranked = marked("mmstar", "lmms_eval", samples, "Both", "(b)", "A", "b", "The dog: B")
    assert printed("mmstar", "lmms_eval", ranked) == pytest.approx({"average_of_l2": 5 / 12})


def test_realworldqa_wants_a_letter_or_a_word(tmp_path: Path) -> None:
    word: dict[str, JSON] = {"question": "How many?", "answer": "Two "}
    samples = write(tmp_path, "realworldqa", REAL, REAL, REAL, word, word)
    assert samples[0].prompt.text == "Which?\nA. left\nB. right\nLetter only."
    records = marked("realworldqa", "lmms_eval", samples, "It is B", "D or B", "b", "two..", "2")
    assert figures("realworldqa", "lmms_eval", records) == pytest.approx(
        {"accuracy": 2 / 5, "kind/choice": 1 / 3, "kind/open": 1 / 2, "mean of kind": 5 / 12}
    )
    name = "vlmevalkit_exact_matching_mcq_items_only"
    records = marked("realworldqa", name, samples, "right", "B or D", "A", "two", "2")
    assert printed("realworldqa", name, records) == pytest.approx({"Overall": 2 / 3, "n": 3})
    assert figures("realworldqa", name, records) == {"accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("name", "split", "changed"),
    [
        ("ai2d", "test", {}),
        ("mmstar", "val", {"meta_info": {"source": "x"}}),
        ("realworldqa", "test", {}),
    ],
)
def test_the_hubs_rows_give_the_same_samples(
    name: str,
    split: str,
    changed: dict[str, JSON],
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    hub: Callable[..., Path],
    content: Callable[[Sequence[Sample]], list[JSON]],
    tmp_path: Path,
) -> None:
    ((_, table),) = vectors(name).annotations.items()
    assert isinstance(table, Sequence)
    rows = [{**row, **changed} for row in table if isinstance(row, Mapping)]
    hub(tmp_path / f"{name}/data/{split}-00000-of-00001.parquet", rows, {"image": 0})
    ours = list(load_task(name).samples(official(name)))
    assert content(list(load_task(name).samples(tmp_path))) == content(ours)


@pytest.mark.parametrize(
    ("name", "row", "complaint"),
    [
        ("ai2d", {**AI2D, "answer": "2"}, "test:1: the answer '2' is not among the options A, B"),
        ("ai2d", {**AI2D, "options": "cat"}, "test:1: 'options' must be a list"),
        ("mmstar", {**STAR, "answer": "E"}, r"tsv:4: the answer 'E' is not among the options"),
        ("mmstar", {**STAR, "category": ""}, r"tsv:4: 'category' must be text, got null"),
        ("realworldqa", {"question": "?"}, "test:1: 'answer' is missing"),
        ("realworldqa", {**REAL, "image": "/x.png"}, "test:1: path '/x.png' leaves the data root"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, name: str, row: Mapping[str, JSON], complaint: str
) -> None:
    good = {"ai2d": AI2D, "mmstar": {**STAR, "index": 9}, "realworldqa": REAL}[name]
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, name, good, row)
