"""A declaration to the task that it describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from lvlm_eval.answers.letters import bare_letter, first_character, lenient_letter, letter_or_text
from lvlm_eval.answers.openings import (
    cambrian_letter,
    leading_letter,
    mmmu_pro_letter,
    muirbench_letter,
    real_world_letter,
)
from lvlm_eval.declared.declaration import Declaration, Family, Source, read_declaration
from lvlm_eval.declared.samples import TOGETHER, samples
from lvlm_eval.declared.sources import fields_of, file_of, repositories
from lvlm_eval.errors import UsageError
from lvlm_eval.families import choice, yes_no
from lvlm_eval.families.anls import by_rrc
from lvlm_eval.families.choice import Marking, Reader
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.families.exact import count, plain, score_exact
from lvlm_eval.families.relaxed import by_pix2struct
from lvlm_eval.families.short_answer import by_m4c, score_by, upload_by_vqa
from lvlm_eval.schema import Decoding, HubSplit, Response, Sample, Score, Task

Scoring = Callable[[Sample, Response], Score]

LETTERS: Mapping[str, tuple[Reader, str]] = {
    "lenient": (lenient_letter, "a patient reader"),
    "bare": (bare_letter, "bare letter"),
    "first": (first_character, "first character"),
    "leading": (leading_letter, "leading letter"),
    "letter_or_text": (letter_or_text, "letter or option's text"),
    "real_world": (real_world_letter, "first capital A to E"),
    "cambrian": (cambrian_letter, "behind answer is, else first character"),
    # where the scripts of these two guess at random, nothing is read here, and that is wrong
    "mmmu_pro": (mmmu_pro_letter, "behind Answer:, else MMMU's forms"),
    "muirbench": (muirbench_letter, "(A), else letter between blanks"),
}


def _scoring_of(found: tuple[Reader, str]) -> Scoring:
    return partial(choice.score, Marking(*found, lenient=True))


# By family its readers; the first is the one that stands where a declaration names none.
READERS: Mapping[Family, Mapping[str, Scoring]] = {
    "choice": {name: _scoring_of(found) for name, found in LETTERS.items()},
    "yes_no": {name: yes_no.score_yes_no(*found) for name, found in yes_no.READERS.items()},
    "short_answer": {
        "exact": score_exact(plain, "whole answer"),
        "count": score_exact(count, "whole answer as a number"),
        "vqa": score_by(upload_by_vqa, "VQA accuracy, as LLaVA uploads"),
        "m4c": score_by(by_m4c, "VQA accuracy of M4C"),
        "anls": score_by(by_rrc, "ANLS of the whole text"),
        "relaxed": score_by(by_pix2struct, "number within 5 %"),
    },
}


def declared_task(file: Path, *, bundled: bool = False) -> Task:
    """The task of a YAML, named like the file.

    bundled: it is one of the package's own, whose standing its tests prove; anyone else's is
    declared.
    """
    declaration = read_declaration(file)
    if declaration.assurance != "declared" and not bundled:
        raise UsageError(
            f"{file}: assurance: {declaration.assurance!r} stands on tests of this project; "
            "a task of your own is 'declared', so leave the key out"
        )
    return build(file.stem, declaration, str(file))


def build(name: str, declaration: Declaration, where: str) -> Task:
    """The task; UsageError where a reader or a figure is not there."""
    readers = READERS[declaration.family]
    reader = declaration.read or next(iter(readers))
    if reader not in readers:
        raise UsageError(f"{where}: read: {reader!r} is none of {', '.join(readers)}")
    for source in declaration.data:
        _check_columns(source, declaration, where)
    axes = tuple(declaration.breakdown)
    together = TOGETHER if declaration.together else ""
    counting = Counting(axes, together, declaration.headline)
    return Task(
        name=name,
        version=declaration.version,
        title=declaration.title,
        decoding=Decoding(max_new_tokens=declaration.max_new_tokens),
        samples=partial(samples, name=name, declaration=declaration),
        primary=reader,
        variants={reader: counted(readers[reader], counting)},
        assurance=declaration.assurance,
        licence=declaration.licence,
        hub=tuple(
            HubSplit(repositories(source)[0], config, source.split)
            for source in declaration.data
            if source.hub
            for config in source.configs
        ),
        expected=(declaration.headline,),
    )


def _check_columns(source: Source, declaration: Declaration, where: str) -> None:
    """An error where a place of the data has no column for the question or its answer."""
    fields = fields_of(source, declaration)
    asked = fields.question or (declaration.prompt and "{question}" not in declaration.prompt)
    options = fields.options or declaration.letters or declaration.family != "choice"
    needed = {"question": asked, "answer": fields.answer, "options": options}
    for name, given in needed.items():
        if not given:
            place = source.hub or file_of(source)
            raise UsageError(f"{where}: fields: {name!r} is not named for {place}")
