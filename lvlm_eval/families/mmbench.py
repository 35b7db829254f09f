"""MMBench and what comes in its table: a row a rotated pass, the picture inside as base64.

Liu et al. 2023, arXiv 2307.06281. Read are the authors' tab-separated files, of which LLaVA's
`eval/` has two, and the Hub's rows. LLaVA's own rule for what is no option stands in `_listed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.letters import Options
from lvlm_eval.data import unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import listed, offered
from lvlm_eval.families.circular import ABBREVIATIONS, PRIMARY, VANILLA, VARIANTS, base_of
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task, Upload

# What pandas, by which the scripts read the table, takes for an empty cell.
_EMPTY = frozenset(
    (
        "NA",
        "N/A",
        "n/a",
        "<NA>",
        "#NA",
        "#N/A",
        "nan",
        "NaN",
        "-nan",
        "-NaN",
        "null",
        "NULL",
        "None",
    )
)
_LETTERS = "ABCD"
SHOWN = tuple(f"l2_category/{ability}" for ability in ABBREVIATIONS)


@dataclass(frozen=True, slots=True)
class Collection:
    """A benchmark in MMBench's form.

    suffix:   what LLaVA adds to the question.
    editions: where each split of each edition is, in the order of choosing.
    """

    name: str
    title: str
    suffix: str
    editions: Mapping[str, Source]


def edition(
    folders: tuple[str, ...], files: tuple[str, ...], hub: HubTable | None = None
) -> Source:
    """A table that may have several names, in any of these folders, or the Hub's copy."""
    return Source(tuple(f"{folder}/{file}" for folder in folders for file in files), hub)


def hub_table(config: str, split: str) -> HubTable:
    """The Hub's copy, whose dev has 4,329 rows."""
    columns = ("index", "question", "hint", *_LETTERS, "answer", "category", "L2-category")
    return HubTable(("lmms-lab/MMBench", "lmms-lab-encoder/MMBench"), split, columns, config=config)


def make_tasks(collection: Collection) -> tuple[Task, dict[str, Task]]:
    """The task by its plain name, which is the first edition that is there, and its splits."""
    name = collection.name
    sources = {f"{name}_{split}": source for split, source in collection.editions.items()}
    readers = {split: partial(_read, collection, source) for split, source in sources.items()}
    splits = {split: _task(collection, split, read) for split, read in readers.items()}
    return _task(collection, name, first_there(name, sources, readers)), splits


def _task(collection: Collection, name: str, read: Callable[[Path], Iterator[Sample]]) -> Task:
    return Task(
        name=name,
        version=1,
        title=f"{collection.title} (circular accuracy)",
        decoding=Decoding(max_new_tokens=1024),
        samples=read,
        primary=PRIMARY,
        variants=VARIANTS,
        assurance="certified",
        licence="Apache-2.0",
        shown=(VANILLA, *SHOWN),
        expected=(ACCURACY, VANILLA),
        upload=Upload("sheet", _entry, "index", "prediction"),
    )


def _entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    """A row of the server's sheet, one a circular pass; the question with its hint, if any."""
    options = facts.options(sample)
    question = sample.prompt.text.partition("\nA. ")[0]
    letters = {letter: options.get(letter, "") for letter in _LETTERS}
    return {"index": int(sample.question_id), "question": question, **letters, "prediction": text}


def _read(collection: Collection, source: Source, root: Path) -> Iterator[Sample]:
    path = source.find(root, collection.name)
    if path is None:
        assert source.table is not None
        rows = list(read_hub(root, collection.name, source.table, source.folder))
    else:
        rows = read_tsv(path)
    images = (path or root / source.folder).parent / "images"
    passes = Counter(base_of(_index(row)) for row in rows)
    return unique(_sample(row, collection.suffix, images, passes) for row in rows)


def _sample(row: Row, suffix: str, images: Path, passes: Mapping[int, int]) -> Sample:
    index = _index(row)
    base = base_of(index)
    options = {letter: text for letter in _LETTERS if (text := _filled(row, letter))}
    hint, answer = _filled(row, "hint"), _answer(row)
    asked = row.text("question") if _none(hint) else f"{hint}\n{row.text('question')}"
    return Sample(
        question_id=str(index),
        prompt=Prompt.user(_picture(row, base, images), asked + _listed(options) + suffix),
        target=offered(answer, options, row.origin) if answer else None,
        facts={"options": options, "index": index, "passes": passes[base]},
        groups=_groups(row),
        cluster=str(base),
        origin=row.origin,
    )


def _answer(row: Row) -> str | None:
    """The right letter; of test, whose answers the server has, tables may lack the column."""
    kept = row.get("split") == "test" and "answer" not in row.values
    return None if kept else _filled(row, "answer")


def _listed(options: Options) -> str:
    """The options up to the first that LLaVA's script takes for none."""
    shown: dict[str, str] = {}
    for letter in _LETTERS:
        if _none(options.get(letter)):
            break
        shown[letter] = options[letter]
    return listed(shown)


def _none(text: str | None) -> bool:
    return text is None or text.lower() in ("nan", "none")


def _filled(row: Row, column: str) -> str | None:
    """The cell's text, None where pandas would read an empty one; the column must be there."""
    if column not in row.values:
        return row.text(column)  # raises, naming the column
    text = row.get(column)
    return None if text is None or str(text) in _EMPTY else str(text)


def _index(row: Row) -> int:
    text = row.identifier("index")
    if not text.isdecimal():
        raise DataError(f"{row.origin}: 'index' must be a whole number, got {text!r}")
    return int(text)


def _picture(row: Row, base: int, images: Path) -> Image:
    """The picture of the row; where the table has none, the file that VLMEvalKit writes of it."""
    embedded: Sequence[Image] = row.pictures.get("image", ())
    if embedded:
        return replace(embedded[0], name=str(base))
    return Image(images / f"{base}.jpg", name=str(base))


def _groups(row: Row) -> dict[str, str]:
    second = _filled(row, "l2-category" if "l2-category" in row.values else "L2-category")
    named = {"category": _filled(row, "category"), "l2_category": second}
    return {level: text for level, text in named.items() if text}
