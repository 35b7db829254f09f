"""Runs on disk with known figures, for everything that reads stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from lvlm_eval.schema import JSON, Cost, Decoding, Estimate, Mode, Run, Summary, TaskRun
from lvlm_eval.store import RunStore

# How long an example takes is the machine's business: others may be working on it.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture
def pope() -> Summary:
    """A complete result whose every figure differs from every other."""
    return Summary(
        task="pope@demo",
        version=1,
        headline="f1_mean",
        scale=100.0,
        metrics={
            "f1_mean": Estimate(0.8512, 0.8023, 0.9034),
            "random/accuracy": Estimate(0.7, 0.61, 0.78),
        },
        variants={"lmms_eval": Estimate(84.04, 79.0, 89.0)},
        why={"lmms_eval": "only a bare yes or no is an answer"},
        shown=("random/accuracy",),
        absent=(),
        n=291,
        asked=300,
        total=300,
        failed=9,
        unparsed=12,
        unjudged=0,
        cut=3,
        certified="certified",
    )


@pytest.fixture
def mme() -> Summary:
    """A partial result in points."""
    return Summary(
        task="mme@demo",
        version=3,
        headline="perception",
        scale=1.0,
        metrics={
            "perception": Estimate(612.345, 570.0, 655.5),
            "lenient/perception": Estimate(640.0, 600.0, 680.0),
            "existence/score": Estimate(195.0, 180.0, 200.0),
        },
        variants={},
        why={},
        shown=("existence/score", "landmark/score"),
        absent=("landmark/score",),
        n=40,
        asked=40,
        total=80,
        failed=0,
        unparsed=0,
        unjudged=0,
        cut=0,
        certified="checked",
    )


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunStore]:
    """A function that writes a run with these summaries and gives its store."""

    def make(
        *summaries: Summary,
        model: str = "demo",
        mode: Mode = "normal",
        weights: str = "aa11",
        judge: str = "",
        results: str = "results",
        image_digest: str = "",
        prompt_digest: str = "p0",
        data_digest: str = "d0",
        decoding: Decoding = Decoding(),  # noqa: B008 frozen
        seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
        overrides: Mapping[str, JSON] | None = None,
    ) -> RunStore:
        run = Run(model, "moe_llava", settings or {}, weights, mode, overrides or {}, judge)
        store = RunStore.create(tmp_path / results, run, {})
        for summary in summaries:
            task = store.task(summary.task)
            name = summary.task.partition("@")[0]
            digests = (data_digest, image_digest, prompt_digest)
            task.begin(TaskRun(name, summary.version, *digests, decoding, summary.total))
            task.write_summary(summary)
            if seconds is not None:
                task.add_cost(Cost(summary.n, 900, seconds, 0, 1, 512.0, "cpu"))
        return store

    return make
