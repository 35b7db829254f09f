"""CMMMU: college-level questions in Chinese: choices, true or false, and blanks to fill.

Zhang et al. 2024, arXiv 2401.11944. Data: lmms-lab/CMMMU. Prompts and rules are the authors'; where
their code draws at random, an answer gets what that gives on average.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.candidates import any_matches
from lvlm_eval.answers.chinese import (
    blank_candidates,
    blank_normalised,
    most_frequent_letters,
    true_or_false,
)
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered
from lvlm_eval.families.counting import ACCURACY, Counting, counted
from lvlm_eval.families.hub_split import picture, split_rows
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.schema import Decoding, Part, Prompt, Response, Sample, Score, Task

CHOICE, TRUTH, BLANK = "选择", "判断", "填空"
_ASKS = {
    CHOICE: "请回答以下多项选择题，并选出正确选项。这些题目可能包括单选和多选题型。"
    "如果所提供的信息不足以确定一个明确的答案，那么请根据可用的数据和你的判断来选择最可能正确的选项。",
    TRUTH: "请回答以下判断题，并根据题目描述和所给的信息来判断问题中陈述的对错。"
    "如果信息不完整或不足以作出绝对判断，请运用你的逻辑推理和现有信息来做出最可能的判断。",
    BLANK: "请回答以下填空题，并根据题目的要求和所提供的信息来给出最恰当的答案。"
    "如果信息不足以确切回答，那么请依据现有的数据和你的推理能力来填写最合理的答案。",
}
_PICTURES = range(1, 6)
_PICTURE = re.compile(r'<img="([^"]*)">')


def _table(split: str) -> HubTable:
    columns = ("id", "type", "question", "answer", "category", "subcategory")
    options = tuple(f"option{number}" for number in range(1, 5))
    names = tuple(f"image_{number}_filename" for number in _PICTURES)
    pictures = tuple(f"image_{number}" for number in _PICTURES)
    repositories = ("lmms-lab/CMMMU", "lmms-lab-encoder/CMMMU")
    return HubTable(
        repositories, split, (*columns, *options, *names), pictures, known="as lmms-eval reads it"
    )


def read_samples(split: str, root: Path) -> Iterator[Sample]:
    """The split's questions in order; test's have no answers."""
    return unique(_sample(row, root) for row in split_rows(root, "cmmmu", _table(split)))


def _sample(row: Row, root: Path) -> Sample:
    kind = row.text("type")
    if kind not in _ASKS:
        raise DataError(f"{row.origin}: 'type' must be one of {', '.join(_ASKS)}, got {kind!r}")
    texts = [row.text(f"option{number}") for number in range(1, 5)] if kind == CHOICE else []
    options = lettered(texts)
    lines = "".join(f"({letter}) {option}\n" for letter, option in options.items())
    asked = f"问题：{row.text('question')}\n" + (f"选项：\n{lines}\n" if options else "")
    answer = row.get("answer")
    return Sample(
        question_id=row.identifier("id"),
        prompt=Prompt.user(*_parts(row, f"{_ASKS[kind]}\n\n{asked}正确答案：\n", root)),
        target=None if answer in (None, "", "?") else row.text("answer"),
        facts={"options": options},
        groups={axis: row.text(axis) for axis in ("type", "category", "subcategory")},
        origin=row.origin,
    )


def _parts(row: Row, text: str, root: Path) -> Iterator[Part]:
    """The text with each picture where it is named first; named again it is left out."""
    numbers = {str(row.get(f"image_{n}_filename")): n for n in reversed(_PICTURES)}
    shown: set[int] = set()
    for position, piece in enumerate(_PICTURE.split(text)):
        number = numbers.get(piece) if position % 2 else None
        if position % 2 == 0 and piece:
            yield piece
        elif number is not None and number not in shown:
            shown.add(number)
            name = f"{row.identifier('id')}_{number}"
            yield picture(row, root, "cmmmu", name, f"image_{number}")


def score(sample: Sample, response: Response) -> Score:
    """By the kind of question."""
    kind, target, options = sample.groups["type"], facts.target_text(sample), facts.options(sample)
    if kind == BLANK:
        found = blank_candidates(response.text, target)
        right = any_matches(found, blank_normalised(target, target))
        return Score({"correct": float(right)}, " | ".join(map(str, found)) or None, "blank")
    if kind == CHOICE:
        read = most_frequent_letters(response.text, options)
        average = 1 / len(options) if len(target) == 1 else 0.0  # a draw is one letter
    else:
        read, average = true_or_false(response.text), 1 / 2
    if read is None:
        return Score({"correct": average}, None, "none; a draw's average")
    return Score({"correct": float(read == target)}, read, "letters" if options else "words")


_SOURCES = {
    f"cmmmu_{split}": Source((f"cmmmu/{split}.json", f"cmmmu/{split}.jsonl"), _table(split))
    for split in ("val", "test")
}
_READERS = {name: partial(read_samples, name.removeprefix("cmmmu_")) for name in _SOURCES}

TASK = Task(
    name="cmmmu",
    version=1,
    title="CMMMU (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=first_there("cmmmu", _SOURCES, _READERS),
    primary="authors",
    variants={"authors": counted(score, Counting(("type", "category")))},
    licence="CC BY-SA 4.0",
    shown=tuple(f"type/{kind}" for kind in _ASKS),
    expected=(ACCURACY, *(f"type/{kind}" for kind in _ASKS)),
)
SPLITS: Mapping[str, Task] = {
    name: replace(TASK, name=name, title=f"CMMMU {name.removeprefix('cmmmu_')}", samples=read)
    for name, read in _READERS.items()
}
