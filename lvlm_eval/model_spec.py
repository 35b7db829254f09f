"""From a MODEL as people write it to an opened model."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import CheckpointError, UsageError
from lvlm_eval.hub_cache import cached_snapshot, how_to_get, parse_hub_name
from lvlm_eval.placement import Place
from lvlm_eval.plugins import adapter, model_names
from lvlm_eval.schema import Model

DEMO_MODELS = {"demo": "demo", "demo:dense": "demo_dense"}
_SWITCH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
_PARALLEL = "parallel"  # the parameter of `load` that no user types
DEMO_CHECKPOINTS = Path(__file__).parent / "demo" / "checkpoints"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """`adapter:location,key=value,...`, taken apart.

    name: the default name of its row in tables.
    """

    adapter: str
    location: str
    options: Mapping[str, str]
    name: str


def parse_model(text: str, files: Sequence[Path] = ()) -> ModelSpec:
    """The parts of a MODEL as given on the command line.

    A bundled name, `adapter:location,key=value`, a checkpoint folder or the hub name of a model
    in the local cache (the adapter is found from its config.json), or a YAML file with
    `adapter`, `location` and `options`.
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
    if parse_hub_name(head):
        return ModelSpec(_sniff(_cached(head)), head, options, _short_name(head))
    raise UsageError(
        f"unknown model {text!r}: neither {', '.join(DEMO_MODELS)}, nor a checkpoint folder, nor "
        "a hub name (org/name), nor "
        f"ADAPTER:LOCATION with an adapter among {', '.join(model_names())}"
    )


def load_model(
    spec: ModelSpec,
    given: Mapping[str, str],
    files: Sequence[Path] = (),
    place: Place | None = None,
) -> Model:
    """The model, opened. `given` are options of the command, kept where the adapter has them.

    The signature of the adapter's `load` is the schema of its options; one that is a keyword of
    Python has an underscore behind it there (`from_`). place: this process among
    those of the model's replica, given to an adapter that has `parallel`; others can only be
    replicated.
    """
    load = adapter(spec.adapter, files).load
    signature = inspect.signature(load)
    rest = [p for p in signature.parameters.values() if p.name != _PARALLEL][1:]
    known = {_typed(parameter.name): parameter for parameter in rest}
    options: dict[str, object] = {}
    if place is not None and place.placement.tp > 1:
        if _PARALLEL not in signature.parameters:
            raise UsageError(
                f"{spec.adapter} cannot share a model out over tp={place.placement.tp} processes; "
                f"replicas of it can be had: --parallel dp={place.rank.world_size}"
            )
        options[_PARALLEL] = place
    for key, value in {**given, **spec.options}.items():
        if key not in known and key in spec.options:
            raise UsageError(
                f"{spec.adapter} has no option {key!r}; it takes "
                + (", ".join(f"{name}={p.default}" for name, p in known.items()) or "none")
            )
        if key not in known:
            raise UsageError(f"{spec.adapter} has no {key}, so --{key} {value} cannot be obeyed")
        options[known[key].name] = _converted(value, known[key], spec.adapter)
    model: Model = load(spec.location, **options)
    return model


def option_names(spec: ModelSpec, files: Sequence[Path] = ()) -> list[str]:
    """The names of the options that the model's adapter takes."""
    signature = inspect.signature(adapter(spec.adapter, files).load)
    return [_typed(name) for name in signature.parameters if name != _PARALLEL][1:]


def _typed(parameter: str) -> str:
    """The parameter's name as it is typed."""
    return parameter.removesuffix("_")


def _converted(value: str, parameter: inspect.Parameter, owner: str) -> object:
    """An option's text as the type of its default."""
    kind = type(parameter.default)
    try:
        if kind is bool:
            return _SWITCH[value.lower()]
        return kind(value) if kind in (int, float) else value
    except (KeyError, ValueError):
        raise UsageError(
            f"{owner}: {parameter.name} must be {kind.__name__}, got {value!r}"
        ) from None


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


def _cached(name: str) -> Path:
    folder = cached_snapshot(name)
    if folder is None:
        raise CheckpointError(
            f"{name}: no such folder, and no such model in the local hub cache; {how_to_get(name)}"
        )
    return folder


def _sniff(folder: Path) -> str:
    """The adapter that recognises the folder's config.json; never the folder's name."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is no checkpoint: it has no config.json") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: not JSON: {error}") from None
    for name in sorted(model_names(), key=_general):
        if adapter(name).recognises(config):
            return name
    kind = config.get("model_type") if isinstance(config, dict) else None
    raise CheckpointError(f"{file}: no adapter for model_type {kind!r}")


def _general(name: str) -> bool:
    """Whether an adapter reads what others may know better (its GENERAL): it is asked last."""
    return bool(getattr(adapter(name), "GENERAL", False))


def _short_name(location: str) -> str:
    """`<parent>-checkpoint-5000` for a trainer's folders, else the folder's own name."""
    path = Path(location).absolute()
    return f"{path.parent.name}-{path.name}" if path.name.startswith("checkpoint-") else path.name
