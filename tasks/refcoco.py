"""RefCOCO: short referring expressions, without restrictions, for objects of COCO train2014."""

from __future__ import annotations

from lvlm_eval.families.refcoco import make_task

TASK = make_task(
    "refcoco", "RefCOCO", "RefCOCO: referring expressions", ("val", "testA", "testB"), "certified"
)
