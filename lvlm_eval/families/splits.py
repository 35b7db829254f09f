"""Where a split of a task is: the authors' files, or a copy of a Hub data set.

A task's name without a split stands for the first split that the data root has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lvlm_eval.data import locate, require
from lvlm_eval.data_hub import HubTable, locate_hub
from lvlm_eval.errors import MissingData
from lvlm_eval.schema import Sample

Read = Callable[[Path], Iterator[Sample]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """files: places of the split's own file under the data root; table: its Hub data set."""

    files: tuple[str, ...]
    table: HubTable | None = None

    def find(self, root: Path, task: str) -> Path | None:
        """The split's own file, None where only the Hub's copy is there; MissingData where
        neither is."""
        found = locate(root, *self.files)
        if found is None and not self._copied(root):
            try:
                require(root, task, *self.files)
            except MissingData as error:
                raise MissingData(f"{error}{self._or_copy(root)}") from None
        return found

    def is_there(self, root: Path) -> bool:
        return locate(root, *self.files) is not None or self._copied(root)

    @property
    def folder(self) -> str:
        """Where the files lie, and a copy of the Hub's: the first part of their places."""
        return Path(self.files[0]).parts[0]

    def _copied(self, root: Path) -> bool:
        return self.table is not None and bool(locate_hub(root, self.folder, self.table))

    def _or_copy(self, root: Path) -> str:
        return f"; or the Hub's {self.table} into {root / self.folder}" if self.table else ""


def first_there(task: str, sources: Mapping[str, Source], readers: Mapping[str, Read]) -> Read:
    """Reads the first split whose source is there, and says which that is."""
    return partial(_read_first, task, sources, readers)


def _read_first(
    task: str, sources: Mapping[str, Source], readers: Mapping[str, Read], root: Path
) -> Iterator[Sample]:
    there = [split for split, source in sources.items() if source.is_there(root)]
    split = there[0] if there else next(iter(sources))  # which then says what is missing
    if there:
        logger.info("%s stands for %s: that is what %s has", task, split, root)
    return readers[split](root)
