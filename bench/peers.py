"""Everybody who answers a load: Hugging Face, a naive loop over its modules, and ours.

Each takes questions and gives every answer's ids, as many as asked for. I images, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, LlavaForConditionalGeneration

from bench.networks import Pair
from bench.original import answer
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.sequence import Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN
from lvlm_eval.schema import Decoding

Answers = dict[str, tuple[int, ...]]
Side = Callable[[Sequence[Question]], Answers]


def ours(network: Network, new_tokens: int, budget: int = 0, batch: int = 64) -> Side:
    """The engine with its defaults, but for what is given, and no stop rule."""
    engine = Engine(network, lambda ids, stops: False, budget=budget, batch=batch)
    decoding = Decoding(max_new_tokens=new_tokens)

    def run(questions: Sequence[Question]) -> Answers:
        found: Answers = {}
        for finished in engine.run(questions, decoding):
            if finished.reason != "length":
                raise RuntimeError(f"{finished.question_id}: {finished.error or finished.reason}")
            found[finished.question_id] = finished.new_token_ids
        return found

    return run


def hugging_face(model: LlavaForConditionalGeneration, batch: int, new_tokens: int) -> Side:
    """`generate` over batches in the order of the load, padded on the left."""
    greedy = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, pad_token_id=0)

    def run(questions: Sequence[Question]) -> Answers:
        found: Answers = {}
        for start in range(0, len(questions), batch):
            asked = questions[start : start + batch]
            ids, mask = _padded([_their_ids(model, q.token_ids) for q in asked])
            pixels = torch.stack([p.pixels for q in asked for p in q.pictures])
            out = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                pixel_values=pixels.to(model.device, model.dtype),
                generation_config=greedy,
            )
            rows = out[:, ids.shape[1] :].tolist()
            found |= {q.question_id: tuple(row) for q, row in zip(asked, rows, strict=True)}
        return found

    return run


def original(pair: Pair, new_tokens: int) -> Side:
    """The original's loop."""
    return lambda questions: {q.question_id: answer(pair, q, new_tokens) for q in questions}


def naive(model: LlavaForConditionalGeneration, new_tokens: int) -> Side:
    """Each image and the text before it once; then its questions one by one behind that.

    Plain forwards of Hugging Face's modules, without what `generate` costs beside them.
    """

    @torch.inference_mode()
    def run(questions: Sequence[Question]) -> Answers:
        found: Answers = {}
        for _, group in groupby(questions, key=lambda q: q.pictures[0].key):
            asked = list(group)
            cut = asked[0].token_ids.index(IMAGE_TOKEN) + 1
            cache = DynamicCache(config=model.config.text_config)
            shared = torch.tensor([_their_ids(model, asked[0].token_ids[:cut])])
            pixels = asked[0].pictures[0].pixels[None]
            model(input_ids=shared, pixel_values=pixels, past_key_values=cache, logits_to_keep=1)
            for question in asked:
                ids = torch.tensor([question.token_ids[cut:]])
                answered = tuple(_greedy(model, ids, cache, new_tokens))
                found[question.question_id] = answered
                cache.crop(shared.shape[1] - cache.get_seq_length())
        return found

    return run


def _greedy(
    model: LlavaForConditionalGeneration, ids: Tensor, cache: DynamicCache, new_tokens: int
) -> Iterator[int]:
    for _ in range(new_tokens):
        logits = model(input_ids=ids, past_key_values=cache, logits_to_keep=1).logits
        ids = logits[:, -1].argmax(dim=-1, keepdim=True)  # (1, 1)
        yield int(ids)


def _their_ids(model: LlavaForConditionalGeneration, token_ids: Sequence[int]) -> list[int]:
    """With a placeholder for every feature of the image."""
    tower = model.config.vision_config
    features = (tower.image_size // tower.patch_size) ** 2
    placeholders = [model.config.image_token_id] * features
    wide = (placeholders if i == IMAGE_TOKEN else [i] for i in token_ids)
    return [token for part in wide for token in part]


def _padded(rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids and mask (B, T), padding on the left."""
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return ids, mask
