"""Run folders: names, fingerprints, finding runs again."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lvlm_eval.durable import folder_name
from lvlm_eval.errors import StoreError, UsageError
from lvlm_eval.schema import JSON, Response, Run, Summary
from lvlm_eval.store import (
    RunStore,
    digest_of_json,
    digest_of_list,
    find_run,
    find_runs,
    fingerprint,
)

RUN = Run("demo", "moe_llava", {"dtype": "float32"}, "aa11")


def test_the_fingerprint_depends_on_all_that_was_asked_and_on_nothing_else() -> None:
    changed = [
        replace(RUN, weights="bb22"),
        replace(RUN, mode="blind"),
        replace(RUN, overrides={"max_new_tokens": 3}),
        replace(RUN, settings={"dtype": "bfloat16"}),
        replace(RUN, model="other"),
        replace(RUN, judge="someone"),
    ]
    assert len({fingerprint(run) for run in [RUN, *changed]}) == 7
    assert fingerprint(replace(RUN, settings=dict(RUN.settings))) == fingerprint(RUN)


def test_a_folder_opens_as_the_run_that_made_it(tmp_path: Path) -> None:
    made = RunStore.create(tmp_path, RUN, {"host": "here"})
    assert RunStore.open(made.folder) == made
    assert made.folder == tmp_path / "demo" / fingerprint(RUN)[:12]
    assert RunStore.create(tmp_path, RUN, {"host": "elsewhere"}).provenance == {"host": "here"}


def test_a_folder_with_files_but_no_run_is_refused(tmp_path: Path) -> None:
    made = RunStore.create(tmp_path, RUN, {})
    (made.folder / "notes.txt").write_text("mine")
    (made.folder / "run.json").unlink()
    with pytest.raises(StoreError, match=r"no run\.json"):
        RunStore.create(tmp_path, RUN, {})


@pytest.mark.parametrize(
    ("name", "folder"),
    [("a/b", "a-b"), ("../../etc", "etc"), ("demo:dense", "demo-dense"), ("..", "model")],
)
def test_a_models_name_never_leaves_the_results_folder(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_runs_are_found_by_folder_by_id_and_by_age(
    tmp_path: Path, make_run: Callable[..., RunStore], pope: Summary
) -> None:
    one, two = make_run(pope, weights="aa"), make_run(pope, weights="bb")
    results = one.folder.parents[1]
    assert {run.run_id for run in find_runs(results)} == {one.run_id, two.run_id}
    assert find_run(str(one.folder), results).run_id == one.run_id
    assert find_run(two.run_id[:7], results).run_id == two.run_id
    assert find_run("demo@latest", results).run_id == two.run_id
    blind = make_run(pope, weights="bb", mode="blind")
    assert find_run("demo@latest", results).run_id == two.run_id  # not the blind one
    with pytest.raises(UsageError, match=r"; for the newest write demo@latest$"):
        find_run("demo", results)
    shutil.rmtree(blind.folder)
    runs = [make_run(pope, weights=f"w{n}") for n in range(16)]  # 18 in all, 16 first letters
    initials = [run.run_id[0] for run in runs]
    common = max(initials, key=initials.count)
    with pytest.raises(UsageError, match=f"several runs fit '{common}'"):
        find_run(common, results)
    with pytest.raises(UsageError, match="no run fits"):
        find_run("nobody@latest", results)


def test_the_answer_that_counts_is_the_first_that_is_no_failure(tmp_path: Path) -> None:
    task = RunStore.create(tmp_path, RUN, {}).task("pope")
    tried: list[dict[str, JSON]] = [
        {"question_id": "1", "text": "", "finish": "error", "error": "OOM"},
        {"question_id": "2", "text": "", "finish": "error", "error": "first"},
        {"question_id": "1", "text": "yes", "finish": "stop", "new_tokens": 1},
        {"question_id": "1", "text": "no", "finish": "stop", "new_tokens": 1},
        {"question_id": "2", "text": "", "finish": "error", "error": "second"},
    ]
    for worker, lines in (("0", tried[:2]), ("1", tried[2:])):
        with task.writer(worker) as writer:
            for line in lines:
                writer.add(line)
    answers = task.responses()
    assert answers["1"] == Response("1", "yes", "stop", 1)
    assert answers["2"].error == "second"


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_the_digest_of_a_list_is_the_same_in_portions(count: int) -> None:
    values: list[JSON] = [{"b": n, "a": [f"é{n}", ","]} for n in range(count)]
    assert digest_of_list(values) == digest_of_json(values)
