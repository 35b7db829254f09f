"""The bundled models really see: far better than blind, and than always the same answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.evaluation import Candidate, Plan, evaluate
from lvlm_eval.model_spec import parse_model
from lvlm_eval.plugins import select_tasks
from lvlm_eval.schema import Mode, Tally
from lvlm_eval.stats import paired_difference
from lvlm_eval.store import RunStore

TASKS = (
    *("vqav2", "gqa", "pope", "mme"),
    *("seed_bench", "muirbench", "refcoco", "textvqa_plain", "countbench"),
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunStore]]:
    """All that `make eval-all` asks, by the row's name."""
    folder = tmp_path_factory.mktemp("demo")
    candidates = {
        "demo": Candidate(parse_model("demo")),
        "dense": Candidate(parse_model("demo:dense")),
        "blind": Candidate(parse_model("demo"), "blind"),
        "majority": Candidate(parse_model("baseline:majority")),
    }
    made = evaluate(planned(folder, candidates.values(), TASKS), lambda what, done, total: None)
    yield dict(zip(candidates, made, strict=True))


def planned(folder: Path, candidates: Iterable[Candidate], tasks: Sequence[str]) -> Plan:
    return Plan(
        candidates=tuple(candidates),
        tasks=tuple(select_tasks(",".join(tasks))),
        data=None,
        demo=True,
        results=folder / "results",
        cache=folder / "cache",
    )


def accuracy(sums: Tally) -> dict[str, float]:
    return {"accuracy": 100 * sums["correct"] / sums["asked"]}


def by_cluster(store: RunStore, task: str) -> dict[str, Mapping[str, float]]:
    """Right answers and questions of each image."""
    sums: dict[str, dict[str, float]] = {}
    for line in store.task(f"{task}@demo").scores():
        cluster = sums.setdefault(line.cluster, {"correct": 0.0, "asked": 0.0})
        cluster["correct"] += line.values["correct"]
        cluster["asked"] += 1
    return dict(sorted(sums.items()))


@pytest.mark.parametrize("task", TASKS)
def test_the_demo_sees(stores: Mapping[str, RunStore], task: str) -> None:
    tallies = {name: by_cluster(store, task) for name, store in stores.items()}
    assert sum(t["asked"] for t in tallies["demo"].values()) >= 90
    against = {}
    for name in ("blind", "majority"):
        assert list(tallies[name]) == list(tallies["demo"])
        pairs = (list(tallies["demo"].values()), list(tallies[name].values()))
        against[name] = paired_difference(*pairs, accuracy)["accuracy"]
    blind, majority = against["blind"], against["majority"]
    assert blind.value is not None
    assert blind.low is not None
    assert majority.value is not None
    assert blind.value >= 20
    assert blind.low > 10
    assert majority.value >= 15


@pytest.mark.parametrize("task", TASKS)
def test_the_dense_sibling_answers_everything_too(
    stores: Mapping[str, RunStore], task: str
) -> None:
    for store in stores.values():
        summary = store.task(f"{task}@demo").summary()
        assert summary is not None
        assert (summary.failed, summary.unjudged, summary.n) == (0, 0, summary.total)


@pytest.mark.slow  # METEOR takes seconds to start
def test_the_demo_describes_what_it_sees(tmp_path: Path) -> None:
    modes: tuple[Mode, ...] = ("normal", "blind")
    candidates = [Candidate(parse_model("demo"), mode) for mode in modes]
    made = evaluate(planned(tmp_path, candidates, ["coco_caption"]), lambda *_: None)
    summaries = [store.task("coco_caption@demo").summary() for store in made]
    seeing, blind = (s.metrics["CIDEr"] for s in summaries if s is not None)
    assert seeing.low is not None
    assert blind.high is not None
    assert seeing.low > 2 * blind.high


def test_the_bundled_checkpoints_are_small() -> None:
    folder = Path(__file__).parents[1] / "lvlm_eval" / "demo" / "checkpoints"
    for name in ("demo", "demo_dense"):
        size = sum(file.stat().st_size for file in (folder / name).rglob("*") if file.is_file())
        assert 0 < size <= 8_000_000, f"{name}: {size} bytes"
