"""Rows of a declared task to samples: the id, the prompt, the target, and what scorers need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase

from lvlm_eval.data import unique
from lvlm_eval.data_row import Row
from lvlm_eval.declared.declaration import AnswerIs, Declaration, Family, Fields, Source
from lvlm_eval.declared.sources import CONFIG, PLACE, axes_of, pictures, rows
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import lettered, listed, offered
from lvlm_eval.prompts import OPTION_LETTER, SHORT_ANSWER
from lvlm_eval.schema import JSON, Image, ParquetCell, Part, Prompt, Sample

TOGETHER = "together"  # the fact that names the group of a question
_PROMPTS = {
    "choice": "{hint}{question}{options}" + OPTION_LETTER,
    "yes_no": "{question}" + SHORT_ANSWER,
    "short_answer": "{question}" + SHORT_ANSWER,
}
_YES = {"yes": "yes", "no": "no", "true": "yes", "false": "no", "1": "yes", "0": "no"}


def samples(root: Path, name: str, declaration: Declaration) -> Iterator[Sample]:
    """The questions in their file's order."""
    found = enumerate(rows(root, name, declaration), start=1)
    return unique(_sample(row, number, (root, name), declaration) for number, row in found)


def _sample(
    found: tuple[Row, Fields, Source], number: int, place: tuple[Path, str], asks: Declaration
) -> Sample:
    row, fields, source = found
    images = pictures(row, fields, source, *place)
    options = _options(row, fields, asks)
    question_id = row.identifier(fields.id) if fields.id in row.values else str(number)
    facts: dict[str, JSON] = {"options": options} if asks.family == "choice" else {}
    target, more = _target(row, fields, options, (asks.family, source.answer_is or asks.answer_is))
    facts |= more
    if asks.together:
        facts[TOGETHER] = _cell(row, asks.together)
    config = f"{row.values[CONFIG]}/" if len(source.configs) > 1 else ""
    return Sample(
        question_id=config + question_id,
        prompt=prompt_of(row, fields, options, images, asks),
        target=target,
        facts=facts,
        groups={axis: _cell(row, column) for axis, column in axes_of(source, asks).items()},
        cluster=_cluster(row, fields, images),
        origin=row.origin,
    )


def _cluster(row: Row, fields: Fields, images: tuple[Image, ...]) -> str:
    """What the declaration says, else the pictures' names; Parquet has none to rely on."""
    if fields.cluster:
        return _cell(row, fields.cluster)
    named = not any(isinstance(image.cell, ParquetCell) for image in images)
    return "+".join(image.name for image in images) if named else ""


def _options(row: Row, fields: Fields, asks: Declaration) -> Mapping[str, str]:
    if asks.family != "choice":
        return {}
    return dict.fromkeys(asks.letters, "") if asks.letters else options_of(row, fields)


def options_of(row: Row, fields: Fields) -> Mapping[str, str]:
    """The options by letter: cells up to the first empty one, or one cell that lists them.

    A cell may list them as a list or as the text of one, as MMMU's.
    """
    if not fields.options:
        return {}
    if isinstance(fields.options, str):
        return lettered([str(option) for option in row.listing(fields.options)])
    texts: list[str] = []
    for column in fields.options:
        value = row.get(column)
        if value is None or str(value).strip().lower() in ("", "nan", "n/a"):
            break
        texts.append(str(value))
    return lettered(texts)


def prompt_of(
    row: Row,
    fields: Fields,
    options: Mapping[str, str],
    images: tuple[Image, ...],
    asks: Declaration,
) -> Prompt:
    """The pictures and the declaration's text, each blank filled from the row."""
    hint = row.get(fields.hint) if fields.hint else None
    filled = {
        "question": _cell(row, fields.question) if fields.question else "",
        "options": "" if asks.letters else listed(options),
        "choices": "\n".join(options.values()),
        "hint": f"{hint}\n" if hint else "",
    }
    template = asks.prompt or _PROMPTS[asks.family]
    text = PLACE.sub(lambda m: filled[m[1]] if m[1] in filled else _cell(row, m[1]), template)
    return Prompt.user(*_parts(text, images, asks.placeholder, row.origin))


def _parts(text: str, images: tuple[Image, ...], placeholder: str, origin: str) -> Iterator[Part]:
    """The pictures first, or each where its placeholder stands."""
    pattern = re.escape(placeholder).replace(re.escape("{n}"), r"(?P<n>\d+)")
    matches = list(re.finditer(pattern, text)) if placeholder else []
    if not matches:
        yield from images
        yield text
        return
    end = 0
    for shown, match in enumerate(matches, start=1):
        number = int(match.groupdict().get("n", shown))
        if not 1 <= number <= len(images):
            raise DataError(f"{origin}: {match[0]!r} in the text, but {len(images)} pictures")
        yield from filter(None, [text[end : match.start()]])
        yield images[number - 1]
        end = match.end()
    if "{n}" not in placeholder and len(matches) != len(images):
        raise DataError(
            f"{origin}: {len(matches)} times {placeholder!r} in the text, "
            f"but {len(images)} pictures"
        )
    yield from filter(None, [text[end:]])


def _target(
    row: Row, fields: Fields, options: Mapping[str, str], kind: tuple[Family, AnswerIs]
) -> tuple[JSON, dict[str, JSON]]:
    """The target and the facts that go with it; None without an answer (a server keeps it)."""
    value = row.get(fields.answer) if fields.answer else None
    if value is None or value == "":
        return None, {}
    family, answer_is = kind
    if family == "choice":
        return _letter(row, value, options, answer_is), {}
    if family == "yes_no":
        return _yes_no(row, value), {}
    listed_as_text = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    several = row.listing(fields.answer) if listed_as_text else value
    accepted = [str(one) for one in several] if isinstance(several, list) else [str(several)]
    return accepted[0], {"answers": accepted}


def _letter(row: Row, value: JSON, options: Mapping[str, str], answer_is: AnswerIs) -> str:
    if answer_is in ("index", "position"):
        number = int(str(value)) - (answer_is == "position")
        letter = ascii_uppercase[number] if 0 <= number < 26 else str(value)
    elif answer_is == "text":
        letter = next((key for key, text in options.items() if text == value), str(value))
    else:
        letter = str(value).strip("(). ").upper()
    return offered(letter, options, row.origin) if options else letter


def _yes_no(row: Row, value: JSON) -> str:
    answer = _YES.get(str(value).strip().strip(".").lower())
    if answer is None:
        raise DataError(f"{row.origin}: the answer must be yes or no, got {value!r}")
    return answer


def _cell(row: Row, column: str) -> str:
    """A cell as text; an error where it is missing or empty."""
    value = row.get(column)
    if isinstance(value, (list, dict)) or value is None:
        return row.text(column)
    return str(value)
