"""A byte-level BPE tokenizer from text, in the files of CodeGen's (phi's) tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from lvlm_eval.schema import JSON

END = "<|endoftext|>"
UNKNOWN = "<|extra_0|>"  # what the original's training adds; also the padding token


def train_tokenizer(texts: Iterable[str], entries: int) -> Tokenizer:
    """A tokenizer of `entries` tokens, the two special ones last; every byte has a token."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=entries - 2, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([END, UNKNOWN])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes vocab.json, merges.txt, added_tokens.json and the two files that describe them."""
    tokenizer.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    end, unknown = (tokenizer.token_to_id(token) for token in (END, UNKNOWN))
    _write(folder / "vocab.json", vocabulary | {END: end})
    _write(folder / "added_tokens.json", {UNKNOWN: unknown})
    _write(folder / "special_tokens_map.json", _special_tokens())
    added: dict[str, JSON] = {
        str(number): _token(token) | {"special": True}
        for token, number in ((END, end), (UNKNOWN, unknown))
    }
    _write(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": added,
            "bos_token": END,
            "clean_up_tokenization_spaces": True,
            "eos_token": END,
            "errors": "replace",
            "model_max_length": 2048,
            "pad_token": UNKNOWN,
            "padding_side": "right",
            "tokenizer_class": "CodeGenTokenizer",
            "unk_token": UNKNOWN,
        },
    )


def _special_tokens() -> dict[str, JSON]:
    roles = (("bos_token", END), ("eos_token", END), ("unk_token", UNKNOWN))
    return {role: _token(token) for role, token in roles} | {"pad_token": UNKNOWN}


def _token(token: str) -> dict[str, JSON]:
    return {
        "content": token,
        "lstrip": False,
        "normalized": False,
        "rstrip": False,
        "single_word": False,
    }


def _write(path: Path, values: Mapping[str, JSON]) -> None:
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
