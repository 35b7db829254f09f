"""`lvlm-eval submit`: VQAv2's file from answers made elsewhere, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
