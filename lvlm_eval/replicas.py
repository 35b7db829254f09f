"""One evaluation by several replicas of a model, each in a process (or several) of its own.

Rank 0 divides what is to be asked into portions; each replica takes one after the other and
writes answers into a file of its own. Then rank 0 alone marks. What a replica that died had taken
is asked by the next start of the command, at whatever number of replicas.
"""

from __future__ import annotations

import functools
import itertools
import logging
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lvlm_eval.abilities import Sharded
from lvlm_eval.durable import parse
from lvlm_eval.errors import Incomplete, StoreError
from lvlm_eval.evaluation import Plan, Progress, begin, decoding_of, finish, unanswered
from lvlm_eval.model_spec import load_model
from lvlm_eval.placement import Place
from lvlm_eval.portions import Portion, divide
from lvlm_eval.questions import Questions, in_mode
from lvlm_eval.run import ask, routing_kept
from lvlm_eval.schema import JSON, Cost, Model, Sample
from lvlm_eval.store import RunStore
from lvlm_eval.task_store import one_after_other, side_by_side
from lvlm_eval.team import Team

_log = logging.getLogger(__name__)
_Where = tuple[int, int]  # the places of model and task in the plan
_NO_MORE = -1


def evaluate_together(plan: Plan, team: Team, progress: Progress) -> list[RunStore]:
    """As `evaluation.evaluate`, by all processes of a launch; the stores on rank 0 alone.

    Raises Incomplete where replicas have ended early and questions are left without an answer.
    """
    place = plan.place
    assert place is not None
    if place.first:
        return _lead(plan, place, team, progress)
    if not place.leads:
        _follow(plan, place, team)
        return []
    portions = team.hear("portions")
    _check_shared(team)
    stores, questions = begin(plan, _silent)
    work = _Replica(plan, place, team, stores, questions)
    costs = work.answer(int(str(portions)), lambda what: None)
    team.put(f"costs/{place.rank.rank}", [[*where, asdict(cost)] for where, cost in costs.items()])
    return []


def never_asked(plan: Plan) -> list[str]:
    """Of which tasks how many questions have got no answer yet, in words."""
    stores, questions = begin(plan, _silent)
    return _missing(stores, questions, unanswered(stores, questions, plan), {})


def _lead(plan: Plan, place: Place, team: Team, progress: Progress) -> list[RunStore]:
    stores, questions = begin(plan, progress)
    wanted = unanswered(stores, questions, plan)
    before = {(s, t): _asked(stores[s], questions[t]) for s, t in wanted}
    portions = _deal(stores, wanted, place, team)
    show = _shown(team, progress, sum(map(len, wanted.values())))
    own: dict[_Where, Cost] = {}
    try:
        own = _Replica(plan, place, team, stores, questions).answer(len(portions), show)
        gone = team.end(place.leaders, lambda: show(""))
        why = "; ".join(gone.values())
    except Incomplete as error:
        gone, why = dict.fromkeys(place.leaders, ""), str(error)
    ended = [rank for rank in place.leaders if rank not in {0, *gone}]
    for (s, t), costs in _costs(own, ended, team).items():
        again = sum(i in before[s, t] for i in _ids(wanted[s, t]))
        stores[s].task(questions[t].label).add_cost(replace(side_by_side(costs), retries=again))
    if left := _missing(stores, questions, wanted, before):
        raise Incomplete(f"{', '.join(left)} have no answer: {why}; the same command asks them")
    if why:
        _log.warning("%s; the others have answered all", why)
    finish(stores, questions, plan)
    return stores


def _deal(
    stores: Sequence[RunStore],
    wanted: Mapping[_Where, Sequence[Sample]],
    place: Place,
    team: Team,
) -> list[Portion]:
    portions = divide(wanted, place.placement.dp)
    for number, portion in enumerate(portions):
        team.put(f"portion/{number}", asdict(portion))
    team.put("folders", [str(store.folder) for store in stores])
    team.put("portions", len(portions))
    return portions


def _shown(team: Team, progress: Progress, total: int) -> Callable[[str], None]:
    """Shows what all replicas have done; "" keeps what is said of it."""
    shown = ""

    def show(what: str) -> None:
        nonlocal shown
        shown = what or shown
        if shown:
            progress(shown, min(team.done(), total), total)

    return show


