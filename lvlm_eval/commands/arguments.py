"""From what was typed, or a YAML file, to a Plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lvlm_eval.errors import UsageError
from lvlm_eval.evaluation import DEMO, Candidate, Plan
from lvlm_eval.judging import open_judge
from lvlm_eval.model_spec import parse_model
from lvlm_eval.plugins import select_tasks
from lvlm_eval.regression import EVERY_TASK, Policy
from lvlm_eval.schema import JSON, Mode
from lvlm_eval.sequential import UntilDecided
from lvlm_eval.store import find_run

KEYS = ("models", "tasks", "data", "limit", "options", "max_new_tokens", "temperature", "seed")
MODES: Mapping[str, Mode] = {"normal": "normal", "blind": "blind", "mismatched": "mismatched"}


@dataclass(frozen=True, slots=True)
class RunArguments:
    """The arguments of `lvlm-eval run` as typed."""

    models: tuple[str, ...]
    tasks: str
    data: str | None
    results: Path
    cache: Path
    config: Path | None
    name: str | None
    mode: str
    limit: int | None
    options: Mapping[str, str]
    overrides: Mapping[str, JSON]
    model_args: str
    max_failures: float
    max_unparsed: float | None
    retry_failed: bool
    plugins: tuple[Path, ...]
    until_decided: str | None = None
    margin: str | None = None
    log: tuple[str, ...] = ()
    judge: str | None = None


def plan(arguments: RunArguments) -> Plan:
    """What the arguments ask for; UsageError names what is wrong and what there is."""
    candidates = tuple(_candidate(model, arguments.mode, arguments) for model in arguments.models)
    if arguments.config is not None:
        arguments, more = _with_config(arguments, arguments.config)
        candidates += more
    if not candidates:
        raise UsageError("no model given; try `lvlm-eval run demo --tasks pope --data demo`")
    if not arguments.tasks:
        raise UsageError("no tasks given: --tasks LIST; `lvlm-eval ls tasks` shows what there is")
    if arguments.name is not None:
        candidates = _named(candidates, arguments.name)
    tasks = tuple(select_tasks(arguments.tasks, arguments.plugins))
    return Plan(
        candidates=candidates,
        tasks=tasks,
        data=None if arguments.data in (None, DEMO) else Path(arguments.data),
        demo=arguments.data == DEMO,
        results=arguments.results,
        cache=arguments.cache,
        limit=arguments.limit,
        options=arguments.options,
        overrides=arguments.overrides,
        max_failures=arguments.max_failures,
        max_unparsed=arguments.max_unparsed,
        retry_failed=arguments.retry_failed,
        plugin_files=arguments.plugins,
        until=_until(arguments, len(tasks)),
        judge=open_judge(arguments.judge) if arguments.judge else None,
    )


def _until(arguments: RunArguments, tasks: int) -> UntilDecided | None:
    """The baseline of --until-decided, and how much may be lost against it."""
    if arguments.until_decided is None:
        if arguments.margin is not None:
            raise UsageError("--margin is of --until-decided BASELINE, which is not given")
        return None
    policy = Policy(margins=margins_of(arguments.margin))
    return UntilDecided(find_run(arguments.until_decided, arguments.results), policy, tasks)


def margins_of(text: str | None) -> Mapping[str, str]:
    """Margins by task: one for all (`0.5` or `1%`), or a YAML file of `task: margin`."""
    if text is None:
        return {}
    file = Path(text)
    if file.suffix not in (".yaml", ".yml"):
        return {EVERY_TASK: text}
    return {task: str(margin) for task, margin in _yaml(file, "--margin", "task: margin").items()}


def mode_of(text: str) -> Mode:
    """The mode of that name; UsageError lists them."""
    if text not in MODES:
        raise UsageError(f"unknown mode {text!r}; there are {', '.join(MODES)}")
    return MODES[text]


def _candidate(model: str, mode: str, arguments: RunArguments) -> Candidate:
    text = f"{model},{arguments.model_args}" if arguments.model_args else model
    return Candidate(parse_model(text, arguments.plugins), mode_of(mode))


def _named(candidates: Sequence[Candidate], name: str) -> tuple[Candidate, ...]:
    if len(candidates) > 1:
        raise UsageError(f"--name {name} needs exactly one MODEL, got {len(candidates)}")
    return tuple(replace(c, spec=replace(c.spec, name=name)) for c in candidates)


def _with_config(arguments: RunArguments, file: Path) -> tuple[RunArguments, tuple[Candidate, ...]]:
    """What the command line leaves open, taken from the file; and the file's models."""
    content = _read(file)
    models = content.get("models") or []
    if not isinstance(models, list):
        raise UsageError(f"{file}: `models` must be a list")
    candidates = tuple(_entry(entry, file, arguments) for entry in models)
    tasks, data, limit = content.get("tasks"), content.get("data"), content.get("limit")
    if limit is not None and not isinstance(limit, int):
        raise UsageError(f"{file}: `limit` must be a whole number, got {limit!r}")
    overrides = {k: content[k] for k in ("max_new_tokens", "temperature", "seed") if k in content}
    options = content.get("options") or {}
    if not isinstance(options, dict):
        raise UsageError(f"{file}: `options` must be key: value pairs")
    joined = replace(
        arguments,
        tasks=arguments.tasks or (",".join(tasks) if isinstance(tasks, list) else str(tasks or "")),
        data=arguments.data or (None if data is None else str(data)),
        limit=arguments.limit or limit,
        options={str(k): str(v) for k, v in options.items()} | dict(arguments.options),
        overrides=overrides | dict(arguments.overrides),
    )
    return joined, candidates


def _entry(entry: object, file: Path, arguments: RunArguments) -> Candidate:
    """A model of the file: its text, or `{model: ..., mode: ..., name: ...}`."""
    if isinstance(entry, str):
        return _candidate(entry, arguments.mode, arguments)
    if not isinstance(entry, dict) or not {"model"} <= entry.keys() <= {"model", "mode", "name"}:
        raise UsageError(f"{file}: a model is text or {{model, mode, name}}, got {entry!r}")
    candidate = _candidate(str(entry["model"]), str(entry.get("mode", "normal")), arguments)
    name = entry.get("name")
    return candidate if name is None else _named([candidate], str(name))[0]


def _read(file: Path) -> dict[str, JSON]:
    content = _yaml(file, "--config", "`models`, `tasks` and `data`")
    unknown = sorted(set(content) - set(KEYS))
    if unknown:
        raise UsageError(f"{file}: unknown {', '.join(unknown)}; there are {', '.join(KEYS)}")
    return content


def _yaml(file: Path, option: str, content_wanted: str) -> dict[str, JSON]:
    """The mapping that the option's file holds."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{option} {file}: no such file") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file}: must hold {content_wanted}")
    return {str(key): value for key, value in content.items()}
