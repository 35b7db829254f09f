"""How answers are marked: scores, scorers, tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lvlm_eval.schema.asking import JSON, Decoding, Prompt, Response, Sample

Assurance = Literal["certified", "checked", "declared"]


@dataclass(frozen=True, slots=True)
class Score:
    """The mark of one answer.

    values: named item scores; "correct" in [0, 1] where the benchmark has one.
    answer: what was read out of the text; None if nothing could be read.
    read:   how it was read, in a few words.
    """

    values: Mapping[str, float]
    answer: str | None
    read: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A question, its answer and the mark."""

    sample: Sample
    response: Response
    score: Score


Answered: TypeAlias = "tuple[Sample, Response]"
Tally: TypeAlias = Mapping[str, float]
Metrics: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of one answer: `verdicts.jsonl` of a task's folder.

    answer:  digest of the answer's text, so that another answer is never marked by it.
    replies: the judge's words as they came, a run each, of successive attempts.
    """

    question_id: str
    answer: str
    replies: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way of marking a benchmark.

    score:    marks one answer.
    tally:    sums over the records of one cluster; sums of clusters add up.
    finish:   metrics of the summed tallies; NaN where a metric has no value.
    headline: the metric that stands for the whole.
    scale:    factor from the stored unit to the one that papers print.
    official: all records of a task to the figures in the exact form of the code that the
              variant is named after; certificates compare it leaf by leaf.
    why:      in what the rule differs from the headline's, in one sentence.
    worst, best: the ends of the headline's scale in the paper's unit (MME's perception: 0 and
              2000); best is the smaller one where less is better.
    counts_missing: whether the code marks questions without an answer too, as wrong. Only
              certificates follow it there, with failed responses; in a run they stand apart.
    brief:    as `tally` of `score`d answers, with no more than what the headline needs; for the
              variants of a task, of which a run keeps the headline alone.
    """

    score: Callable[[Sample, Response], Score]
    tally: Callable[[Sequence[Record]], Tally]
    finish: Callable[[Tally], dict[str, float]]
    headline: str
    official: Callable[[Sequence[Record]], dict[str, JSON]]
    scale: float = 1.0
    why: str = ""
    worst: float = 0.0
    best: float = 100.0
    counts_missing: bool = False
    brief: Callable[[Sequence[Answered]], Tally] | None = None


@dataclass(frozen=True, slots=True)
class HubSplit:
    """A split of a data set of the Hub, by which `fetch` brings it."""

    repository: str
    config: str = "default"
    split: str = "test"


@dataclass(frozen=True, slots=True)
class Upload:
    """The file that a benchmark's server wants, an entry a question.

    kind:   a JSON list of objects, a JSON object of answers by ids that are texts, or an
            Excel sheet.
    entry:  a question and its answer's text as the server wants them.
    key, answer: the entry's fields that hold the question's id and the answer.
    blanks: entries, by data root, of all the ids that the server wants in its order, unanswered;
            None where it wants those asked.
    """

    kind: Literal["list", "mapping", "sheet"]
    entry: Callable[[Sample, str], Mapping[str, int | str]]
    key: str
    answer: str
    blanks: Callable[[Path], Iterator[Mapping[str, int | str]]] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark: where its questions are, how they are asked and how answers are marked.

    samples:   data root to samples in canonical order; opens no image; raises DataError.
    primary:   the variant that gives the headline: the figure of the paper's own table.
    variants:  every known scorer by the name that its recorded vectors give it.
    assurance: "certified" by recorded vectors, "checked" against the authors' rule, "declared".
    shown:     metrics that the report prints below the headline, in this order.
    hub:       where the Hub has the same questions; empty where it has not.
    expected:  metrics that a complete copy of the data has; absent ones make it partial.
    judge:     what a judge is asked about an answer; such a task is marked from its replies.
    prepare:   what only all answers to be marked give together (the words of all captions by one
               process, how rare a word is among them): the same pairs, samples with facts added.
    upload:    the file that its server wants; None where there is no server.
    """

    name: str
    version: int
    title: str
    decoding: Decoding
    samples: Callable[[Path], Iterator[Sample]]
    primary: str
    variants: Mapping[str, Scorer]
    assurance: Assurance = "declared"
    licence: str = ""
    shown: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    hub: tuple[HubSplit, ...] = ()
    judge: Callable[[Sample, Response], Prompt] | None = None
    prepare: Callable[[Sequence[Answered]], Sequence[Answered]] | None = None
    upload: Upload | None = None

    def __post_init__(self) -> None:
        if self.primary not in self.variants:
            raise ValueError(f"{self.name}: primary {self.primary!r} is not among its variants")

    @property
    def scorer(self) -> Scorer:
        """The scorer of the headline."""
        return self.variants[self.primary]

    def prepared(self, pairs: Sequence[Answered]) -> Sequence[Answered]:
        """The pairs as the scorers want them: all that are to be marked, at once."""
        return self.prepare(pairs) if self.prepare else pairs
