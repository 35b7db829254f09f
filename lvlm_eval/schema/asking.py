"""What is asked: pictures, prompts, samples, how an answer is drawn, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from typing_extensions import TypeAliasType

# A named alias, not a plain one: readers that check JSON by type need the recursion's name.
JSON = TypeAliasType(
    "JSON", "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
)
Finish = Literal["stop", "length", "error"]
Mode = Literal["normal", "blind", "mismatched"]


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
