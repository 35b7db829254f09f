"""Prompts, ids and texts of a fixture as our template and tokenizer make them."""

from __future__ import annotations

from itertools import groupby

from lvlm_eval.schema import JSON, Image, Prompt

from ..splice import IMAGE_TOKEN
from .bench import Bench
from .fixture import Value

_PICTURE = Image(data=b"any")


def words(bench: Bench) -> dict[str, Value]:
    """Everything that needs no network."""
    tokenizer = bench.model.chat.tokenizer
    return {
        "prompt": _prompt(bench, "prompt"),
        "prompt2": _prompt(bench, "prompt2"),
        "prompt_ids": bench.prompts[0].tolist(),
        "prompt2_ids": bench.prompts[1].tolist(),
        "conv_mode": bench.model.conversation,
        "tokenizer": {
            "len": tokenizer.size,
            "bos": tokenizer.bos,
            "eos": tokenizer.eos,
            "pad": tokenizer.pad,
            "unk": tokenizer.unk,
            "cls": tokenizer.kind,
        },
        "tokenizer_cases": _cases(bench),
        "text_only_ids": _round_trip(bench, "text_only_ids"),
        "two_images.input_ids": _round_trip(bench, "two_images.input_ids"),
    }


def _prompt(bench: Bench, name: str) -> str:
    """The prompt that our template makes of the recorded one's question."""
    _, _, asked = bench.fixture.text(name).partition("<image>\n")
    question = asked.rpartition(f" {bench.model.chat.template.assistant}")[0]
    return "<image>".join(bench.model.chat.pieces(Prompt.user(_PICTURE, question)))


def _cases(bench: Bench) -> list[JSON]:
    tokenizer = bench.model.chat.tokenizer
    recorded = bench.fixture.facts.values.get("tokenizer_cases")
    cases: list[JSON] = []
    for case in recorded if isinstance(recorded, list) else []:
        assert isinstance(case, dict)
        ids = bench.model.chat.encode_pieces([str(case["text"])])
        cases.append(
            {
                "text": case["text"],
                "ids": ids,
                "decoded": tokenizer.decode(ids, skip_special=False),
                "decoded_skip": tokenizer.decode(ids, skip_special=True),
            }
        )
    return cases


def _round_trip(bench: Bench, name: str) -> list[list[int]]:
    """The recorded ids (1, T) decoded to text and encoded again."""
    recorded = bench.fixture.tensors.get(name)
    if recorded is None:
        return []
    runs = groupby(recorded[0].tolist(), key=lambda number: number == IMAGE_TOKEN)
    tokenizer = bench.model.chat.tokenizer
    pieces = [
        tokenizer.decode([n for n in run if n != tokenizer.bos], skip_special=False)
        for is_picture, run in runs
        if not is_picture
    ]
    return [bench.model.chat.encode_pieces(pieces)]
