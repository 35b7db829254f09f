"""How long `lvlm-eval score` takes for VQAv2 val, beside the official evaluator's algorithm.

    .venv/bin/python bench/score.py [--questions 214354]

Makes files of that size with made-up questions and answers, scores them once in each way, each in
a process of its own, and prints CPU seconds, peak memory and the two accuracies of the raw
text, which must agree. The other side is a plain statement of the algorithm: nothing is
remembered, every answer of every annotator is processed where it is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from lvlm_eval.answers.phrases import CONTRACTIONS

ALL, IMAGES = 214_354, 40_504
MARKS = ';/[]"{}()=+\\_-><@`,?!'
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(WORDS)}


def make_files(root: Path, count: int) -> None:
    """Questions, annotations and answers: a third yes/no, an eighth numbers, the rest words."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abdeilmnorst", k=draw.randint(2, 8))) for _ in range(9000)]
    weights = [1 / (place + 3) for place in range(len(words))]
    pools = {
        "yes/no": lambda: ["yes", "no"],
        "number": lambda: [str(draw.randint(0, 12)) for _ in range(3)] + ["two"],
        "other": lambda: draw.choices(words, weights, k=4),
    }
    questions, annotations, lines = [], [], []
    for n in range(count):
        image = n % IMAGES + 1
        ids = {"question_id": 1000 * image + n // IMAGES, "image_id": image}
        (kind,) = draw.choices(list(pools), [0.376, 0.13, 0.494])
        pool = pools[kind]()
        given = draw.choices(pool, draw.choice([[1, 0, 0, 0], [6, 2, 1, 1]])[: len(pool)], k=10)
        people = [
            {"answer": text, "answer_confidence": "yes", "answer_id": i}
            for i, text in enumerate(given)
        ]
        asked = f"What is the {words[n % 4000]} near the {words[n % 3989]}?"
        questions.append({**ids, "question": asked})
        named = {"question_type": f"what {n % 65}", "answer_type": kind, "answers": people}
        most = Counter(given).most_common(1)[0][0]
        annotations.append({**ids, **named, "multiple_choice_answer": most})
        said = draw.choice(given) if draw.random() < 0.8 else draw.choice(words)
        text = said.capitalize() + "." * (draw.random() < 0.3)
        prompt = asked + "\nAnswer the question using a single word or phrase."
        lines.append(json.dumps({**ids, "prompt": prompt, "text": text, "model_id": "made up"}))
    folder = root / "vqav2"
    folder.mkdir()
    for name, key, content in (
        ("v2_OpenEnded_mscoco_val2014_questions.json", "questions", questions),
        ("v2_mscoco_val2014_annotations.json", "annotations", annotations),
    ):
        (folder / name).write_text(json.dumps({"info": {}, key: content}))
    (root / "answers.jsonl").write_text("\n".join(lines) + "\n")


def official(root: Path) -> float:
    """The official accuracy in percent, stated plainly; also by type, as the evaluator does."""
    folder = root / "vqav2"
    annotations = json.loads((folder / "v2_mscoco_val2014_annotations.json").read_text())
    json.loads((folder / "v2_OpenEnded_mscoco_val2014_questions.json").read_text())
    with (root / "answers.jsonl").open() as file:
        answers = {row["question_id"]: row["text"] for row in map(json.loads, file)}
    worth: list[float] = []
    by_type: dict[str, list[float]] = {}
    for entry in annotations["annotations"]:
        answer = one_line(answers[entry["question_id"]])
        people = [{**person, "answer": one_line(person["answer"])} for person in entry["answers"]]
        if len({person["answer"] for person in people}) > 1:
            answer = processed(answer)
            people = [{**person, "answer": processed(person["answer"])} for person in people]
        marks = []
        for left_out in people:
            others = [person for person in people if person != left_out]
            agreeing = [person for person in others if person["answer"] == answer]
            marks.append(min(1.0, len(agreeing) / 3))
        worth.append(sum(marks) / len(marks))
        for kind in (entry["answer_type"], entry["question_type"]):
            by_type.setdefault(kind, []).append(worth[-1])
    for values in by_type.values():
        sum(values) / len(values)
    return 100 * sum(worth) / len(worth)


def one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def processed(text: str) -> str:
    """The evaluator's two steps: punctuation, then numbers, articles and contractions."""
    plain = text
    for mark in MARKS:
        beside_space = f"{mark} " in text or f" {mark}" in text
        gone = beside_space or re.search(r"[0-9],[0-9]", text) is not None
        plain = plain.replace(mark, "" if gone else " ")
    plain = re.sub(r"\.(?![0-9])", "", plain, count=32)
    words = [NUMBERS.get(word, word) for word in plain.lower().split()]
    kept = [word for word in words if word not in ("a", "an", "the")]
    return " ".join(CONTRACTIONS.get(word, word) for word in kept)


def measured(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory in GB of a process."""
    child = os.spawnv(os.P_NOWAIT, command[0], command)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2


def compare(root: Path) -> None:
    results = root / "results"
    ours = [sys.executable, "-m", "lvlm_eval", "score", "--task", "vqav2_val", "--data", str(root)]
    ours += ["--predictions", str(root / "answers.jsonl"), "--results", str(results)]
    plain = [sys.executable, str(Path(__file__)), "--official", str(root)]
    seconds, memory = measured(ours)
    other_seconds, other_memory = measured(plain)
    (summary,) = results.glob("*/*/vqav2_val/summary.json")
    raw = json.loads(summary.read_text())["variants"]["official_raw"]["value"]
    print(f"lvlm-eval, four scorers with intervals: {seconds:.1f} CPU s, {memory:.2f} GB")
    print(
        f"the official algorithm, one scorer:     {other_seconds:.1f} CPU s, {other_memory:.2f} GB"
    )
    print(f"ratio {other_seconds / seconds:.1f}; accuracy of the raw text here {raw:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=ALL)
    parser.add_argument("--official", type=Path, help="score the files in this folder plainly")
    arguments = parser.parse_args()
    if arguments.official:
        print(f"the official algorithm's accuracy: {official(arguments.official):.4f}")
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), arguments.questions)
        compare(Path(folder))


if __name__ == "__main__":
    main()
