"""Whether results measure the same thing: the same questions, asked and marked alike.

Weights and settings of the model may differ, they are what is compared; so may the mode,
which stands in the row's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from lvlm_eval.errors import NotComparable
from lvlm_eval.schema import Run, TaskRun


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run asked of one task; `name` is how messages call it."""

    name: str
    run: Run
    task_run: TaskRun


def check_comparable(label: str, results: Iterable[Asked]) -> None:
    """Raises NotComparable, naming the first condition in which two results differ."""
    known: dict[str, tuple[str, str]] = {}
    for result in results:
        for condition, value in _conditions(result).items():
            name, expected = known.setdefault(condition, (result.name, value))
            if value != expected:
                raise NotComparable(
                    f"{label}: {name} and {result.name} are not comparable: {condition} is "
                    f"{expected} for the one and {value} for the other; run both alike, or "
                    "report them separately"
                )


def _conditions(result: Asked) -> dict[str, str]:
    """By name, all that must be equal. Images are compared where both runs read them."""
    run, task_run = result.run, result.task_run
    conditions = {
        "task version": str(task_run.version),
        "data digest": task_run.data_digest[:12],
        "prompt digest": task_run.prompt_digest[:12],
        "protocol": run.protocol,
        "judge": run.judge or "none",
    }
    if task_run.image_digest:
        conditions["image digest"] = task_run.image_digest[:12]
    decoding = {f"decoding {key}": repr(value) for key, value in asdict(task_run.decoding).items()}
    return conditions | decoding
