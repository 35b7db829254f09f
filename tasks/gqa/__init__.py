"""GQA: compositional questions about real scenes, with figures beyond accuracy.

Hudson and Manning 2019, arXiv 1902.09506, section 4. Data: testdev_balanced_questions.json.
The authors' `eval.py` compares exactly; LLaVA's conversion, which published tables go through,
lower-cases the answer and drops trailing periods first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.data import unique
from lvlm_eval.schema import Decoding, Response, Sample, Score, Scorer, Task

from .figures import finish, tally
from .files import read_samples
from .hub import PICTURES, QUESTIONS
from .printed import official, official_full
from .variants import FOREIGN


def samples(root: Path) -> Iterator[Sample]:
    """All questions of the official file; see `files.py` for where it may be."""
    return unique(read_samples(root))


def score_converted(sample: Sample, response: Response) -> Score:
    """LLaVA's conversion, then equality: neither blanks nor articles are dropped."""
    return _score(sample, response, response.text.rstrip(".").lower())


def score_raw(sample: Sample, response: Response) -> Score:
    """The answer as it is must equal the target."""
    return _score(sample, response, response.text)


def _score(sample: Sample, response: Response, answer: str) -> Score:
    values = {"correct": float(answer == facts.target_text(sample))}
    for choice in ("valid", "plausible"):
        if choice in sample.facts:
            values[choice] = float(answer in facts.texts(sample, choice))
    return Score(values, answer if response.text.strip() else None, read="whole answer")


LLAVA = Scorer(
    score=score_converted,
    tally=tally,
    finish=finish,
    headline="accuracy",
    official=official,
)

TASK = Task(
    name="gqa",
    version=1,
    title="GQA testdev_balanced (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="moe_llava_testdev",
    variants={
        "moe_llava_testdev": LLAVA,
        "full_with_choices_and_consistency": replace(
            LLAVA, official=official_full, why="the same marking, with the two optional parts"
        ),
        "official_raw": replace(
            LLAVA, score=score_raw, why="the answer must equal the target to the letter"
        ),
        **FOREIGN,
    },
    assurance="certified",
    hub=(QUESTIONS.place, PICTURES.place),
    licence="CC BY 4.0",
    shown=("binary", "open", "distribution", "consistency", "validity", "plausibility"),
    expected=("accuracy", "binary", "open", "distribution"),
)
