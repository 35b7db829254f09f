"""The answers of all runs to a task, side by side, for the sample browser.

What filters need of every question is one small index; texts lie in chunks, unpacked as they
come into sight.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lvlm_eval.errors import StoreError
from lvlm_eval.reporting.columns import in_order
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.reporting.html.packing import Block, block, blocks
from lvlm_eval.reporting.results import Result
from lvlm_eval.schema import JSON, Response
from lvlm_eval.task_store import ScoreLine

CHUNK = 250  # questions whose texts are unpacked together
State = Literal["right", "wrong", "partly", "marked", "failed", "unjudged", "absent"]


@dataclass(frozen=True, slots=True)
class Browsed:
    """A task in the browser: its name, its blocks, how many of its questions are there, and the
    runs whose answers are not (bundles without text)."""

    label: str
    blocks: tuple[Block, ...]
    shown: int
    total: int
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's answers to the task."""

    row: str
    lines: Mapping[str, ScoreLine]
    responses: Mapping[str, Response]

    @classmethod
    def of(cls, result: Result) -> _Side:
        try:
            lines = {line.question_id: line for line in result.store.scores()}
        except StoreError:
            lines = {}
        return cls(result.row, lines, result.store.responses())

    @property
    def has_texts(self) -> bool:
        """Whether the answers are there; a bundle made without text has marks alone."""
        return bool(self.responses)

    def mark(self, question: str) -> dict[str, JSON]:
        """How the answer was marked: its state, item scores, whether it could be read."""
        line, response = self.lines.get(question), self.responses.get(question)
        if line is not None:
            values: dict[str, JSON] = dict(line.values)
            unread = line.answer is None and self.has_texts
            return {"state": _state(line.values), "values": values, "unparsed": unread}
        state: State = "absent"
        if response is not None:
            state = "failed" if response.finish == "error" else "unjudged"
        return {"state": state, "values": {}, "unparsed": False}

    def words(self, question: str) -> list[JSON]:
        """Text, what was read of it, how, how it ended or why it failed."""
        line, response = self.lines.get(question), self.responses.get(question)
        text = response.text if response else None
        end = "" if response is None else response.error or response.finish
        return [text, line.answer if line else None, line.read if line else "", end]


def browse(results: Sequence[Result], browsing: Browsing) -> Iterator[Browsed]:
    """Each task of the results, in the papers' order."""
    for number, label in enumerate(in_order(r.label for r in results)):
        own = [r for r in results if r.label == label]
        yield _task(f"t{number}", label, [_Side.of(r) for r in own], browsing)


def _task(name: str, label: str, sides: Sequence[_Side], browsing: Browsing) -> Browsed:
    every = list(dict.fromkeys(q for side in sides for q in (*side.lines, *side.responses)))
    kept = _evenly(every, browsing.samples)
    index = _index(label, kept, sides, browsing)
    texts = [_texts(question, sides, browsing.questions.get(label, {})) for question in kept]
    silent = tuple(side.row for side in sides if not side.has_texts)
    packed = (block(name, index), *blocks(name, texts, CHUNK))
    return Browsed(label, packed, len(kept), len(every), silent)


def _index(
    label: str, questions: Sequence[str], sides: Sequence[_Side], browsing: Browsing
) -> dict[str, JSON]:
    """What filters and order need. Marks and groups are numbers into lists of distinct ones."""
    marks = _Numbered()
    codes: list[JSON] = [[marks.of(side.mark(q)) for q in questions] for side in sides]
    groups = _Numbered()
    of_group: list[JSON] = [groups.of(_groups(q, sides)) for q in questions]
    places = browsing.places.get(label, {})
    return {
        "label": label,
        "runs": [side.row for side in sides],
        "chunk": CHUNK,
        "ids": list(questions),
        "marks": marks.distinct,
        "codes": codes,
        "groups": groups.distinct,
        "group": of_group,
        "pictures": [list(places.get(q, ())) for q in questions] if places else None,
    }


class _Numbered:
    """Distinct JSON values, each with its number in the order of their first coming."""

    def __init__(self) -> None:
        self.distinct: list[JSON] = []
        self._numbers: dict[str, int] = {}

    def of(self, value: JSON) -> int:
        key = json.dumps(value, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(self.distinct)
            self.distinct.append(value)
        return self._numbers[key]


def _texts(question: str, sides: Sequence[_Side], asked: Mapping[str, str]) -> list[JSON]:
    line = _line(question, sides)
    answers: list[JSON] = [side.words(question) for side in sides]
    target = _words(line.target) if line else None
    return [asked.get(question), target, line.cluster if line else "", answers]


def _groups(question: str, sides: Sequence[_Side]) -> dict[str, JSON]:
    line = _line(question, sides)
    return dict(line.groups) if line else {}


def _line(question: str, sides: Sequence[_Side]) -> ScoreLine | None:
    return next((side.lines[question] for side in sides if question in side.lines), None)


def _state(values: Mapping[str, float]) -> State:
    if "correct" not in values:
        return "marked"
    correct = values["correct"]
    if correct >= 1:
        return "right"
    return "wrong" if correct <= 0 else "partly"


def _words(target: JSON) -> str:
    """A target as text; people's answers with how many gave each."""
    if isinstance(target, str):
        return target
    if isinstance(target, Sequence) and target and all(isinstance(t, str) for t in target):
        counted = Counter(map(str, target)).most_common()
        return ", ".join(text if n == 1 else f"{text} ×{n}" for text, n in counted)
    return json.dumps(target, ensure_ascii=False)


def _evenly(questions: Sequence[str], limit: int) -> Sequence[str]:
    if len(questions) <= limit:
        return questions
    return [questions[place * len(questions) // limit] for place in range(limit)]
