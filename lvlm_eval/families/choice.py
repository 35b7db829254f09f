"""Multiple choice: lettered options in the prompt, a letter read out of the answer, its mean.

Which letter a text stands for is `answers/letters.py`'s business. Figures are shares of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase

from lvlm_eval import facts
from lvlm_eval.answers.letters import Options, lenient_letter
from lvlm_eval.errors import DataError
from lvlm_eval.metrics import means, per_item, tally_correct, tally_values
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

ACCURACY = "accuracy"

Reader = Callable[[str, Options], str | None]
Names = Callable[[Record], Iterable[str]]


def one_mean(record: Record) -> tuple[str]:
    """Accuracy over all questions, without a break-down."""
    return (ACCURACY,)


def by(*axes: str) -> Names:
    """The means that a record goes into: `accuracy`, and `<axis>/<row>` of each of these groups."""

    def names(record: Record) -> list[str]:
        groups = record.sample.groups
        return [ACCURACY, *(f"{axis}/{groups[axis]}" for axis in axes if axis in groups)]

    return names


@dataclass(frozen=True, slots=True)
class Marking:
    """How the answers to lettered questions are marked.

    read:     text and options to a letter, None if there is none.
    how:      the same in a few words.
    names:    the means that a record goes into.
    headline: the one of them that stands for the whole.
    lenient:  whether a lenient reading stands beside it, for a rule that punishes a manner.
    """

    read: Reader
    how: str
    names: Names = one_mean
    headline: str = ACCURACY
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


def scorer(marking: Marking, figure: str, *, scale: float = 1.0, why: str = "") -> Scorer:
    """A scorer whose official form is one mean under that name, times the scale, and the items."""
    return Scorer(
        score=partial(score, marking),
        tally=partial(tally, marking),
        finish=means,
        headline=marking.headline,
        official=partial(_official, figure, scale),
        scale=100.0,
        why=why,
    )


def score(marking: Marking, sample: Sample, response: Response) -> Score:
    """Right if the letter read is the target."""
    options = facts.options(sample)
    letter = marking.read(response.text, options)
    values = {"correct": float(letter == sample.target)}
    if marking.lenient:
        values["lenient"] = float(lenient_letter(response.text, options) == sample.target)
    return Score(values, letter, marking.how)


def tally(marking: Marking, records: Sequence[Record]) -> Tally:
    """Sums for each mean by name, and `lenient/<headline>` where it is read."""
    return tally_values(pair for record in records for pair in _values(marking, record))


def _values(marking: Marking, record: Record) -> Iterator[tuple[str, float]]:
    values = record.score.values
    for name in marking.names(record):
        yield name, values["correct"]
        if marking.lenient and name == marking.headline:
            yield f"lenient/{name}", values["lenient"]


def accuracy(records: Iterable[Record]) -> float | None:
    """The mean of "correct", None for none, for the figures that scripts print."""
    sums = tally_correct(list(records))
    return means(sums)["correct"] if sums else None


def _official(figure: str, scale: float, records: Sequence[Record]) -> dict[str, JSON]:
    mean = accuracy(records)
    metrics: Mapping[str, JSON] = {figure: None if mean is None else scale * mean}
    return {"metrics": metrics, "per_item": per_item(records)}
