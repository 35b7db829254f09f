"""A checkpoint folder of transformers, opened: configuration, processor, chat template, digest.

Everything is read from the folder; nothing is downloaded and no code that lies in it is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # only the name of what torch.load raises

import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.distributed import DistributedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from lvlm_eval.errors import CheckpointError, first_line
from lvlm_eval.hub_cache import model_folder, revision_of
from lvlm_eval.weights_digest import digest_of_files

# Besides the weights, what in a folder decides the answers.
_SETTINGS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_LOCAL = {"local_files_only": True, "trust_remote_code": False}
# What transformers raises for a folder that it cannot make sense of.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder without its weights. template: the text of its chat template.

    digest: SHA-256 over weights and settings. architecture: the class that will be built.
    """

    name: str
    folder: Path
    config: transformers.PreTrainedConfig
    architecture: str
    processor: transformers.ProcessorMixin
    template: str
    digest: str

    @property
    def weight_files(self) -> list[Path]:
        """The files that hold the weights."""
        return _weight_files(self.folder)

    def describe(self) -> dict[str, str]:
        """What of the folder and of transformers decides the answers."""
        revision = revision_of(str(self.folder))
        return {
            "weights": self.digest,
            **({"revision": revision} if revision else {}),
            "architecture": self.architecture,
            "transformers": transformers.__version__,
            "image_processor": type(self.processor.image_processor).__name__,
            "chat_template": hashlib.sha256(self.template.encode()).hexdigest(),
        }

    def empty(self) -> transformers.PreTrainedModel:
        """The model without memory, for its names and shapes; CheckpointError."""
        try:
            with torch.device("meta"):
                return AutoModelForImageTextToText.from_config(self.config)
        except _UNREADABLE as error:
            raise CheckpointError(f"{self.folder}: {first_line(error)}") from None

    def load(
        self, dtype: torch.dtype, device: str, attention: str, ranks: int = 1
    ) -> transformers.PreTrainedModel:
        """The model with all its weights, in eval mode; CheckpointError where some are missing.

        ranks: over so many processes of torch's process group, each with a part, as transformers
        plans it; on the GPU that each of them sees, else on the CPU.
        Files other than safetensors are read as tensors alone (torch's weights_only).
        """
        with _without_bars():
            try:
                model, info = AutoModelForImageTextToText.from_pretrained(
                    self.folder,
                    config=self.config,
                    dtype=dtype,
                    **_where(device, ranks),
                    attn_implementation=attention,
                    output_loading_info=True,
                    **_LOCAL,
                )
            except UnpicklingError:
                raise CheckpointError(
                    f"{self.folder}: the pickle of its weights asks for more than tensors, which "
                    "could run code when it is read; save the tensors alone, best as safetensors"
                ) from None
            except _UNREADABLE as error:
                raise CheckpointError(f"{self.folder}: {first_line(error)}") from None
        wrong = sorted(str(key) for key in (*info["missing_keys"], *info["mismatched_keys"]))
        if wrong:
            raise CheckpointError(
                f"{self.folder}: the weights lack {len(wrong)} tensors of {self.architecture}, or "
                f"have them in other shapes ({', '.join(wrong[:3])}), so answers would be those "
                "of random numbers; fetch the model anew"
            )
        return model.eval()


def open_checkpoint(location: str) -> Opened:
    """A folder, or a hub name that is in the local cache; CheckpointError if it is neither, if
    it is no image-text-to-text model of transformers, or if it has no chat template."""
    folder = model_folder(location)
    try:
        config = AutoConfig.from_pretrained(folder, **_LOCAL)
    except _UNREADABLE as error:
        raise CheckpointError(f"{folder}: {first_line(error)}") from None
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        raise CheckpointError(
            f"{folder}: model_type {config.model_type!r} is no image-text-to-text model of "
            f"transformers {transformers.__version__}"
        )
    architecture = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
    if isinstance(architecture, tuple):
        architecture = architecture[0]
    processor = _read_processor(folder)
    return Opened(
        name=Path(location).absolute().name,
        folder=folder,
        config=config,
        architecture=architecture.__name__,
        processor=processor,
        template=_template(processor, folder),
        digest=digest_of_files(_weight_files(folder) + _settings(folder)),
    )


def _where(device: str, ranks: int) -> dict[str, object]:
    if ranks == 1:
        return {"device_map": device}
    return {"distributed_config": DistributedConfig(tp_plan="auto", tp_size=ranks)}


def _weight_files(folder: Path) -> list[Path]:
    """All safetensors files, which transformers prefers, or else torch's."""
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        files = sorted(folder.glob(pattern))
        if files:
            return files
    raise CheckpointError(f"{folder}: no weights; wanted *.safetensors or pytorch_model*.bin")


def _settings(folder: Path) -> list[Path]:
    return [folder / name for name in _SETTINGS if (folder / name).is_file()]


def _read_processor(folder: Path) -> transformers.ProcessorMixin:
    """The processor for text and pictures, pictures by Pillow."""
    declared = getattr(transformers, _declared_processor(folder), None)
    chosen = AutoProcessor
    if declared is not None and "video_processor" in declared.get_attributes():
        chosen = _without_videos(declared)
    try:
        processor = chosen.from_pretrained(folder, backend="pil", **_LOCAL)
    except _UNREADABLE as error:
        why = first_line(error)
        raise CheckpointError(f"{folder}: its processor cannot be read: {why}") from None
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise CheckpointError(
            f"{folder}: holds a {type(processor).__name__}, which does not take text and pictures; "
            "preprocessor_config.json, processor_config.json and the tokenizer's files are wanted"
        )
    if processor.tokenizer.pad_token is None:  # padding is masked: which token it is matters not
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _without_videos(
    declared: type[transformers.ProcessorMixin],
) -> type[transformers.ProcessorMixin]:
    """The processor with None in place of its part for videos, which needs torchvision.

    Left out whether torchvision is there or not, so that a machine's packages decide no answer.
    """
    parts = declared.get_attributes()
    others = [part for part in parts if part != "video_processor"]
    fewer = {"get_attributes": classmethod(lambda _: others)}
    reading: type[transformers.ProcessorMixin] = type(declared.__name__, (declared,), fewer)

    def read(_: type[object], /, *given: object, **settings: object) -> list[object]:
        found: list[object] = reading._get_arguments_from_pretrained(*given, **settings)
        found.insert(parts.index("video_processor"), None)
        return found

    def check(self: transformers.ProcessorMixin, name: str, part: object) -> object:
        return part is not None and declared.check_argument_for_proper_class(self, name, part)

    changed = {
        "_get_arguments_from_pretrained": classmethod(read),
        "check_argument_for_proper_class": check,
    }
    return type(declared.__name__, (declared,), changed)


def _declared_processor(folder: Path) -> str:
    """The processor's class as the folder's files name it; "" where none does."""
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        file = folder / name
        try:
            fields = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{file}: not JSON: {error}") from None
        if isinstance(fields, dict) and isinstance(fields.get("processor_class"), str):
            return str(fields["processor_class"])
    return ""


def _template(processor: transformers.ProcessorMixin, folder: Path) -> str:
    """The chat template, the processor's before the tokenizer's."""
    found = processor.chat_template or getattr(processor.tokenizer, "chat_template", None)
    if isinstance(found, dict):
        found = found.get("default")
    if not found:
        raise CheckpointError(
            f"{folder}: has no chat template, so how the model was trained to be asked is not "
            "known; put the template that its authors give into chat_template.jinja there"
        )
    return str(found)


@contextmanager
def _without_bars() -> Iterator[None]:
    """transformers draws a progress bar of its own, also into files."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()
