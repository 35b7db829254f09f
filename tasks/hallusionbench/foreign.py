"""HallusionBench as other harnesses mark it, by yes and no alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lvlm_eval.answers.yes_no import only_yes_or_no
from lvlm_eval.metrics import add_up, or_none
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

from .figures import OF_FIGURE, OF_QUESTION, Key, accuracy, counted, key, shares

ACCURACIES = ("aAcc", "fAcc", "qAcc")
_WORDS = {"yes": "Yes", "no": "No", None: "Unknown"}
# VLMEvalKit knows a set by its subcategory alone, though categories share some.
_LOOSE_QUESTION = key("subcategory", "set_id", "question_id")
_LOOSE_FIGURE = key("subcategory", "set_id", "figure_id")


def scored(read: Callable[[str], str | None], how: str) -> Callable[[Sample, Response], Score]:
    def score(sample: Sample, response: Response) -> Score:
        """Right where what was read is the truth."""
        answer = read(response.text)
        truth = "yes" if sample.target == "1" else "no"
        return Score({"correct": float(answer == truth)}, answer, read=how)

    return score


def yes_anywhere(text: str) -> str:
    """lmms-eval: yes where the letters stand anywhere, as in "eyes"; else no."""
    return "yes" if "yes" in text.lower() else "no"


def tally(records: Sequence[Record], figure: Key, question: Key) -> Tally:
    return {
        **counted("aAcc", [record.score.values["correct"] for record in records]),
        **counted("fAcc", shares(records, figure)),
        **counted("qAcc", shares(records, question)),
    }


def tally_visual(records: Sequence[Record]) -> Tally:
    """Counts of the questions with a figure: of all, by category and by subcategory."""
    return add_up(
        {(key_ if row == "Overall" else f"{row}/{key_}"): value for key_, value in counts.items()}
        for row, chosen in _pots(records)
        for counts in (tally(chosen, _LOOSE_FIGURE, _LOOSE_QUESTION),)
    )


def _pots(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    visual = [r for r in records if r.sample.prompt.images]
    yield "Overall", visual
    for axis in ("category", "subcategory"):
        for row in dict.fromkeys(r.sample.groups[axis] for r in visual):
            yield row, [r for r in visual if r.sample.groups[axis] == row]


def finish(sums: Tally) -> dict[str, float]:
    """In percent, by the names under which counts stand."""
    names = dict.fromkeys(name.rpartition("|")[0] for name in sums)
    return {name: accuracy(sums, name) for name in names}


def official_visual(records: Sequence[Record]) -> dict[str, JSON]:
    found = {row: finish(tally(r, _LOOSE_FIGURE, _LOOSE_QUESTION)) for row, r in _pots(records)}
    return {
        "metrics": {row: {k: or_none(v) for k, v in row_.items()} for row, row_ in found.items()},
        "per_item_parsed": {r.sample.question_id: _WORDS[r.score.answer] for r in records},
    }


_TALLY = partial(tally, figure=OF_FIGURE, question=OF_QUESTION)


def official_anywhere(records: Sequence[Record]) -> dict[str, JSON]:
    return {"metrics": {name: value / 100 for name, value in finish(_TALLY(records)).items()}}


EXACT = Scorer(
    score=scored(only_yes_or_no, "word anywhere"),
    tally=tally_visual,
    finish=finish,
    headline="aAcc",
    official=official_visual,
    why="reads yes or no as a word and has only the questions with a figure",
)
FOREIGN: Mapping[str, Scorer] = {
    "vlmevalkit_exact_matching_visual_only": EXACT,
    "lmms_eval_substring_yes": replace(
        EXACT,
        score=scored(yes_anywhere, "letters anywhere"),
        tally=_TALLY,
        official=official_anywhere,
        why="takes an answer with the letters yes in it for a yes, any other for a no",
    ),
}
