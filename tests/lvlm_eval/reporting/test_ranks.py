"""Who is best of a column, and who cannot be told from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.errors import UsageError
from lvlm_eval.reporting.ranks import ranks
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Estimate, TaskRun
from lvlm_eval.stats import ToMetrics
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import Decision

from ..pairs_of_runs import accuracy, marked_run


def run(
    results: Path, model: str, right: int, ends: tuple[float, float] = (0.0, 100.0)
) -> RunStore:
    """A run with so many right answers of 200, wrong ones first."""
    marks = [0] * (200 - right) + [1] * right
    metrics = {"accuracy": Estimate(right / 2, right / 2 - 1, right / 2 + 1)}
    return marked_run(results, marks, model=model, metrics=metrics, worst=ends[0], best=ends[1])


def finishes(_: TaskRun) -> ToMetrics:
    return accuracy


def test_the_best_and_those_level_with_it_are_found_by_paired_tests(tmp_path: Path) -> None:
    found = find([run(tmp_path, name, n) for name, n in (("a", 150), ("b", 148), ("c", 100))])
    assert ranks(found.results, finishes) == {"a": "best", "b": "level"}


def test_where_less_is_better_the_least_is_best(tmp_path: Path) -> None:
    found = find([run(tmp_path, name, n, (100.0, 0.0)) for name, n in (("a", 150), ("b", 100))])
    assert ranks(found.results, finishes) == {"b": "best"}


def test_equals_are_both_best(tmp_path: Path) -> None:
    found = find([run(tmp_path, name, 150) for name in "ab"])
    assert ranks(found.results, finishes) == {"a": "best", "b": "best"}


def test_one_row_alone_is_not_the_best_of_anything(tmp_path: Path) -> None:
    assert ranks(find([run(tmp_path, "a", 150)]).results, finishes) == {}


def test_without_the_task_only_the_best_is_known(tmp_path: Path) -> None:
    def unknown(_: TaskRun) -> ToMetrics:
        raise UsageError("unknown task 'tiny'")

    found = find([run(tmp_path, name, n) for name, n in (("a", 150), ("b", 148))])
    assert ranks(found.results, unknown) == {"a": "best"}
    assert ranks(found.results, None) == {"a": "best"}


def test_a_run_that_was_stopped_early_is_not_tested(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, n) for name, n in (("a", 150), ("b", 148))]
    runs[1].task("tiny").write_decision(Decision("a", "ok", 0.05, 0.01))
    assert ranks(find(runs).results, finishes) == {"a": "best"}


@pytest.mark.parametrize("marks", [[1], [0]])
def test_a_single_question_says_nothing_about_a_difference(
    tmp_path: Path, marks: list[float]
) -> None:
    one = Estimate(100.0 * marks[0], None, None)
    other = Estimate(100.0 * (1 - marks[0]), None, None)
    stores = [
        marked_run(tmp_path, marks, model="a", metrics={"accuracy": one}),
        marked_run(tmp_path, [1 - marks[0]], model="b", metrics={"accuracy": other}),
    ]
    assert sorted(ranks(find(stores).results, finishes).values()) == ["best", "level"]
