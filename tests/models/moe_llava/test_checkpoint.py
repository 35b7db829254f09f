"""Folders: which files are read, that every key counts, digests, towers, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.checkpoint import open_checkpoint
from lvlm_eval.models.moe_llava.convert import network_table, tower_table
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.weights import named_tensors, weight_files

VOCABULARY = 412


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    """A copy of the recorded phi that a test may damage."""
    return Path(shutil.copytree(golden / "phi", tmp_path / "phi"))


def load(folder: Path) -> Network:
    return open_checkpoint(str(folder)).load(VOCABULARY, torch.float32)


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_the_vocabulary_is_cut_to_the_tokenizers(folder: Path) -> None:
    network = load(folder)
    stored = load_file(folder / "model.safetensors")["lm_head.weight"]
    assert stored.shape[0] == 512
    assert torch.equal(network.get_parameter("decoder.head.weight"), stored[:VOCABULARY].float())


def test_the_tower_comes_from_its_own_folder_not_from_the_rounded_copy(folder: Path) -> None:
    network = load(folder)
    assert network.vision is not None
    assert network.vision.class_token is not None
    files = weight_files(folder / "towers" / "openai" / "clip-vit-large-patch14-336")
    own = torch.load(files[0], weights_only=True)["vision_model.embeddings.class_embedding"]
    key = "model.image_tower.image_tower.vision_model.embeddings.class_embedding"
    copy = load_file(folder / "model.safetensors")[key].float()
    assert torch.equal(network.vision.class_token, own)
    assert not torch.equal(own, copy)


def test_freed_memory_is_given_back_on_the_way_and_in_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(folder)
    weights = sum(parameter.numel() for parameter in loaded.parameters())
    times: list[None] = []
    monkeypatch.setattr("lvlm_eval.models.moe_llava.weights._GIVEN_BACK", weights // 3)
    monkeypatch.setattr("lvlm_eval.models.moe_llava.weights.give_back", lambda: times.append(None))
    load(folder)
    assert len(times) == 3


def tie(folder: Path, head: Tensor | None, *, embedding: bool = True) -> None:
    """Ties head and embedding in config.json; the files hold this head, or none."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))

    def change(tensors: dict[str, Tensor]) -> None:
        del tensors["lm_head.weight"]
        tensors |= {"lm_head.weight": head} if head is not None else {}
        if not embedding:
            del tensors["model.embed_tokens.weight"]

    rewrite(folder, change)


@pytest.mark.parametrize("stored", ["embedding", "both", "head"])
def test_a_tied_head_may_be_stored_or_not(folder: Path, stored: str) -> None:
    table = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    tie(folder, None if stored == "embedding" else table.clone(), embedding=stored != "head")
    decoder = load(folder).decoder
    assert decoder.head is None
    assert torch.equal(decoder.embedding.weight, table[:VOCABULARY].float())
    hidden = torch.randn(2, 3, table.shape[1], generator=torch.Generator().manual_seed(1))
    expected = hidden @ table[:VOCABULARY].float().t()
    torch.testing.assert_close(decoder.logits(hidden), expected)


def test_a_tied_head_that_differs_from_the_embedding_is_an_error(folder: Path) -> None:
    table = load_file(folder / "model.safetensors")["model.embed_tokens.weight"].clone()
    table[VOCABULARY:] += 1  # rows that are cut do not count
    tie(folder, table)
    load(folder)
    table[VOCABULARY - 1, 0] += 1
    tie(folder, table)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: 'lm_head\.weight' differs"):
        load(folder)


