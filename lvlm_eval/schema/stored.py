"""What a run leaves on disk: what was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvlm_eval.schema.asking import JSON, Decoding, Mode
from lvlm_eval.schema.marking import Assurance


@dataclass(frozen=True, slots=True)
class Run:
    """What identifies a run: `run.json` without its provenance. Its digest names the folder."""

    model: str
    adapter: str
    settings: Mapping[str, str]
    weights: str
    mode: Mode = "normal"
    overrides: Mapping[str, JSON] = field(default_factory=dict)
    judge: str = ""
    protocol: str = "default"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What identifies the questions of a run's task: `task.json`.

    data_digest:   over the canonical samples: ids, prompts, targets, facts, groups, image names.
    image_digest:  over the images' bytes; empty where answers made elsewhere were marked
                   without opening any.
    prompt_digest: over the prompts alone, as the model got them.
    """

    task: str
    version: int
    data_digest: str
    image_digest: str
    prompt_digest: str
    decoding: Decoding
    samples: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric with its 95 % interval, in the stored unit; None where it has no value.

    undefined: resamples in which the metric has no value; the interval is of the others.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A task's result: `summary.json`.

    n: answers marked; failed: no answer after all attempts; unparsed: marked, but nothing
    could be read; unjudged: answered, but without a target or judge; cut: ended by length;
    refused: marked, but the text declines to answer; traced: reasoning was taken off first.
    total: questions of the data; asked: those that this run wanted (--limit).
    headline: a key of metrics; scale: factor to the paper's unit; shown: metrics to print.
    variants: other scorers' headline figures, already in the paper's unit, with the reason.
    absent: metrics that this copy of the data could not give.
    clusters: of the marked answers; few make intervals too narrow. worst, best: the ends of
    the headline's scale in the paper's unit.
    """

    task: str
    version: int
    headline: str
    scale: float
    metrics: Mapping[str, Estimate]
    variants: Mapping[str, Estimate]
    why: Mapping[str, str]
    shown: tuple[str, ...]
    absent: tuple[str, ...]
    n: int
    asked: int
    total: int
    failed: int
    unparsed: int
    unjudged: int
    cut: int
    certified: Assurance
    clusters: int = 0
    worst: float = 0.0
    best: float = 100.0
    refused: int = 0
    traced: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run's task took, over all its starts: `cost.json`. Never part of a result.

    stalled_seconds: of these, how long the model waited for pictures to be read.
    """

    questions: int
    new_tokens: int
    seconds: float
    retries: int
    workers: int
    peak_memory_mib: float
    device: str
    stalled_seconds: float = 0.0

    @property
    def questions_per_second(self) -> float:
        return self.questions / self.seconds if self.seconds > 0 else 0.0
