"""The answers and marks of one task of a run.

task.json           which questions; its values are the task's fingerprint
responses*.jsonl    one line an answer, appended as it comes; a file a worker
verdicts.jsonl      what a judge said of the answers, where the task is judged
scores.jsonl        one line a marked answer, in sample order
summary.json        the metrics with their intervals
decision.json       the verdict of --until-decided, where that was asked for
routing*.npz        where it was counted, what each expert served; see routing.py
cost.json           time and tokens; never part of a result
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from lvlm_eval.answers.traces import is_refusal
from lvlm_eval.durable import (
    LineWriter,
    parse,
    parser,
    read_json,
    read_lines,
    write_json,
    write_lines,
)
from lvlm_eval.errors import RunMismatch, StoreError
from lvlm_eval.routing import FILES, Loads, read_loads, summed, write_loads
from lvlm_eval.schema import (
    JSON,
    Cost,
    Estimate,
    Record,
    Response,
    Summary,
    Tally,
    TaskRun,
    Verdict,
)

Outcome = Literal["worse", "ok", "undecided"]


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of `scores.jsonl`, all that tables and comparisons need of an answer.

    tally: the sums of the whole cluster on its first line, empty on the others, so that
    adding up lines gives the sums of any set of clusters. refused: the text declines to answer.
    """

    question_id: str
    values: Mapping[str, float]
    answer: str | None
    read: str
    target: JSON
    groups: Mapping[str, str]
    cluster: str
    tally: Tally
    refused: bool = False

    def figures(self) -> dict[str, JSON]:
        """All but the cluster's sums by name, flat."""
        plain = ("question_id", "answer", "read", "target", "cluster", "refused")
        return {
            **{name: getattr(self, name) for name in plain},
            **{f"value/{name}": value for name, value in self.values.items()},
            **{f"group/{axis}": row for axis, row in self.groups.items()},
        }


def score_line(record: Record, tally: Tally) -> dict[str, JSON]:
    """What `ScoreLine` reads back, of a marked answer; without one in between, for there may be
    hundreds of thousands."""
    sample, score = record.sample, record.score
    return {
        "question_id": sample.question_id,
        "values": score.values,
        "answer": score.answer,
        "read": score.read,
        "target": sample.target,
        "groups": sample.groups,
        "cluster": sample.cluster,
        "tally": tally,
        "refused": is_refusal(record.response.text),
    }


