"""Whole evaluations of a model that answers by rule: results, resuming, modes, failures."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.durable import read_lines
from lvlm_eval.errors import DataError, RunMismatch, StoreError, TooFewAnswers, UsageError
from lvlm_eval.evaluation import Plan, allowed, evaluate
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore, find_run

MakePlan = Callable[..., Plan]
PLUGINS = Path(__file__).parents[1] / "data" / "plugins"


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def summary_of(store: RunStore) -> Summary:
    summary = store.task("tiny").summary()
    assert summary is not None
    return summary


def result(store: RunStore) -> tuple[bytes, bytes, set[tuple[object, ...]]]:
    """What must not depend on how a run came about (design: the same result)."""
    folder = store.task("tiny").folder
    answers: set[tuple[object, ...]] = {
        (r.question_id, r.text, r.finish, r.new_tokens)
        for r in store.task("tiny").responses().values()
    }
    scores, summary = (folder / "scores.jsonl").read_bytes(), (folder / "summary.json").read_bytes()
    return scores, summary, answers


def test_every_question_is_asked_once_and_marked(make_plan: MakePlan) -> None:
    (store,) = evaluate(make_plan(), quiet)
    summary = summary_of(store)
    lines = store.task("tiny").scores()
    right = sum(line.values["correct"] for line in lines)
    assert (summary.n, summary.asked, summary.total, summary.failed) == (30, 30, 30, 0)
    assert summary.metrics["accuracy"].value == pytest.approx(100 * right / 30)
    assert summary.unparsed == sum(line.answer is None for line in lines) > 0
    assert [line.question_id for line in lines][:4] == ["0-0", "0-1", "0-2", "1-0"]


def test_a_second_start_asks_nothing_and_changes_nothing(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = make_plan(f"parrot:polly,log={tmp_path / 'asked'}")
    before = result(evaluate(plan, quiet)[0])
    assert result(evaluate(plan, quiet)[0]) == before
    assert len((tmp_path / "asked").read_text().split()) == 30


def test_a_higher_limit_extends_the_run_by_whole_clusters(make_plan: MakePlan) -> None:
    (small,) = evaluate(make_plan(limit=7), quiet)
    few = {line.question_id for line in small.task("tiny").scores()}
    assert len(few) == 9  # three questions an image: the third image is asked whole
    assert summary_of(small).asked == 9
    (large,) = evaluate(make_plan(limit=20), quiet)
    more = {line.question_id for line in large.task("tiny").scores()}
    assert few < more
    assert len(more) == 21
    assert small.folder == large.folder
    (whole,) = evaluate(make_plan(), quiet)
    before = result(whole)
    assert result(evaluate(make_plan(limit=7), quiet)[0]) == before
    fresh = evaluate(make_plan(results=whole.folder.parents[1] / "again"), quiet)[0]
    assert result(whole) == result(fresh)


def test_blind_and_mismatched_runs_are_runs_of_their_own(make_plan: MakePlan) -> None:
    normal = evaluate(make_plan(), quiet)[0]
    blind = evaluate(make_plan(mode="blind"), quiet)[0]
    other = evaluate(make_plan(mode="mismatched"), quiet)[0]
    assert len({normal.folder, blind.folder, other.folder}) == 3
    answers = [store.task("tiny").responses() for store in (normal, blind, other)]
    texts = [[r.text for _, r in sorted(found.items())] for found in answers]
    assert texts[0] != texts[1]
    assert texts[0] != texts[2]
    # Without its picture the parrot knows only the question: three of them, three answers.
    assert len({(q[-1], r.text) for q, r in answers[1].items()}) == 3
    prompts = {store.task("tiny").task_run().prompt_digest for store in (normal, blind, other)}
    assert len(prompts) == 1


def test_failures_are_kept_asked_again_thrice_and_leave_the_denominator(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = make_plan(f"parrot:polly,fail=3-,log={tmp_path / 'asked'}")
    for _ in range(5):
        (store,) = evaluate(plan, quiet)
    summary = summary_of(store)
    assert (summary.n, summary.failed, summary.asked) == (27, 3, 30)
    asked = (tmp_path / "asked").read_text().split()
    assert [asked.count(q) for q in ("3-0", "3-1", "3-2", "4-0")] == [3, 3, 3, 1]
    assert all("told to" in r.error for r in store.task("tiny").attempts()["3-0"])
    with pytest.raises(TooFewAnswers, match="3 of 30 questions failed"):
        allowed([store], plan)
    evaluate(make_plan(f"parrot:polly,fail=3-,log={tmp_path / 'asked'}", retry_failed=True), quiet)
    assert (tmp_path / "asked").read_text().split().count("3-0") == 4


def test_changed_data_is_refused_by_the_old_folder(make_plan: MakePlan, tiny: Path) -> None:
    evaluate(make_plan(), quiet)
    questions = tiny / "tiny" / "questions.jsonl"
    questions.write_text(questions.read_text().replace("q1?", "another?"))
    with pytest.raises(RunMismatch, match="data_digest"):
        evaluate(make_plan(), quiet)


def test_a_tampered_run_file_is_refused(make_plan: MakePlan) -> None:
    (store,) = evaluate(make_plan(), quiet)
    file = store.folder / "run.json"
    file.write_text(file.read_text().replace("feathers", "fur"))
    with pytest.raises(RunMismatch, match="remove the folder"):
        evaluate(make_plan(), quiet)


def test_the_hubs_commit_is_recorded_and_does_not_make_another_run(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    """A hub's new commit of the same weights goes on with the run; the digest tells them apart."""
    stores = []
    for commit in ("aa11", "bb22"):
        snapshot = tmp_path / "models--org--parrot" / "snapshots" / commit
        snapshot.mkdir(parents=True)
        candidate = make_plan(f"parrot:{snapshot}").candidates[0]
        same = replace(candidate, spec=replace(candidate.spec, name="parrot"))
        stores += evaluate(make_plan(candidates=(same,)), quiet)
    assert [s.provenance["revision"] for s in stores] == ["aa11", "aa11"]
    assert stores[0].folder == stores[1].folder


