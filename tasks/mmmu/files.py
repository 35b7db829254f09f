"""MMMU's rows: of the Hub's copies (the authors' has a configuration a subject), or as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.letters import Options
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered, offered
from lvlm_eval.families.hub_split import picture, split_rows
from lvlm_eval.prompts import OPTION_LETTER, SHORT_ANSWER
from lvlm_eval.schema import JSON, Image, Part, Prompt, Sample

DOMAINS = {
    "Art and Design": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "Health and Medicine": (
        *("Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine"),
        *("Pharmacy", "Public_Health"),
    ),
    "Humanities and Social Science": ("History", "Literature", "Sociology", "Psychology"),
    "Tech and Engineering": (
        *("Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics"),
        *("Energy_and_Power", "Materials", "Mechanical_Engineering"),
    ),
}
_DOMAIN_OF = {subject: domain for domain, some in DOMAINS.items() for subject in some}
_PICTURE = re.compile(r"<image (\d)>")
_ID = re.compile(r"[a-z]+_(.+)_\d+")


def table(split: str, subject: str = "") -> HubTable:
    """The whole split in one configuration, or the authors' configuration of a subject."""
    whole = ("lmms-lab/MMMU", "lmms-lab-encoder/MMMU")
    columns = ("id", "question", "options", "answer", "question_type")
    pictures = tuple(f"image_{number}" for number in range(1, 8))
    repositories = ("MMMU/MMMU",) if subject else whole
    return HubTable(repositories, split, columns, pictures, subject or "default")


def read_samples(root: Path, split: str) -> Iterator[Sample]:
    """The split's questions in file order, subject by subject where each has its own files."""
    subjects = [s for s in sorted(_DOMAIN_OF) if locate_hub(root, "mmmu", table(split, s))]
    if not subjects or locate_hub(root, "mmmu", table(split)):
        rows = split_rows(root, "mmmu", table(split))
    else:
        rows = (row for s in subjects for row in read_hub(root, "mmmu", table(split, s)))
    return (_sample(row, root) for row in rows)


def _sample(row: Row, root: Path) -> Sample:
    question_id = row.text("id")
    subject = _subject(row)
    choice = row.text("question_type") == "multiple-choice"
    options = lettered([str(option) for option in row.listing("options")]) if choice else {}
    return Sample(
        question_id=question_id,
        prompt=Prompt.user(*_parts(row, _wording(row, options), root)),
        target=_target(row, options),
        facts={"options": options},
        groups={
            "domain": _DOMAIN_OF[subject],
            "subject": subject,
            "question_type": row.text("question_type"),
        },
        origin=row.origin,
    )


def _subject(row: Row) -> str:
    found = _ID.fullmatch(row.text("id"))
    if found is None or found[1] not in _DOMAIN_OF:
        raise DataError(f"{row.origin}: 'id' must be like validation_Art_1, got {row.text('id')!r}")
    return found[1]


def _wording(row: Row, options: Options) -> str:
    """lmms-eval's words: question and options, a blank line, LLaVA's instruction."""
    question = row.text("question")
    if not options:
        return f"{question}\n{SHORT_ANSWER}"
    lines = "\n".join(f"{letter}. {option}" for letter, option in options.items())
    return f"{question}\n{lines}\n{OPTION_LETTER}"


def _parts(row: Row, text: str, root: Path) -> Iterator[Part]:
    """The text with each picture at its token's first place; named again it is text."""
    shown: set[str] = set()
    position = 0
    for token in _PICTURE.finditer(text):
        if token[1] not in shown:
            shown.add(token[1])
            if text[position : token.start()]:
                yield text[position : token.start()]
            yield _picture(row, token[1], root)
            position = token.end()
    yield text[position:]


def _picture(row: Row, number: str, root: Path) -> Image:
    column, name = f"image_{number}", f"{row.text('id')}_{number}"
    return replace(picture(row, root, "mmmu", name, column), name=name)


def _target(row: Row, options: Options) -> JSON:
    """The letter, or the accepted texts; None where the server keeps them ("?")."""
    answer = row.get("answer")
    if answer in (None, "", "?"):
        return None
    if options:
        return offered(row.text("answer"), options, row.origin)
    listed = isinstance(answer, list) or str(answer).startswith("[")
    return [str(one) for one in row.listing("answer")] if listed else [str(answer)]
