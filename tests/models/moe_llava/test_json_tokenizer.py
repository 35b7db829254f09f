"""tokenizer.json and byte-level BPE files against today's classes and the file of ranks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers
from tokenizers.processors import TemplateProcessing

from lvlm_eval.errors import CheckpointError
from lvlm_eval.models.moe_llava.rank_file import PATTERN
from lvlm_eval.models.moe_llava.tokenizer import Tokenizer, read_tokenizer
from lvlm_eval.schema import JSON

DATA = Path(__file__).parents[2] / "data"
GOLDEN = DATA / "golden" / "moe_llava"
TEXTS = st.text(alphabet="ab é中\n\t .'<|>EndoftxUSER1290😀e\u0301", max_size=30)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen2: BPE files under that class. stablelm: its ranks as today's tokenizer.json."""
    folder = tmp_path_factory.mktemp("tokenizers")
    _qwen2(folder / "qwen2")
    _stablelm(folder / "stablelm")
    return folder


def _qwen2(folder: Path) -> None:
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(GOLDEN / "phi" / name, folder / name)
    first = len(json.loads((folder / "vocab.json").read_text()))
    names = ("<|im_start|>", "<|im_end|>")
    write(
        folder,
        tokenizer_class="Qwen2Tokenizer",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        added_tokens_decoder={
            str(first + n): {"content": name, "special": True} for n, name in enumerate(names)
        },
    )


def _stablelm(folder: Path) -> None:
    from transformers.convert_slow_tokenizer import TikTokenConverter

    folder.mkdir()
    own = read_tokenizer(GOLDEN / "stablelm")
    specials = [
        "<|unused|>",
        *(own.decode([n], skip_special=False) for n in range(own.eos, own.size)),
    ]
    ranks = str(GOLDEN / "stablelm" / "arcade100k.tiktoken")
    converter = TikTokenConverter(ranks, pattern=PATTERN, extra_special_tokens=specials)
    converter.converted().save(str(folder / "tokenizer.json"))
    config: dict[str, JSON] = {"clean_up_tokenization_spaces": False}
    write(folder, tokenizer_class="GPT2Tokenizer", eos_token="<|endoftext|>", **config)


def write(folder: Path, **values: JSON) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


@cache
def fast(folder: Path) -> Callable[..., list[int]]:
    from transformers import Qwen2Tokenizer

    encode: Callable[..., list[int]] = Qwen2Tokenizer.from_pretrained(folder).encode
    return encode


@cache
def read_once(folder: Path) -> Tokenizer:
    return read_tokenizer(folder)


def test_qwen2s_files_give_the_ids_of_its_class(folders: Path) -> None:
    folder = folders / "qwen2"
    tokenizer = read_once(folder)

    @settings(deadline=None)
    @given(TEXTS)
    def check(text: str) -> None:
        assert tokenizer.encode(text) == fast(folder)(text)

    check()
    for text in ("<|endoftext|>", "one <|endoftext|> two", "é<|im_start|><|endoftext|>\n"):
        assert tokenizer.encode(text) == fast(folder)(text)
    assert (tokenizer.kind, tokenizer.add_bos, tokenizer.bos) == ("Qwen2Tokenizer", False, None)
    ids = tokenizer.encode("one<|im_end|>")
    assert ids[-1] == tokenizer.eos == tokenizer.size - 1
    assert tokenizer.decode(ids, skip_special=True) == "one"
    assert tokenizer.decode(ids, skip_special=False) == "one<|im_end|>"


def test_stablelms_tokenizer_of_today_gives_the_ids_of_the_file_of_ranks(folders: Path) -> None:
    ranks, today = read_tokenizer(GOLDEN / "stablelm"), read_once(folders / "stablelm")
    assert (today.size, today.eos, today.kind) == (ranks.size, ranks.eos, "GPT2Tokenizer")

    @settings(deadline=None)
    @given(TEXTS.filter(lambda text: "\u0301" not in text))  # ranks are read of NFC text
    def check(text: str) -> None:
        ids = ranks.encode(text)
        assert today.encode(text) == ids
        assert today.decode(ids, skip_special=True) == ranks.decode(ids, skip_special=True)

    check()


def test_a_gpt2_without_tokenizer_json_splits_numbers_as_gpt2_does(tmp_path: Path) -> None:
    from transformers import GPT2Tokenizer

    for name in ("vocab.json", "merges.txt"):
        shutil.copy(GOLDEN / "phi" / name, tmp_path / name)
    write(tmp_path, tokenizer_class="GPT2Tokenizer", eos_token="<|endoftext|>")
    own, theirs = read_tokenizer(tmp_path), GPT2Tokenizer.from_pretrained(tmp_path)
    for text in ("it's 129 of 1000\n\n  now", "a b", "don't"):
        assert own.encode(text) == theirs.encode(text)


def _llama(folder: Path, model: Path) -> None:
    """A sentencepiece model as the `tokenizers` library has it: its pieces' joins by score."""
    pieces = SentencePieceProcessor(model_file=str(model))
    vocabulary = {pieces.id_to_piece(n): n for n in range(pieces.vocab_size())}
    joins = [
        (vocabulary[text], text[:cut], text[cut:])
        for text in vocabulary
        for cut in range(1, len(text))
        if {text[:cut], text[cut:]} <= vocabulary.keys() and not text.startswith("<0x")
    ]
    merges = [(left, right) for _, left, right in sorted(joins, key=lambda join: join[0])]
    bpe = models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    backend = Backend(bpe)
    steps = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    backend.normalizer = normalizers.Sequence(steps)
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    backend.post_processor = TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    backend.save(str(folder / "tokenizer.json"))


def test_a_llama_from_tokenizer_json_has_the_pieces_ids_and_starts_with_bos(
    tmp_path: Path,
) -> None:
    folder = DATA / "tokenizers" / "llama"
    _llama(tmp_path, folder / "tokenizer.model")
    roles: dict[str, JSON] = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    write(tmp_path, tokenizer_class="LlamaTokenizerFast", **roles)
    pieces, saved = read_tokenizer(folder), read_tokenizer(tmp_path)
    assert (saved.add_bos, saved.bos, saved.eos) == (True, pieces.bos, pieces.eos)
    assert (saved.size, saved.pad, saved.unk) == (pieces.size, pieces.pad, pieces.unk)
    for text in ("USER: what is it?", "\nWhat is it? ASSISTANT:", "the github of LLaVA ."):
        assert saved.encode(text) == pieces.encode(text)
        assert saved.decode(saved.encode(text), skip_special=True) == text


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    write(tmp_path, tokenizer_class="PreTrainedTokenizerFast")
    with pytest.raises(CheckpointError, match=r"is read from tokenizer\.json; put that there"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: no tokenizer"):
        read_tokenizer(tmp_path)


def test_a_tokenizer_without_an_end_is_refused(folders: Path, tmp_path: Path) -> None:
    shutil.copy(folders / "stablelm" / "tokenizer.json", tmp_path)
    write(tmp_path, tokenizer_class="GPT2Tokenizer", eos_token="</s>")
    with pytest.raises(CheckpointError, match="no eos_token that the tokenizer knows"):
        read_tokenizer(tmp_path)
