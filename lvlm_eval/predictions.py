"""Answers made elsewhere: JSON lines with an id and a text, joined to a task's questions.

Reads what LLaVA's and MoE-LLaVA's scripts write (`question_id`, `text`) and the recorded
vectors (`id`, `text`). Questions without an answer are left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.data import Row, read_jsonl
from lvlm_eval.errors import DataError, PredictionError
from lvlm_eval.schema import Response, Sample

_JUDGE = "judge"  # fields so called hold what a judge replied on the answer


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of an answers file: the id as written, and the answer under our own id."""

    written_id: str
    response: Response


def read_predictions(path: Path, samples: Sequence[Sample]) -> list[Response]:
    """The file's answers, in its order, under the samples' own question ids.

    Raises PredictionError, with file and line, for an unknown or repeated id and for a line
    that is no object with id and text.
    """
    return [prediction.response for prediction in join_predictions(path, samples)]


def join_predictions(path: Path, samples: Sequence[Sample]) -> Iterator[Prediction]:
    """As `read_predictions`, with each line's own id kept beside the answer.

    A line's field after which another question, `<id>/<field>`, is named answers that one:
    A-OKVQA's files have a direct answer and a choice on a line.
    """
    names = names_of(samples)
    known = {sample.question_id: sample for sample in samples}
    parts = {name.rpartition("/")[2] for name in known if "/" in name}
    answered: dict[str, str] = {}
    try:
        for row in read_jsonl(path):
            written = row.identifier("question_id" if "question_id" in row.values else "id")
            question_id = _match(row, written, names, known, answered)
            answered[question_id] = row.origin
            replies = {k: v for k, v in row.values.items() if k.startswith(_JUDGE)}
            response = Response(question_id, row.text("text"), "stop", judge=replies)
            yield Prediction(written, response)
            for field in filter(parts.__contains__, row.values):
                if (beside := f"{question_id}/{field}") in known:
                    other = Response(beside, row.text(field), "stop")
                    yield Prediction(f"{written}/{field}", other)
    except DataError as error:
        raise PredictionError(str(error)) from None


def names_of(samples: Iterable[Sample]) -> dict[str, list[str]]:
    """Question ids by every name they may go by, several where files repeat an id."""
    names: dict[str, list[str]] = {}
    for sample in samples:
        base, mark, occurrence = sample.question_id.rpartition("#")
        numbered = (base,) if mark and occurrence.isdigit() else ()
        for name in dict.fromkeys((sample.question_id, *sample.aliases, *numbered)):
            names.setdefault(name, []).append(sample.question_id)
    return names


def _match(
    row: Row,
    written: str,
    names: Mapping[str, Sequence[str]],
    known: Mapping[str, Sample],
    answered: Mapping[str, str],
) -> str:
    """The question that a row answers.

    Where an id stands for several questions, as in MME, the row's own prompt decides, as in
    the authors' converter; without one, the n-th row is the n-th question.
    """
    candidates = _candidates(row, written, names)
    if len(candidates) == 1 and candidates[0] not in answered:
        return candidates[0]
    open_ones = [name for name in candidates if name not in answered]
    if not open_ones:
        raise PredictionError(
            f"{row.origin}: question {written!r} is answered twice, "
            f"before at {answered[candidates[-1]]}; leave one of the lines"
        )
    said = [name for name in open_ones if known[name].prompt.text == row.get("prompt")]
    return (said or open_ones)[0]


def _candidates(row: Row, written: str, names: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The questions of that id; where the id alone repeats, a line of the row's prompt may be
    part of the name (see `Sample.aliases`)."""
    if len(names.get(written, ())) == 1:
        return names[written]
    prompt = row.get("prompt")
    lines = prompt.split("\n") if isinstance(prompt, str) else []
    for name in (*(f"{written}\n{line.lower()}" for line in lines), written):
        if name in names:
            return names[name]
    raise PredictionError(
        f"{row.origin}: no question has the id {written!r}; are these answers of another "
        "task, split or edition of the data?"
    )
