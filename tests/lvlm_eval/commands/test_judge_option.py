"""`--judge` on the command line: what is refused, kept, and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lvlm_eval.certify import read_vectors, write_data
from lvlm_eval.commands.score import Given, Source, score_predictions, score_run
from lvlm_eval.errors import TooFewAnswers, UsageError
from lvlm_eval.evaluation import Candidate, Plan, evaluate
from lvlm_eval.model_spec import parse_model
from lvlm_eval.plugins import load_task
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore, find_runs

VECTORS = Path(__file__).parents[2] / "data" / "conformance" / "mm_vet"
ANSWERS = VECTORS / "predictions.jsonl"


def given(root: Path, judge: str | None) -> Given:
    if not (root / "data").exists():
        write_data(read_vectors(VECTORS).annotations, root / "data" / "mm_vet")
    return Given(str(root / "data"), root / "cache", (), judge)


def marked(root: Path, judge: str | None) -> tuple[RunStore, Summary]:
    source = Source("mm_vet", ANSWERS, None, 0.005)
    score_predictions(source, root / "results", given(root, judge), as_json=True)
    (store,) = find_runs(root / "results")
    summary = store.task("mm_vet").summary()
    assert summary is not None
    return store, summary


def test_a_judged_task_without_judge_stops_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mm_vet: marked by a judge"):
        marked(tmp_path, None)
    plan = Plan(
        (Candidate(parse_model("baseline:majority")),),
        (load_task("mm_vet"),),
        Path(str(given(tmp_path, None).data)),
        tmp_path / "results",
        tmp_path / "cache",
    )
    with pytest.raises(UsageError, match="mm_vet: marked by a judge"):
        evaluate(plan, lambda what, done, total: None)
    assert not (tmp_path / "results").exists()


def test_the_judge_is_part_of_the_run_and_its_words_are_kept(tmp_path: Path) -> None:
    store, summary = marked(tmp_path, f"replay:{ANSWERS},name=gpt-4-0613")
    assert store.run.judge == "gpt-4-0613"
    assert store.task("mm_vet").verdicts()["v1_0"].replies == (("0.2\n",), ("0.3 ",), ("0.4 ",))
    total = summary.metrics["total"].value
    assert total == pytest.approx(58.6, abs=0.05)
    assert (summary.n, summary.unjudged, summary.unparsed) == (36, 0, 1)
    score_run(str(store.folder), tmp_path / "results", given(tmp_path, None), as_json=True)
    again = store.task("mm_vet").summary()
    assert again == summary


def test_another_judge_may_not_mark_the_same_run(tmp_path: Path) -> None:
    store, _ = marked(tmp_path, f"replay:{ANSWERS},name=gpt-4-0613")
    other = given(tmp_path, f"replay:{ANSWERS},name=gpt-3.5-turbo")
    with pytest.raises(UsageError, match="judged by gpt-4-0613, not by gpt-3"):
        score_run(str(store.folder), tmp_path / "results", other, as_json=True)


def test_what_nobody_judged_is_counted_and_can_be_judged_later(tmp_path: Path) -> None:
    part = tmp_path / "part.jsonl"
    lines = ANSWERS.read_text(encoding="utf-8").splitlines()
    part.write_text("\n".join(lines[:30]))
    with pytest.raises(TooFewAnswers, match="6 of 36 answers are unjudged"):
        marked(tmp_path, f"replay:{part},name=gpt-4")
    (store,) = find_runs(tmp_path / "results")
    summary = store.task("mm_vet").summary()
    assert summary is not None and (summary.n, summary.unjudged) == (30, 6)
    whole = given(tmp_path, f"replay:{ANSWERS},name=gpt-4")
    score_run(str(store.folder), tmp_path / "results", whole, as_json=True)
    summary = store.task("mm_vet").summary()
    assert summary is not None and (summary.n, summary.unjudged) == (36, 0)


def test_verdicts_are_json_lines(tmp_path: Path) -> None:
    store, _ = marked(tmp_path, f"replay:{ANSWERS},name=gpt-4")
    first = (store.folder / "mm_vet" / "verdicts.jsonl").read_text().splitlines()[0]
    assert json.loads(first).keys() == {"question_id", "answer", "replies"}
