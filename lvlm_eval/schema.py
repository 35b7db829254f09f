"""The values that travel through lvlm_eval, from a benchmark's file to a table's cell.

All are frozen, slotted and picklable; none has behaviour beyond its own invariants.
This module imports nothing of ours and nothing heavy: nearly every other module imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    import pandas as pd

# A named alias, not a plain one: readers that check JSON by type need the recursion's name.
JSON = TypeAliasType(
    "JSON", "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
)
Finish = Literal["stop", "length", "error"]
Mode = Literal["normal", "blind", "mismatched"]
Assurance = Literal["certified", "checked", "declared"]
Source = Literal["local", "judge", "server", "quoted"]
Rank = Literal["", "best", "level"]


@dataclass(frozen=True, slots=True)
class Base64Cell:
    """A picture as base64 text inside a file: from byte `start` on, `length` bytes."""

    start: int
    length: int

    def __str__(self) -> str:
        return f"byte {self.start}"


@dataclass(frozen=True, slots=True)
class ParquetCell:
    """A picture in a Parquet file: the row (from 0) of a column.

    part: which of the row's pictures, where the column holds lists of them.
    """

    column: str
    row: int
    part: int | None = None

    def __str__(self) -> str:
        part = "" if self.part is None else f"[{self.part}]"
        return f"row {self.row + 1}, column {self.column}{part}"


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of a prompt: a file, a cell of a file, or bytes.

    digest: SHA-256 of the picture's bytes, hex; empty until the run has read it. Samples are
            made, and answers marked, without opening any picture.
    cell:   where in the file `path` the picture is embedded, None where it is the file.
    name:   what the picture is called wherever it lies; of a file its name.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    digest: str = ""
    cell: Base64Cell | ParquetCell | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise ValueError("an Image is either a path or bytes")
        if self.cell is not None and (self.path is None or not self.name):
            raise ValueError("an Image in a cell has the path of its file and a name of its own")
        if self.path is not None and not self.name:
            object.__setattr__(self, "name", self.path.name)

    @property
    def place(self) -> str:
        """Where the picture is, in words; it tells pictures of one run apart."""
        if self.path is None:
            return "image given as bytes"
        return str(self.path) if self.cell is None else f"{self.path}, {self.cell}"


Part: TypeAlias = "str | Image"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says: text and images in the order shown."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation, ending with the user's turn, that asks for one answer.

    padded: whether LLaVA's own script for this benchmark squares the pictures by padding where
    the model's configuration says so (model_vqa_loader, model_vqa_mmbench), or hands them to the
    tower's processor as they are (model_vqa, model_vqa_science). A fact about the benchmark; only
    a model that is asked to preprocess as the original scripts do reads it.
    """

    turns: tuple[Turn, ...]
    system: str = ""
    padded: bool = True

    @classmethod
    def user(cls, *parts: Part, padded: bool = True) -> Prompt:
        """The usual prompt: one user turn."""
        return cls((Turn("user", parts),), padded=padded)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of all turns, in the order shown."""
        return tuple(p for turn in self.turns for p in turn.parts if isinstance(p, Image))

    @property
    def text(self) -> str:
        """The text of all turns joined by newlines, images left out."""
        texts = (p for turn in self.turns for p in turn.parts if isinstance(p, str))
        return "\n".join(texts)

    def map_images(self, change: Callable[[Image], Image | None]) -> Prompt:
        """The same prompt with each image replaced, or left out where `change` gives None."""
        turns = []
        for turn in self.turns:
            parts = (change(p) if isinstance(p, Image) else p for p in turn.parts)
            turns.append(replace(turn, parts=tuple(p for p in parts if p is not None)))
        return replace(self, turns=tuple(turns))


@dataclass(frozen=True, slots=True)
class Request:
    """What a model gets of a sample: never the target."""

    question_id: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark with all that is needed to mark its answer.

    question_id: unique over the task; the same whatever layout the data came in.
    target:      None where the benchmark's server keeps it.
    facts:       what a scorer needs besides the target (ten answers, options, boxes).
    groups:      breakdown axis to row, e.g. {"split": "random"}.
    cluster:     dependent samples share it, e.g. the image's name.
    aliases:     other ids by which published answer files name this question; where such an id
                 repeats, the id, a newline and the lower-cased line of the prompt that tells.
    origin:      file and line (or entry) that it was read from, for error messages.
    """

    question_id: str
    prompt: Prompt
    target: JSON
    facts: Mapping[str, JSON] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    aliases: tuple[str, ...] = ()
    origin: str = ""

    def __post_init__(self) -> None:
        if not self.cluster:
            object.__setattr__(self, "cluster", self.question_id)

    @property
    def request(self) -> Request:
        return Request(self.question_id, self.prompt)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is drawn. Temperature 0 is greedy; `seed` matters only above it."""

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
        if self.temperature < 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")


@dataclass(frozen=True, slots=True)
class Response:
    """A model's answer. After an error `text` is empty and `error` has kind and message.

    judge: a judge's replies on it, where they were recorded with it, by the recorder's names.
    """

    question_id: str
    text: str
    finish: Finish
    new_tokens: int = 0
    error: str = ""
    judge: Mapping[str, JSON] = field(default_factory=dict, hash=False)


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


class Model(Protocol):
    """Anything that answers requests; answers may come in any order, one for each request."""

    @property
    def name(self) -> str: ...

    def describe(self) -> dict[str, str]:
        """What identifies the answers: weights digest under "weights", dtype, routing, device."""
        ...

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        """Answers, as soon as each is known. A failed one has finish "error"; none is left out."""
        ...


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


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table, in the paper's unit, with what it stands on.

    note:   what a reader must know of this figure; becomes a footnote.
    text:   what is printed in place of the figure, where it is no plain figure.
    source: marked here by a rule, by a judge model, by a benchmark's server, or quoted.
    rank:   "best" of its column, or "level" with the best: no significant difference.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    failed: int = 0
    note: str = ""
    text: str = ""
    source: Source = "local"
    rank: Rank = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures by row and column; a missing cell is a question never asked.

    corner: what the rows are; about: what a column holds, printed under its name.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    notes: tuple[str, ...] = ()
    corner: str = "model"
    about: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """A row a cell, unrounded: the row's name under `corner`, "column", the cell's fields."""
        import pandas as pd

        return pd.DataFrame(
            {self.corner: row, "column": column, **asdict(cell)}
            for (row, column), cell in self.cells.items()
        )
