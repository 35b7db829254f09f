"""From names to tasks and adapters."""

from pathlib import Path

import pytest

from lvlm_eval.errors import UsageError
from lvlm_eval.plugins import SUITES, adapter, load_task, model_names, select_tasks, task_names

FILES = (Path(__file__).parents[1] / "data" / "plugins" / "tiny.py",)


def test_every_task_carries_the_name_of_its_file() -> None:
    for name in task_names():
        assert load_task(name).name == name


def test_every_adapter_says_what_it_is_without_being_opened() -> None:
    for name in model_names():
        module = adapter(name)
        assert module.DESCRIPTION
        assert module.recognises({"model_type": "nothing of ours"}) is False


def test_lists_take_names_wildcards_and_suites_each_task_once() -> None:
    chosen = [task.name for task in select_tasks("pope, mme,p*,core")]
    assert chosen[:4] == ["pope", "mme", "vqav2", "gqa"]
    assert sorted(chosen) == sorted(SUITES["core"])
    assert {task.name for task in select_tasks("all", FILES)} == {*task_names(), "tiny"}
    assert set(SUITES["core"]) <= set(task_names())


def test_what_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"unknown task 'popee'.*did you mean pope\?"):
        select_tasks("popee")
    with pytest.raises(UsageError, match="no task is called like 'x"):
        select_tasks("x*")
    with pytest.raises(UsageError, match="no task in ' , '"):
        select_tasks(" , ")
    with pytest.raises(UsageError, match="no such file"):
        select_tasks("tiny", (Path("nowhere.py"),))
    with pytest.raises(UsageError, match="unknown model adapter"):
        adapter("nobody")


def test_a_split_is_a_task_of_its_own_name() -> None:
    for name in ("vqav2_val", "seed_bench_video_frames"):
        assert load_task(name).name == name
    with pytest.raises(UsageError, match="unknown task 'vqav2_nowhere'"):
        load_task("vqav2_nowhere")
