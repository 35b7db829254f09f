"""The leaderboard's files: to read, to print, to compute with, to click through."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lvlm_eval.durable import write_text
from lvlm_eval.errors import UsageError
from lvlm_eval.reporting.board import Options, leaderboards
from lvlm_eval.reporting.breakdowns import costs, details, differences
from lvlm_eval.reporting.cells import in_paper_unit
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.reporting.html.page import page
from lvlm_eval.reporting.latex import latex
from lvlm_eval.reporting.model_card import model_index
from lvlm_eval.reporting.model_facts import FACTS, facts_of
from lvlm_eval.reporting.published import published_table
from lvlm_eval.reporting.results import Found, Result, unique
from lvlm_eval.schema import JSON, Table
from lvlm_eval.tables import markdown, to_json

SUFFIXES = {"hf": "hf.yaml"}


@dataclass(frozen=True, slots=True)
class Report:
    """All tables of some runs. published: quoted rows, never mixed with the others.

    browsing: what the page's browser has besides stored answers.
    """

    found: Found
    leaderboard: Sequence[Table]
    published: Sequence[Table]
    details: Sequence[Table]
    differences: Sequence[Table]
    costs: Sequence[Table]
    browsing: Browsing = field(default_factory=Browsing)

    @property
    def tables(self) -> list[Table]:
        """In the order in which they are read."""
        kinds = (self.leaderboard, self.published, self.details, self.differences, self.costs)
        return [table for kind in kinds for table in kind]


def make_report(found: Found, options: Options, browsing: Browsing | None = None) -> Report:
    """The tables. Raises NotComparable where runs were not asked or marked alike, UsageError
    where no task has the metric."""
    quoted = published_table(unique(r.label for r in found.results))
    return Report(
        found,
        leaderboards(found, options),
        [quoted] if quoted else [],
        details(found, options.allowed),
        differences(found, options.allowed),
        costs(found),
        browsing or Browsing(),
    )


def check_formats(formats: Sequence[str]) -> None:
    """Raises UsageError, with the known ones, for a format that there is not."""
    unknown = [name for name in formats if name not in WRITERS]
    if unknown or not formats:
        asked = f"no format {unknown[0]!r}" if unknown else "no format given"
        raise UsageError(f"{asked}; there are: {', '.join(WRITERS)}")


def write_report(folder: Path, report: Report, formats: Sequence[str]) -> list[Path]:
    """The paths of `leaderboard.<format>`, each replaced in one step.

    Nothing is written if one of them cannot be made. Raises UsageError for an unknown format.
    """
    check_formats(formats)
    texts = {name: WRITERS[name](report) for name in formats}
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"leaderboard.{SUFFIXES.get(name, name)}" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths


def as_markdown(report: Report) -> str:
    """All tables, one below the other."""
    return "\n".join(markdown(table) for table in report.tables)


def as_csv(report: Report) -> str:
    """One line for each metric of each task of each run, whichever metric heads the tables.

    Measured figures and servers' alone: quoted ones are in no file to compute with, but JSON.
    """
    rows = [row for result in report.found.results for row in score_rows(result)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(report: Report) -> str:
    """The tables and, under "scores", the lines of the CSV."""
    content: Mapping[str, JSON] = {
        "leaderboard": [to_json(table) for table in report.leaderboard],
        "published": [to_json(table) for table in report.published],
        "details": [to_json(table) for table in report.details],
        "differences": [to_json(table) for table in report.differences],
        "costs": [to_json(table) for table in report.costs],
        "scores": [row for result in report.found.results for row in score_rows(result)],
        "unfinished": [
            {"row": one.row, "run": one.run.run_id, "task": one.label}
            for one in report.found.unfinished
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def score_rows(result: Result) -> Iterator[dict[str, JSON]]:
    """The result's metrics in the paper's unit, unrounded, with all that they stand on.

    The headline has its row even where every answer failed and there is no value; a server's
    figure has one of its own.
    """
    common = _what_it_stands_on(result)
    summary = result.summary
    for metric in unique([summary.headline, *summary.metrics]):
        estimate = in_paper_unit(summary, metric)
        figures: dict[str, JSON] = {
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
        head: dict[str, JSON] = {
            "metric": metric,
            "headline": metric == summary.headline,
            "source": "local",
        }
        yield common | head | figures
    if (server := result.server) is not None:
        head = {"metric": server.metric, "headline": True, "source": "server"}
        figures = {"value": server.value, "low": None, "high": None}
        yield common | head | figures


def _what_it_stands_on(result: Result) -> dict[str, JSON]:
    run, summary, cost = result.run.run, result.summary, result.store.cost()
    spent: Mapping[str, JSON] = asdict(cost) if cost else {}
    facts = facts_of(result.run)
    return {
        "model": run.model,
        "mode": run.mode,
        "run": result.run.run_id,
        "task": result.label,
        "version": summary.version,
        **dict.fromkeys(("metric", "headline", "source", "value", "low", "high")),
        "n": summary.n,
        "asked": summary.asked,
        "total": summary.total,
        "failed": summary.failed,
        "unparsed": summary.unparsed,
        "unjudged": summary.unjudged,
        "cut": summary.cut,
        "assurance": summary.certified,
        "judge": run.judge,
        **{name: facts.get(name) for name in FACTS},
        **{name: spent.get(name) for name in ("new_tokens", "seconds", "peak_memory_mib")},
        "questions_per_second": cost.questions_per_second if cost else None,
    }


def as_latex(report: Report) -> str:
    return latex([*report.leaderboard, *report.published])


def as_model_index(report: Report) -> str:
    return model_index(report.found)


def as_html(report: Report) -> str:
    sections = {
        "Leaderboard": report.leaderboard,
        "Published figures": report.published,
        "Details": report.details,
        "Scores that differ, and why": report.differences,
        "Cost": report.costs,
    }
    return page(report.found, sections, report.browsing)


WRITERS: Mapping[str, Callable[[Report], str]] = {
    "md": as_markdown,
    "csv": as_csv,
    "tex": as_latex,
    "html": as_html,
    "json": as_json,
    "hf": as_model_index,
}
