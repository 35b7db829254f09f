"""Several replicas: the result of one process, whoever dies. Processes are threads here."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval import pulse
from lvlm_eval.errors import Incomplete, StoreError, UsageError
from lvlm_eval.evaluation import Candidate, Plan, evaluate
from lvlm_eval.model_spec import parse_model
from lvlm_eval.placement import Placement
from lvlm_eval.replicas import evaluate_together, never_asked
from lvlm_eval.store import RunStore

from .conftest import FILES
from .shared_memory import Memory, place_of, team_of
from .test_evaluation import quiet, result

MakePlan = Callable[..., Plan]
CHOIR = Path(__file__).parents[1] / "data" / "plugins" / "choir.py"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT", 0.05), ("PATIENCE", 1.0), ("MEET", 5.0)):
        monkeypatch.setattr(pulse, name, seconds)


def one(number: int, plan: Plan, placement: Placement, store: Memory) -> list[RunStore]:
    """What one process of the launch does."""
    team, place = team_of(number, placement.processes, store), place_of(number, placement)
    team.pulse.watch([], place.partners)
    try:
        stores = evaluate_together(replace(plan, place=place), team, quiet)
        team.pulse.say(ended=True)
        return stores
    except Exception as error:
        team.pulse.say(why=f"{type(error).__name__}: {error}", code=2)
        raise
    finally:
        team.pulse.stop()


def all_of(placement: Placement, plans: Sequence[Plan]) -> list[list[RunStore] | BaseException]:
    """What each process came to."""
    store = Memory()
    with ThreadPoolExecutor(len(plans)) as threads:
        running = [threads.submit(one, n, plan, placement, store) for n, plan in enumerate(plans)]
    return [done.exception() or done.result() for done in running]


def test_replicas_come_to_the_result_of_one_process(make_plan: MakePlan, tmp_path: Path) -> None:
    (alone,) = evaluate(make_plan(results=tmp_path / "alone"), quiet)
    plan = make_plan(f"parrot:polly,seconds=0.01,log={tmp_path / 'asked'}")
    stores, *others = all_of(Placement(3), [plan] * 3)
    assert others == [[], []]
    assert isinstance(stores, list)
    assert result(stores[0]) == result(alone)
    assert sorted((tmp_path / "asked").read_text().split()) == sorted(
        line.question_id for line in stores[0].task("tiny").scores()
    )
    files = sorted(file.name for file in stores[0].task("tiny").folder.glob("responses*"))
    assert files == ["responses.0.jsonl", "responses.1.jsonl", "responses.2.jsonl"]
    cost = stores[0].task("tiny").cost()
    assert cost is not None
    assert (cost.questions, cost.new_tokens, cost.workers, cost.retries) == (30, 30, 3, 0)
    assert 0.1 <= cost.seconds < 0.3  # side by side, not one after the other


def test_what_a_dead_replica_took_is_named_and_asked_by_the_next_start(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    (alone,) = evaluate(make_plan(results=tmp_path / "alone"), quiet)
    plan, placement, store = make_plan("parrot:polly,seconds=0.02"), Placement(2), Memory()
    with ThreadPoolExecutor(1) as threads:
        dying = team_of(1, 2, store)
        first = threads.submit(one, 0, plan, placement, store)
        dying.hear("portions")
        taken = json.loads(store.texts[f"portion/{dying.take()}"])["ids"]
        dying.pulse.stop()
        error = first.exception()
    assert isinstance(error, Incomplete)
    words = f"{len(taken)} questions of tiny to parrot:polly have no answer: rank 1 on"
    assert str(error).startswith(words)
    assert "has given no sign" in str(error)
    assert never_asked(plan) == [f"{len(taken)} questions of tiny to parrot:polly"]
    assert not list(tmp_path.glob("results/*/*/tiny/scores.jsonl"))
    (whole,) = evaluate(plan, quiet)
    assert result(whole) == result(alone)
    cost = whole.task("tiny").cost()
    assert cost is not None
    assert cost.questions == 30


def test_a_replica_that_fails_early_is_named_and_the_others_answer_all(
    make_plan: MakePlan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (alone,) = evaluate(make_plan(results=tmp_path / "alone"), quiet)
    empty = tmp_path / "empty"
    empty.mkdir()
    plan = make_plan()
    stores, error = all_of(Placement(2), [plan, replace(plan, data=empty)])
    assert "questions.jsonl" in str(error)
    assert isinstance(stores, list)
    assert result(stores[0]) == result(alone)
    assert "rank 1 on" in caplog.text
    assert "the others have answered all" in caplog.text


def test_results_that_a_node_cannot_see_are_refused_there(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = make_plan(), Memory()
    first = team_of(0, 2, store)
    first.put("folders", [str(tmp_path / "elsewhere")])
    first.put("portions", 1)
    with pytest.raises(StoreError, match=r"elsewhere, made by rank 0.*all nodes share"):
        one(1, plan, Placement(2), store)
    first.pulse.stop()
    assert not (tmp_path / "results").exists()


def test_failed_answers_are_no_missing_ones_and_are_asked_again(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = make_plan(f"parrot:polly,fail=3-,log={tmp_path / 'asked'}")
    for _ in range(4):
        stores, _ = all_of(Placement(2), [plan] * 2)
    assert isinstance(stores, list)
    summary, cost = stores[0].task("tiny").summary(), stores[0].task("tiny").cost()
    assert summary is not None
    assert cost is not None
    assert (summary.n, summary.failed, cost.retries) == (27, 3, 6)
    assert (tmp_path / "asked").read_text().split().count("3-1") == 3


def choirs(make_plan: MakePlan, folder: Path) -> Plan:
    """Two models that can be shared out, asked about the same task."""
    folder.mkdir()
    files = (*FILES, CHOIR)
    texts = (f"choir:{folder},song=alto", f"choir:{folder},song=bass")
    named = [replace(parse_model(text, files), name=text[-4:]) for text in texts]
    return make_plan(candidates=tuple(map(Candidate, named)), plugin_files=files)


def test_the_others_of_a_replica_follow_model_by_model(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = choirs(make_plan, tmp_path / "choir")
    alone = evaluate(replace(plan, results=tmp_path / "alone"), quiet)
    stores, *others = all_of(Placement(1, 2), [plan] * 2)
    assert others == [[]]
    assert isinstance(stores, list)
    assert [result(store) for store in stores] == [result(store) for store in alone]
    notes = (tmp_path / "choir" / "notes").read_text().splitlines()
    # this model tells its follower nothing, so only what each of them does has an order
    assert [note for note in notes if note[0] == "0"] == ["0 leads alto", "0 leads bass"]
    assert [note for note in notes if note[0] == "1"] == ["1 follows alto", "1 follows bass"]
    assert len(notes) == 4


def test_replicas_of_several_processes_share_the_questions(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = choirs(make_plan, tmp_path / "choir")
    alone = evaluate(replace(plan, results=tmp_path / "alone"), quiet)
    stores, *others = all_of(Placement(2, 2), [plan] * 4)
    assert others == [[], [], []]
    assert isinstance(stores, list)
    assert [result(store) for store in stores] == [result(store) for store in alone]
    served = [store.task("tiny").routing() for store in alone]
    assert [sum(counts[0]) for counts in served] == [30, 30]
    assert [store.task("tiny").routing() for store in stores] == served


def test_a_model_that_could_be_shared_out_is_replicated_whole(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = choirs(make_plan, tmp_path / "choir")
    alone = evaluate(replace(plan, results=tmp_path / "alone"), quiet)
    stores, *others = all_of(Placement(2), [plan] * 2)
    assert others == [[]]
    assert isinstance(stores, list)
    assert [result(store) for store in stores] == [result(store) for store in alone]
    assert not (tmp_path / "choir" / "notes").exists()


def test_a_model_that_cannot_be_shared_out_is_refused_before_anything_is_written(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    outcomes = all_of(Placement(1, 2), [make_plan()] * 2)
    assert isinstance(outcomes[0], UsageError)
    assert "--parallel dp=2" in str(outcomes[0])
    assert isinstance(outcomes[1], Incomplete)
    assert not (tmp_path / "results").exists()


def test_who_follows_a_dead_leader_ends(make_plan: MakePlan, tmp_path: Path) -> None:
    store = Memory()
    leader = team_of(0, 2, store)
    time.sleep(0.2)
    leader.pulse.stop()
    with pytest.raises(Incomplete, match=r"rank 0 on .* has given no sign"):
        one(1, choirs(make_plan, tmp_path / "choir"), Placement(1, 2), store)