def test_a_damaged_answer_is_named_and_a_torn_one_asked_again(make_plan: MakePlan) -> None:
    (store,) = evaluate(make_plan(), quiet)
    before = result(store)
    file = store.task("tiny").folder / "responses.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert result(evaluate(make_plan(), quiet)[0]) == before
    file.write_bytes(whole.replace(b'{"question_id":"2-1"', b'{"question_id":2-1"', 1))
    with pytest.raises(StoreError, match=r"responses\.jsonl:\d+: damaged"):
        evaluate(make_plan(), quiet)


def test_nothing_is_written_when_an_image_is_broken(
    make_plan: MakePlan, tiny: Path, tmp_path: Path
) -> None:
    image = tiny / "tiny" / "images" / "4.png"
    image.write_bytes(image.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"4\.png: is damaged.*questions\.jsonl:13"):
        evaluate(make_plan(), quiet)
    assert not (tmp_path / "results").exists()


def test_an_unknown_option_is_refused_with_the_options_there_are(make_plan: MakePlan) -> None:
    with pytest.raises(UsageError, match=r"no option 'wings'.*seconds"):
        evaluate(make_plan("parrot:polly,wings=2"), quiet)


def test_a_killed_run_goes_on_to_the_same_result(
    make_plan: MakePlan, tiny: Path, tmp_path: Path
) -> None:
    whole = evaluate(make_plan(), quiet)[0]
    killed = tmp_path / "killed"
    command = [
        *(sys.executable, "-m", "lvlm_eval", "run", "--tasks", "tiny", "--data", str(tiny)),
        *("--results", str(killed), "--name", "polly"),
        *("--plugin", str(PLUGINS / "tiny.py"), "--plugin", str(PLUGINS / "parrot.py")),
    ]
    log = tmp_path / "asked"
    first = subprocess.run(
        [*command, f"parrot:polly,log={log},seconds=0.12,die_after=17"],
        capture_output=True,
        check=False,
    )
    assert first.returncode == -9
    (responses,) = killed.glob("*/*/tiny/responses.jsonl")
    kept = [str(line["question_id"]) for _, line in read_lines(responses)]
    assert 0 < len(kept) < 30
    again = subprocess.run([*command, f"parrot:polly,log={log}"], capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert result(find_run("polly@latest", killed)) == result(whole)
    asked = log.read_text().split()
    assert all(asked.count(question) == 1 for question in kept)
    shutil.rmtree(killed)
