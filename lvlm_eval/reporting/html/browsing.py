"""What the sample browser gets besides the stored answers, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class Browsing:
    """Questions and pictures from a data root, and how much of the answers is shown.

    questions: the prompts' texts by task label, then by question_id.
    places:    likewise each question's pictures, as indexes into `thumbs`, which are data URIs.
    note:      which pictures were left out; empty where none was.
    samples:   at most so many questions of a task, evenly spaced.
    """

    questions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    thumbs: Sequence[str] = ()
    note: str = ""
    samples: int = SAMPLES
