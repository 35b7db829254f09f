"""The released checkpoints' shapes as config.json values, and tokenizers of their sizes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.schema import JSON

TOWER = "openai/clip-vit-large-patch14-336"
CLIP_LARGE_336: Mapping[str, JSON] = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
}
PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "crop_size": 336,
    "size": 336,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
}
_MULTIMODAL = {
    "mm_image_tower": TOWER,
    "image_projector_type": "mlp2x_gelu",
    "mm_hidden_size": 1024,
    "mm_vision_select_layer": -2,
    "mm_vision_select_feature": "patch",
    "image_aspect_ratio": "pad",
    "tokenizer_padding_side": "right",
    "torch_dtype": "bfloat16",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """config: without `moe`. write_tokenizer: its files, of the size that the released one has."""

    config: Mapping[str, object]
    experts: int
    write_tokenizer: Callable[[Path], None]

    def config_json(self, layers: int) -> dict[str, object]:
        """config.json for so many decoder layers, every other one with experts."""
        sparse = list(range(0, layers, 2))
        moe = {
            "moe_mode": "sparse",
            "moe_layers_idx": sparse,
            "num_experts": [self.experts] * len(sparse),
            "top_k_experts": 2,
            "capacity_factor": 1.5,
            "eval_capacity_factor": 2.0,
            "min_capacity": 0,
            "use_residual": False,
        }
        return {**_MULTIMODAL, **self.config, "num_hidden_layers": layers, "moe": moe}


def _codegen(folder: Path) -> None:
    """Phi-2's 50,295 tokens and the one added in training: single bytes, and names never met."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    symbols = [*map(chr, printable), *(chr(256 + place) for place in range(len(others)))]
    names = [*symbols, *(f"unused{number}" for number in range(50256 - 256)), "<|endoftext|>"]
    names += [f"unused{number}" for number in range(50257, 50295)]
    ids = {name: number for number, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "added_tokens.json").write_text(json.dumps({"<|extra_0|>": 50295}))
    named = dict.fromkeys(("bos_token", "eos_token"), "<|endoftext|>")
    named |= dict.fromkeys(("pad_token", "unk_token"), "<|extra_0|>")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(named | {"tokenizer_class": "CodeGenTokenizer"})
    )


def _ranks(file: str, kind: str, count: int) -> Callable[[Path], None]:
    """A tiktoken file of so many ranks: the single bytes, and tokens no text can merge to."""

    def write(folder: Path) -> None:
        tokens = [bytes([byte]) for byte in range(256)]
        tokens += [b"\xff" + number.to_bytes(4, "big") for number in range(count - 256)]
        lines = (base64.b64encode(token) + b" %d" % rank for rank, token in enumerate(tokens))
        (folder / file).write_bytes(b"\n".join(lines) + b"\n")
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))

    return write


SHAPES: Mapping[str, Shape] = {
    "phi2-2.7b-4e": Shape(
        {
            "model_type": "moe_llava_phi",
            "vocab_size": 51200,
            "hidden_size": 2560,
            "intermediate_size": 10240,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "hidden_act": "gelu_new",
            "partial_rotary_factor": 0.4,
            "rope_theta": 10000.0,
            "layer_norm_eps": 1e-5,
        },
        4,
        _codegen,
    ),
    "qwen-1.8b-4e": Shape(
        {
            "model_type": "moe_llava_qwen",
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "kv_channels": 128,
            "seq_length": 8192,
            "layer_norm_epsilon": 1e-6,
            "rotary_pct": 1.0,
            "rotary_emb_base": 10000,
            "use_dynamic_ntk": True,
            "use_logn_attn": True,
            "no_bias": True,
        },
        4,
        _ranks("qwen.tiktoken", "QWenTokenizer", 151643),
    ),
    "stablelm-1.6b-4e": Shape(
        {
            "model_type": "moe_llava_stablelm",
            "vocab_size": 100352,
            "hidden_size": 2048,
            "intermediate_size": 5632,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "hidden_act": "silu",
            "rope_pct": 0.25,
            "rope_theta": 10000,
            "norm_eps": 1e-5,
            "use_qkv_bias": True,
        },
        4,
        _ranks("arcade100k.tiktoken", "Arcade100kTokenizer", 100256),
    ),
}
