"""RefCOCOg: long referring expressions, written outside of a game; the umd split."""

from __future__ import annotations

from lvlm_eval.families.refcoco import make_task

TASK = make_task(
    "refcocog", "RefCOCOg", "RefCOCOg: long referring expressions", ("val", "test"), "checked"
)