@dataclass(frozen=True, slots=True)
class Decision:
    """What --until-decided found of one task, in shares of right answers: `decision.json`.

    low, high: hold the true difference with 1 - alpha, however often one has looked; being
    two-sided they are wider than what the one-sided verdict stands on.
    """

    baseline: str
    verdict: Outcome
    alpha: float
    margin: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    clusters: int = 0
    questions: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class TaskStore:
    """One task's folder."""

    folder: Path

    @property
    def label(self) -> str:
        """The task's name, with `@demo` for the bundled data."""
        return self.folder.name

    def begin(self, task_run: TaskRun) -> None:
        """Write `task.json`, or make sure that the one there says the same."""
        file = self.folder / "task.json"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(file, asdict(task_run))
            return
        there, here = asdict(self.task_run()), asdict(task_run)
        differing = [key for key in here if here[key] != there[key]]
        if differing:
            changes = ", ".join(f"{key} ({there[key]} there, {here[key]} now)" for key in differing)
            raise RunMismatch(
                f"{self.folder} holds answers to other questions: it differs in {changes}; give "
                "another --results, or remove the folder to start afresh"
            )

    def task_run(self) -> TaskRun:
        file = self.folder / "task.json"
        return parse(TaskRun, read_json(file), str(file))

    def writer(self, worker: str = "") -> LineWriter:
        """Where new answers are appended; cuts off a line that a crash tore."""
        name = f"responses.{worker}.jsonl" if worker else "responses.jsonl"
        return LineWriter(self.folder / name)

    def attempts(self) -> dict[str, list[Response]]:
        """Every answer on disk, by question in the order written."""
        parse_response = parser(Response)
        found: dict[str, list[Response]] = {}
        for file in sorted(self.folder.glob("responses*.jsonl")):
            for number, line in read_lines(file):
                response = parse_response(line, f"{file}:{number}")
                found.setdefault(response.question_id, []).append(response)
        return found

    def responses(self) -> dict[str, Response]:
        """The answer that counts for each question: the first that is no failure, if any."""
        return {
            question_id: next((r for r in tried if r.finish != "error"), tried[-1])
            for question_id, tried in self.attempts().items()
        }

    def write_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """What a judge said of the answers, in place of what was said before."""
        write_lines(self.folder / "verdicts.jsonl", (asdict(verdict) for verdict in verdicts))

    def verdicts(self) -> dict[str, Verdict]:
        """By question; none where nobody judged."""
        file = self.folder / "verdicts.jsonl"
        if not file.exists():
            return {}
        parse_verdict = parser(Verdict)
        found = (parse_verdict(line, f"{file}:{number}") for number, line in read_lines(file))
        return {verdict.question_id: verdict for verdict in found}

    def write_scores(self, lines: Iterable[Mapping[str, JSON]]) -> None:
        write_lines(self.folder / "scores.jsonl", lines)

    def scores(self) -> list[ScoreLine]:
        file = self.folder / "scores.jsonl"
        if not file.exists():
            raise StoreError(f"{self.folder} is not marked yet; mark it with `lvlm-eval score`")
        parse_line = parser(ScoreLine)
        return [parse_line(line, f"{file}:{number}") for number, line in read_lines(file)]

    def write_summary(self, summary: Summary) -> None:
        write_json(self.folder / "summary.json", written(summary))

    def summary(self) -> Summary | None:
        """The metrics; None while the task is not marked."""
        file = self.folder / "summary.json"
        if not file.exists():
            return None
        return parse(Summary, read_json(file), str(file))

    def write_decision(self, decision: Decision) -> None:
        write_json(self.folder / "decision.json", asdict(decision))

    def decision(self) -> Decision | None:
        """What --until-decided found; None where it was never asked for."""
        file = self.folder / "decision.json"
        return parse(Decision, read_json(file), str(file)) if file.exists() else None

    def add_cost(self, cost: Cost) -> None:
        """Add what this start took to what earlier ones did."""
        before = self.cost()
        if before is not None:
            cost = one_after_other(before, cost)
        rate = {"questions_per_second": round(cost.questions_per_second, 3)}
        write_json(self.folder / "cost.json", asdict(cost) | rate)

    def cost(self) -> Cost | None:
        file = self.folder / "cost.json"
        if not file.exists():
            return None
        content = {k: v for k, v in read_json(file).items() if k != "questions_per_second"}
        return parse(Cost, content, str(file))

    def add_routing(self, served: Loads, worker: str = "") -> None:
        """Add what experts served in this start to what the worker's earlier ones did."""
        file = self.folder / (f"routing.{worker}.npz" if worker else "routing.npz")
        before = [read_loads(file)] if file.exists() else []
        write_loads(file, summed([*before, served], str(file)))

    def routing(self) -> dict[int, list[int]]:
        """What each expert served, by layer; empty where that was not counted."""
        return summed(map(read_loads, sorted(self.folder.glob(FILES))), str(self.folder))


def one_after_other(one: Cost, other: Cost) -> Cost:
    """What both took, the second done after the first."""
    return Cost(
        one.questions + other.questions,
        one.new_tokens + other.new_tokens,
        round(one.seconds + other.seconds, 3),
        one.retries + other.retries,
        max(one.workers, other.workers),
        max(one.peak_memory_mib, other.peak_memory_mib),
        other.device,
        round(one.stalled_seconds + other.stalled_seconds, 3),
    )


def side_by_side(costs: Sequence[Cost]) -> Cost:
    """What all took, done at the same time by workers of their own."""
    joined = functools.reduce(one_after_other, costs)
    seconds, workers = max(cost.seconds for cost in costs), sum(cost.workers for cost in costs)
    return replace(joined, seconds=seconds, workers=workers)


def written(summary: Summary) -> dict[str, JSON]:
    """The summary as `summary.json` has it; `undefined` stands only where a resample was."""
    found: dict[str, JSON] = asdict(summary)
    for estimates in ("metrics", "variants"):
        several = {**getattr(summary, estimates)}
        found[estimates] = {name: _written(estimate) for name, estimate in several.items()}
    return found


def _written(estimate: Estimate) -> dict[str, JSON]:
    values: dict[str, JSON] = asdict(estimate)
    return values if estimate.undefined else {k: values[k] for k in ("value", "low", "high")}
