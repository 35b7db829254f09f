"""POPE as other harnesses mark it: questions of all splits in one pot, other rules for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import only_yes_or_no
from lvlm_eval.metrics import add_up, binary, harmonic_mean, or_zero, outcome, per_item, ratio
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally


def _score_bare_word(sample: Sample, response: Response) -> Score:
    """lmms-eval: the whole answer must be yes or no, but for case and white space around it."""
    word = response.text.lower().strip()
    answer = word if word in ("yes", "no") else None
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer, read="whole answer")


def _tally_bare_word(records: Sequence[Record]) -> Tally:
    """Cells of the readable answers; questions, right ones and yes labels of all."""
    return add_up(_counted(record) for record in records)


def _counted(record: Record) -> dict[str, float]:
    target = facts.target_text(record.sample)
    counts = {
        "n": 1.0,
        "right": record.score.values["correct"],
        "yes": float(target == "yes"),
    }
    if record.score.answer is not None:
        counts[outcome(record.score.answer, target)] = 1.0
    return counts


def _finish_bare_word(sums: Tally) -> dict[str, float]:
    tp, fp, fn = (sums.get(cell, 0.0) for cell in ("tp", "fp", "fn"))
    precision, recall = or_zero(ratio(tp, tp + fp)), or_zero(ratio(tp, tp + fn))
    return {
        "accuracy": ratio(sums.get("right", 0.0), sums.get("n", 0.0)),
        "precision": precision,
        "recall": recall,
        "f1": harmonic_mean(precision, recall),
        # Of the labels, not of the answers: always the data's own ratio.
        "yes_ratio": or_zero(ratio(sums.get("yes", 0.0), sums.get("n", 0.0))),
    }


def _official_bare_word(records: Sequence[Record]) -> dict[str, JSON]:
    return {
        "metrics": _finish_bare_word(_tally_bare_word(records)),
        "per_item": per_item(records),
    }


def _score_word_anywhere(sample: Sample, response: Response) -> Score:
    """VLMEvalKit: yes or no as a word anywhere; both or neither is Unknown and wrong."""
    answer = only_yes_or_no(response.text)
    correct = float(answer == facts.target_text(sample))
    return Score({"correct": correct}, answer, read="word anywhere")


def _tally_word_anywhere(records: Sequence[Record]) -> Tally:
    """As `_tally_bare_word`, with the cells over all answers and an Unknown counted as no."""
    return add_up(
        {
            outcome(r.score.answer, facts.target_text(r.sample)): 1.0,
            "right": r.score.values["correct"],
        }
        for r in records
    )


def _finish_word_anywhere(sums: Tally) -> dict[str, float]:
    """In percent; precision, recall and F1 of nothing are 0."""
    cells = {cell: sums.get(cell, 0.0) for cell in ("tp", "fp", "tn", "fn")}
    figures = binary(**cells)
    precision, recall = or_zero(figures["precision"]), or_zero(figures["recall"])
    return {
        "Overall": 100 * harmonic_mean(precision, recall),
        "acc": 100 * ratio(sums.get("right", 0.0), sum(cells.values())),
        "precision": 100 * precision,
        "recall": 100 * recall,
    }


def _official_word_anywhere(records: Sequence[Record]) -> dict[str, JSON]:
    """The rows of its results table: all questions, then each split."""
    words = {"yes": "Yes", "no": "No", None: "Unknown"}
    rows: list[JSON] = [
        {"split": name, **_finish_word_anywhere(_tally_word_anywhere(chosen))}
        for name, chosen in _pots(records)
    ]
    return {
        "metrics": rows,
        "per_item_parsed": {r.sample.question_id: words[r.score.answer] for r in records},
    }


def _pots(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    yield "Overall", list(records)
    for split in sorted({r.sample.groups["split"] for r in records}):
        yield split, [r for r in records if r.sample.groups["split"] == split]


FOREIGN: Mapping[str, Scorer] = {
    "lmms_eval": Scorer(
        score=_score_bare_word,
        tally=_tally_bare_word,
        finish=_finish_bare_word,
        headline="f1",
        official=_official_bare_word,
        scale=100.0,
        why="reads only a bare yes or no, pools the splits and leaves other answers out of F1",
    ),
    "vlmevalkit_exact_matching": Scorer(
        score=_score_word_anywhere,
        tally=_tally_word_anywhere,
        finish=_finish_word_anywhere,
        headline="Overall",
        official=_official_word_anywhere,
        why="reads yes or no as a word anywhere, pools the splits, takes the unreadable for no",
    ),
}
