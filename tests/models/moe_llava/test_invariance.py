"""What an answer must not depend on, for every family: who else is asked, on which side padding
stands, how many pictures there are, whether there is a cache, and the hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lvlm_eval.batching import common
from lvlm_eval.models.moe_llava.backbones import FAMILIES as KNOWN
from lvlm_eval.models.moe_llava.decoder import Context
from lvlm_eval.models.moe_llava.engine.block import Block
from lvlm_eval.models.moe_llava.engine.engine import Engine
from lvlm_eval.models.moe_llava.engine.packed import step
from lvlm_eval.models.moe_llava.engine.plain import Plain
from lvlm_eval.models.moe_llava.engine.prompt import Alphabet, embed
from lvlm_eval.models.moe_llava.engine.runner import decode, prefill
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.engine.trunk import Prompt, Stem, Trunk
from lvlm_eval.models.moe_llava.engine.trunk import prefill as prefill_trunk
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN, Side, Spliced
from lvlm_eval.schema import Decoding

from .tiny_families import FAMILIES, LONG, SIDE, make

PIXELS = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
# a picture inside, one after a long text, none, two; 9 patches each
PROMPTS = (
    [3, 4, IMAGE_TOKEN, 5],
    [3, 9, 8, 7, 6, 5, 4, 3, 11, 12, IMAGE_TOKEN],
    [3, 9, 10],
    [IMAGE_TOKEN, 1, IMAGE_TOKEN, 2],
)
SHOWN: tuple[list[int], ...] = ([0], [1], [], [1, 0])
FIRST = Picture("0", PIXELS[0])
QUESTIONS = [
    Question(str(n), tuple(ids), tuple(Picture(str(i), PIXELS[i]) for i in shown))
    for n, (ids, shown) in enumerate(zip(PROMPTS, SHOWN, strict=True))
]
GREEDY = Decoding(max_new_tokens=6)

every_family = pytest.mark.parametrize("case", FAMILIES)
every_length = pytest.mark.parametrize("case", [*FAMILIES, *LONG])
with_experts = pytest.mark.parametrize("case", [c for c in FAMILIES if c.startswith("moe_")])


def assert_close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def never(ids: Sequence[int], extra: Sequence[str]) -> bool:
    return False


def answers(
    network: Network, questions: Sequence[Question], decoding: Decoding = GREEDY
) -> dict[str, tuple[int, ...]]:
    engine = Engine(network, never, "sampled" if decoding.temperature else "argmax")
    return {one.question_id: one.new_token_ids for one in engine.run(questions, decoding)}


def spliced(network: Network, which: Sequence[int], side: Side = "left") -> Spliced:
    """These prompts with their pictures, each encoded by itself."""
    alone = [network.image_features(image[None])[0] for image in PIXELS]
    features = [alone[image] for prompt in which for image in SHOWN[prompt]]
    return network.join([torch.tensor(PROMPTS[n]) for n in which], features, side=side)


def test_every_family_there_is_is_here() -> None:
    assert set(FAMILIES) == set(KNOWN)


@torch.inference_mode()
@every_length
def test_a_batch_answers_as_each_question_by_itself(case: str) -> None:
    network = make(case)
    together = answers(network, QUESTIONS)
    alone = [answers(network, [question]) for question in QUESTIONS]
    assert together == {name: ids for one in alone for name, ids in one.items()}
    assert len(set(together.values())) > 1  # lively, not all alike
    logits, _ = prefill(network, spliced(network, range(4)), "argmax")
    for row in range(4):
        single, _ = prefill(network, spliced(network, [row]), "argmax")
        assert_close(logits[row], single[0])


SHARING = [
    Question(f"{n}/{turn}", (3, 4, IMAGE_TOKEN, *range(5, 6 + turn), 20 + turn), (picture,))
    for turn in range(3)
    for n, picture in enumerate((FIRST, Picture("1", PIXELS[1])))
] + [Question(f"text {n}", (3, 9, 10, 11, 12, 13, 14, 15, n)) for n in (30, 31)]


@every_length
def test_what_prompts_share_changes_no_answer(case: str) -> None:
    network = make(case)
    plain = Plain(network, never, "argmax").steps(SHARING, GREEDY)
    expected = {f.question_id: f.new_token_ids for step in plain for _, f in step if f}
    for budget, batch in ((0, 64), (40, 64), (0, 2)):
        engine = Engine(network, never, budget=budget, batch=batch)
        found = {one.question_id: one.new_token_ids for one in engine.run(SHARING, GREEDY)}
        assert found == expected


@torch.inference_mode()
@every_length
def test_logits_behind_a_shared_beginning_are_those_of_whole_prompts(case: str) -> None:
    network = make(case)
    alphabet = Alphabet(network, None)
    one, two = (alphabet.encode(question) for question in (SHARING[0], SHARING[4]))
    features = {"0": network.image_features(PIXELS[:1])[0]}
    alone = common(one.symbols, two.symbols) == 0  # beyond the trained length nothing is shared
    assert alone == (case in LONG)
    # a stem within the text, and behind the picture; the rest at once, and in pieces
    for shared, piece in () if alone else ((2, 99), (4, 99), (4, 3), (4, 1)):
        prompt = Prompt(one.symbols[:shared], one.length, piece)
        stem = make_trunk(network, alphabet, replace(prompt, symbols=one.symbols[:2]), features)
        trunk = make_trunk(network, alphabet, prompt, features, Stem(stem, stem.length))
        block = Block(
            trunk, [q.length - trunk.length for q in (one, two)], 6, network.decoder.config
        )
        rest = [(q.symbols[shared:], q.scaled) for q in (one, two)]
        logits = step(network, [block], embed(network, alphabet, rest, features))
        for row, question in zip(logits, (SHARING[0], SHARING[4]), strict=True):
            whole = network.join([torch.tensor(question.token_ids)], [features["0"]]).embeds
            assert_close(row, network(whole).logits[0, -1])


def make_trunk(
    network: Network,
    alphabet: Alphabet,
    prompt: Prompt,
    features: dict[str, Tensor],
    stem: Stem | None = None,
) -> Trunk:
    """The trunk of the prompt's symbols, behind the stem."""
    start = len(stem.trunk.symbols) if stem else 0
    embeds = embed(network, alphabet, [(prompt.symbols[start:], False)], features)
    return prefill_trunk(network, prompt, embeds, stem)


