"""Where each task's data belong, as the tasks themselves say it when there are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lvlm_eval.errors import DataError
from lvlm_eval.plugins import load_task, task_names
from lvlm_eval.schema import Task

BEGIN, END = "<!-- made from the tasks: begin -->", "<!-- made from the tasks: end -->"
COLUMNS = ("task", "standing", "files", "on the Hub (`lvlm-eval fetch TASK`)", "licence")
_PATH = re.compile(r"[\w.()-]+(/[\w.()-]+)+")


def places(task: Task, empty: Path) -> list[str]:
    """The files that the task asks for under an empty data root, without a copy in the cache."""
    try:
        next(iter(task.samples(empty)), None)
    except DataError as error:
        wanted = str(error).replace(f"{empty}/", "").rpartition("no data: ")[2]
        files = wanted.removeprefix("put the benchmark's file at ").partition("; or ")[0]
        return [part for part in files.split(" or ") if _PATH.fullmatch(part)]
    return []


def data_page(page: str, empty: Path, files: Sequence[Path] = ()) -> str:
    """The page with its table made anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, "the page has no place for the table"
    tasks = [load_task(name, files) for name in task_names(files)]
    rows = [_row(task, places(task, empty)) for task in tasks]
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS)), *rows]
    return f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"


def _row(task: Task, wanted: Sequence[str]) -> str:
    files = ", ".join(f"`{file}`" for file in wanted)
    splits = [f"{hub.repository} ({hub.config}, {hub.split})" for hub in task.hub]
    more = f" and {len(splits) - 2} more" if len(splits) > 2 else ""
    hub = ", ".join(splits[:2]) + more
    return _line([f"`{task.name}`", task.assurance, files or "-", hub or "-", task.licence])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
