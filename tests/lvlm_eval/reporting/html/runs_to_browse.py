"""Runs with chosen answers, and a page opened in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from lvlm_eval.durable import fields_of
from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import make_report, write_report
from lvlm_eval.reporting.html.browsing import Browsing
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Decoding, Estimate, Response, Run, Summary, TaskRun
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import ScoreLine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

SUMMARY = Summary(
    task="tiny",
    version=1,
    headline="accuracy",
    scale=100.0,
    metrics={"accuracy": Estimate(0.5, 0.4, 0.6), "shape/accuracy": Estimate(0.25, 0.1, 0.4)},
    variants={},
    why={},
    shown=("shape/accuracy",),
    absent=(),
    n=4,
    asked=5,
    total=5,
    failed=1,
    unparsed=0,
    unjudged=0,
    cut=0,
    certified="declared",
)


def browsed_run(
    results: Path,
    model: str,
    answers: Mapping[str, tuple[str, float]],
    *,
    failed: Sequence[str] = (),
    unreadable: Sequence[str] = (),
    score: float = 0.5,
    groups: Mapping[str, str] | None = None,
) -> RunStore:
    """A marked run: by question the text and its mark."""
    store = RunStore.create(results, Run(model, "parrot", {}, model), {})
    task = store.task("tiny")
    task.begin(TaskRun("tiny", 1, "d0", "", "p0", Decoding(), len(answers)))
    with task.writer() as writer:
        for question, (text, _) in answers.items():
            writer.add(asdict(Response(question, text, "stop", 3)))
        for question in failed:
            writer.add(asdict(Response(question, "", "error", error="OSError: no such picture")))
    lines = (
        ScoreLine(
            question,
            {"correct": mark},
            None if question in unreadable else text,
            "whole text",
            f"target of {question}",
            {"kind": (groups or {}).get(question, "shape")},
            question,
            {"right": mark, "asked": 1.0},
        )
        for question, (text, mark) in answers.items()
    )
    task.write_scores(map(fields_of, lines))
    metrics = {**SUMMARY.metrics, "accuracy": Estimate(score, score - 0.1, score + 0.1)}
    task.write_summary(replace(SUMMARY, metrics=metrics, n=len(answers)))
    return store


def write_page(folder: Path, stores: Sequence[RunStore], browsing: Browsing | None = None) -> Path:
    (path,) = write_report(folder, make_report(find(stores), Options(), browsing), ("html",))
    return path
