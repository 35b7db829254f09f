"""The models that are measured: random weights, drawn from a seed, the same ones on every side.

Dense: a LLaVA of 17.5 M parameters, CLIP of 256 x 6 layers at 336/14 and LLaMA of 384 x 6.
Experts: that tower under a Phi of 384 x 6, every other layer with 4 experts of which 2 answer, as
in the released models. Weights are larger than initial ones, so that answers differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from lvlm_eval.models.moe_llava.backbones import LLAMA
from lvlm_eval.models.moe_llava.build import build_empty
from lvlm_eval.models.moe_llava.config import (
    DecoderConfig,
    MoEConfig,
    NetworkConfig,
    ProjectorConfig,
    VisionConfig,
)
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.transformers_keys import transformers_table

VOCABULARY = 2048

_VISION = VisionConfig(
    width=256, mlp_width=1024, layers=6, heads=4, image_size=336, patch_size=14
)  # fmt: skip
_LLAMA = DecoderConfig(
    vocab_size=VOCABULARY, width=384, mlp_width=1024, layers=6, heads=6, kv_heads=6,
    rotary_width=64, norm="rms", norm_eps=1e-6, parallel=False, gated=True, activation="silu",
    qkv_bias=False, out_bias=False, mlp_bias=False,
)  # fmt: skip
_PHI = DecoderConfig(
    vocab_size=VOCABULARY, width=384, mlp_width=1536, layers=6, heads=6, kv_heads=6,
    rotary_width=32,
)  # fmt: skip
# eval_capacity_factor 2 and no minimum, as released: so many slots that nothing is dropped
_EXPERTS = MoEConfig((0, 2, 4), (4, 4, 4), eval_capacity_factor=2.0, min_capacity=0)
_PROJECTOR = ProjectorConfig(2, _VISION.width, _LLAMA.width)
DENSE = NetworkConfig(_LLAMA, _VISION, _PROJECTOR)
EXPERTS = NetworkConfig(_PHI, _VISION, _PROJECTOR, _EXPERTS)


@dataclass(frozen=True, slots=True)
class Pair:
    """The network as it is evaluated, and the same one with all layers of the tower.

    The original and Hugging Face compute the tower to its end and take the last layer but one.
    """

    network: Network
    whole: Network


def dense(
    seed: int, config: NetworkConfig = DENSE
) -> tuple[Network, LlavaForConditionalGeneration]:
    """Ours and Hugging Face's, with equal weights: the same tensors."""
    return dense_on(torch.device("cpu"), torch.float32, seed, config)


def dense_on(
    device: torch.device, dtype: torch.dtype, seed: int, config: NetworkConfig
) -> tuple[Network, LlavaForConditionalGeneration]:
    """As `dense`, drawn where and in the type in which they will compute."""
    assert config.vision is not None
    with device:
        theirs = _hugging_face(config.vision, config.decoder).to(dtype)
    draw(theirs, torch.Generator(device).manual_seed(seed))
    table = transformers_table(LLAMA, config.vision.used_layers)
    named = ((table.ours(key), value) for key, value in theirs.state_dict().items())
    return _filled(config, {name: value for name, value in named if name is not None}), theirs


def experts(seed: int, config: NetworkConfig = EXPERTS) -> Pair:
    """The model with experts."""
    assert config.vision is not None
    vision = replace(config.vision, select_layer=-1)
    whole = build_empty(replace(config, vision=vision)).to_empty(device="cpu")
    draw(whole, torch.Generator().manual_seed(seed))
    return Pair(_filled(config, whole.state_dict()), whole.eval())


def _hugging_face(vision: VisionConfig, decoder: DecoderConfig) -> LlavaForConditionalGeneration:
    tower = CLIPVisionConfig(
        hidden_size=vision.width,
        intermediate_size=vision.mlp_width,
        num_hidden_layers=vision.layers,
        num_attention_heads=vision.heads,
        image_size=vision.image_size,
        patch_size=vision.patch_size,
    )
    text = LlamaConfig(
        vocab_size=decoder.vocab_size,
        hidden_size=decoder.width,
        intermediate_size=decoder.mlp_width,
        num_hidden_layers=decoder.layers,
        num_attention_heads=decoder.heads,
        rms_norm_eps=decoder.norm_eps,
    )
    # its placeholder is the last id, which no made-up question has
    image_id = decoder.vocab_size - 1
    config = LlavaConfig(text_config=text, vision_config=tower, image_token_index=image_id)
    model = LlavaForConditionalGeneration(config).eval()
    # No eos: every answer has exactly the length that is asked for.
    model.generation_config = GenerationConfig(do_sample=False, pad_token_id=0)
    return model


def draw(model: nn.Module, generator: torch.Generator) -> None:
    """Matrices by their inputs' number, so that no layer drowns; tables and norms about 1.

    Queries and keys are larger, for attention that looks at something and not at everything.
    """
    for path, module in model.named_modules():
        sharper = 2.0 if path.endswith(("query", "key", "q_proj", "k_proj")) else 1.0
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.Embedding):
                parameter.data.normal_(0, 1, generator=generator)
            elif parameter.dim() > 1:
                deviation = sharper * parameter[0].numel() ** -0.5
                parameter.data.normal_(0, deviation, generator=generator)
            else:
                around = 1.0 if "norm" in path and name == "weight" else 0.0
                parameter.data.normal_(around, 0.1, generator=generator)


def _filled(config: NetworkConfig, values: dict[str, Tensor]) -> Network:
    """The network with those of the values that it has a place for."""
    network = build_empty(config)
    wanted = {name: values[name] for name in network.state_dict()}
    network.load_state_dict(wanted, assign=True)
    return network.eval()
