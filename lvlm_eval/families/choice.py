"""Multiple choice: lettered options in the prompt, a letter read out of the answer, its mean.

Which letter a text stands for is `answers/letters.py`'s business. Figures are shares of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from string import ascii_uppercase

from lvlm_eval import facts
from lvlm_eval.answers.letters import Options, lenient_letter
from lvlm_eval.errors import DataError
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.metrics import means, per_item, tally_correct
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer

Reader = Callable[[str, Options], str | None]


@dataclass(frozen=True, slots=True)
class Marking:
    """How a letter is read.

    read:    text and options to a letter, None if there is none.
    how:     the same in a few words.
    lenient: whether a lenient reading stands beside it, for a rule that punishes a manner.
    """

    read: Reader
    how: str
    lenient: bool = False


def lettered(options: Sequence[str]) -> dict[str, str]:
    """The options by their letters, in order."""
    return dict(zip(ascii_uppercase, options, strict=False))


def listed(options: Options) -> str:
    """The options as LLaVA lists them below a question, a line each."""
    return "".join(f"\n{letter}. {option}" for letter, option in options.items())


def offered(answer: str, options: Options, origin: str) -> str:
    """The answer's letter; DataError where the question does not offer it."""
    if answer not in options:
        raise DataError(
            f"{origin}: the answer {answer!r} is not among the options {', '.join(options)}; "
            "no reply could be right"
        )
    return answer


def scorer(marking: Marking, figure: str, axes: tuple[str, ...] = (), why: str = "") -> Scorer:
    """A scorer that breaks accuracy down by groups; its official form is one mean of that name."""
    plain = counted(partial(score, marking), Counting(axes), why)
    return replace(plain, official=partial(official_mean, figure))


def score(marking: Marking, sample: Sample, response: Response) -> Score:
    """Right if the letter read is the target."""
    options = facts.options(sample)
    letter = marking.read(response.text, options)
    values = {"correct": float(letter == sample.target)}
    if marking.lenient:
        values["lenient"] = float(lenient_letter(response.text, options) == sample.target)
    return Score(values, letter, marking.how)


def accuracy(records: Iterable[Record]) -> float | None:
    """The mean of "correct", None for none, for the figures that scripts print."""
    sums = tally_correct(list(records))
    return means(sums)["correct"] if sums else None


def official_mean(figure: str, records: Sequence[Record]) -> dict[str, JSON]:
    """The mean of "correct" under that name, and the items."""
    return {"metrics": {figure: accuracy(records)}, "per_item": per_item(records)}
