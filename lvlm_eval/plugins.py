"""From a name to a task or a model. The only module that imports plugins, and only those asked for.

A task is `lvlm_eval.tasks.<name>` with a TASK (and perhaps SPLITS), a model adapter is
`lvlm_eval.models.<name>` with a `load`; both may also come from an installed package (entry
points `lvlm_eval.tasks`, `lvlm_eval.models`) or from a file given with --plugin. There is no
list to keep: the file's name is the plugin's name.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.schema import Baseline, Model, Task

DEMO_MODELS = {"demo": "demo", "demo:dense": "demo_dense"}
DEMO_CHECKPOINTS = Path(__file__).parent / "demo" / "checkpoints"
SUITES: Mapping[str, tuple[str, ...]] = {
    "core": ("vqav2", "gqa", "pope", "mme"),
    "moe_llava": (
        "vqav2", "gqa", "vizwiz", "scienceqa", "textvqa", "pope", "mme", "mmbench_en", "mm_vet",
    ),
    "llava15": (
        "vqav2", "gqa", "vizwiz", "scienceqa", "textvqa", "pope", "mme", "mmbench_en",
        "mmbench_cn", "seed_bench", "llava_bench", "mm_vet",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """`adapter:location,key=value,...`, taken apart.

    name: the default name of its row in tables.
    """

    adapter: str
    location: str
    options: Mapping[str, str]
    name: str


def task_names(files: Iterable[Path] = ()) -> list[str]:
    """The names of all tasks there are, sorted; imports none."""
    return sorted({*_names("tasks"), *(file.stem for file in files if _has(file, "TASK"))})


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
    """The task of that name, or one of its explicit splits (`vqav2_val`)."""
    for candidate in (name, name.rsplit("_", 1)[0]):
        module = _module("tasks", candidate, files)
        if module is None:
            continue
        tasks = {candidate: module.TASK, **getattr(module, "SPLITS", {})}
        if name in tasks:
            task = tasks[name]
            assert isinstance(task, Task)
            return task
    names = task_names(files)
    raise UsageError(f"unknown task {name!r}; there are {', '.join(names)}{_closest(name, names)}")


def adapter(name: str, files: Sequence[Path] = ()) -> ModuleType:
    """The module of a model adapter; importing it imports no heavy library."""
    module = _module("models", name, files)
    if module is None or not hasattr(module, "load"):
        raise UsageError(f"unknown model adapter {name!r}; there are {', '.join(model_names())}")
    return module


def parse_model(text: str, files: Sequence[Path] = ()) -> ModelSpec:
    """The parts of a MODEL as given on the command line.

    A bundled name, `adapter:location,key=value`, a checkpoint folder (its adapter is found
    from its config.json), or a YAML file with `adapter`, `location` and `options`.
    """
    head, *pairs = text.split(",")
    options = dict(_pair(pair, text) for pair in pairs)
    if head in DEMO_MODELS:
        location = str(DEMO_CHECKPOINTS / DEMO_MODELS[head])
        return ModelSpec("moe_llava", location, options, head)
    if Path(head).suffix in (".yaml", ".yml"):
        return _from_yaml(Path(head), options)
    name, colon, location = head.partition(":")
    stems = {file.stem for file in files}
    if colon and name.isidentifier() and (name in model_names() or name in stems):
        short = f"{name}:{location}" if not Path(location).exists() else _short_name(location)
        return ModelSpec(name, location, options, short if location else name)
    if Path(head).is_dir():
        return ModelSpec(_sniff(Path(head)), head, options, _short_name(head))
    raise UsageError(
        f"unknown model {text!r}: neither {', '.join(DEMO_MODELS)}, nor a checkpoint folder, nor "
        f"ADAPTER:LOCATION with an adapter among {', '.join(model_names())}"
    )


def load_model(
    spec: ModelSpec, given: Mapping[str, str], files: Sequence[Path] = ()
) -> Model | Baseline:
    """The model, opened. `given` are options of the command, kept where the adapter has them.

    The signature of the adapter's `load` is the schema of its options.
    """
    load = adapter(spec.adapter, files).load
    signature = inspect.signature(load)
    first, *rest = signature.parameters.values()
    known = {parameter.name: parameter for parameter in rest}
    options: dict[str, object] = {}
    for key, value in {**given, **spec.options}.items():
        if key not in known and key in spec.options:
            raise UsageError(
                f"{spec.adapter} has no option {key!r}; it takes "
                + (", ".join(f"{p.name}={p.default}" for p in rest) or "none")
            )
        if key not in known:
            raise UsageError(f"{spec.adapter} has no {key}, so --{key} {value} cannot be obeyed")
        options[key] = _converted(value, known[key], spec.adapter)
    model = load(spec.location, **options)
    assert isinstance(model, Baseline) or hasattr(model, "generate")
    return model


def _converted(value: str, parameter: inspect.Parameter, owner: str) -> object:
    """An option's text as the type of its default."""
    kind = type(parameter.default)
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        return kind(value) if kind in (int, float) else value
    except (KeyError, ValueError):
        raise UsageError(
            f"{owner}: {parameter.name} must be {kind.__name__}, got {value!r}"
        ) from None


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


def _module(kind: str, name: str, files: Sequence[Path]) -> ModuleType | None:
    for file in files:
        if file.stem == name:
            return _from_file(file)
    for entry in importlib.metadata.entry_points(group=f"lvlm_eval.{kind}", name=name):
        module = entry.load()
        assert isinstance(module, ModuleType)
        return module
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


def _has(file: Path, name: str) -> bool:
    return hasattr(_from_file(file), name)


def _pair(pair: str, text: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"model {text!r}: {pair!r} is not key=value")
    return key.strip(), value.strip()


def _from_yaml(file: Path, options: Mapping[str, str]) -> ModelSpec:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict) or not {"adapter", "location"} <= content.keys():
        raise UsageError(f"{file}: a model needs `adapter` and `location`")
    given = {str(key): str(value) for key, value in (content.get("options") or {}).items()}
    name = str(content.get("name") or file.stem)
    return ModelSpec(str(content["adapter"]), str(content["location"]), {**given, **options}, name)


def _sniff(folder: Path) -> str:
    """The adapter that recognises the folder's config.json; never the folder's name."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is no checkpoint: it has no config.json") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: not JSON: {error}") from None
    for name in model_names():
        if adapter(name).recognises(config):
            return name
    kind = config.get("model_type") if isinstance(config, dict) else None
    raise CheckpointError(f"{file}: no adapter for model_type {kind!r}")


def _short_name(location: str) -> str:
    """`<parent>-checkpoint-5000` for a trainer's folders, else the folder's own name."""
    path = Path(location).absolute()
    return f"{path.parent.name}-{path.name}" if path.name.startswith("checkpoint-") else path.name
