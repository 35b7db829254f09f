"""A tiny random network of every family, dense and with experts, by way of its config.json.

Between them the families have every placement of experts, top-1 and top-2, residual branches,
and windows and trained lengths so short that they matter.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from lvlm_eval.models.moe_llava.build import build_random
from lvlm_eval.models.moe_llava.config_file import read_config
from lvlm_eval.models.moe_llava.fields import Fields
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.schema import JSON

Values = Mapping[str, JSON]
VOCABULARY, SIDE = 60, 12
_SIZES: Values = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "hidden_act": "silu",
    "mm_image_tower": "openai/tiny",
    "image_projector_type": "mlp2x_gelu",
    "mm_vision_select_layer": -2,
}
_TOWER: Values = {
    "model_type": "clip_vision_model",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 4,
}
_FAMILIES: Mapping[str, Values] = {
    "phi": {"hidden_act": "gelu_new", "partial_rotary_factor": 0.5},
    "stablelm": {"num_key_value_heads": 2, "rope_pct": 0.25, "use_qkv_bias": True},
    "qwen": {"no_bias": True, "seq_length": 512, "intermediate_size": 96},
    "qwen1_5": {
        "num_key_value_heads": 2,
        "use_sliding_window": True,
        "sliding_window": 7,
        "max_window_layers": 1,
        "tie_word_embeddings": True,
    },
    "minicpm": {"scale_emb": 4, "scale_depth": 1.4, "dim_model_base": 16},
    "llama": {"rope_scaling": {"type": "linear", "factor": 4.0}, "attention_bias": True},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 5},
}
_EXPERTS: Mapping[str, Values] = {
    "phi": {"moe_mode": "sparse", "num_experts": [4]},
    "stablelm": {"moe_mode": "second_half", "num_experts": [3]},
    "qwen": {"moe_mode": "first_half", "num_experts": [4]},
    "qwen1_5": {"moe_mode": "dense", "num_experts": [2, 3, 4]},
    "minicpm": {"moe_layers_idx": [2, 0], "num_experts": [2, 4], "use_residual": True},
    "llama": {"moe_mode": "sparse", "num_experts": [4], "top_k_experts": 1},
    "mistral": {"moe_layers_idx": [1], "num_experts": [5]},
}
FAMILIES: Mapping[str, Values] = {
    **{f"llava_{name}": values for name, values in _FAMILIES.items()},
    **{f"moe_llava_{name}": {**_FAMILIES[name], "moe": moe} for name, moe in _EXPERTS.items()},
}
# Beyond the trained length the base of positions depends on a sequence's length.
LONG: Mapping[str, Values] = {
    "qwen beyond 8 tokens": {**FAMILIES["moe_llava_qwen"], "seq_length": 8},
    "llama beyond 8 tokens": {
        **FAMILIES["moe_llava_llama"],
        "max_position_embeddings": 8,
        "rope_scaling": {"type": "dynamic", "factor": 2.0},
    },
}


def make(case: str) -> Network:
    """A seeded network, of FAMILIES or LONG, whose layers, biases included, all matter."""
    kind = case if case in FAMILIES else f"moe_llava_{case.partition(' ')[0]}"
    fields = Fields({**_SIZES, "model_type": kind, **{**FAMILIES, **LONG}[case]}, "config.json")
    config = read_config(fields).network(Fields(_TOWER, "tower"), VOCABULARY)
    network = build_random(config, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(4)
    for parameter in network.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator) * 0.15
    return network.eval()
