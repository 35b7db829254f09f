"""RefCOCO+: referring expressions that may not say where in the picture the object is."""

from __future__ import annotations

from lvlm_eval.families.refcoco import make_task

TASK = make_task(
    "refcoco_plus",
    "RefCOCOplus",
    "RefCOCO+: expressions without places",
    ("val", "testA", "testB"),
    "checked",
)
