"""The rows of a declared task: from the first of its places that holds any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import inside, locate, read_array, read_jsonl
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.data_row import Row
from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.declared.declaration import LLAVA_FIELDS, TSV_FIELDS, Declaration, Fields, Source
from lvlm_eval.errors import MissingData
from lvlm_eval.schema import Image

PLACE = re.compile(r"\{([^{}\n]+)\}")  # what is filled in, in a prompt
CONFIG = "config"  # the name under which a row has its Hub configuration


def rows(root: Path, name: str, declaration: Declaration) -> Iterator[tuple[Row, Fields, Source]]:
    """Each row with what its columns hold; MissingData names every place looked at."""
    for source in declaration.data:
        if _is_there(root, name, source, declaration):
            fields = fields_of(source, declaration)
            found = _read(root, name, source, fields, declaration)
            yield from ((row, fields, source) for row in found)
            return
    places = " or ".join(_place(root, name, source) for source in declaration.data)
    raise MissingData(f"{name}: no data: put the benchmark's file at {places}")


def fields_of(source: Source, declaration: Declaration) -> Fields:
    """The declaration's columns over those usual for the kind of file, under the source's own."""
    usual = TSV_FIELDS if source.tsv else LLAVA_FIELDS if source.jsonl else {}
    given = {name: value for name, value in declaration.fields if value}
    return Fields.model_validate({**usual, **given, **source.fields})


def axes_of(source: Source, declaration: Declaration) -> dict[str, str]:
    """The column of each axis of the breakdown."""
    return {**declaration.breakdown, **source.breakdown}


def file_of(source: Source) -> str:
    """The name of the source's file, "" for a Hub data set."""
    return source.tsv or source.jsonl or source.json_file


def pictures(row: Row, fields: Fields, source: Source, root: Path, name: str) -> tuple[Image, ...]:
    """The row's pictures in the order of its columns: embedded, or files named in the cells."""
    found: list[Image] = []
    for column in image_columns(fields):
        if column in row.pictures:
            found += row.images(column)
        else:
            found += [_file(row, file, source, root, name) for file in _names(row, column)]
    return tuple(found)


def image_columns(fields: Fields) -> list[str]:
    columns = fields.image
    return [columns] if isinstance(columns, str) and columns else list(columns)


def _names(row: Row, column: str) -> Sequence[str]:
    value = row.get(column)
    if value is None:
        return ()
    return row.texts(column) if isinstance(value, list) else [row.text(column)]


def _file(row: Row, file: str, source: Source, root: Path, name: str) -> Image:
    folder = locate(root, f"{name}/{source.folder}", source.folder) or root / name / source.folder
    return Image(inside(folder, file, row.origin))


def _is_there(root: Path, name: str, source: Source, declaration: Declaration) -> bool:
    if not source.hub:
        return locate(root, *_files(name, source)) is not None
    tables = _tables(source, fields_of(source, declaration), declaration)
    return any(locate_hub(root, name, table) for table in tables)


def _files(name: str, source: Source) -> tuple[str, str]:
    """In the task's folder, or right in the root, as VLMEvalKit keeps its tables."""
    return f"{name}/{file_of(source)}", file_of(source)


def _place(root: Path, name: str, source: Source) -> str:
    if source.hub:
        hub = repositories(source)[0]
        return f"{root / name} (a copy of the Hub's {hub}, split {source.split})"
    return str(root / name / file_of(source))


def _read(
    root: Path, name: str, source: Source, fields: Fields, declaration: Declaration
) -> Iterator[Row]:
    path = locate(root, *_files(name, source)) or root
    if source.tsv:
        yield from read_tsv(path, image_columns(fields), fields.id)
    elif source.jsonl:
        yield from read_jsonl(path)
    elif source.json_file:
        yield from read_array(path, source.under or None)
    else:
        for table in _tables(source, fields, declaration):
            for row in read_hub(root, name, table):
                yield replace(row, values={**row.values, CONFIG: table.config})


def _tables(source: Source, fields: Fields, declaration: Declaration) -> Iterator[HubTable]:
    """What is read of a Hub data set: the columns that the declaration names, and no others."""
    options = [fields.options] if isinstance(fields.options, str) else fields.options
    named = [fields.id, fields.question, fields.hint, fields.answer, fields.cluster, *options]
    named += [*axes_of(source, declaration).values(), declaration.together]
    named += columns_of(declaration)
    columns = tuple(dict.fromkeys(c for c in named if c and c != CONFIG))
    pictures = tuple(image_columns(fields))
    for config in source.configs:
        yield HubTable(repositories(source), source.split, columns, pictures, config, source.known)


def repositories(source: Source) -> tuple[str, ...]:
    """The names of a Hub data set, the usual one first."""
    return (source.hub,) if isinstance(source.hub, str) else tuple(source.hub)


def columns_of(declaration: Declaration) -> list[str]:
    """The columns that the prompt names by themselves."""
    named = PLACE.findall(declaration.prompt)
    return [name for name in named if name not in ("question", "options", "choices", "hint")]
