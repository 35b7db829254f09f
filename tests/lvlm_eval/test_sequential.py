"""Runs that stop as soon as it is known who is better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lvlm_eval.comparison import compare
from lvlm_eval.durable import fields_of
from lvlm_eval.errors import Incomplete, NotComparable
from lvlm_eval.evaluation import Plan, evaluate
from lvlm_eval.questions import choose, read_questions
from lvlm_eval.regression import Policy, check
from lvlm_eval.run import ask
from lvlm_eval.schema import Decoding, Request, Response, Run
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
        lines = map(fields_of, store.task("tiny").scores())
        store.task("tiny").write_scores([{**x, "values": {"correct": correct}} for x in lines])
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


@dataclass
class Greedy:
    """A model that takes all requests that it can get before it answers the first."""

    handed: list[int] = field(default_factory=list)
    name: str = "greedy"

    def describe(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        taken = list(requests)
        self.handed.append(len(taken))
        for request in taken:
            yield Response(request.question_id, "maybe", "stop", 1)


def ask_greedily(rule: UntilDecided, plan: Plan, data: Path) -> list[int]:
    """How many questions a model was handed at a time, until it was decided."""
    run = Run("greedy", "parrot", {}, "g")
    store, greedy = RunStore.create(plan.results, run, {}), Greedy()
    questions = read_questions(plan.tasks[0], "tiny", data)
    before = rule.baseline.task("tiny").task_run()
    questions = replace(questions, image_digest=before.image_digest)
    store.task("tiny").begin(questions.task_run(before.decoding))
    model, wanted = rule.begin(greedy, questions, store, questions.samples)
    with store.task("tiny").writer() as writer:
        ask(model, questions, wanted, writer, decoding=before.decoding, progress=lambda n: None)
    return greedy.handed


def test_a_model_that_reads_ahead_gets_portions_and_no_more_than_it_takes(
    make_plan: MakePlan, data: Path
) -> None:
    plan = make_plan("parrot:base", data=data)
    assert ask_greedily(until(baseline_of(plan, correct=1.0)), plan, data) == [66]


def test_portions_grow_with_what_was_asked_and_hold_whole_clusters(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    data = write_tiny(tmp_path / "large", images=200)
    plan = make_plan("parrot:base", data=data)
    handed = ask_greedily(until(baseline_of(plan, correct=0.0), margin="0.1%"), plan, data)
    assert handed == [66, 66, 66, 66, 66, 84, 105, 81]
    assert sum(handed) == 600


def test_a_stopped_run_is_refused_by_tests_of_a_fixed_number(
    make_plan: MakePlan, data: Path
) -> None:
    baseline = baseline_of(make_plan("parrot:base", data=data), correct=1.0)
    rule = until(baseline)
    plan = make_plan("parrot:new", data=data, until=rule)
    (store,) = evaluate(plan, quiet)
    store.task("tiny").write_decision(rule.conclude(store, "tiny"))
    finishes = lambda task_run: plan.tasks[0].scorer.finish  # noqa: E731
    words = r"was asked with --until-decided, \d+ of 240 questions: its verdict against parrot:base"
    for one, other in ((baseline, store), (store, baseline)):
        with pytest.raises(NotComparable, match=words):
            compare(one, other, finishes, allowed=["limit"])
        with pytest.raises(NotComparable, match=r"parrot:base/.*, worse, is what counts"):
            check(one, other, finishes, Policy(allowed=("limit",)))
    evaluate(replace(plan, until=None), quiet)
    assert compare(baseline, store, finishes).tasks[0].questions == 240


def test_a_run_stopped_half_way_is_known_as_one_that_may_stop(
    make_plan: MakePlan, data: Path
) -> None:
    rule = until(baseline_of(make_plan("parrot:base", data=data), correct=1.0))
    (store,) = evaluate(make_plan("parrot:new", data=data, until=rule), quiet)
    decision = store.task("tiny").decision()
    assert decision is not None
    assert (decision.verdict, decision.questions, decision.total) == ("undecided", 0, 240)


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
