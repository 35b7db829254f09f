"""Short answers that must be an accepted text, or a number of things, to the letter."""

from __future__ import annotations

from collections.abc import Callable

from lvlm_eval import facts
from lvlm_eval.schema import Response, Sample, Score

_COUNTS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(_COUNTS)}

Read = Callable[[str], str]


def plain(text: str) -> str:
    """Lower case, without white space around it and periods at its end."""
    return text.strip().rstrip(".").strip().lower()


def count(text: str) -> str:
    """lmms-eval on CountBench: stripped, lower case, number words to twenty as digits."""
    word = text.strip().lower()
    return NUMBERS.get(word, word)


def score_exact(read: Read, how: str) -> Callable[[Sample, Response], Score]:
    """Right if what is read is what is read of an accepted answer; leniently, if it is in there."""

    def score(sample: Sample, response: Response) -> Score:
        """The whole answer, normalised, must be an accepted one."""
        answer = read(response.text)
        accepted = {read(text) for text in facts.texts(sample, "answers")}
        words = plain(response.text).replace(",", " ").split()
        found = any(one in words or one == plain(response.text) for one in accepted)
        values = {"correct": float(answer in accepted), "lenient": float(found)}
        return Score(values, answer or None, how)

    return score
