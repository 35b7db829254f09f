"""The leaderboard's files: `leaderboard.md` to read, `.csv` and `.json` to compute with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from lvlm_eval.cells import in_paper_unit
from lvlm_eval.durable import write_text
from lvlm_eval.errors import UsageError
from lvlm_eval.report import Result, details, differences, leaderboard, results
from lvlm_eval.schema import JSON
from lvlm_eval.store import RunStore
from lvlm_eval.tables import markdown, to_json


def write_leaderboard(
    folder: Path,
    stores: Sequence[RunStore],
    *,
    metric: str = "headline",
    formats: Sequence[str] = ("md", "csv", "json"),
) -> list[Path]:
    """The paths of `leaderboard.<format>`, each replaced in one step.

    Nothing is written if one of them cannot be made: UsageError for an unknown format,
    otherwise as `report.leaderboard`.
    """
    unknown = [name for name in formats if name not in WRITERS]
    if unknown:
        raise UsageError(f"no format {unknown[0]!r}; there are: {', '.join(WRITERS)}")
    texts = {name: WRITERS[name](stores, metric) for name in formats}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / f"leaderboard.{name}", text)
    return [folder / f"leaderboard.{name}" for name in texts]


def as_markdown(stores: Sequence[RunStore], metric: str = "headline") -> str:
    """Leaderboard, details and other scorers' figures, one below the other."""
    tables = [*leaderboard(stores, metric), *details(stores), *differences(stores)]
    return "\n".join(markdown(table) for table in tables)


def as_csv(stores: Sequence[RunStore], metric: str = "headline") -> str:
    """One line for each metric of each task of each run, whichever metric heads the tables."""
    leaderboard(stores, metric)  # figures that are not comparable stand in no file together
    rows = [row for result in results(stores) for row in score_rows(result)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(stores: Sequence[RunStore], metric: str = "headline") -> str:
    """The tables and, under "scores", the lines of the CSV."""
    content: Mapping[str, JSON] = {
        "leaderboard": [to_json(table) for table in leaderboard(stores, metric)],
        "details": [to_json(table) for table in details(stores)],
        "differences": [to_json(table) for table in differences(stores)],
        "scores": [row for result in results(stores) for row in score_rows(result)],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def score_rows(result: Result) -> Iterator[dict[str, JSON]]:
    """The result's metrics in the paper's unit, unrounded, with all that they stand on.

    The headline has its row even where every answer failed and there is no value.
    """
    run, summary = result.run, result.summary
    for metric in dict.fromkeys([summary.headline, *summary.metrics]):
        yield {
            "model": run.model,
            "mode": run.mode,
            "run": result.run_id,
            "task": result.label,
            "version": summary.version,
            "metric": metric,
            "headline": metric == summary.headline,
            **asdict(in_paper_unit(summary, metric)),
            "n": summary.n,
            "asked": summary.asked,
            "total": summary.total,
            "failed": summary.failed,
            "unparsed": summary.unparsed,
            "unjudged": summary.unjudged,
            "cut": summary.cut,
            "assurance": summary.certified,
        }


WRITERS: Mapping[str, Callable[[Sequence[RunStore], str], str]] = {
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
