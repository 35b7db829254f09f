"""The files of the RRC's document tasks (DocVQA, InfographicVQA): one JSON object with `data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.data import Row, inside, read_array, unique
from lvlm_eval.data_hub import read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.splits import Source
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import JSON, Image, Prompt, Sample, Upload


@dataclass(frozen=True, slots=True)
class Documents:
    """How a task's rows are read.

    picture: what the authors' files call a row's picture, as a path from the task's folder.
    kinds:   the facts that break the figure down, asked only where there are answers.
    """

    task: str
    picture: Callable[[Row], str]
    kinds: Callable[[Row], Mapping[str, JSON]]

    def read(self, root: Path, source: Source) -> Iterator[Sample]:
        """The questions of a split in its order; without `answers` they have no target."""
        path = source.find(root, self.task)
        if path is not None:
            folder = inside(root, self.task)
            return unique(self._samples(read_array(path, "data"), folder))
        assert source.table is not None
        return unique(self._samples(read_hub(root, self.task, source.table), None))

    def _samples(self, rows: Iterable[Row], folder: Path | None) -> Iterator[Sample]:
        for row in rows:
            place = self.picture(row)
            image = Image(inside(folder, place, row.origin)) if folder else row.image()
            answers = _answers(row)
            yield Sample(
                question_id=row.identifier("questionId"),
                prompt=Prompt.user(image, row.text("question") + SHORT_ANSWER),
                target=answers[0] if answers else None,
                facts={"answers": answers, **self.kinds(row)} if answers else {},
                cluster=Path(place).stem,
                origin=row.origin,
            )


def _entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    return {"questionId": int(sample.question_id), "answer": text}


# What the RRC's server takes: https://rrc.cvc.uab.es/?ch=17&com=tasks
UPLOAD = Upload("list", _entry, "questionId", "answer")


def _answers(row: Row) -> list[str]:
    """The accepted answers; none where the file has none, an error where it has an empty list."""
    if row.get("answers") is None:
        return []
    answers = row.texts("answers")
    if not answers:
        raise DataError(f"{row.origin}: 'answers' is empty; nothing can be marked against it")
    return answers
