"""Tiny random LlavaForConditionalGeneration models, and what they compute."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    CLIPVisionConfig,
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    SiglipVisionConfig,
)

IMAGE_ID, VOCABULARY = 60, 64
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 12,
    "patch_size": 4,
}
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def make(
    text: str, *, siglip: bool = False, strategy: str = "default", layer: int | list[int] = -2
) -> LlavaForConditionalGeneration:
    """A seeded model whose layers, biases included, all matter."""
    tower = (SiglipVisionConfig if siglip else CLIPVisionConfig)(**TOWER)
    more = {"num_key_value_heads": 2} if text != "phi" else {}
    config = LlavaConfig(
        text_config=AutoConfig.for_model(text, **TEXT, **more),
        vision_config=tower,
        image_token_index=IMAGE_ID,
        vision_feature_select_strategy=strategy,
        vision_feature_layer=layer,
    )
    model = LlavaForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator) * 0.2
    return model


def save(model: LlavaForConditionalGeneration, folder: Path) -> Path:
    """The folder, written by transformers itself."""
    model.save_pretrained(folder)
    return folder


def load(folder: Path) -> LlavaForConditionalGeneration:
    """The model as transformers reads it; every key must be its own."""
    model, report = LlavaForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def prompt() -> tuple[list[int], list[int], Tensor]:
    """Ids before the picture, ids after it, and its pixels (1, 3, 12, 12)."""
    pixels = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(8))
    return [1, 17, 30], [44, 3, 9, 12], pixels


def their_ids(features: int) -> Tensor:
    """The prompt with a placeholder for every feature, (1, T)."""
    before, after, _ = prompt()
    return torch.tensor([before + [IMAGE_ID] * features + after])


def their_logits(model: LlavaForConditionalGeneration, features: int) -> Tensor:
    """(T, V) of the prompt."""
    with torch.no_grad():
        logits: Tensor = model(input_ids=their_ids(features), pixel_values=prompt()[2]).logits
    return logits[0]


def their_answer(model: LlavaForConditionalGeneration, features: int, length: int) -> list[int]:
    """So many greedy ids after the prompt."""
    plain = GenerationConfig(max_new_tokens=length, do_sample=False, pad_token_id=0)
    ids = their_ids(features)
    with torch.no_grad():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=prompt()[2],
            generation_config=plain,
        )
    found: list[int] = out[0, ids.shape[1] :].tolist()
    return found
