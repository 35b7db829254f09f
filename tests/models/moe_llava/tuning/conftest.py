"""A small tokenizer in files, and the conversation format that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lvlm_eval.models.moe_llava.chat import TEMPLATES, ChatFormat
from lvlm_eval.models.moe_llava.config import NetworkConfig
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.tokenizer import read_tokenizer
from lvlm_eval.models.moe_llava.tuning.tokenizer import save_tokenizer, train_tokenizer

MakeNetwork = Callable[[NetworkConfig], Network]  # what the fixture make_network is
TEXTS = [
    f"{TEMPLATES['phi'].system} USER: What color is the star? ASSISTANT: red",
    "USER: Is there a ring? ASSISTANT: no",
    "a small red star, a large blue ring",
] * 3


@pytest.fixture(scope="session")
def trained_tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 400)


@pytest.fixture(scope="session")
def chat(trained_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    folder = Path(tmp_path_factory.mktemp("tokenizer"))
    save_tokenizer(trained_tokenizer, folder)
    return ChatFormat(TEMPLATES["phi"], read_tokenizer(folder))
