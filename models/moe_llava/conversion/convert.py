"""A checkpoint in one layout written in the other: the original's, or transformers' own.

Streamed tensor by tensor; the target appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.errors import CheckpointError, UsageError

from ..build import build_empty
from ..chat import TEMPLATES, conversation_of
from ..checkpoint import Checkpoint, open_checkpoint
from ..convert import KeyTable, network_table
from ..fields import Fields, read_json
from ..reading import read_tensor
from ..stored import Stored, stored_tensors
from ..tokenizer import read_tokenizer
from ..transformers_config import KEPT
from ..transformers_keys import transformers_table
from ..weights import weight_files
from . import keys, settings
from .chat_template import CHAT_TEMPLATE, jinja_of
from .deepspeed import find_step
from .folder import appearing, check_room, tower_name, write_json
from .job import Job, with_dtype
from .merge import convert_with_base
from .shards import Output, copy_of, write_shards
from .step import convert_step
from .tokenizer_files import (
    IMAGE,
    TOKENIZER_JSON,
    add_image_token,
    copy_tokenizer,
    drop_image_token,
    make_tokenizer_json,
    missing_files,
)

_EMBEDDING, _HEAD = "decoder.embedding.weight", "decoder.head.weight"


def convert(source: str, towers: str, job: Job, base: str = "") -> Path:
    """Writes the checkpoint in the other layout and returns its folder.

    base: the model under a source that holds a projector or a LoRA adapter only.
    CheckpointError, UsageError: a source that cannot be read, or that the other layout cannot
    hold; a target that exists.
    """
    step = find_step(Path(source).expanduser())
    if step is not None:
        if base:
            raise UsageError(f"{step}: a step holds the whole model, so --base {base} has no use")
        return convert_step(step, job)
    opened = open_checkpoint(source, towers, base)
    if opened.base is not None:
        return convert_with_base(opened, job)
    if opened.config.layout == job.to:
        raise UsageError(f"{source}: is in the {job.to} layout already; --to the other one")
    _check(opened)
    with appearing(job.target) as folder:
        if job.to == "transformers":
            _to_transformers(opened, job, folder)
        else:
            _to_original(opened, job, folder)
    return job.target


def _check(opened: Checkpoint) -> None:
    """That all weights are there, fit config.json and have names that are known."""
    if opened.config.moe is not None:
        raise CheckpointError(
            f"{opened.folder}: has experts; transformers has no model with DeepSpeed's experts, "
            "its LLaVA is dense: the original layout is the only one for this checkpoint"
        )
    if opened.tower is None and opened.config.own_tower is None:
        raise CheckpointError(f"{opened.folder}: has no image tower; there is nothing to convert")
    size = read_tokenizer(opened.folder).size
    opened.plan(build_empty(opened.network_config(size)))


def _to_transformers(opened: Checkpoint, job: Job, folder: Path) -> None:
    config, tower = opened.config, opened.tower
    assert tower is not None
    settings.text_model(config)
    if config.projector_kind != "mlp2x_gelu":
        raise CheckpointError(
            f"{opened.folder}: transformers' LLaVA has mlp2x_gelu for a projector and no other; "
            f"this one has {config.projector_kind}"
        )
    stored = stored_tensors(weight_files(opened.folder))
    table = network_table(config.family, config.projector_kind)
    image = _image_token(opened, _rows(stored, table))
    outputs = [
        _with_rows(copy_of(one, key, job.dtype), table.ours(one.key), image.rows_with_it)
        for one in stored
        if (key := keys.to_transformers(one.key, table, config.family.root)) is not None
    ]
    vision = _tower_outputs(tower, "vision_tower.", job)
    head = any(output.key.startswith("vision_tower.vision_model.head.") for output in vision)
    check_room(outputs + vision, folder)
    fields = with_dtype(read_json(opened.folder / "config.json"), job.dtype)
    values = settings.transformers_config(
        fields, config, read_json(tower / "config.json"), image, head
    )
    write_json(folder / "config.json", values)
    write_json(folder / "processor_config.json", settings.joint_processor(values))
    own = opened.processor_fields()
    assert own is not None
    pad = config.inputs.aspect_ratio == "pad"
    write_json(folder / "preprocessor_config.json", settings.transformers_processor(own, pad))
    _write_tokenizer(opened, image, folder)
    write_shards(outputs + vision, folder, job.max_bytes)


def _write_tokenizer(opened: Checkpoint, image: settings.ImageToken, folder: Path) -> None:
    """The tokenizer's files with `<image>`, and those that transformers wants besides."""
    copy_tokenizer(opened.folder, folder)
    if image.added:
        add_image_token(folder, image.id)
    if TOKENIZER_JSON in image.made:
        make_tokenizer_json(folder)
    if CHAT_TEMPLATE in image.made:
        config, tokenizer = opened.config, read_tokenizer(opened.folder)
        template = TEMPLATES[conversation_of(config.family, tokenizer)]
        jinja = jinja_of(template, config.inputs.start_end)
        (folder / CHAT_TEMPLATE).write_text(jinja, encoding="utf-8")


