"""SEED-Bench: hand-computed figures, the layouts, and broken files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors, write_data
from lvlm_eval.errors import DataError
from lvlm_eval.schema import JSON, Record, Response, Sample
from lvlm_eval.tasks.seed_bench import SPLITS, TASK

Content = Callable[[Sequence[Sample]], list[JSON]]

ROW: dict[str, JSON] = {
    "question_id": "101",
    "question_type_id": 5,
    "data_id": "12_34",
    "data_type": "image",
    "question": "How many?",
    "answer": "C",
    **{f"choice_{letter}": word for letter, word in zip("abcd", "one two six ten".split())},  # noqa: B905, SIM905
}
CLIP: dict[str, JSON] = {**ROW, "question_id": "v1", "data_type": "video", "question_type_id": 10}


def write(root: Path, *rows: Mapping[str, JSON], llava: Sequence[JSON] = ()) -> list[Sample]:
    files: dict[str, JSON] = {"seed_bench/SEED-Bench.json": {"questions": list(rows)}}
    if llava:
        files["seed_bench/llava-seed-bench.jsonl"] = llava
    write_data(files, root)
    return list(TASK.samples(root))


def marked(samples: Sequence[Sample], *texts: str, variant: str = "moe_llava") -> list[Record]:
    score = TASK.variants[variant].score
    pairs = [(s, Response(s.question_id, t, "stop")) for s, t in zip(samples, texts, strict=True)]
    return [Record(s, r, score(s, r)) for s, r in pairs]


def numbered(row: Mapping[str, JSON], *ids: JSON) -> list[dict[str, JSON]]:
    return [{**row, "question_id": name} for name in ids]


def test_the_prompt_is_llavas_and_a_video_is_its_middle_frame(tmp_path: Path) -> None:
    image, video = write(tmp_path, ROW, CLIP)
    assert image.prompt.text == (
        "How many?\nA. one\nB. two\nC. six\nD. ten\n"
        "Answer with the option's letter from the given choices directly."
    )
    folder = tmp_path / "seed_bench"
    assert image.prompt.images[0].path == folder / "SEED-Bench-image/12_34"
    assert video.prompt.images[0].path == folder / "SEED-Bench-video-image/v1.png"
    assert image.cluster == "12_34"


def test_figures_of_a_lopsided_set(tmp_path: Path) -> None:
    samples = write(tmp_path, *numbered(ROW, 1, 2, "3"), *numbered(CLIP, "v1", "v2"))
    records = marked(samples, "C", "c", "A", "C.", "**C**")
    assert TASK.scorer.finish(TASK.scorer.tally(records)) == pytest.approx(
        {
            "accuracy": 1 / 5,
            "lenient/accuracy": 4 / 5,
            "data_type/image": 1 / 3,
            "data_type/video": 0,
            "dimension/Instance Counting": 1 / 3,
            "dimension/Action Recognition": 0,
            "mean of data_type": 1 / 6,
            "mean of dimension": 1 / 6,
        }
    )
    printed = TASK.scorer.official(records)
    assert printed["metrics"] == {
        "Instance Counting": 33.33,
        "Action Recognition": 0,
        "Total accuracy": 20.0,
        "image accuracy": 33.33,
        "video accuracy": 0,
        "total_correct": 1,
        "total": 5,
    }
    uploaded = printed["upload"]
    assert isinstance(uploaded, Sequence)
    assert uploaded[1:3] == [
        {"question_id": 2, "prediction": "c"},
        {"question_id": "3", "prediction": "A"},
    ]


def test_lmms_eval_reads_the_first_character(tmp_path: Path) -> None:
    samples = write(tmp_path, *numbered(ROW, 1, 2, 3), *numbered(CLIP, "v1"))
    records = marked(samples, " c.", "cow", "The C", "C", variant="lmms_eval")
    assert TASK.variants["lmms_eval"].official(records)["metrics"] == pytest.approx(
        {"seed_image": 2 / 3, "seed_video": 1, "seed_all": 3 / 4}
    )


def test_every_layout_gives_the_same_samples(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    hub: Callable[..., Path],
    content: Content,
    tmp_path: Path,
) -> None:
    files = vectors("seed_bench").annotations
    both = list(TASK.samples(official("seed_bench")))
    write_data({"seed_bench/SEED-Bench.json": files["SEED-Bench.json"]}, tmp_path / "authors")
    assert content(list(TASK.samples(tmp_path / "authors"))) == content(both)
    table = files["SEED-Bench.json"]
    assert isinstance(table, Mapping)
    questions = table["questions"]
    assert isinstance(questions, Sequence)
    rows = [
        {**q, "question_id": str(q["question_id"])} for q in questions if isinstance(q, Mapping)
    ]
    hub(tmp_path / "hub/seed_bench/data/test-00000-of-00001.parquet", rows, {"image": 3})
    samples = list(TASK.samples(tmp_path / "hub"))
    shown = [image.cell for image in samples[9].prompt.images]
    assert [str(cell) for cell in shown] == ["row 10, column image[1]"]  # the middle frame
    assert content(samples) == content(both)
    frames = list(SPLITS["seed_bench_video_frames"].samples(tmp_path / "hub"))
    assert [len(s.prompt.images) for s in frames] == [3] * 24


def test_with_llavas_file_alone_all_are_asked_and_none_is_marked(
    vectors: Callable[[str], Vectors], official: Callable[[str], Path], tmp_path: Path
) -> None:
    name = "llava-seed-bench.jsonl"
    write_data({f"seed_bench/{name}": vectors("seed_bench").annotations[name]}, tmp_path)
    samples = list(TASK.samples(tmp_path))
    both = list(TASK.samples(official("seed_bench")))
    assert all(sample.target is None for sample in samples)
    assert [(s.question_id, s.prompt.text) for s in samples] == [
        (s.question_id, s.prompt.text) for s in both
    ]


def test_llavas_file_says_which_picture_is_shown(tmp_path: Path) -> None:
    twin: JSON = {"question_id": "v1", "image": "frames/a.png", "text": "x", "category": "video"}
    (sample,) = write(tmp_path, CLIP, llava=[twin])
    assert sample.prompt.images[0].path == tmp_path / "seed_bench/frames/a.png"


def test_the_splits_are_by_kind(tmp_path: Path) -> None:
    write(tmp_path, ROW, CLIP)
    kinds = {
        name: [s.question_id for s in SPLITS[name].samples(tmp_path)]
        for name in ("seed_bench_image", "seed_bench_video")
    }
    assert kinds == {"seed_bench_image": ["101"], "seed_bench_video": ["v1"]}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answer": "E"}, "SEED-Bench.json:1: the answer 'E' is not among the options A, B, C, D"),
        ({"question_type_id": 13}, "'question_type_id' must be 1 to 12, got 13"),
        ({"question_id": "101"}, "id '101' occurs twice, first at .*SEED-Bench.json:1"),
        ({"choice_b": None}, "'choice_b' must be text, got null"),
        ({"data_id": "../../x"}, "path .*leaves the data root"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, JSON], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        write(tmp_path, ROW, {**ROW, "question_id": 102, **change})
