"""DocVQA: questions on scanned pages of industry documents.

Mathew et al. 2020, arXiv 2007.00398. Data: val_v1.0_withQT.json (test_v1.0.json for the
server), pages in documents/. Marked by ANLS, as the RRC's server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from lvlm_eval.data import Row
from lvlm_eval.data_hub import HubTable
from lvlm_eval.families.anls import anls_scorers
from lvlm_eval.families.documents import UPLOAD, Documents
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.schema import JSON, Decoding, Task

HUB = HubTable(
    repositories=("lmms-lab/DocVQA", "lmms-lab-encoder/DocVQA"),
    config="DocVQA",
    split="validation",
    columns=("questionId", "question", "answers", "ucsf_document_id", "ucsf_document_page_no"),
    optional=("question_types",),
)
SOURCES = {
    "docvqa_val": Source(("docvqa/val_v1.0_withQT.json", "docvqa/val_v1.0.json"), HUB),
    "docvqa_test": Source(("docvqa/test_v1.0.json",), replace(HUB, split="test")),
}
KINDS = (
    "table/list", "layout", "free_text", "form", "handwritten", "figure/diagram", "Yes/No",
    "Image/Photo", "others",
)  # fmt: skip


def page(row: Row) -> str:
    """Where a row's page is; the Hub's rows say it in two columns."""
    if "image" in row.values:
        return row.text("image")
    document, number = row.identifier("ucsf_document_id"), row.identifier("ucsf_document_page_no")
    return f"documents/{document}_{number}.png"


def kinds(row: Row) -> Mapping[str, JSON]:
    return {"question_types": row.texts("question_types") if row.get("question_types") else []}


DOCUMENTS = Documents("docvqa", page, kinds)
SAMPLES = {name: partial(DOCUMENTS.read, source=source) for name, source in SOURCES.items()}
TASK = Task(
    name="docvqa",
    version=1,
    title="DocVQA (ANLS)",
    decoding=Decoding(max_new_tokens=32),
    samples=first_there("docvqa", SOURCES, SAMPLES),
    primary="rrc_official",
    variants=anls_scorers(["question_types"]),
    assurance="certified",
    hub=(HUB.place,),
    licence="terms of the Robust Reading Competition, challenge 17; pages of UCSF's library",
    shown=tuple(f"question_types/{kind}" for kind in KINDS),
    expected=("anls",),
    upload=UPLOAD,
)
SPLITS = {name: replace(TASK, name=name, samples=read) for name, read in SAMPLES.items()}
