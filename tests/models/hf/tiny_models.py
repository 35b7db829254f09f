"""Tiny random models that transformers builds and saves, with tokenizers made on the spot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    BaseImageProcessor,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

LLAVA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QWEN_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def tokenizer(*special: str) -> PreTrainedTokenizerFast:
    """One token a byte, and the special ones."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: place for place, letter in enumerate(letters)}
    built = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=built,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        additional_special_tokens=list(special),
    )


def llava(folder: Path) -> Path:
    """CLIP and a llama with grouped heads; a picture is nine tokens."""
    words = tokenizer("<image>")
    config = LlavaConfig(
        text_config=AutoConfig.for_model("llama", vocab_size=len(words), **_TEXT),
        vision_config=CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=24,
            patch_size=8,
        ),
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}
    )
    processor = {
        "processor_class": "LlavaProcessor",
        "patch_size": 8,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    model = LlavaForConditionalGeneration(config)
    _save(model, pictures, words, processor, folder, LLAVA_TEMPLATE)
    return folder


def qwen2_vl(folder: Path) -> Path:
    """Positions in three dimensions, pictures of any size, a processor that knows videos."""
    words = tokenizer(*_QWEN_TOKENS)
    ids = words.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            **_TEXT,
            "vocab_size": len(words),
            "bos_token_id": None,
            "eos_token_id": words.eos_token_id,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 2,
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    pictures = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=84 * 84)
    model = Qwen2VLForConditionalGeneration(config)
    named = {"processor_class": "Qwen2VLProcessor"}
    _save(model, pictures, words, named, folder, QWEN_TEMPLATE)
    return folder


def idefics3(folder: Path) -> Path:
    """Pictures cut into tiles, as many as their shape asks for, padded to a batch's most."""
    tiles = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    around = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    words = tokenizer("<image>", *around, *tiles)
    config = Idefics3Config(
        text_config=AutoConfig.for_model("llama", vocab_size=len(words), pad_token_id=0, **_TEXT),
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        pad_token_id=words.pad_token_id,
        scale_factor=2,
    )
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}
    )
    model = Idefics3ForConditionalGeneration(config)
    named = {"processor_class": "Idefics3Processor", "image_seq_len": 4}
    _save(model, pictures, words, named, folder, LLAVA_TEMPLATE)
    return folder


def _save(
    model: PreTrainedModel,
    pictures: BaseImageProcessor,
    words: PreTrainedTokenizerFast,
    processor: Mapping[str, object],
    folder: Path,
    template: str,
) -> None:
    """The folder as on a hub, its weights drawn so that answers differ with picture and words.

    Its generation_config.json asks for sampling and penalties, as many do.
    """
    draws = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=draws)
        if parameter.dim() == 1:  # norms and biases stay near one and zero
            constant = parameter.data.eq(parameter.data[0]).all()
            parameter.data = parameter.data[0] * constant + 0.1 * noise
        else:
            parameter.data = noise * 2 / parameter[0].numel() ** 0.5
    model.generation_config = GenerationConfig(
        eos_token_id=[words.eos_token_id, words.convert_tokens_to_ids("!")],
        do_sample=True,
        temperature=0.3,
        repetition_penalty=5.0,
    )
    model.save_pretrained(folder)
    pictures.save_pretrained(folder)
    words.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(processor))
    (folder / "chat_template.jinja").write_text(template)
