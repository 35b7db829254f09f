"""The gate: verdicts, margins, what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lvlm_eval.comparison import compare_runs
from lvlm_eval.durable import fields_of
from lvlm_eval.errors import Incomplete, TooFewAnswers, UsageError
from lvlm_eval.regression import Gate, Policy, check
from lvlm_eval.store import RunStore

from .pairs_of_runs import accuracy, marked_run


def checked(candidate: RunStore, baseline: RunStore, policy: Policy = Policy()) -> Gate:  # noqa: B008
    return check(candidate, baseline, lambda _: accuracy, policy)


def verdict_of(gate: Gate) -> str:
    (task,) = gate.tasks
    return task.verdict


def test_a_real_loss_is_worse_and_closes_the_gate(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1] * 150 + [0] * 50, model="base")
    candidate = marked_run(tmp_path, [1] * 130 + [0] * 70, model="new")
    gate = checked(candidate, baseline)
    assert verdict_of(gate) == "worse"
    assert not gate.passed
    assert "20 answers marked lower, 0 higher" in gate.tasks[0].why


@pytest.mark.parametrize(
    ("named", "moved"),
    [
        ("accuracy", "20 answers marked lower, 0 higher"),
        ("of a part", "20 of 200 answers marked differently"),
    ],
)
def test_a_loss_without_right_and_wrong_is_told_by_what_marks_there_are(
    tmp_path: Path, named: str, moved: str
) -> None:
    baseline = marked_run(tmp_path, [1] * 150 + [0] * 50, model="base", named=named)
    candidate = marked_run(tmp_path, [1] * 130 + [0] * 70, model="new", named=named)
    gate = checked(candidate, baseline)
    assert verdict_of(gate) == "worse"
    assert gate.tasks[0].why.endswith(moved)


def test_a_gain_is_never_worse(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1] * 130 + [0] * 70, model="base")
    candidate = marked_run(tmp_path, [1] * 150 + [0] * 50, model="new")
    gate = checked(candidate, baseline)
    assert verdict_of(gate) == "ok"
    assert gate.passed


def test_where_less_is_better_a_rise_is_worse(tmp_path: Path) -> None:
    low, high = (
        marked_run(tmp_path, [1] * n + [0] * (200 - n), model=str(n), worst=100.0, best=0.0)
        for n in (130, 150)
    )
    assert verdict_of(checked(high, low)) == "worse"
    assert verdict_of(checked(low, high)) == "ok"


def test_too_few_questions_to_tell_pass_unless_strict_and_say_how_few(tmp_path: Path) -> None:
    rng = random.Random(1)
    baseline = marked_run(tmp_path, [rng.random() < 0.7 for _ in range(60)], model="base")
    candidate = marked_run(tmp_path, [rng.random() < 0.7 for _ in range(60)], model="new")
    gate = checked(candidate, baseline)
    assert verdict_of(gate) == "undecided"
    assert gate.passed
    assert "or more would be found in these questions" in gate.tasks[0].why
    assert not checked(candidate, baseline, Policy(strict=True)).passed


def test_a_wider_margin_is_proven_sooner(tmp_path: Path) -> None:
    rng = random.Random(2)
    baseline = marked_run(tmp_path, [rng.random() < 0.7 for _ in range(200)], model="base")
    candidate = marked_run(tmp_path, [rng.random() < 0.7 for _ in range(200)], model="new")
    for margin, verdict in (("1%", "undecided"), ("0.5", "undecided"), ("30", "ok")):
        assert verdict_of(checked(candidate, baseline, Policy(margins={"tiny": margin}))) == verdict


def test_a_margin_is_points_or_a_share_of_the_scale() -> None:
    policy = Policy(margins={"mme": "2%", "pope": "0.5", "default": "3"})
    assert policy.margin("mme@demo", 2000.0) == 40.0
    assert policy.margin("pope", 100.0) == 0.5
    assert policy.margin("gqa", 100.0) == 3.0
    assert Policy().margin("mme", 2000.0) == 20.0


@pytest.mark.parametrize("text", ["1 point", "-1", "nan", "inf%", ""])
def test_a_margin_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither points"):
        Policy(margins={"pope": text})


def test_a_run_passes_against_itself_even_strictly(tmp_path: Path) -> None:
    run = marked_run(tmp_path, [1, 0, 1, 1, 0])
    gate = checked(run, run, Policy(strict=True))
    assert gate.passed
    assert gate.tasks[0].why == "every answer is the same"


def test_equal_marks_on_few_questions_prove_little_if_answers_differ(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1] * 20, model="base")
    candidate = marked_run(tmp_path, [1] * 20, model="new")
    first, *others = map(fields_of, candidate.task("tiny").scores())
    candidate.task("tiny").write_scores([{**first, "answer": "yes!"}, *others])
    assert verdict_of(checked(candidate, baseline)) == "undecided"
    assert verdict_of(checked(candidate, baseline, Policy(margins={"tiny": "15"}))) == "ok"


def test_one_item_is_undecided(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1], model="base")
    candidate = marked_run(tmp_path, [0], model="new")
    gate = checked(candidate, baseline)
    assert verdict_of(gate) == "undecided"
    assert "says nothing about others" in gate.tasks[0].why


def test_several_tasks_share_the_alpha(tmp_path: Path) -> None:
    """Seven lost of seven: p = 0.016 is significant alone, and not among four tasks."""
    marks = [1] * 7 + [0, 1] * 20
    fallen = [0] * 7 + [0, 1] * 20
    tasks = ["one", "two", "three", "four"]
    for task in tasks:
        baseline = marked_run(tmp_path, marks, model="base", task=task)
        candidate = marked_run(tmp_path, fallen if task == "one" else marks, model="new", task=task)
    alone = checked(candidate, baseline, Policy(tasks=("one",)))
    among = checked(candidate, baseline)
    assert [task.verdict for task in alone.tasks] == ["worse"]
    assert {task.verdict for task in among.tasks} == {"ok", "undecided"}
    compared = compare_runs(baseline, candidate, ["one"], lambda _: accuracy)
    assert compared[0].p == 2 / 2**7


def test_a_task_that_the_candidate_was_not_asked_is_no_silent_hole(tmp_path: Path) -> None:
    marked_run(tmp_path, [1, 0], model="base", task="one")
    baseline = marked_run(tmp_path, [1, 0], model="base", task="two")
    candidate = marked_run(tmp_path, [1, 0], model="new", task="one")
    with pytest.raises(Incomplete, match="was not asked two"):
        checked(candidate, baseline)
    assert checked(candidate, baseline, Policy(tasks=("one",))).passed


def test_a_task_that_the_baseline_lacks_is_named(tmp_path: Path) -> None:
    run = marked_run(tmp_path, [1, 0])
    with pytest.raises(UsageError, match="has no task pope; there are tiny"):
        checked(run, run, Policy(tasks=("pope",)))


def test_failed_and_missing_answers_are_not_judged_over(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1, 0, 1], model="base")
    failed = marked_run(tmp_path, [1, 0], model="failed", asked=3, failed=1)
    missing = marked_run(tmp_path, [1, 0], model="missing", asked=3)
    with pytest.raises(TooFewAnswers, match="1 of 3 questions failed"):
        checked(failed, baseline)
    with pytest.raises(TooFewAnswers, match="1 of 3 questions have no answer"):
        checked(missing, baseline)


def test_all_failed_is_not_judged(tmp_path: Path) -> None:
    baseline = marked_run(tmp_path, [1, 0, 1], model="base")
    failed = marked_run(tmp_path, {}, model="failed", asked=3, failed=3, metrics={})
    with pytest.raises(TooFewAnswers, match="3 of 3"):
        checked(failed, baseline)