@dataclass(frozen=True, slots=True)
class _Replica:
    """The process that leads one."""

    plan: Plan
    place: Place
    team: Team
    stores: Sequence[RunStore]
    questions: Sequence[Questions]

    def answer(self, portions: int, show: Callable[[str], None]) -> dict[_Where, Cost]:
        """Takes portions while there are any; what each model and task took here."""
        costs: dict[_Where, Cost] = {}
        turns = itertools.count()
        models = itertools.groupby(self._taken(portions), key=lambda portion: portion.model)
        for s, of_model in models:
            self._tell(next(turns), s)
            spec = self.plan.candidates[s].spec
            model = load_model(spec, self.plan.options, self.plan.plugin_files, self.place)
            for t, of_task in itertools.groupby(of_model, key=lambda portion: portion.task):
                costs[s, t] = self._ask(model, (s, t), of_task, show)
            if isinstance(model, Sharded) and self.place.placement.tp > 1:
                model.release()
        self._tell(next(turns), _NO_MORE)
        return costs

    def _taken(self, portions: int) -> Iterator[Portion]:
        while (number := self.team.take()) < portions:
            value = self.team.hear(f"portion/{number}")
            assert isinstance(value, dict)
            yield parse(Portion, value, f"portion {number}")

    def _tell(self, turn: int, model: int) -> None:
        """Tells those that follow which model comes next."""
        self.team.put(f"turn/{self.place.replica}/{turn}", model)

    def _ask(
        self,
        model: Model,
        where: _Where,
        portions: Iterable[Portion],
        show: Callable[[str], None],
    ) -> Cost:
        store, questions = self.stores[where[0]], self.questions[where[1]]
        samples = {s.question_id: s for s in in_mode(questions.samples, store.run.mode)}
        what = f"{store.run.model} · {questions.label}"

        def advance(count: int) -> None:
            self.team.advance(count)
            show(what)

        show(what)
        task_store, worker = store.task(questions.label), str(self.place.replica)
        with task_store.writer(worker) as writer, routing_kept(model, task_store, worker):
            costs = [
                ask(
                    model,
                    questions,
                    [samples[i] for i in portion.ids],
                    writer,
                    decoding=decoding_of(questions, self.plan),
                    progress=advance,
                )
                for portion in portions
            ]
        return functools.reduce(one_after_other, costs)


def _follow(plan: Plan, place: Place, team: Team) -> None:
    """Computes what the leading process of the replica does, model by model."""
    for turn in itertools.count():
        s = team.hear(f"turn/{place.replica}/{turn}", place.partners[0])
        if s == _NO_MORE:
            return
        spec = plan.candidates[int(str(s))].spec
        model = load_model(spec, plan.options, plan.plugin_files, place)
        assert isinstance(model, Sharded)  # or load_model would have refused
        model.follow()


def _costs(
    own: Mapping[_Where, Cost], ended: Iterable[int], team: Team
) -> dict[_Where, list[Cost]]:
    """What each model and task took: this replica, and those led by these ranks."""
    costs = {where: [cost] for where, cost in own.items()}
    for rank in ended:
        told = team.hear(f"costs/{rank}", rank)
        assert isinstance(told, list)
        for s, t, cost in told:
            costs.setdefault((s, t), []).append(parse(Cost, cost, f"costs of rank {rank}"))
    return costs


def _check_shared(team: Team) -> None:
    folders: JSON = team.hear("folders")
    assert isinstance(folders, list)
    for folder in folders:
        if not (Path(folder) / "run.json").exists():
            raise StoreError(
                f"{folder}, made by rank 0, is not there on {platform.node()}: --results must be "
                "on storage that all nodes share"
            )


def _missing(
    stores: Sequence[RunStore],
    questions: Sequence[Questions],
    wanted: Mapping[_Where, Sequence[Sample]],
    before: Mapping[_Where, Mapping[str, int]],
) -> list[str]:
    """Of which tasks how many of the wanted questions got no answer, not even a failed one.

    before: how often each question had been asked.
    """
    found = []
    for (s, t), samples in wanted.items():
        now, then = _asked(stores[s], questions[t]), before.get((s, t), {})
        left = sum(now.get(i, 0) == then.get(i, 0) for i in _ids(samples))
        if left:
            found.append(f"{left} questions of {questions[t].label} to {stores[s].run.model}")
    return found


def _asked(store: RunStore, questions: Questions) -> dict[str, int]:
    """How often each question has been asked, in vain or not."""
    attempts = store.task(questions.label).attempts()
    return {question_id: len(tried) for question_id, tried in attempts.items()}


def _ids(samples: Iterable[Sample]) -> Iterator[str]:
    return (sample.question_id for sample in samples)


def _silent(what: str, done: int, total: int) -> None:
    """The progress of processes that show none."""
