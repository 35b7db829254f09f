"""Data sets of the Hub from a local copy: Parquet files, found by configuration and split.

The copy lies under the data root, as a download of the data set leaves it, or in the local hub
cache. No network is asked. Pictures stay in the file until they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvlm_eval.data import inside, read_text
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.hub_cache import cached_data_set
from lvlm_eval.schema import JSON, HubSplit, Image, ParquetCell

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


@dataclass(frozen=True, slots=True)
class HubTable:
    """One split of a data set of the Hub, as a task reads it.

    repositories: its names, the usual one first (collections move).
    columns:      those that are read, pictures left out; each must be there.
    pictures:     columns of pictures, one or a list a row; each must be there.
    known:        the revision, or the reader of that time, that has these columns.
    optional:     columns that are read where they are there, absent from the row where not.
    """

    repositories: tuple[str, ...]
    split: str
    columns: tuple[str, ...]
    pictures: tuple[str, ...] = ("image",)
    config: str = "default"
    known: str = ""
    optional: tuple[str, ...] = ()

    @property
    def place(self) -> HubSplit:
        """What of the Hub it reads."""
        return HubSplit(self.repositories[0], self.config, self.split)

    def __str__(self) -> str:
        return f"{self.repositories[0]} (configuration {self.config}, split {self.split})"


def locate_hub(root: Path, folder: str, table: HubTable) -> list[Path]:
    """The split's Parquet files in `root/folder`, else in the local hub cache; [] if in neither."""
    copies = [inside(root, folder), *(cached_data_set(name) for name in table.repositories)]
    found = (_files(copy, table) for copy in copies if copy is not None and copy.is_dir())
    return next((files for files in found if files), [])


def read_hub(root: Path, task: str, table: HubTable, folder: str = "") -> Iterator[Row]:
    """The rows of the split; a missing copy is an error that names where it was looked for.

    folder: under the root, where it is not the task's name. Of the picture columns a row has the
    places alone; a picture is called as its file was, else by column and row.
    """
    files = locate_hub(root, folder or task, table)
    if not files:
        raise MissingData(
            f"{task}: no data: put a copy of the Hub's data set {table} under "
            f"{root / (folder or task)}, or into the local hub cache"
        )
    for file in files:
        yield from _rows(file, table)


def _files(copy: Path, table: HubTable) -> list[Path]:
    """The split's files by the copy's own card (README.md), else by the Hub's usual names."""
    patterns = _card(copy, table) or usual_names(table.place)
    found = (sorted(copy.glob(pattern)) for pattern in patterns)
    return list(dict.fromkeys(file for files in found for file in files))


def usual_names(place: HubSplit) -> list[str]:
    """The patterns by which the Hub names a split's files, where its card gives none."""
    folders = (f"{place.config}/", *(("data/", "") if place.config == "default" else ()))
    ends = ("-*.parquet", ".parquet", "_*.parquet", "/*.parquet")
    return [f"{folder}{place.split}{end}" for folder in folders for end in ends]


def _card(copy: Path, table: HubTable) -> list[str]:
    """The file patterns that the card gives for the configuration and split, [] if none."""
    card = copy / "README.md"
    parts = read_text(card).split("---", 2) if card.is_file() else []
    if len(parts) < 3 or parts[0].strip():
        return []
    import yaml

    try:
        content = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise DataError(f"{card}: its head is not YAML: {error}".replace("\n", " ")) from None
    configs = content.get("configs") if isinstance(content, Mapping) else None
    for config in configs if isinstance(configs, list) else ():
        if isinstance(config, Mapping) and config.get("config_name") == table.config:
            return [str(p) for p in _patterns(config.get("data_files"), table.split)]
    return []


def _patterns(data_files: object, split: str) -> Iterator[object]:
    """Of `data_files: [{split, path}]` the paths of one split; nothing may lead out of the copy."""
    for entry in data_files if isinstance(data_files, list) else ():
        if isinstance(entry, Mapping) and entry.get("split") == split:
            paths = entry.get("path")
            found: Sequence[object] = paths if isinstance(paths, list) else [paths]
            yield from (p for p in found if isinstance(p, str) and _stays(Path(p)))


def _stays(pattern: Path) -> bool:
    return not pattern.is_absolute() and ".." not in pattern.parts


def _rows(file: Path, table: HubTable) -> Iterator[Row]:
    from pyarrow.lib import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(file, memory_map=True) as opened:
            _check_columns(opened.schema_arrow.names, file, table)
            named = [p for column in table.pictures for p in _names_of(opened, column)]
            more = [c for c in table.optional if c in opened.schema_arrow.names]
            read = [*table.columns, *more]
            values = opened.read(columns=[*read, *named]).to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{file}: is damaged or no Parquet: {error}") from None
    for number, value in enumerate(values):
        pictures = {c: tuple(_pictures(file, c, number, value)) for c in table.pictures}
        columns: dict[str, JSON] = {column: value[column] for column in read}
        yield Row(columns, f"{file}:{number + 1}", pictures)


def _check_columns(there: Sequence[str], file: Path, table: HubTable) -> None:
    wanted = {*table.columns, *table.pictures}
    missing, others = sorted(wanted - set(there)), sorted(set(there) - wanted)
    if missing:
        raise DataError(
            f"{file}: has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, others))} besides what is read. Known is {table}"
            + (f", {table.known}" if table.known else "")
            + ": take that revision"
        )


def _names_of(opened: ParquetFile, column: str) -> list[str]:
    """The leaf that holds the pictures' file names: read in their place, it says which exist."""
    leaves = [opened.schema.column(i).path for i in range(len(opened.schema))]
    return [p for p in leaves if p.startswith(f"{column}.") and p.endswith(".path")]


def _pictures(file: Path, column: str, row: int, value: Mapping[str, object]) -> Iterator[Image]:
    """The pictures of one cell: a struct of bytes and path, a list of such, or bare bytes."""
    cell = value.get(column, {})  # bare bytes have no leaf of names
    if cell is None:
        return
    for part, one in enumerate(cell) if isinstance(cell, list) else [(None, cell)]:
        place = ParquetCell(column, row, part)
        named = one.get("path") if isinstance(one, Mapping) else None
        yield Image(file, cell=place, name=Path(named).name if named else f"{file.stem}, {place}")
