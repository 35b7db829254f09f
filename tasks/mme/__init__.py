"""MME: fourteen yes/no sub-tests of perception and cognition, two questions an image.

Fu et al. 2023, arXiv 2306.13394. Data: the release folder, see `files.py`. LLaVA-1.5's and
MoE-LLaVA's tables give the points of perception alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.yes_no import first_yes_no, yes_no_in_four_characters
from lvlm_eval.data import unique
from lvlm_eval.metrics import or_zero, per_item, ratio
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Metrics,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)

from .files import CATEGORIES, read_samples
from .hub import HUB
from .points import CELLS, finish, tally
from .variants import FOREIGN


def samples(root: Path) -> Iterator[Sample]:
    """The questions of the categories that are there; see `files.py` for where they may be."""
    return unique(read_samples(root))


def score(sample: Sample, response: Response) -> Score:
    """The authors' rule, and a lenient reading beside it, since strict ones punish a manner."""
    target = facts.target_text(sample)
    answer = yes_no_in_four_characters(response.text)
    values = {
        "correct": float(answer == target),
        "lenient": float(first_yes_no(response.text) == target),
    }
    return Score(values, answer, read="first four characters")


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As `calculation.py` has it: points of the two halves and sub-tests, and their cells."""
    sums = tally(records)
    metrics = finish(sums)
    present = [category for category in CATEGORIES if f"{category}/score" in metrics]
    halves = {half: metrics.get(half, 0.0) for half in ("perception", "cognition")}
    return {
        "metrics": {
            **halves,
            "sum": sum(halves.values()),
            "per_category": {category: metrics[f"{category}/score"] for category in present},
            "detail": {category: _detail(category, sums, metrics) for category in present},
        },
        "per_item": per_item(records),
        "per_item_parsed": {r.sample.question_id: r.score.answer or "other" for r in records},
    }


def _detail(category: str, sums: Tally, metrics: Metrics) -> dict[str, JSON]:
    """Cells of the readable answers; a precision or recall of nothing is 0."""
    cells = {cell: int(sums.get(f"{category}/{cell}", 0.0)) for cell in (*CELLS, "other")}
    return {
        **{cell.upper(): cells[cell] for cell in CELLS},
        "precision": or_zero(ratio(cells["tp"], cells["tp"] + cells["fp"])),
        "recall": or_zero(ratio(cells["tp"], cells["tp"] + cells["fn"])),
        "other_num": cells["other"],
        "acc": metrics[f"{category}/acc"],
    }


TASK = Task(
    name="mme",
    version=1,
    title="MME: fourteen yes/no sub-tests (points of perception, 2000 at most)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="official",
    variants={
        "official": Scorer(
            score=score,
            tally=tally,
            finish=finish,
            headline="perception",
            official=official,
            best=2000.0,
        ),
        **FOREIGN,
    },
    assurance="certified",
    hub=(HUB.place,),
    licence="for academic research, on request to the authors",
    shown=("cognition", "lenient/perception", *(f"{category}/score" for category in CATEGORIES)),
    expected=(
        "perception",
        "cognition",
        *(f"{category}/{part}" for category in CATEGORIES for part in ("acc", "acc_plus", "score")),
    ),
)
