"""A trained network as a folder in the original's on-disk format, tower and tokenizer included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from lvlm_eval.schema import JSON

from ..backbones import Family
from ..config import NetworkConfig, VisionConfig
from ..config_file import InputConfig, config_json
from ..convert import network_table, tower_table
from ..network import Network
from ..projector_kinds import projector_kind
from ..weights import named_tensors
from .tokenizer import END, UNKNOWN, save_tokenizer

# CLIP's own figures; a tower trained here uses them, too, so its folder reads like CLIP's.
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with all that its folder says besides the weights."""

    network: Network
    config: NetworkConfig
    family: Family
    inputs: InputConfig
    tokenizer: Tokenizer


def save_checkpoint(trained: Trained, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Writes config.json, model.safetensors, the tokenizer's files and towers/<name>/."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = projector_kind(trained.config.projector) if trained.config.projector else "identity"
    table = network_table(trained.family, kind)
    tensors = {
        key: tensor
        for prefix in ("decoder.", "projector.")
        for key, tensor in named_tensors(trained.network, table, prefix).items()
    }
    _save(tensors, folder / "model.safetensors", dtype)
    _write(folder / "config.json", _config(trained, dtype))
    end = trained.tokenizer.token_to_id(END)
    _write(folder / "generation_config.json", {"bos_token_id": end, "eos_token_id": end})
    save_tokenizer(trained.tokenizer, folder)
    if trained.config.vision is not None:
        tower = folder / "towers" / trained.inputs.tower
        save_tower(trained.network, trained.config.vision, tower, dtype)


def save_tower(network: Network, config: VisionConfig, folder: Path, dtype: torch.dtype) -> None:
    """Writes the tower as a CLIP vision model.

    Layers above the selected one do not exist in the network. The format wants them: they are
    written as copies of the last layer that does, and no reader of ours looks at them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = named_tensors(network, tower_table(config.used_layers), "vision.")
    last = f"vision_model.encoder.layers.{config.used_layers - 1}."
    for layer in range(config.used_layers, config.layers):
        above = f"vision_model.encoder.layers.{layer}."
        tensors |= {
            key.replace(last, above): tensor
            for key, tensor in tensors.items()
            if key.startswith(last)
        }
    norm = "vision_model.post_layernorm."
    tensors |= {f"{norm}weight": torch.ones(config.width), f"{norm}bias": torch.zeros(config.width)}
    _save(tensors, folder / "model.safetensors", dtype)
    _write(folder / "config.json", _tower_config(config))
    _write(folder / "preprocessor_config.json", _preprocessor_config(config.image_size))


def _config(trained: Trained, dtype: torch.dtype) -> dict[str, JSON]:
    """What `config_json` gives, and the fields that other readers of the format look for."""
    kind = trained.family.name.capitalize()
    end = trained.tokenizer.token_to_id(END)
    return config_json(trained.config, trained.family, trained.inputs) | {
        "architectures": [
            f"{'MoELLaVA' if trained.config.moe else 'Llava'}{kind}ForCausalLM",
        ],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": trained.tokenizer.token_to_id(UNKNOWN),
        "max_position_embeddings": 2048,
        "torch_dtype": str(dtype).removeprefix("torch."),
        "use_cache": True,
        "use_mm_proj": True,
        "mm_use_im_patch_token": False,
        "mm_video_tower": None,
    }


def _tower_config(config: VisionConfig) -> dict[str, JSON]:
    return {
        "architectures": ["CLIPVisionModel"],
        "model_type": "clip_vision_model",
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "hidden_act": config.activation,
        "layer_norm_eps": config.norm_eps,
        "projection_dim": config.width,
    }


def _preprocessor_config(size: int) -> dict[str, JSON]:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": size},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(IMAGE_MEAN),
        "image_std": list(IMAGE_STD),
    }


def _save(tensors: Mapping[str, Tensor], path: Path, dtype: torch.dtype) -> None:
    # clone: tensors that share memory, as the copied layers do, cannot be saved as they are
    converted = {key: tensor.to(dtype).clone() for key, tensor in tensors.items()}
    save_file(converted, path, metadata={"format": "pt"})


def _write(path: Path, values: Mapping[str, JSON]) -> None:
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
