"""InfographicVQA: questions on infographics, many of them across text, layout and figures.

Mathew et al. 2021, arXiv 2104.12756. Data: infographicsVQA_val_v1.0_withQT.json (..._test_v1.0
for the server), pictures in infographicsvqa_images/. Marked by ANLS, as the RRC's server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from lvlm_eval.data import Row
from lvlm_eval.data_hub import HubTable
from lvlm_eval.families.anls import BY_TYPE, anls_scorers
from lvlm_eval.families.documents import UPLOAD, Documents
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.schema import JSON, Decoding, Task

FIELDS = ("answer_type", "evidence", "operation/reasoning")
HUB = HubTable(
    repositories=("lmms-lab/DocVQA", "lmms-lab-encoder/DocVQA"),
    config="InfographicVQA",
    split="validation",
    columns=("questionId", "question", "answers"),
    optional=FIELDS,
)
FILE = "infovqa/infographicsVQA_{}_v1.0{}.json"
SOURCES = {
    "infovqa_val": Source((FILE.format("val", "_withQT"), FILE.format("val", "")), HUB),
    "infovqa_test": Source((FILE.format("test", ""),), replace(HUB, split="test")),
}
NAMES = {
    "image span": "Image-Span", "question span": "Question-Span", "multiple spans": "Multi-Span",
    "non span": "None span", "table/list": "Table/list", "textual": "Text",
    "photo/pciture/visual_objects": "Visual/Layout", "figure": "Figure", "map": "Map",
    "comparison": "Sorting", "arithmetic": "Arithmetic", "counting": "Counting",
}  # fmt: skip
ANSWER_TYPES = ("Image-Span", "Question-Span", "Multi-Span", "None span")


def picture(row: Row) -> str:
    """Where a row's picture is; the Hub's has the same name, if the copy has kept it."""
    if "image_local_name" in row.values:
        return f"infographicsvqa_images/{row.text('image_local_name')}"
    return row.image().name


def kinds(row: Row) -> Mapping[str, JSON]:
    """The kinds by the names that the RRC's script prints; what a file lacks is empty."""
    found = zip(BY_TYPE, (row.texts(f) if row.get(f) else [] for f in FIELDS), strict=True)
    return {axis: [NAMES.get(kind, kind) for kind in own] for axis, own in found}


DOCUMENTS = Documents("infovqa", picture, kinds)
SAMPLES = {name: partial(DOCUMENTS.read, source=source) for name, source in SOURCES.items()}
TASK = Task(
    name="infovqa",
    version=1,
    title="InfographicVQA (ANLS)",
    decoding=Decoding(max_new_tokens=32),
    samples=first_there("infovqa", SOURCES, SAMPLES),
    primary="rrc_official",
    variants=anls_scorers(BY_TYPE),
    assurance="certified",
    hub=(HUB.place,),
    licence="terms of the Robust Reading Competition, challenge 17; pictures from the web",
    shown=tuple(f"answer_types/{kind}" for kind in ANSWER_TYPES),
    expected=("anls", *(f"answer_types/{kind}" for kind in ANSWER_TYPES)),
    upload=UPLOAD,
)
SPLITS = {name: replace(TASK, name=name, samples=read) for name, read in SAMPLES.items()}
