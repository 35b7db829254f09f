"""CV-Bench: what is where in a picture, and how far, asked of three older data sets.

Tong et al. 2024, arXiv 2406.16860, section 3. Letters are read as the authors' evaluation does;
the figure is theirs: 2D is the mean of ADE20K and COCO, 3D is Omni3D, the whole the mean of both.
(For Omni3D they also take a bare option of one character, which none of its options is.)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import nan
from pathlib import Path

from lvlm_eval.declared.build import build
from lvlm_eval.declared.declaration import read_declaration
from lvlm_eval.families.counting import Counting, counted, finish
from lvlm_eval.schema import Tally

FILE = Path(__file__).with_name("declaration.yaml")
HEADLINE = "cv_bench"
_DECLARED = build("cv_bench", read_declaration(FILE), str(FILE))


def finish_halves(counting: Counting, sums: Tally) -> dict[str, float]:
    """The figures by source, task and type, those of the two halves and of the whole."""
    figures = finish(counting, sums)
    ade, coco, omni = (figures.get(f"source/{name}", nan) for name in ("ADE20K", "COCO", "Omni3D"))
    flat = (ade + coco) / 2
    return figures | {"2D": flat, "3D": omni, HEADLINE: (flat + omni) / 2}


_COUNTING = Counting(("source", "task", "type"))
_SCORER = replace(
    counted(_DECLARED.scorer.score, _COUNTING),
    finish=partial(finish_halves, _COUNTING),
    headline=HEADLINE,
)
TASK = replace(
    _DECLARED,
    primary="authors",
    variants={"authors": _SCORER},
    shown=("2D", "3D"),
    expected=(HEADLINE, "2D", "3D"),
)