@torch.inference_mode()
@every_length
def test_padding_on_the_left_or_on_the_right_is_the_same(case: str) -> None:
    network = make(case)
    found: list[list[Tensor]] = []
    for side in ("left", "right"):
        batch = spliced(network, range(4), side)
        assert not batch.valid.all()
        logits = network(batch.embeds, batch.valid, batch.positions).logits
        found.append([row[valid] for row, valid in zip(logits, batch.valid, strict=True)])
    for left, right in zip(*found, strict=True):
        assert_close(left, right)


@torch.inference_mode()
@every_family
def test_a_picture_is_the_same_among_many(case: str) -> None:
    network = make(case)
    many = network.image_features(torch.cat((PIXELS, PIXELS.flip(0))))
    for row, image in zip((0, 1, 3, 2), (0, 1, 0, 1), strict=True):
        one = network.image_features(PIXELS[image][None])[0]
        assert_close(many[row], one)
    other = Question("other", (IMAGE_TOKEN, 7, IMAGE_TOKEN, IMAGE_TOKEN), (FIRST, FIRST, FIRST))
    assert answers(network, [QUESTIONS[0], other])["0"] == answers(network, QUESTIONS[:1])["0"]


@torch.inference_mode()
@every_family
@pytest.mark.parametrize("prompt", [1, 2], ids=["picture", "text"])
def test_decoding_with_a_cache_equals_computing_everything_anew(case: str, prompt: int) -> None:
    network = make(case)
    begun = spliced(network, [prompt])
    embeds, chosen = begun.embeds, []
    logits, state = prefill(network, begun, "argmax")
    for _ in range(GREEDY.max_new_tokens):
        assert_close(logits[0], network(embeds).logits[0, -1])
        token = logits.argmax(dim=-1)
        chosen.append(int(token))
        embeds = torch.cat((embeds, network.decoder.embed(token[:, None])), dim=1)
        logits, state = decode(network, token, state, "argmax")
    assert answers(network, [QUESTIONS[prompt]])[str(prompt)] == tuple(chosen)


@torch.inference_mode()
def test_the_prompt_alone_decides_qwens_rotary_base_while_decoding() -> None:
    network = make("qwen beyond 8 tokens")
    begun = spliced(network, [2])  # grows beyond the trained length while decoding
    logits, state = prefill(network, begun, "argmax")
    embeds, length = begun.embeds, torch.tensor([begun.embeds.shape[1]])
    assert length < 8
    for _ in range(8):
        positions = torch.arange(embeds.shape[1])[None]
        whole, _ = network.decoder(embeds, Context(positions, prompt_lengths=length))
        assert_close(logits[0], network.decoder.logits(whole)[0, -1])
        token = logits.argmax(dim=-1)
        embeds = torch.cat((embeds, network.decoder.embed(token[:, None])), dim=1)
        logits, state = decode(network, token, state, "argmax")
    grown = network(embeds).logits[0, -2]  # the same place in a prompt of that length
    assert (grown - network.decoder.logits(whole)[0, -1]).abs().max() > 1e-3


@with_experts
def test_thirty_repeats_of_greedy_decoding_give_one_answer(case: str) -> None:
    network = make(case)
    brief = Decoding(max_new_tokens=3)
    assert len({str(answers(network, QUESTIONS[:2], brief)) for _ in range(30)}) == 1


@with_experts
def test_draws_depend_on_seed_and_question_whoever_else_is_asked(case: str) -> None:
    network = make(case)
    warm = Decoding(max_new_tokens=5, temperature=1.0, top_p=0.95, seed=7)
    together = answers(network, QUESTIONS, warm)
    assert together == answers(network, QUESTIONS[::-1], warm)
    for question in QUESTIONS:
        assert (
            answers(network, [question], warm)[question.question_id]
            == together[question.question_id]
        )
    other = Decoding(max_new_tokens=5, temperature=1.0, top_p=0.95, seed=8)
    assert answers(network, QUESTIONS, other) != together


def test_minicpms_embedding_factor_is_that_of_the_language_model_itself() -> None:
    network = make("llava_minicpm")
    table = network.decoder.embedding.weight
    batch = spliced(network, [0, 2], "right")
    torch.testing.assert_close(batch.embeds[0, 0], table[3])  # put together outside of it
    torch.testing.assert_close(batch.embeds[1, :3], table[[3, 9, 10]] * 4)
    torch.testing.assert_close(network.decoder.embed(torch.tensor([5])), table[[5]] * 4)
