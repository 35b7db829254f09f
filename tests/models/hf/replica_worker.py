"""What processes that have a model of transformers together do for the tests: jobs of
`processes.launch`."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.distributed

from lvlm_eval.errors import EvalError
from lvlm_eval.models.hf import load
from lvlm_eval.models.hf.adapter import HFModel
from lvlm_eval.models.hf.prompts import Encoder
from lvlm_eval.models.hf.proof import why_not_shared
from lvlm_eval.models.hf.runner import Runner
from lvlm_eval.placement import Place
from lvlm_eval.schema import JSON, Decoding, Request, Response

Facts = dict[str, JSON]
GREEDY = Decoding(max_new_tokens=6)
DRAWN = Decoding(max_new_tokens=6, temperature=1.0, seed=4)


def answers(place: Place, argument: dict[str, str]) -> JSON:
    """What is answered greedily, by draws and after somebody stopped listening; the shapes of
    a rank's matrices."""
    model, requests = _opened(place, argument), _requests(argument)
    if not place.leads:
        model.follow()
        return None
    begun = list(islice(model.generate(requests, GREEDY), 1))  # the rest is not wanted
    greedy, drawn = (_by_id(model.generate(requests, how)) for how in (GREEDY, DRAWN))
    held = {name: list(p.to_local().shape) for name, p in _cut(model)}
    shares = model.describe()["reuse"]
    model.release()
    assert begun[0].question_id in greedy
    return {"greedy": greedy, "drawn": drawn, "held": held, "reuse": shares}


def unlike(place: Place, argument: dict[str, str]) -> JSON:
    """What is answered where the other rank will not share, and computes other logits."""

    def tried(runner: Runner, encoder: Encoder) -> str:
        return why_not_shared(runner, encoder) or "as it happens"

    with pytest.MonkeyPatch.context() as patch:
        if not place.leads:
            patch.setattr("lvlm_eval.models.hf.replica.why_not_shared", tried)
        model = _opened(place, argument)
        model.prepare()
    if not place.leads:
        model.runner.model.lm_head.register_forward_hook(lambda module, given, out: -out)
        model.follow()
        return None
    greedy = _by_id(model.generate(_requests(argument), GREEDY))
    shares = model.describe()["reuse"]
    model.release()
    return {"greedy": greedy, "reuse": shares}


def unasked(place: Place, argument: dict[str, str]) -> JSON:
    """Nothing is asked, and all end."""
    model = _opened(place, argument)
    model.release() if place.leads else model.follow()
    return torch.distributed.is_initialized()


def refused(place: Place, argument: dict[str, str]) -> JSON:
    """What is said where the model cannot be had so; in all ranks the same."""
    own = argument["second"] if "second" in argument and not place.leads else argument["folder"]
    model = _opened(place, argument | {"folder": own})
    with pytest.raises(EvalError) as caught:
        model.prepare() if place.leads else model.follow()
    said: list[str] = [""] * place.placement.tp
    torch.distributed.all_gather_object(said, str(caught.value))
    assert len(set(said)) == 1
    return [type(caught.value).__name__, said[0]]


def full(place: Place, argument: dict[str, str]) -> JSON:
    """What is said where no rank has memory for a batch."""
    model = _opened(place, argument)
    model.prepare()

    def refuse(**given: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    model.runner.model.generate = refuse
    with pytest.raises(EvalError) as caught:
        _by_id(model.generate(_requests(argument), GREEDY)) if place.leads else model.follow()
    return [type(caught.value).__name__, str(caught.value)]


def dying(place: Place, argument: dict[str, str]) -> JSON:
    """How long the first rank takes to notice, in seconds, that the other one dies in the middle
    of an answer, and what it says then."""
    model = _opened(place, argument)
    model.prepare()
    if not place.leads:
        model.runner.model.lm_head.register_forward_hook(lambda *_: os._exit(0))
        model.follow()
    started = time.monotonic()
    with pytest.raises(EvalError) as caught:
        _by_id(model.generate(_requests(argument), GREEDY))
    return [time.monotonic() - started, type(caught.value).__name__, str(caught.value)]


def _opened(place: Place, argument: dict[str, str]) -> HFModel:
    options = {name: argument[name] for name in ("reuse", "dtype") if name in argument}
    return load(argument["folder"], device="cpu", batch=4, parallel=place, **options)


def _requests(argument: dict[str, str]) -> list[Request]:
    found: list[Request] = pickle.loads(Path(argument["requests"]).read_bytes())
    return found


def _by_id(responses: Iterable[Response]) -> Facts:
    return {response.question_id: asdict(response) for response in responses}


def _cut(model: HFModel) -> list[tuple[str, torch.distributed.tensor.DTensor]]:
    kind = torch.distributed.tensor.DTensor
    return [(n, p) for n, p in model.runner.model.named_parameters() if isinstance(p, kind)]


JOBS: dict[str, Callable[[Place, dict[str, str]], JSON]] = {
    "answers": answers,
    "unlike": unlike,
    "unasked": unasked,
    "refused": refused,
    "full": full,
    "dying": dying,
}
