"""Results as the `model-index` of a model card on the Hugging Face Hub (YAML)."""

from __future__ import annotations

import yaml

from lvlm_eval.reporting.cells import figure_of
from lvlm_eval.reporting.columns import benchmark_of, column_of
from lvlm_eval.reporting.results import Found, Result, data_of
from lvlm_eval.schema import JSON

TASK_TYPE = "image-text-to-text"


def model_index(found: Found) -> str:
    """One entry a run, one result a task: paste it between the `---` of a README.md.

    A task without a figure is left out; the card's format has no place for "failed".
    """
    entries: list[JSON] = []
    for row, _ in found.rows:
        results: list[JSON] = [
            entry for r in found.results if r.row == row and (entry := _result(r)) is not None
        ]
        if results:
            entries.append({"name": row, "results": results})
    content = {"model-index": entries}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _dataset(label: str) -> dict[str, JSON]:
    """The benchmark's public name; bundled data are not the benchmark and go by their label."""
    if data_of(label):
        return {"name": label, "type": f"lvlm_eval/{label}"}
    column = column_of(label)
    config: dict[str, JSON] = {} if label == benchmark_of(label) else {"config": label}
    return {"name": column.title, "type": column.hub or label, **config}


def _result(result: Result) -> dict[str, JSON] | None:
    cell = figure_of(result)
    if cell.value is None:
        return None
    args: dict[str, JSON] = {"n": cell.n, "source": cell.source}
    if cell.low is not None and cell.high is not None:
        args |= {"low_95": round(cell.low, 3), "high_95": round(cell.high, 3)}
    if cell.note:
        args["note"] = cell.note
    return {
        "task": {"type": TASK_TYPE},
        "dataset": _dataset(result.label),
        "metrics": [
            {
                "type": result.summary.headline,
                "name": f"{result.label} {result.summary.headline}",
                "value": round(cell.value, 3),
                "args": args,
            }
        ],
    }
