"""OCRBench's rule: an answer is right if an accepted text occurs in it; figures are counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lvlm_eval import facts
from lvlm_eval.metrics import add_up
from lvlm_eval.schema import JSON, Record, Response, Sample, Score, Scorer, Tally

RECOGNITION = (
    "Regular Text Recognition", "Irregular Text Recognition", "Artistic Text Recognition",
    "Handwriting Recognition", "Digit String Recognition", "Non-Semantic Text Recognition",
)  # fmt: skip
FORMULAS = "Handwritten Mathematical Expression Recognition"
OTHERS = ("Scene Text-centric VQA", "Doc-oriented VQA", "Key Information Extraction", FORMULAS)
FORMULA_SET = "HME100k"
TOTAL, TEXT = "final_score", "text_recognition"
QUESTIONS = 1000.0  # a point each

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

Clean = Callable[[str], str]


def as_text(text: str) -> str:
    """Lower case, stripped, newlines to spaces: how all but formulas are compared."""
    return text.lower().strip().replace("\n", " ")


def as_formula(text: str) -> str:
    """Without any space, case kept."""
    return text.strip().replace("\n", " ").replace(" ", "")


def half_width(text: str) -> str:
    """Full-width ASCII as the plain one."""
    return text.translate(_HALF_WIDTH)


def is_formula_set(sample: Sample) -> bool:
    return facts.text(sample, "dataset") == FORMULA_SET


def is_formula_type(sample: Sample) -> bool:
    return sample.groups["type"] == FORMULAS


def contains(
    formula: Callable[[Sample], bool], fold: Clean = str
) -> Callable[[Sample, Response], Score]:
    """Marks by containment. formula: which items go without spaces; fold: done first to both."""

    def score(sample: Sample, response: Response) -> Score:
        clean = as_formula if formula(sample) else as_text
        text = clean(fold(response.text))
        right = any(clean(fold(answer)) in text for answer in facts.texts(sample, "answers"))
        return Score({"correct": float(right)}, text or None, read="anywhere")

    return score


def tally(records: Sequence[Record]) -> Tally:
    """Right answers by type; a type that is there counts 0 at least."""
    return add_up({r.sample.groups["type"]: r.score.values["correct"]} for r in records)


def finish(sums: Tally) -> dict[str, float]:
    """Points: in all, of the six kinds of text recognition together, and of each type."""
    text = sum(sums.get(kind, 0.0) for kind in RECOGNITION)
    return {TOTAL: sum(sums.values()), TEXT: text, **sums}


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As the authors' script counts."""
    sums = finish(tally(records))
    metrics: dict[str, JSON] = {
        TOTAL: int(sums[TOTAL]),
        TEXT: int(sums[TEXT]),
        "per_type": {kind: int(sums.get(kind, 0)) for kind in (*RECOGNITION, *OTHERS)},
        "n": len(records),
    }
    return {"metrics": metrics, "per_item": _items(records)}


def official_lmms(records: Sequence[Record]) -> dict[str, JSON]:
    return {"metrics": {"sum": int(finish(tally(records))[TOTAL])}, "per_item": _items(records)}


def official_vlmevalkit(records: Sequence[Record]) -> dict[str, JSON]:
    sums = finish(tally(records))
    rows: dict[str, JSON] = {kind: int(sums.get(kind, 0)) for kind in OTHERS}
    rows["Text Recognition"] = int(sums[TEXT])
    return {
        "metrics": {**rows, "Final Score": int(sums[TOTAL]), "Final Score Norm": sums[TOTAL] / 10}
    }


def _items(records: Sequence[Record]) -> dict[str, JSON]:
    return {r.sample.question_id: int(r.score.values["correct"]) for r in records}


SCORERS: Mapping[str, Scorer] = {
    "official": Scorer(contains(is_formula_set), tally, finish, TOTAL, official, best=QUESTIONS),
    "lmms_eval": Scorer(
        contains(is_formula_set, half_width),
        tally,
        finish,
        TOTAL,
        official_lmms,
        best=QUESTIONS,
        why="full-width letters and signs count as plain ones",
    ),
    "vlmevalkit": Scorer(
        contains(is_formula_type),
        tally,
        finish,
        TOTAL,
        official_vlmevalkit,
        best=QUESTIONS,
        why="formulas are told by their type, not by the data set they are from",
    ),
}