def test_every_format_gives_the_same_weights(folder: Path) -> None:
    expected = load(folder).state_dict()
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()

    torch.save(tensors, folder / "pytorch_model.bin")
    assert_equal(load(folder).state_dict(), expected)

    halves = {"a.safetensors": dict(list(tensors.items())[:50])}
    halves["b.safetensors"] = dict(list(tensors.items())[50:])
    for name, half in halves.items():
        save_file(half, folder / name)
    index = {"weight_map": {key: name for name, half in halves.items() for key in half}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "pytorch_model.bin").write_bytes(b"not read: safetensors come first")
    assert_equal(load(folder).state_dict(), expected)

    (folder / "b.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"shards are missing: b\.safetensors"):
        load(folder)


def assert_equal(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_saving_under_the_originals_keys_and_loading_changes_nothing(folder: Path) -> None:
    network = load(folder)
    table = network_table(open_checkpoint(str(folder)).config.family, "mlp2x_gelu")
    saved = named_tensors(network, table, "decoder.") | named_tensors(network, table, "projector.")
    save_file(saved, folder / "model.safetensors")
    tower = folder / "towers" / "openai" / "clip-vit-large-patch14-336"
    save_file(named_tensors(network, tower_table(2), "vision."), tower / "model.safetensors")
    assert_equal(load(folder).state_dict(), network.state_dict())


def test_fused_tensors_are_taken_apart_and_joined_again(golden: Path) -> None:
    opened = open_checkpoint(str(golden / "qwen"))
    network = opened.load(504, torch.float32)
    saved = named_tensors(network, network_table(opened.config.family, "mlp2x_gelu"), "decoder.")
    stored = load_file(golden / "qwen" / "model.safetensors")
    key = "transformer.h.1.attn.c_attn.weight"
    assert torch.equal(saved[key], stored[key].float())
    assert saved.keys() == {
        key for key in stored if "image_tower" not in key and "mm_projector" not in key
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.pop("model.layers.1.mlp.fc1.bias"),
            r"lack 1 tensors: model\.layers\.1\.mlp\.fc1\.bias; fetch them anew",
        ),
        (
            lambda t: t.update({"model.layers.1.mlp.fc9.bias": torch.ones(2)}),
            r"/model\.safetensors: holds 'model\.layers\.1\.mlp\.fc9\.bias', which is no part of",
        ),
        (
            lambda t: t.update({"model.layers.9.mlp.fc1.bias": torch.ones(128)}),
            "config.json has no place for it",
        ),
        (
            lambda t: t.update({"model.layers.1.mlp.fc1.bias": torch.ones(5)}),
            r"has shape \[5\]; config.json and tokenizer ask for \[128\]",
        ),
        (lambda t: t.update({"lm_head.weight": torch.ones(400, 64)}), r"ask for \[412, 64\]"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


@pytest.mark.parametrize("name", ["../b.safetensors", "/b.safetensors", "x/b.safetensors"])
def test_shards_outside_the_folder_are_not_followed(folder: Path, name: str) -> None:
    index = {"weight_map": {"lm_head.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="shards lie beside their index, nowhere else"):
        open_checkpoint(str(folder))


def test_a_shard_may_be_a_link_as_in_the_hub_cache(folder: Path) -> None:
    expected = load(folder).state_dict()
    (folder / "model.safetensors").rename(folder.parent / "blob")
    (folder / "model.safetensors").symlink_to(folder.parent / "blob")
    assert_equal(load(folder).state_dict(), expected)


def test_weights_that_were_quantised_elsewhere_are_refused(folder: Path) -> None:
    key = "model.layers.1.mlp.fc1.weight"
    rewrite(folder, lambda tensors: tensors.update({key: torch.ones(128, 64, dtype=torch.int8)}))
    with pytest.raises(CheckpointError, match=rf"'{key}' is stored as torch.int8; .* quant=int8"):
        load(folder)


def test_one_parameter_under_two_keys_is_refused(folder: Path) -> None:
    key = "model.mm_projector.0.weight"
    rewrite(folder, lambda tensors: tensors.update({key: torch.ones(64, 32)}))
    with pytest.raises(CheckpointError, match="are the same weights; which one counts"):
        load(folder)


def test_damaged_files_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged weights"):
        load(folder)
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02 an old pickle")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: not a torch file"):
        load(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(CheckpointError, match=r"no weights; wanted model\.safetensors or"):
        open_checkpoint(str(folder))


def test_a_file_that_would_run_code_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Path("x")}, folder / "pytorch_model.bin")
    message = r"pytorch_model\.bin: refused: its pickle asks for pathlib\.\w*Path, which could run"
    with pytest.raises(CheckpointError, match=message):
        load(folder)


def test_a_missing_tower_says_what_to_put_where(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    (folder / "towers").rename(elsewhere)
    with pytest.raises(CheckpointError, match=r"put config\.json.*lvlm-eval fetch openai/clip"):
        open_checkpoint(str(folder))
    assert open_checkpoint(str(folder), str(elsewhere)).tower is not None

    name = "openai/clip-vit-large-patch14-336"
    repository = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = Path(shutil.copytree(elsewhere / name, repository / "snapshots" / "abc123"))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    assert open_checkpoint(str(folder)).tower == snapshot
    (snapshot / "pytorch_model.bin").unlink()  # settings alone, as other programs leave it
    with pytest.raises(CheckpointError, match=r"lvlm-eval fetch openai/clip"):
        open_checkpoint(str(folder))


def test_a_name_is_looked_for_in_the_hub_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    repository = cache / "models--someone--phi"
    shutil.copytree(folder, repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    opened = open_checkpoint("someone/phi")
    assert opened.folder.name == "abc123"
    assert opened.name == "phi"
    assert opened.revision == "abc123"
    assert open_checkpoint(str(folder)).revision == ""
    with pytest.raises(CheckpointError, match=r"no such model in .*lvlm-eval fetch nobody/phi$"):
        open_checkpoint("nobody/phi")


def test_the_digest_follows_weights_settings_and_tower(folder: Path) -> None:
    def shift(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"][400] += 1

    digests = {open_checkpoint(str(folder)).digest}
    assert {open_checkpoint(str(folder)).digest} == digests
    rewrite(folder, shift)
    digests.add(open_checkpoint(str(folder)).digest)
    (folder / "merges.txt").write_text((folder / "merges.txt").read_text() + "x y\n")
    digests.add(open_checkpoint(str(folder)).digest)
    tower = folder / "towers/openai/clip-vit-large-patch14-336/preprocessor_config.json"
    tower.write_text(tower.read_text().replace("0.48145466", "0.5"))
    digests.add(open_checkpoint(str(folder)).digest)
    assert len(digests) == 4
