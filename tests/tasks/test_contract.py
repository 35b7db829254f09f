"""What every certified task promises, tried on its recorded vectors."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.certify import certify_folder, failures
from lvlm_eval.errors import MissingData
from lvlm_eval.facts import texts
from lvlm_eval.metrics import add_up
from lvlm_eval.plugins import load_task
from lvlm_eval.prompts import OPTION_LETTER, OPTION_LETTER_CN, SHORT_ANSWER
from lvlm_eval.schema import Record, Sample

CONFORMANCE = Path(__file__).parents[1] / "data" / "conformance"
TASKS = (
    "ai2d",
    "amber",
    "aokvqa",
    "chair",
    "chartqa",
    "docvqa",
    "gqa",
    "hallusionbench",
    "infovqa",
    "llava_bench",
    "mathvista",
    "mm_vet",
    "mmbench_cn",
    "mmbench_en",
    "mme",
    "mmmu",
    "mmstar",
    "nocaps",
    "ocrbench",
    "okvqa",
    "pope",
    "realworldqa",
    "refcoco",
    "scienceqa",
    "seed_bench",
    "textvqa",
    "vizwiz",
    "vqav2",
)
SUFFIXES = {
    **dict.fromkeys(("gqa", "mme", "pope", "vqav2"), SHORT_ANSWER),
    **dict.fromkeys(("ai2d", "mmbench_en", "scienceqa", "seed_bench"), OPTION_LETTER),
    "mmstar": OPTION_LETTER[:-1],
    "mmbench_cn": OPTION_LETTER_CN,
    **dict.fromkeys(("aokvqa", "docvqa", "infovqa", "okvqa", "textvqa", "vizwiz"), SHORT_ANSWER),
}  # LLaVA's words for a kind of answer, where it has some
SIGNED = ("hallusionbench", "llava_bench")  # with figures that may be below 0
PICTURES = {
    "hallusionbench": {0, 1},
    "scienceqa": {0, 1},
}  # how many a question may show, where it is not always one
VARIANTS = tuple((name, variant) for name in TASKS for variant in load_task(name).variants)

Records = Callable[[str, str], Sequence[Record]]


@pytest.mark.parametrize("name", TASKS)
def test_every_recorded_figure_of_every_variant_agrees(name: str) -> None:
    task = load_task(name)
    report = certify_folder(CONFORMANCE / name, task)
    assert failures(report, task.primary, strict=True) == []
    assert set(report) <= set(task.variants)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coco_caption", "flickr30k"])
def test_figures_that_take_java_seconds_agree_too(name: str) -> None:
    """`nocaps` is marked by the same code, in every run of the tests."""
    task = load_task(name)
    assert failures(certify_folder(CONFORMANCE / name, task), task.primary, strict=True) == []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
@settings(max_examples=25)
@given(shuffle=st.randoms(use_true_random=False))
def test_neither_order_nor_clusters_change_a_metric(
    records: Records, name: str, variant: str, shuffle: random.Random
) -> None:
    scorer = load_task(name).variants[variant]
    everything = list(records(name, variant))
    whole = scorer.finish(scorer.tally(everything))
    shuffle.shuffle(everything)
    tallies = [scorer.tally(cluster) for cluster in _clusters(everything)]
    assert scorer.finish(add_up(tallies)) == pytest.approx(whole, nan_ok=True)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
@settings(max_examples=25)
@given(choice=st.randoms(use_true_random=False), share=st.sampled_from([0.02, 0.3, 0.9]))
def test_any_part_of_the_answers_can_be_marked(
    records: Records, name: str, variant: str, choice: random.Random, share: float
) -> None:
    scorer = load_task(name).variants[variant]
    everything = list(records(name, variant))
    answered = choice.sample(everything, max(1, int(share * len(everything))))
    metrics = scorer.finish(add_up(scorer.tally(cluster) for cluster in _clusters(answered)))
    assert all(math.isnan(v) or v >= 0 or name in SIGNED for v in metrics.values())


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_resample_without_any_cluster_has_the_same_metrics_without_values(
    records: Records, name: str, variant: str
) -> None:
    scorer = load_task(name).variants[variant]
    sums = scorer.tally(records(name, variant))
    metrics = scorer.finish(dict.fromkeys(sums, 0.0))
    assert metrics.keys() == scorer.finish(sums).keys()


@pytest.mark.parametrize("name", TASKS)
def test_a_complete_copy_has_the_expected_and_shown_metrics(records: Records, name: str) -> None:
    task = load_task(name)
    metrics = task.scorer.finish(task.scorer.tally(records(name, task.primary)))
    assert {*task.expected, task.scorer.headline} <= metrics.keys()
    axes = {name.partition("/")[0] for name in metrics}  # some vectors lack rows of an axis
    assert {name.partition("/")[0] for name in task.shown} <= axes


@pytest.mark.parametrize("name", TASKS)
def test_every_item_has_a_mark_between_0_and_1_a_prompt_and_an_origin(
    records: Records, name: str
) -> None:
    task = load_task(name)
    for record in records(name, task.primary):
        assert 0 <= record.score.values.get("correct", 0.0) <= 1
        assert record.sample.prompt.text.strip()
        assert record.sample.prompt.text.endswith(SUFFIXES.get(name, ""))
        assert len(record.sample.prompt.images) in PICTURES.get(name, {1})
        assert record.sample.cluster
        assert ":" in record.sample.origin


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_what_is_read_as_texts_has_nothing_else_in_it(
    records: Records, name: str, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked here and not of every answer in a run: see `facts.texts`."""
    scorer, marked = load_task(name).variants[variant], records(name, variant)

    def texts_only(sample: Sample, fact: str) -> Sequence[str]:
        found = texts(sample, fact)
        assert {type(text) for text in found} <= {str}, fact
        return found

    monkeypatch.setattr("lvlm_eval.facts.texts", texts_only)
    scorer.tally([replace(r, score=scorer.score(r.sample, r.response)) for r in marked])


@pytest.mark.parametrize("name", TASKS)
def test_samples_can_be_written_as_json(records: Records, name: str) -> None:
    for record in records(name, load_task(name).primary):
        sample = record.sample
        again = json.loads(json.dumps([sample.target, sample.groups, sample.facts]))
        assert again[:2] == [sample.target, sample.groups]
        assert again[2].keys() == sample.facts.keys()


@pytest.mark.parametrize("name", TASKS)
def test_without_data_the_error_says_where_to_put_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=f"{name}: no data.*{tmp_path}"):
        list(load_task(name).samples(tmp_path))


def _clusters(records: Sequence[Record]) -> list[list[Record]]:
    clusters: dict[str, list[Record]] = {}
    for record in records:
        clusters.setdefault(record.sample.cluster, []).append(record)
    return list(clusters.values())


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_brief_sums_give_the_headline_of_the_whole(
    records: Records, name: str, variant: str
) -> None:
    scorer = load_task(name).variants[variant]
    marked = records(name, variant)
    if scorer.brief is None:
        return
    brief = scorer.finish(scorer.brief([(r.sample, r.response) for r in marked]))
    assert brief[scorer.headline] == scorer.finish(scorer.tally(marked))[scorer.headline]
