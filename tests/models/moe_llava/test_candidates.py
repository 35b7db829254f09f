"""What an answer's tokens are, and what else might have come next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lvlm_eval.models import moe_llava
from lvlm_eval.schema import Decoding, Image, Prompt, Request
from lvlm_eval.tracing import Traces

GREEDY = Decoding(max_new_tokens=8)


def request_for(folder: Path) -> Request:
    return Request("one", Prompt.user(Image(folder / "image.png"), "What is in this picture?"))


def test_traced_answers_are_the_recorded_ids_and_what_generate_says(golden: Path) -> None:
    folder = golden / "phi"
    recorded = json.loads((folder / "golden.json").read_text())
    model = moe_llava.load(str(folder), device="cpu")
    assert isinstance(model, Traces)
    broken = Request("bad", Prompt.user(Image(data=b"nothing"), "What?"))
    requests = [request_for(folder), broken]
    traced = {one.response.question_id: one for one in model.trace(requests, GREEDY)}
    assert traced["one"].token_ids == tuple(recorded["generated_ids"][:8])
    assert traced["bad"].token_ids == ()
    assert {one.response for one in traced.values()} == set(model.generate(requests, GREEDY))


@pytest.mark.parametrize("name", ["phi", "qwen"])
def test_every_token_said_outweighs_the_whole_vocabulary(golden: Path, name: str) -> None:
    model = moe_llava.load(str(golden / name), device="cpu")
    request = request_for(golden / name)
    (answer,) = model.trace([request], GREEDY)
    ids, vocabulary = answer.token_ids, range(model.tokenizer.size)
    assert len(ids) > 2
    for place, said in enumerate(ids):
        logits = [rival.logit for rival in model.weigh(request, ids[:place], vocabulary)]
        assert all(logit is not None for logit in logits)
        assert logits.index(max(logit for logit in logits if logit is not None)) == said
    (rival,) = model.weigh(request, (), ids[:1])
    assert rival.text == model.tokenizer.decode(ids[:1], skip_special=False)


def test_logits_that_depend_on_how_a_forward_is_cut_are_not_told(golden: Path) -> None:
    model = moe_llava.load(str(golden / "phi"), device="cpu", routing="capacity")
    (rival,) = model.weigh(request_for(golden / "phi"), (), [7])
    assert rival.logit is None
    assert rival.text
