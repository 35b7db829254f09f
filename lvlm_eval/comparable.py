"""Whether results measure the same thing: the same questions, asked and marked alike.

Weights and settings of the model may differ, they are what is compared. In tables so may the
mode, which stands in the row's name; a comparison of two runs wants it and the number of
questions asked (`limit`) to be equal too, unless a difference is allowed by its field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass

from lvlm_eval.errors import NotComparable, UsageError
from lvlm_eval.schema import Run, TaskRun

FIELDS = ("data", "prompt", "image", "decoding", "mode", "protocol", "judge", "limit")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run asked of one task; `name` is how messages call it.

    limit: how many questions were wanted; None where that is of no concern.
    """

    name: str
    run: Run
    task_run: TaskRun
    limit: int | None = None


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


def differing(first: Asked, second: Asked, allowed: Collection[str] = ()) -> Iterator[str]:
    """Every condition in which two results differ and may not, with both values.

    allowed: fields (FIELDS) of which a difference is meant; UsageError for an unknown one.
    """
    unknown = sorted(set(allowed) - set(FIELDS))
    if unknown:
        raise UsageError(f"--allow {unknown[0]}: no such field; there are {', '.join(FIELDS)}")
    one, other = ({**_conditions(a), **_of_a_pair(a)} for a in (first, second))
    for condition in (name for name in one if name in other):
        meant = set(condition.split()) & set(allowed)
        if one[condition] != other[condition] and not meant:
            yield f"{condition} is {one[condition]} there and {other[condition]} here"


def _of_a_pair(result: Asked) -> dict[str, str]:
    """What is compared of two runs beyond the conditions of a table."""
    return {"mode": result.run.mode, "limit (questions asked)": str(result.limit)}


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
