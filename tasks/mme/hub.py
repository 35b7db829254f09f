"""MME as the Hub has it: two rows a picture, named `<category>/<file>` as in LLaVA's file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.schema import Image, Prompt, Sample

HUB = HubTable(
    repositories=("lmms-lab/MME", "lmms-lab-encoder/MME"),
    split="test",
    columns=("question_id", "question", "answer", "category"),
    known="as lmms-eval 75571cf reads it",
)


def read_copy(root: Path) -> Iterator[Sample]:
    """The questions in the Hub's order; a picture's first row is line 1, its second line 2."""
    lines: dict[str, int] = {}
    pictures: dict[str, Image] = {}
    for row in read_hub(root, "mme", HUB):
        base = f"{row.text('category')}/{Path(row.text('question_id')).name}"
        lines[base] = lines.get(base, 0) + 1
        image = replace(row.image(), name=Path(base).name)
        yield Sample(
            question_id=f"{base}#{lines[base]}",
            prompt=Prompt.user(pictures.setdefault(base, image), row.text("question")),
            target=_answer(row),
            groups={"category": row.text("category")},
            cluster=base,
            origin=row.origin,
        )


def _answer(row: Row) -> str:
    answer = row.text("answer").strip().lower()
    if answer not in ("yes", "no"):
        raise DataError(f"{row.origin}: 'answer' must be Yes or No, got {answer!r}")
    return answer
