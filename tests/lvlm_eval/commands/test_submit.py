"""`lvlm-eval submit`: each server's file from answers made elsewhere, and what is refused."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.schema import JSON
from lvlm_eval.sheet import read_sheet

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_folder(call: Call) -> Path:
    """Answers to two questions of test-dev, of five ids that the server wants."""
    folder = Path("data/vqav2")
    folder.mkdir(parents=True)

    def write(split: str, *numbers: int) -> None:
        rows = [{"question_id": n, "image_id": 9, "question": f"{n}?"} for n in numbers]
        file = folder / f"v2_OpenEnded_mscoco_{split}_questions.json"
        file.write_text(json.dumps({"questions": rows}))

    write("test-dev2015", 12, 10)
    write("test2015", 10, 11, 12, 13)
    lines = [{"question_id": n, "text": f"The {n}, yes."} for n in (10, 12)]
    Path("answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ("--data", "data", "--predictions", "answers.jsonl")
    assert call("score", "--task", "vqav2_testdev", *arguments)[0] == 0
    (found,) = Path("results").glob("answers/*")
    return found


def test_vqav2s_file_has_every_id_of_test2015_and_processed_answers(
    call: Call, run_folder: Path
) -> None:
    code, out, err = call(
        "submit", str(run_folder), "vqav2_testdev", "-o", "up.json", "--data", "data"
    )
    assert code == 0, err
    assert "up.json: 2 answers" in out
    assert json.loads(Path("up.json").read_text()) == [
        {"question_id": 10, "answer": "10 yes"},
        {"question_id": 11, "answer": ""},
        {"question_id": 12, "answer": "12 yes"},
        {"question_id": 13, "answer": ""},
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gqa", "-o", "up.json", "--data", "data"), "no answers to 'gqa'"),
        (("vqav2_testdev", "-o", "up.txt", "--data", "data"), "takes a .json file"),
        (("vqav2_testdev", "-o", "up.json"), "submit needs --data DIR"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    call: Call, run_folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = call("submit", str(run_folder), *arguments)
    assert code == 2
    assert words in err
    assert len(err.splitlines()) == 1
    assert not Path("up.json").exists()


DOCUMENT: Mapping[str, JSON] = {"questionId": 7, "question": "Who?", "image": "documents/a_1.png"}
ART: Mapping[str, JSON] = {"question": "Which?", "options": "['a cat', 'a dog']", "answer": "?"}
CAT: Mapping[str, JSON] = {"question": "Which?", "hint": None, "A": "a cat", "B": "a dog"}
VET = {
    "v1_0": {"imagename": "a.jpg", "question": "Why?", "answer": "so", "capability": ["rec"]},
    "v1_1": {"imagename": "b.jpg", "question": "How?", "answer": "so", "capability": ["ocr"]},
}
# By task: its files, the answers, and the rows of the server's file.
WANTED: Mapping[str, tuple[Mapping[str, JSON], Mapping[str | int, str], JSON]] = {
    "vizwiz_test": (
        {"vizwiz/test.json": [{"image": "b.jpg", "question": "What?"}]},
        {"b.jpg": "The 2 cats."},
        [{"image": "b.jpg", "answer": "2 cats"}],
    ),
    "docvqa_test": (
        {"docvqa/test_v1.0.json": {"data": [DOCUMENT]}},
        {7: "Ann, of course"},
        [{"questionId": 7, "answer": "Ann, of course"}],
    ),
    "infovqa_test": (
        {
            "infovqa/infographicsVQA_test_v1.0.json": {
                "data": [{**DOCUMENT, "image_local_name": "7.jpeg"}]
            }
        },
        {7: "<think>12 or 13?</think>\n12%"},
        [{"questionId": 7, "answer": "12%"}],
    ),
    "mmmu_test": (
        {
            "mmmu/test.json": [
                {**ART, "id": "test_Art_1", "question_type": "multiple-choice"},
                {**ART, "id": "test_Art_2", "question_type": "multiple-choice"},
                {**ART, "id": "test_Math_3", "question_type": "open", "options": "[]"},
            ]
        },
        {"test_Art_1": "It is (B).", "test_Art_2": "neither", "test_Math_3": "It is 5."},
        {"test_Art_1": "B", "test_Art_2": "neither", "test_Math_3": "It is 5."},
    ),
    "mmbench_en_test_20231003": (
        {
            "mmbench_en/mmbench_test_en_20231003.tsv": [
                {
                    **CAT, "index": 1000007, "C": None, "D": None, "category": "x", "split": "test",
                    "l2-category": "y", "image": base64.b64encode(b"picture " * 12).decode(),
                }
            ]
        },
        {1000007: "B."},
        [
            {
                "index": 1000007, "question": "Which?", "A": "a cat", "B": "a dog", "C": "",
                "D": "", "prediction": "B.",
            }
        ],
    ),
    "mm_vet": (
        {"mm_vet/mm-vet.json": VET},
        {"v1_0": "Because.", "v1_1": "Thus: \N{SNOWMAN}"},
        {"v1_0": "Because.", "v1_1": "Thus: \N{SNOWMAN}"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("task", WANTED)
def test_each_servers_file_is_in_its_own_form(call: Call, task: str) -> None:
    files, answers, wanted = WANTED[task]
    write_data(files, Path("data"))
    rows = [{"question_id": name, "text": text} for name, text in answers.items()]
    replies = [{**row, "reply": "0.5"} for row in rows]
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in replies))
    given = ("--data", "data", "--predictions", "answers.jsonl")
    judge = ("--judge", "replay:replies.jsonl,name=a judge") if task == "mm_vet" else ()
    code, _, err = call("score", "--task", task, *given, *judge)
    assert code == 0, err
    (run,) = Path("results").glob("answers/*")
    output = Path("up.xlsx" if task.startswith("mmbench") else "up.json")
    code, _, err = call("submit", str(run), task, "-o", str(output), "--data", "data")
    assert code == 0, err
    content = output.read_bytes()
    assert (read_sheet(content) if output.suffix == ".xlsx" else json.loads(content)) == wanted
