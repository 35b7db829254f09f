"""Runs that stop as soon as it is known who is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.errors import Incomplete, NotComparable
from lvlm_eval.evaluation import Plan, evaluate
from lvlm_eval.questions import choose, read_questions
from lvlm_eval.regression import Policy
from lvlm_eval.sequential import UntilDecided
from lvlm_eval.store import RunStore

from .conftest import MakePlan, write_tiny


def quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "many", images=80)


def baseline_of(plan: Plan, correct: float | None = None) -> RunStore:
    """A run of all questions, if wanted with every mark the same."""
    (store,) = evaluate(plan, quiet)
    if correct is not None:
        lines = [replace(x, values={"correct": correct}) for x in store.task("tiny").scores()]
        store.task("tiny").write_scores(lines)
    return store


def until(baseline: RunStore, margin: str = "1%") -> UntilDecided:
    return UntilDecided(baseline, Policy(margins={"default": margin}), tasks=1)


def test_a_worse_candidate_is_found_early_and_clusters_stay_whole(
    make_plan: MakePlan, data: Path
) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data), correct=1.0))
    plan = make_plan("parrot:new", data=data, until=rule)
    (store,) = evaluate(plan, quiet)
    decision = rule.conclude(store, "tiny")
    assert decision.verdict == "worse"
    assert 0 < decision.questions < decision.total / 2
    assert decision.questions == 3 * decision.clusters
    assert decision.difference is not None and decision.difference < 0
    summary = store.task("tiny").summary()
    assert summary is not None and summary.asked == decision.questions < summary.total


def test_what_is_asked_is_what_a_limit_would_ask(make_plan: MakePlan, data: Path) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data), correct=1.0))
    plan = make_plan("parrot:new", data=data, until=rule)
    (store,) = evaluate(plan, quiet)
    asked = set(store.task("tiny").responses())
    samples = read_questions(plan.tasks[0], "tiny", data).samples
    assert asked == {sample.question_id for sample in choose(samples, len(asked))}


def test_an_equal_candidate_is_ok_within_a_wide_margin(make_plan: MakePlan, data: Path) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data)), margin="30%")
    (store,) = evaluate(make_plan("parrot:new", data=data, until=rule), quiet)
    decision = rule.conclude(store, "tiny")
    assert decision.verdict == "ok"
    assert decision.questions < decision.total


def test_what_cannot_be_decided_is_asked_to_its_end(make_plan: MakePlan, data: Path) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data)))
    (store,) = evaluate(make_plan("parrot:new", data=data, until=rule), quiet)
    decision = rule.conclude(store, "tiny")
    assert decision.verdict == "undecided"
    assert decision.questions == decision.total


def test_the_same_command_again_asks_nothing_more(make_plan: MakePlan, data: Path) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data), correct=1.0))
    plan = make_plan("parrot:new", data=data, until=rule)
    (store,) = evaluate(plan, quiet)
    before = len(store.task("tiny").attempts())
    evaluate(plan, quiet)
    assert len(store.task("tiny").attempts()) == before


def test_a_baseline_asked_otherwise_is_refused_before_anything_is_asked(
    make_plan: MakePlan, data: Path
) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data)))
    plan = make_plan("parrot:new", data=data, until=rule, overrides={"max_new_tokens": 2})
    with pytest.raises(NotComparable, match="max_new_tokens is 4 there and 2 here"):
        evaluate(plan, quiet)
    assert not list(plan.results.glob("parrot-new/*/tiny/responses.jsonl"))


def test_a_baseline_without_the_task_is_refused(make_plan: MakePlan, data: Path) -> None:
    baseline = baseline_of(make_plan("parrot:base", data=data))
    (baseline.task("tiny").folder / "summary.json").unlink()
    with pytest.raises(Incomplete, match="has no marked answers to tiny"):
        evaluate(make_plan("parrot:new", data=data, until=until(baseline)), quiet)
