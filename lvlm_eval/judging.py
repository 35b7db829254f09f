"""Judges: who says of an answer how good it is, and what was said.

A task with a `judge` is marked from a judge's replies. What is here now replays recorded ones; the
prompts that a live judge would get are the task's (`Task.judge`), and a model can give the replies
by its `generate`. Replies are kept as they came: reading a score out of them is the scorer's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lvlm_eval.answers.traces import without_trace
from lvlm_eval.data import Row, read_jsonl
from lvlm_eval.errors import DataError, MissingData, UsageError
from lvlm_eval.predictions import names_of
from lvlm_eval.schema import JSON, Answered, Sample, Task, Verdict

REPLIES = "replies"  # the fact under which a scorer finds them
REPLAY = "replay:"

# Where a line has its reply: ours, LLaVA's review files, and the recorded vectors' names.
_ONE_REPLY = ("reply", "content", "judge_output", "judge_correctness")
_ALL_REPLIES = "judge_outputs"


class Judge(Protocol):
    """Whoever judges answers: under a name, which is part of what identifies a run."""

    @property
    def name(self) -> str: ...

    def verdicts(self, task: Task, pairs: Sequence[Answered]) -> Iterator[Verdict]:
        """A verdict on each answer that can be judged; the others are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Replay:
    """A judge's recorded replies, from a file of JSON lines.

    A line has `question_id` (or `id`) and `reply`; `repeat` numbers runs from 0 on, and a further
    line of the same run is the next attempt at it. `task` keeps lines of other tasks apart,
    `judge` names who replied, `text`, where given, is the answer that was judged.
    """

    file: Path
    name: str

    def verdicts(self, task: Task, pairs: Sequence[Answered]) -> Iterator[Verdict]:
        """Lines on other questions are passed over; what has none stays unjudged, and is counted.

        Raises DataError, with file and line, where a line judges another answer.
        """
        names = names_of(sample for sample, _ in pairs)
        answers = {sample.question_id: response.text for sample, response in pairs}
        replies: dict[str, dict[int, list[str]]] = {}
        for row in read_jsonl(self.file):
            if row.get("task") not in (None, task.name):
                continue
            for question_id in names.get(_written(row), ()):
                _check_answer(row, answers[question_id])
                for run, said in _replies(row):
                    replies.setdefault(question_id, {}).setdefault(run, []).extend(said)
        for question_id, runs in replies.items():
            in_order = tuple(tuple(runs[run]) for run in sorted(runs))
            yield Verdict(question_id, digest_of(answers[question_id]), in_order)


def open_judge(text: str) -> Judge:
    """The judge meant by `--judge`: `replay:FILE` or `replay:FILE,name=NAME`."""
    head, *options = text.split(",")
    given = dict(option.partition("=")[::2] for option in options)
    if not head.startswith(REPLAY) or set(given) - {"name"}:
        raise UsageError(
            f"--judge {text!r}: only recorded replies can judge as yet: replay:FILE or "
            "replay:FILE,name=NAME, where NAME says who replied"
        )
    file = Path(head.removeprefix(REPLAY))
    if not file.is_file():
        raise MissingData(f"--judge {text!r}: no such file")
    for row in read_jsonl(file):
        list(_replies(row))  # what is wrong with the file is found before anything is asked
    return Replay(file, given.get("name") or _named(file) or f"{REPLAY}{file.stem}")


def demand_judge(tasks: Iterable[Task], judge: Judge | None) -> None:
    """UsageError if a task needs a judge and there is none: before anything is asked."""
    judged = [task.name for task in tasks if task.judge is not None]
    if judged and judge is None:
        raise UsageError(f"{', '.join(judged)}: marked by a judge; give --judge replay:FILE")


def judged(pairs: Iterable[Answered], verdicts: Mapping[str, Verdict]) -> list[Answered]:
    """The pairs with a verdict on this very answer, the judge's replies among the facts."""
    return [
        (with_replies(sample, verdict), response)
        for sample, response in pairs
        if (verdict := verdicts.get(sample.question_id)) is not None
        and verdict.answer == digest_of(response.text)
    ]


def with_replies(sample: Sample, verdict: Verdict) -> Sample:
    said: JSON = [list(run) for run in verdict.replies]
    return replace(sample, facts={**sample.facts, REPLIES: said})


def replies_to(sample: Sample) -> list[list[str]]:
    """What the judge said: a list a run, of successive attempts."""
    runs = sample.facts[REPLIES]
    assert isinstance(runs, Sequence) and not isinstance(runs, str)
    return [[str(reply) for reply in run] for run in runs if isinstance(run, Sequence)]


def digest_of(answer: str) -> str:
    """What ties a verdict to the answer that it is about."""
    return hashlib.sha256(answer.encode("utf-8", "surrogatepass")).hexdigest()


def _named(file: Path) -> str:
    """Who replied, by the file itself; "" where it does not say."""
    names = {str(row.values["judge"]) for row in read_jsonl(file) if "judge" in row.values}
    if len(names) > 1:
        raise DataError(
            f"{file}: replies of {len(names)} judges, {', '.join(sorted(names))}; figures of "
            "different judges are not comparable: give a file of one"
        )
    return next(iter(names), "")


def _written(row: Row) -> str:
    return row.identifier("question_id" if "question_id" in row.values else "id")


def _check_answer(row: Row, answer: str) -> None:
    said = row.text("text") if "text" in row.values else answer
    if answer not in (said, without_trace(said)[0]):
        raise DataError(
            f"{row.origin}: this reply judges another answer than the one there is now; judge "
            "the answers anew"
        )


def _replies(row: Row) -> Iterator[tuple[int, list[str]]]:
    """The line's replies by run."""
    if _ALL_REPLIES in row.values:
        for run, said in enumerate(row.items(_ALL_REPLIES)):
            yield run, Row({_ALL_REPLIES: said}, row.origin).texts(_ALL_REPLIES)
        return
    key = next((key for key in _ONE_REPLY if key in row.values), None)
    if key is None:
        raise DataError(f"{row.origin}: no reply of a judge; it stands under 'reply'")
    run = row.integer("repeat") if "repeat" in row.values else 0
    yield run, [row.text(key)]
