"""The model card's index: what the Hub's own reader makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

from lvlm_eval.reporting.model_card import model_index
from lvlm_eval.reporting.results import find
from lvlm_eval.schema import Summary
from lvlm_eval.store import RunStore

MakeRun = Callable[..., RunStore]


def test_the_hub_s_reader_finds_every_figure(make_run: MakeRun, pope: Summary) -> None:
    store = make_run(replace(pope, task="pope"))
    content = yaml.safe_load(model_index(find([store])))
    name, results = model_index_to_eval_results(content["model-index"])
    assert name == "demo"
    (result,) = results
    assert (result.dataset_name, result.dataset_type) == ("POPE", "lmms-lab/POPE")
    assert (result.metric_type, result.metric_value) == ("f1_mean", 85.12)
    assert result.metric_args is not None
    assert result.metric_args["low_95"] == pytest.approx(80.23)
    assert result.metric_args["n"] == 291
    assert "9 of 300 answers failed" in result.metric_args["note"]


def test_bundled_data_never_go_by_a_benchmark_s_name(make_run: MakeRun, pope: Summary) -> None:
    content = yaml.safe_load(model_index(find([make_run(pope)])))
    (result,) = content["model-index"][0]["results"]
    assert result["dataset"] == {"name": "pope@demo", "type": "lvlm_eval/pope@demo"}


def test_a_task_without_a_figure_is_left_out(
    make_run: MakeRun, pope: Summary, mme: Summary
) -> None:
    failed = replace(pope, metrics={}, variants={}, n=0, failed=300)
    content = yaml.safe_load(model_index(find([make_run(failed, mme)])))
    (result,) = content["model-index"][0]["results"]
    assert result["dataset"]["name"] == "mme@demo"
