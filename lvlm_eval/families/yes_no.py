"""Questions that are answered by yes or no: accuracy, and how often each is said."""

from __future__ import annotations

from collections.abc import Callable

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import (
    first_yes_no,
    only_yes_or_no,
    yes_no_in_first_sentence,
    yes_no_in_four_characters,
)
from lvlm_eval.schema import Response, Sample, Score

Read = Callable[[str], str | None]

READERS: dict[str, tuple[Read, str]] = {
    "first": (first_yes_no, "first yes or no"),
    "only": (only_yes_or_no, "word anywhere"),
    "pope": (yes_no_in_first_sentence, "first sentence"),
    "mme": (yes_no_in_four_characters, "first four characters"),
}


def score_yes_no(read: Read, how: str) -> Callable[[Sample, Response], Score]:
    """Right if the word that is read is the target; the first whole word stands beside it."""

    def score(sample: Sample, response: Response) -> Score:
        """A yes or no is read out of the text; it must be the target."""
        answer, target = read(response.text), facts.target_text(sample)
        lenient = first_yes_no(response.text)
        values = {"correct": float(answer == target), "lenient": float(lenient == target)}
        return Score(values, answer, how)

    return score
