"""Which files of a model are fetched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import FetchError
from lvlm_eval.fetch.selection import choose, choose_tower, tower_of
from lvlm_eval.schema import JSON

RELEASED = (
    *("README.md", "config.json", "generation_config.json", "tokenizer_config.json"),
    *("vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
    *("model.safetensors.index.json", "a.safetensors", "b.safetensors", "c.safetensors"),
    *("pytorch_model.bin", "modeling_phi.py", "optimizer.pt", "trainer_state.json"),
    *("tf_model.h5", "flax_model.msgpack", "rng_state_0.pth", "qwen.tiktoken"),
)


def read(name: str) -> JSON:
    assert name == "model.safetensors.index.json"
    return {"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}}


def test_of_a_released_model_settings_tokenizer_and_the_named_shards_are_chosen() -> None:
    assert choose(RELEASED, read, "org/m") == [
        *("added_tokens.json", "config.json", "generation_config.json", "merges.txt"),
        *("qwen.tiktoken", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"),
        *("model.safetensors.index.json", "a.safetensors", "b.safetensors"),
    ]


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("model.safetensors", "pytorch_model.bin"), ["model.safetensors"]),
        (("pytorch_model.bin", "mm_projector.bin"), ["pytorch_model.bin"]),
        (
            ("adapter_model.bin", "non_lora_trainables.bin", "mm_projector.bin"),
            ["adapter_model.bin", "non_lora_trainables.bin"],
        ),
        (("mm_projector.bin", "README.md"), ["mm_projector.bin"]),
    ],
)
def test_the_weights_come_in_one_format(there: tuple[str, ...], chosen: list[str]) -> None:
    assert choose(["config.json", *there], read, "org/m") == ["config.json", *chosen]


@given(st.sets(st.sampled_from(RELEASED[1:])))
def test_code_and_other_programs_files_are_never_chosen(extra: set[str]) -> None:
    names = {"config.json", "model.safetensors", *extra} - {"model.safetensors.index.json"}
    chosen = choose(names, read, "org/m")
    assert set(chosen) <= names
    assert not [n for n in chosen if n.endswith((".py", ".pt", ".pth", ".h5", ".msgpack", ".bin"))]


def test_what_is_missing_is_said() -> None:
    with pytest.raises(FetchError, match=r"org/m is no checkpoint: it has no config\.json"):
        choose(["model.safetensors"], read, "org/m")
    with pytest.raises(FetchError, match="org/m has no weights that are read here"):
        choose(["config.json", "tf_model.h5"], read, "org/m")
    with pytest.raises(FetchError, match=r"names shards that are not there: a\.safetensors"):
        choose(["config.json", "model.safetensors.index.json", "b.safetensors"], read, "org/m")
    with pytest.raises(FetchError, match=r"no image tower: it has no preprocessor_config\.json"):
        choose_tower(["config.json", "pytorch_model.bin"], read, "org/t")


def test_a_tower_needs_no_tokenizer() -> None:
    names = ["config.json", "preprocessor_config.json", "vocab.json", "model.safetensors"]
    expected = ["config.json", "preprocessor_config.json", "model.safetensors"]
    assert choose_tower(names, read, "org/t") == expected
    names[1] = expected[1] = "processor_config.json"
    assert choose_tower(names, read, "org/t") == expected


def test_both_families_names_of_the_tower_are_read() -> None:
    assert tower_of({"mm_image_tower": "a/b", "mm_vision_tower": "c/d"}) == "a/b"
    assert tower_of({"mm_image_tower": None, "mm_vision_tower": "c/d"}) == "c/d"
    assert tower_of({"vision_config": {}}) == ""
