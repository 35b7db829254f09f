"""The papers' order of columns."""

from __future__ import annotations

import pytest

from lvlm_eval.reporting.columns import benchmark_of, column_of, in_order, known_columns


def test_columns_stand_as_in_the_papers_and_unknown_ones_at_the_end() -> None:
    labels = ["zzz", "mm_vet", "mme@demo", "pope", "vqav2_testdev", "aaa", "vqav2_val", "gqa"]
    assert in_order(labels) == (
        *("vqav2_testdev", "vqav2_val", "gqa", "pope", "mme@demo", "mm_vet", "aaa", "zzz"),
    )


@pytest.mark.parametrize(
    ("label", "benchmark"),
    [
        ("vqav2_testdev", "vqav2"),
        ("mmbench_en_dev_20230712", "mmbench_en"),
        ("refcoco_plus", "refcoco_plus"),
        ("mme@demo", "mme"),
        ("mme_realworld", "mme_realworld"),
        ("mmestrange", "mmestrange"),
    ],
)
def test_a_split_belongs_to_its_benchmark(label: str, benchmark: str) -> None:
    assert benchmark_of(label) == benchmark


def test_the_twelve_of_llava_come_first() -> None:
    assert [column.title for column in known_columns().values()][:12] == [
        *("VQAv2", "GQA", "VizWiz", "SQA-IMG", "TextVQA", "POPE", "MME", "MMBench", "MMBench-CN"),
        *("SEED", "LLaVA-W", "MM-Vet"),
    ]
    assert column_of("mine").title == "mine"
