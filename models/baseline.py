"""Reference points that never look: the most frequent answer, and a blind draw.

A model is worth its distance from these, not from zero. Both see a task's answers, which no
model under test does, so they are fitted to the samples before they are asked.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lvlm_eval.errors import UsageError
from lvlm_eval.schema import JSON, Decoding, Request, Response, Sample

DESCRIPTION = "answers without looking: majority (the most frequent answer) or chance (a draw)"
KINDS = ("majority", "chance")


def recognises(config: Mapping[str, object]) -> bool:
    """False: no checkpoint folder is a baseline."""
    return False


def load(kind: str, *, seed: int = 0) -> BaselineModel:
    """The baseline of a kind, to be fitted; the seed matters to `chance` alone.

    Raises UsageError for an unknown kind.
    """
    if kind not in KINDS:
        raise UsageError(f"no baseline {kind!r}; there are: {', '.join(KINDS)}")
    return BaselineModel(kind, seed if kind == "chance" else 0)


@dataclass(frozen=True, slots=True)
class BaselineModel:
    """A Model whose answers are decided when it is fitted: `answers` by question_id."""

    kind: str
    seed: int = 0
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"baseline-{self.kind}"

    def describe(self) -> dict[str, str]:
        seed = {"seed": str(self.seed)} if self.kind == "chance" else {}
        return {"weights": "none", "kind": self.kind} | seed

    def fit(self, samples: Sequence[Sample]) -> BaselineModel:
        """The baseline that can answer these samples of one task.

        `majority` gives the most frequent target to all, of several the first to occur.
        `chance` draws evenly from the letters that a question offers, else from the distinct
        targets, each question's draw decided by the seed and its question_id. Raises UsageError for
        samples without targets, or none at all.
        """
        if not samples:
            raise UsageError("a baseline needs samples to be fitted to, and there are none")
        targets = {sample.question_id: _target(sample) for sample in samples}
        if self.kind == "majority":
            answers = dict.fromkeys(targets, most_frequent(targets.values()))
        else:
            distinct = sorted(set(targets.values()))
            answers = {
                sample.question_id: draw(
                    _offered(sample) or distinct, self.seed, sample.question_id
                )
                for sample in samples
            }
        return replace(self, answers=answers)

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        """The answers; tokens are words. Raises UsageError for a question it was not fitted to."""
        for request in requests:
            answer = self.answers.get(request.question_id)
            if answer is None:
                raise UsageError(
                    f"{self.name} was not fitted to question {request.question_id!r}; "
                    "call fit with the task's samples first"
                )
            yield Response(request.question_id, answer, "stop", new_tokens=len(answer.split()))


def most_frequent(answers: Iterable[str]) -> str:
    """The answer that occurs most; of equally frequent ones the first to occur."""
    return Counter(answers).most_common(1)[0][0]


def draw(answers: Sequence[str], seed: int, question_id: str) -> str:
    """One of the answers, evenly; the same for the same seed and question in any order."""
    digest = hashlib.sha256(f"{seed}/{question_id}".encode()).digest()
    return answers[int.from_bytes(digest, "big") % len(answers)]


def _offered(sample: Sample) -> list[str]:
    """The letters of a multiple-choice question; none for others."""
    options = sample.facts.get("options")
    return list(options) if isinstance(options, Mapping) else []


def _target(sample: Sample) -> str:
    """The answer as text; of a list of acceptable ones the first."""
    target: JSON = sample.target
    while isinstance(target, Sequence) and not isinstance(target, str) and target:
        target = target[0]
    if isinstance(target, (str, int, float)):
        return str(target)
    raise UsageError(
        f"question {sample.question_id!r} has no answer to learn from (its target is {target!r});"
        " a baseline needs a split whose answers are public"
    )
