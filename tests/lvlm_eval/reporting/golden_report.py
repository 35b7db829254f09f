"""A small report whose every figure is known; run as a program it writes the golden files anew:

python -m tests.lvlm_eval.reporting.golden_report
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from lvlm_eval.reporting.board import Options
from lvlm_eval.reporting.files import WRITERS, make_report
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Cost, Decoding, Estimate, Run, Summary, TaskRun
from lvlm_eval.server_figures import ServerFigure, enter_server_figure
from lvlm_eval.store import RunStore

FOLDER = Path(__file__).parents[2] / "data" / "golden" / "report"

POPE = Summary(
    task="pope",
    version=2,
    headline="mean_f1",
    scale=100.0,
    metrics={
        "mean_f1": Estimate(0.8634, 0.8571, 0.8699),
        "lenient/mean_f1": Estimate(0.8721, 0.866, 0.878),
        "random/f1": Estimate(0.881, 0.874, 0.889),
    },
    variants={"official_raw": Estimate(86.34, 85.71, 86.99)},
    why={"official_raw": "the same marking, a split at a time | & more"},
    shown=("random/f1",),
    absent=(),
    n=8910,
    asked=8910,
    total=8910,
    failed=0,
    unparsed=12,
    unjudged=0,
    cut=3,
    certified="certified",
    clusters=500,
)
MME = replace(
    POPE,
    task="mme",
    headline="perception",
    scale=1.0,
    metrics={"perception": Estimate(1423.04, 1380.2, 1466.7)},
    variants={},
    why={},
    shown=(),
    n=2370,
    asked=2374,
    total=2374,
    failed=4,
    certified="checked",
    clusters=1187,
    best=2000.0,
)
VQA = replace(
    POPE,
    task="vqav2_testdev",
    headline="accuracy",
    metrics={},
    variants={},
    why={},
    shown=(),
    n=0,
    asked=107394,
    total=107394,
    unjudged=107394,
    unparsed=0,
    clusters=0,
)


def golden_report(results: Path, kind: str) -> str:
    """The report of three runs in a format; of the page its leaderboard alone."""
    phi = _run(results, "MoE-LLaVA-Phi2-2.7B-4e", (POPE, MME, VQA), sized=True)
    figure = ServerFigure("accuracy", 77.6, "https://eval.ai/1", "2026-11-01")
    enter_server_figure(phi.task("vqav2_testdev").folder, figure)
    other = replace(POPE, metrics={"mean_f1": Estimate(0.8702, 0.8631, 0.8777)}, variants={})
    _run(results, "模型_B", (other, replace(MME, metrics={}, n=0, failed=2374)))
    demo = replace(POPE, task="pope@demo", n=720, asked=720, total=720, clusters=40)
    stores = [phi, _run(results, "模型_B", ()), _run(results, "demo", (demo,))]
    text = WRITERS[kind](make_report(find(stores), Options()))
    if kind != "html":
        return text
    section = re.search(r'<section id="leaderboard">.*?</section>', text, re.DOTALL)
    assert section
    return section[0] + "\n"


def _run(
    results: Path, model: str, summaries: tuple[Summary, ...], *, sized: bool = False
) -> RunStore:
    facts = {"parameters": 5_597_082_624, "activated": 3_918_951_424, "image_size": 336}
    run = Run(model, "moe_llava", {"dtype": "bfloat16"}, model)
    store = RunStore.create(results, run, {"model": facts} if sized else {})
    for summary in summaries:
        task = store.task(summary.task)
        name = summary.task.partition("@")[0]
        task.begin(TaskRun(name, summary.version, "d", "", "p", Decoding(), summary.total))
        task.write_summary(summary)
        task.add_cost(Cost(summary.asked, 4 * summary.asked, 100.5, 0, 2, 20480.0, "cuda"))
    return store


def golden_file(kind: str) -> Path:
    return FOLDER / f"leaderboard.{kind}"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for format_ in WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            golden_file(format_).write_text(golden_report(Path(folder), format_), "utf-8")
