"""IconQA: counting, comparing and reasoning over abstract diagrams, for children of early grades.

Lu et al. 2021, arXiv 2110.13214. Data: the authors' problems.json and pid_splits.json, test split.
Of the three sub-tasks those whose options are text, and those without any; where pictures are the
options, the authors give no words that a model could be asked in. Their script wants the option's
number or the very text of the blank; here a letter stands for the option, as in LLaVA's prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval.answers.letters import letter_or_text
from lvlm_eval.data import Row, inside, read_mapping, read_object, require, unique
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import Marking, lettered, listed, offered
from lvlm_eval.families.choice import score as score_letter
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.families.exact import plain, score_exact
from lvlm_eval.prompts import OPTION_LETTER, SHORT_ANSWER
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Response, Sample, Score, Task

KINDS = ("choose_txt", "fill_in_blank")
_PROBLEMS = ("iconqa/problems.json", "iconqa/iconqa_data/problems.json")
_LETTER = Marking(letter_or_text, "letter, or the text of an option", lenient=True)
_BLANK = score_exact(plain, "whole answer")


def samples(kinds: tuple[str, ...], root: Path) -> Iterator[Sample]:
    """The questions of these kinds, in the order of the authors' lists."""
    problems = require(root, "iconqa", *_PROBLEMS)
    splits = read_object(require(root, "iconqa", *(_beside(name) for name in _PROBLEMS)))
    rows = dict(read_mapping(problems))
    listed_ids = ((kind, str(pid)) for kind in kinds for pid in splits.items(f"{kind}_test"))
    return unique(_found(kind, pid, rows, problems) for kind, pid in listed_ids)


def _beside(problems: str) -> str:
    return problems.replace("problems", "pid_splits")


def _found(kind: str, pid: str, rows: dict[str, Row], problems: Path) -> Sample:
    if pid not in rows:
        raise DataError(f"{problems}: no problem has the id {pid!r}, which the test split lists")
    row = rows[pid]
    if row.text("ques_type") != kind:
        raise DataError(
            f"{row.origin}: 'ques_type' is {row.text('ques_type')!r}, but the test split has "
            f"problem {pid} among {kind}"
        )
    folder = problems.parent / "iconqa" / "test" / kind
    text, target, known = _asked(kind, row)
    return Sample(
        question_id=pid,
        prompt=Prompt.user(Image(inside(folder, f"{pid}/image.png", row.origin)), text),
        target=target,
        facts=known,
        groups={"kind": kind},
        origin=row.origin,
    )


def _asked(kind: str, row: Row) -> tuple[str, str, dict[str, JSON]]:
    """What is asked, the right answer, and what marks it: the options, or the accepted text."""
    question = row.text("question")
    if kind == "fill_in_blank":
        answer = row.identifier("answer")
        return question + SHORT_ANSWER, answer, {"answers": [answer]}
    choices = row.texts("choices")
    options, place = lettered(choices), row.integer("answer")
    letter = list(options)[place] if 0 <= place < len(options) else str(place)
    right = offered(letter, options, row.origin)
    return question + listed(options) + OPTION_LETTER, right, {"options": options}


def score(sample: Sample, response: Response) -> Score:
    """The option's letter, or the text of the blank without case and periods at its end."""
    if "options" in sample.facts:
        return score_letter(_LETTER, sample, response)
    return _BLANK(sample, response)


TASK = Task(
    name="iconqa",
    version=1,
    title="IconQA test: text options and blanks (accuracy)",
    decoding=Decoding(max_new_tokens=32),
    samples=partial(samples, KINDS),
    primary="letter_or_blank",
    variants={"letter_or_blank": counted(score, Counting(("kind",)))},
    licence="CC BY-NC-SA 4.0",
    shown=tuple(f"kind/{kind}" for kind in KINDS),
    expected=("accuracy", *(f"kind/{kind}" for kind in KINDS)),
)
SPLITS = {
    f"iconqa_{kind}": replace(
        TASK,
        name=f"iconqa_{kind}",
        title=f"IconQA test, {kind} (accuracy)",
        samples=partial(samples, (kind,)),
        shown=(),
        expected=("accuracy",),
    )
    for kind in KINDS
}
