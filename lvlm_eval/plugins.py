"""From a name to a task or an adapter. Only this module imports plugins, and only chosen ones.

A task is `lvlm_eval.tasks.<name>` with a TASK (and perhaps SPLITS) or a declaration
`tasks/<name>.yaml`, a model adapter is `lvlm_eval.models.<name>` with a `load`. Both may also come
from an installed package (entry points `lvlm_eval.tasks`, `lvlm_eval.models`: a module, or the path
of a declaration) or from a file or folder given with --plugin. There is no list to keep: the
file's name is the plugin's name.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from lvlm_eval.declared.bare_file import SUFFIXES, bare_task
from lvlm_eval.declared.build import declared_task
from lvlm_eval.errors import UsageError
from lvlm_eval.schema import Tally, Task, TaskRun

SUITES: Mapping[str, tuple[str, ...]] = {
    "core": (
        "vqav2", "gqa", "vizwiz", "scienceqa", "textvqa", "pope", "mme", "mmbench_en",
        "mmbench_cn", "seed_bench", "mmstar", "ai2d", "chartqa", "docvqa", "infovqa", "ocrbench",
        "stvqa", "okvqa", "aokvqa", "realworldqa", "blink", "cv_bench", "mmvp", "naturalbench",
        "vstar", "hrbench_4k", "hrbench_8k", "mmmu", "mmmu_pro", "ccbench", "mathvista", "refcoco",
        "refcoco_plus", "refcocog", "coco_caption", "nocaps", "flickr30k", "textcaps", "chair",
        "amber", "countbench", "vsr", "screenspot", "muirbench", "seed2_plus", "mme_realworld",
        "mme_realworld_cn", "q_bench", "embspatial",
    ),
    "moe_llava": (
        "vqav2", "gqa", "vizwiz", "scienceqa", "textvqa", "pope", "mme", "mmbench_en", "mm_vet",
    ),
    "llava15": (
        "vqav2", "gqa", "vizwiz", "scienceqa", "textvqa", "pope", "mme", "mmbench_en",
        "mmbench_cn", "seed_bench", "llava_bench", "mm_vet",
    ),
}  # fmt: skip


def task_names(files: Iterable[Path] = ()) -> list[str]:
    """The names of all tasks there are, sorted; imports none."""
    given = (file.stem for file in _plugin_files(files) if _is_task(file))
    return sorted({*_names("tasks"), *(file.stem for file in _declarations()), *given})


def model_names() -> list[str]:
    """The names of all model adapters, sorted; imports none."""
    return sorted(_names("models"))


def select_tasks(wanted: str, files: Sequence[Path] = ()) -> list[Task]:
    """The tasks of a list of names, wildcards and suites separated by commas, each once."""
    names = task_names(files)
    chosen: dict[str, Task] = {}
    for item in filter(None, (part.strip() for part in wanted.split(","))):
        for name in _expand(item, names):
            chosen[name] = load_task(name, files)
    if not chosen:
        raise UsageError(f"no task in {wanted!r}; there are {', '.join(names)}")
    return list(chosen.values())


def load_task(name: str, files: Sequence[Path] = ()) -> Task:
    """The task of that name, or one of its explicit splits (`mmbench_en_dev_20230712`)."""
    for candidate in _prefixes(name):
        tasks = _tasks_called(candidate, files)
        if name in tasks:
            return tasks[name]
    names = task_names(files)
    raise UsageError(f"unknown task {name!r}; there are {', '.join(names)}{_closest(name, names)}")


def _tasks_called(name: str, files: Sequence[Path]) -> Mapping[str, Task]:
    """The task of a file's or module's name, with its splits; empty if there is none."""
    declarations = [file for file in _plugin_files(files) if file.suffix != ".py"]
    for file in declarations:
        if file.stem == name:
            return {name: bare_task(file) if file.suffix in SUFFIXES else declared_task(file)}
    for file in _declarations():
        if file.stem == name:
            return {name: declared_task(file, bundled=True)}
    found = _module("tasks", name, files)
    if isinstance(found, Path):
        return {name: declared_task(found)}
    return {} if found is None else {name: found.TASK, **getattr(found, "SPLITS", {})}


def _declarations() -> list[Path]:
    """The declared tasks of this package."""
    package = importlib.import_module("lvlm_eval.tasks")
    return [file for folder in package.__path__ for file in sorted(Path(folder).glob("*.yaml"))]


def _plugin_files(files: Iterable[Path]) -> list[Path]:
    """The files given with --plugin; of a folder all that can be a plugin."""
    kinds = (".py", ".yaml", *SUFFIXES)
    found: list[Path] = []
    for file in files:
        inside = sorted(file.iterdir()) if file.is_dir() else [file]
        found += [one for one in inside if one.suffix in kinds or not file.is_dir()]
    return found


def _is_task(file: Path) -> bool:
    if not file.is_file():
        raise UsageError(f"--plugin {file}: no such file")
    return file.suffix != ".py" or hasattr(_from_file(file), "TASK")


def _prefixes(name: str) -> Iterator[str]:
    """The name, then what is left of it without its last words, one by one."""
    while name:
        yield name
        name = name.rpartition("_")[0]


def finish_of(task_run: TaskRun, files: Sequence[Path] = ()) -> Callable[[Tally], dict[str, float]]:
    """What turns stored sums of that task into its metrics.

    Raises UsageError for an unknown task, and for answers that another version marked.
    """
    task = load_task(task_run.task, files)
    if task.version != task_run.version:
        raise UsageError(
            f"{task.name} was marked by version {task_run.version} of the task, this is version "
            f"{task.version}: its sums may mean something else; run it anew"
        )
    return task.scorer.finish


def adapter(name: str, files: Sequence[Path] = ()) -> ModuleType:
    """The module of a model adapter; importing it imports no heavy library."""
    module = _module("models", name, files)
    if not isinstance(module, ModuleType) or not hasattr(module, "load"):
        raise UsageError(f"unknown model adapter {name!r}; there are {', '.join(model_names())}")
    return module


def _expand(item: str, names: Sequence[str]) -> list[str]:
    if item == "all":
        return list(names)
    if item in SUITES:
        absent = [name for name in SUITES[item] if name not in names]
        if absent:
            raise UsageError(f"suite {item!r} needs tasks that are not here: {', '.join(absent)}")
        return list(SUITES[item])
    if any(character in item for character in "*?["):
        found = fnmatch.filter(names, item)
        if not found:
            raise UsageError(f"no task is called like {item!r}; there are {', '.join(names)}")
        return found
    return [item]


def _closest(name: str, names: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _names(kind: str) -> list[str]:
    package = importlib.import_module(f"lvlm_eval.{kind}")
    own = [found.name for found in pkgutil.iter_modules(package.__path__)]
    entries = importlib.metadata.entry_points(group=f"lvlm_eval.{kind}")
    return [*own, *(entry.name for entry in entries)]


def _module(kind: str, name: str, files: Sequence[Path]) -> ModuleType | Path | None:
    for file in _plugin_files(files):
        if file.stem == name and file.suffix == ".py":
            return _from_file(file)
    for entry in importlib.metadata.entry_points(group=f"lvlm_eval.{kind}", name=name):
        loaded = entry.load()
        assert isinstance(loaded, (ModuleType, Path)), f"entry point {name}: {loaded!r}"
        return loaded
    if not name.isidentifier() or name not in _names(kind):
        return None
    return importlib.import_module(f"lvlm_eval.{kind}.{name}")


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise UsageError(f"--plugin {file}: no such file")
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None:
        raise UsageError(f"--plugin {file}: not a Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