def _image_token(opened: Checkpoint, rows: int) -> settings.ImageToken:
    """The id of `<image>`: the tokenizer's own, or the first that it does not use."""
    tokenizer = read_tokenizer(opened.folder)
    known = tokenizer.encode(IMAGE)
    made = tuple(missing_files(opened.folder))
    if len(known) == 1:
        return settings.ImageToken(known[0], False, rows, made)
    return settings.ImageToken(tokenizer.size, True, rows, made)


def _with_rows(output: Output, name: str | None, rows: int) -> Output:
    """The embedding or head with rows of zeros up to so many; any other tensor as it is."""
    if name not in (_EMBEDDING, _HEAD) or output.shape[0] >= rows:
        return output
    return replace(output, shape=(rows, *output.shape[1:]))


def _tower_outputs(tower: Path, prefix: str, job: Job) -> list[Output]:
    """All of the vision half, layers that LLaVA does not use included."""
    stored = stored_tensors(weight_files(tower))
    pairs = [(one, keys.tower_key(one.key, str(one.file))) for one in stored]
    return [copy_of(one, prefix + key, job.dtype) for one, key in pairs if key is not None]


def _to_original(opened: Checkpoint, job: Job, folder: Path) -> None:
    config = opened.config
    fields = with_dtype(read_json(opened.folder / "config.json"), job.dtype)
    stored = stored_tensors(weight_files(opened.folder))
    table = transformers_table(config.family, 0)
    rows, drop = _original_rows(fields, stored, table)
    kept = settings.kept_config(fields) or {}
    clip = bool(config.own_tower and config.own_tower.text("model_type").startswith("clip"))
    own = opened.processor_fields()
    assert own is not None and config.own_tower is not None
    named = kept.get("mm_image_tower") or kept.get("mm_vision_tower") or ""
    name = tower_name(str(named), clip, opened.name)
    values = settings.original_config(fields, rows, name, own.flag("do_pad"))
    projector = keys.LLAVA if "mm_vision_tower" in values else keys.MOE_LLAVA
    text = [one for one in stored if keys.in_tower(one.key) is None]
    outputs = [
        _with_first_rows(one, key, table.ours(one.key), rows, job)
        for one in text
        if (key := keys.to_original(one.key, table, config.family.root, projector)) is not None
    ]
    vision = [
        copy_of(one, key, job.dtype)
        for one in stored
        if (inner := keys.in_tower(one.key)) is not None
        if (key := keys.tower_key(inner, str(one.file))) is not None
    ]
    check_room(outputs + vision, folder)
    write_json(folder / "config.json", values)
    undone = fields.fields(KEPT)
    copy_tokenizer(opened.folder, folder, undone.texts("files_made") if undone else ())
    if drop:
        drop_image_token(folder)
    write_shards(outputs, folder, job.max_bytes)
    beside = folder / "towers" / name
    beside.mkdir(parents=True)
    write_json(beside / "config.json", settings.tower_config(config.own_tower))
    write_json(beside / "preprocessor_config.json", settings.tower_processor(own, clip))
    write_shards(vision, beside, job.max_bytes)


def _rows(stored: Sequence[Stored], table: KeyTable) -> int:
    return next(one.shape[0] for one in stored if table.ours(one.key) == _EMBEDDING)


def _original_rows(fields: Fields, stored: Sequence[Stored], table: KeyTable) -> tuple[int, bool]:
    """Rows of the embedding to be written, and whether the tokenizer loses `<image>` again.

    Both only undo a conversion: rows that were added are cut if they are still zero.
    """
    text = [one for one in stored if keys.in_tower(one.key) is None]
    there = _rows(text, table)
    kept = fields.fields(KEPT)
    if kept is None or not kept.flag("image_token_added"):
        return there, False
    rows = kept.integer("rows")
    by_token = [one for one in text if table.ours(one.key) in (_EMBEDDING, _HEAD)]
    if any(bool(read_tensor(one.rows(rows, there)).any()) for one in by_token if rows < there):
        return there, False
    return min(rows, there), True


def _with_first_rows(one: Stored, key: str, name: str | None, rows: int, job: Job) -> Output:
    cut = name in (_EMBEDDING, _HEAD) and one.shape[0] > rows
    return copy_of(one.rows(0, rows) if cut else one, key, job.dtype)
