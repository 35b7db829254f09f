"""A fixture's greedy answers: with and without a cache, alone and as a padded batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding

from ..engine.engine import Engine, EngineRouting
from ..engine.sequence import Picture, Question
from ..splice import Side
from .bench import CAPACITY, Bench
from .fixture import Value
from .forward import balance, capacities, last_logits

_FIRST, _SECOND = 16, 8  # tokens recorded of the first sample, and of the second or a batch


def answers(bench: Bench) -> dict[str, Value]:
    """Greedy answers, cached, to each sample by itself; the first also without a cache."""
    first = _generate(bench, [0], _FIRST, "capacity")[0]
    uncached = _uncached(bench, [0], _FIRST, "right")[0]
    text = bench.model.chat.tokenizer.decode(first, skip_special=True)
    return {
        "generated_ids": [first],
        "generated_ids (json)": first,
        "generated_text": text,
        "generated_ids_nocache": uncached,
        "generated_ids_nocache_equal": uncached == first,
        "generated_ids_second_sample": _generate(bench, [1], _SECOND, "capacity")[0],
        "min_generation_logit_margin": _margin(bench, first),
    }


def drop_free_answers(bench: Bench) -> dict[str, Value]:
    """Answers of drop-free experts: the first sample's, and both as one left-padded batch."""
    return {
        "drop_free.generated_ids": _generate(bench, [0], _FIRST, "argmax"),
        "batched.generated_ids": _generate(bench, [0, 1], _SECOND, "argmax"),
    }


def batch(bench: Bench, side: Side) -> dict[str, Value]:
    """Both prompts padded on that side, in one forward without a cache."""
    ids, mask = _padded_ids(bench, side)
    spliced = bench.network.splice(list(bench.prompts), bench.pixels, side=side)
    # positions 0..S-1 whatever is padding, as the original's plain forward has them
    output = bench.network(spliced.embeds, spliced.valid, routing=CAPACITY)
    values: dict[str, Value] = {
        "input_ids": ids,
        "attention_mask": mask,
        "spliced_attention_mask": spliced.valid.int(),
        "spliced_position_ids": spliced.positions,
        "logits_valid": output.logits[spliced.valid],
        "logits_last": last_logits(output.logits, spliced.valid),
        "l_aux": balance(output.stats),
        "capacity": capacities(output.stats),
    }
    if f"batch_{side}.generated_ids_nocache" in bench.fixture.tensors:
        answers = _uncached(bench, [0, 1], _SECOND, side)
        values["generated_ids_nocache"] = answers
    if side == "left":
        values["generated_ids"] = _generate(bench, [0, 1], _SECOND, "capacity")
    return {f"batch_{side}.{name}": value for name, value in values.items()}


def _generate(
    bench: Bench, samples: Sequence[int], tokens: int, routing: EngineRouting
) -> list[list[int]]:
    """The engine's answers to these samples as one batch."""
    engine = Engine(bench.network, bench.model.chat.stops, routing)
    questions = [
        Question(
            str(sample),
            tuple(bench.prompts[sample].tolist()),
            (Picture(str(sample), bench.pixels[sample]),),
        )
        for sample in samples
    ]
    finished = engine.run(questions, Decoding(max_new_tokens=tokens))
    answers = {answer.question_id: list(answer.new_token_ids) for answer in finished}
    return [answers[str(sample)] for sample in samples]


def _uncached(bench: Bench, samples: Sequence[int], tokens: int, side: Side) -> list[list[int]]:
    """Greedy answers where each step computes everything anew, all rows going on to the end."""
    prompts = [bench.prompts[sample] for sample in samples]
    made: list[list[int]] = [[] for _ in samples]
    for _ in range(tokens):
        ids = [
            torch.cat((prompt, prompt.new_tensor(answer)))
            for prompt, answer in zip(prompts, made, strict=True)
        ]
        spliced = bench.network.splice(ids, bench.pixels[list(samples)], side=side)
        output = bench.network(spliced.embeds, spliced.valid, routing=CAPACITY)
        chosen = last_logits(output.logits, spliced.valid).argmax(dim=-1)
        for answer, token in zip(made, chosen.tolist(), strict=True):
            answer.append(token)
        if len(made) == 1 and bench.model.chat.stops(made[0]):
            break
    return made


def _margin(bench: Bench, answer: Sequence[int]) -> float:
    """The smallest lead of the likeliest token over the next, in one pass over the answer."""
    prompt = bench.prompts[0]
    whole = torch.cat((prompt, prompt.new_tensor(list(answer))))
    logits = bench.forward(whole, bench.pixels[:1]).logits[0]
    best = logits[-len(answer) - 1 : -1].topk(2, dim=-1).values  # (answer, 2)
    return (best[:, 0] - best[:, 1]).min().item()


def _padded_ids(bench: Bench, side: Side) -> tuple[Tensor, Tensor]:
    """Both prompts' ids (2, T) with the tokenizer's padding on that side, and their mask."""
    longest = max(map(len, bench.prompts))
    rows, masks = [], []
    for ids in bench.prompts:
        padding = ids.new_full((longest - len(ids),), bench.model.chat.tokenizer.pad)
        parts = (padding, ids) if side == "left" else (ids, padding)
        rows.append(torch.cat(parts))
        ones, zeros = torch.ones_like(ids), torch.zeros_like(padding)
        masks.append(torch.cat((zeros, ones) if side == "left" else (ones, zeros)))
    return torch.stack(rows), torch.stack(masks)
