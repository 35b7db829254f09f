"""Circular evaluation, by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from lvlm_eval.families.circular import PRIMARY, STEP, VARIANTS
from lvlm_eval.schema import JSON, Prompt, Record, Response, Sample

OPTIONS = {"A": "red", "B": "blue"}


def group(
    base: int, *texts: str, variant: str = PRIMARY, category: str = "x", reply: str | None = None
) -> list[Record]:
    """The passes of a question, whose answers are A, B, A, B and so on."""
    records = []
    for number, text in enumerate(texts):
        index = base + number * STEP
        sample = Sample(
            str(index),
            Prompt.user("?"),
            "AB"[number % 2],
            facts={"options": OPTIONS, "index": index, "passes": len(texts)},
            groups={"category": category, "l2_category": "logic_reasoning"},
            cluster=str(base),
        )
        replies: dict[str, JSON] = {} if reply is None else {"judge_output": reply}
        response = Response(str(index), text, "stop", judge=replies)
        score = VARIANTS[variant].score(sample, response)
        records.append(Record(sample, response, score))
    return records


def figures(records: Sequence[Record], variant: str = PRIMARY) -> dict[str, float]:
    scorer = VARIANTS[variant]
    return scorer.finish(scorer.tally(records))


def printed(records: Sequence[Record], variant: str = PRIMARY) -> Mapping[str, JSON]:
    metrics = VARIANTS[variant].official(records)["metrics"]
    assert isinstance(metrics, Mapping)
    return metrics


def mixed(variant: str = PRIMARY, reply: str | None = None) -> list[Record]:
    return [
        *group(1, "A", "B", variant=variant, reply=reply),
        *group(2, "A", "A", variant=variant, reply=reply),
        *group(3, "A", "Both", variant=variant, reply=reply),
        *group(4, "B", "B", variant=variant, category="y", reply=reply),
        *group(5, "A.", "It is blue", "A", variant=variant, category="y", reply=reply),
    ]


def test_a_question_is_right_if_all_its_passes_are() -> None:
    assert figures(mixed()) == pytest.approx(
        {
            "accuracy": 2 / 5,
            "category/x": 1 / 3,
            "category/y": 1 / 2,
            "l2_category/logic_reasoning": 2 / 5,
            "vanilla": 8 / 11,
        }
    )
    official = VARIANTS[PRIMARY].official(mixed())
    assert official["metrics"] == pytest.approx({"Overall": 0.4, "LR": 0.4, "x": 1 / 3, "y": 0.5})
    assert official["per_group"] == {"1": 1, "2": 0, "3": 0, "4": 0, "5": 1}
    inferred = official["per_item_inferred"]
    assert isinstance(inferred, Mapping) and inferred["1000003"] is None


def test_a_group_that_is_not_answered_whole_counts_for_nothing() -> None:
    records = [*group(1, "A", "B"), *group(2, "A", "B")[:1], *group(3, "B", "B")[1:]]
    assert figures(records)["accuracy"] == 1
    assert figures(records)["vanilla"] == 1


def test_passes_may_be_counted_alone() -> None:
    name = "vanilla_all_passes_exact_matching"
    assert printed(mixed(name), name) == {"Overall": pytest.approx(8 / 11)}
    assert figures(mixed(name), name) == {"accuracy": pytest.approx(8 / 11)}
    name = "vanilla_first_pass_exact_matching"
    assert printed(mixed(name), name) == {"Overall": pytest.approx(4 / 5)}
    assert figures(mixed(name), name) == {"accuracy": pytest.approx(4 / 5)}


def test_a_judge_decides_only_what_the_rule_leaves_open() -> None:
    name = "circular_with_recorded_judge"
    assert figures(mixed(name, reply="B."), name)["accuracy"] == pytest.approx(3 / 5)
    assert printed(mixed(name, reply="Z"), name)["Overall"] == pytest.approx(2 / 5)
    assert math.isnan(figures(mixed(name), name)["accuracy"])  # no judge was asked


def test_lmms_evals_static_rule_reads_other_marks() -> None:
    name = "lmms_eval_static"
    records = [*group(1, "A", "E", variant=name), *group(2, "A).", ":B", variant=name)]
    assert printed(records, name) == {
        "overall": 0.5,
        "category": {"x": 0.5},
        "l2_category": {"logic_reasoning": 0.5},
    }


def test_the_uploaded_sheet_has_a_row_a_pass() -> None:
    scorer = VARIANTS["moe_llava_submission_file"]
    assert scorer.official(mixed()) == {
        "columns": ["index", "question", "A", "B", "C", "D", "prediction", "answer", "split"],
        "rows": 11,
    }
