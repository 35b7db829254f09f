"""What processes that have a network together do for the tests: jobs of `processes.launch`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.distributed

from lvlm_eval.errors import CheckpointError, Incomplete
from lvlm_eval.models import moe_llava
from lvlm_eval.models.moe_llava.adapter import MoELlava
from lvlm_eval.models.moe_llava.moe import MoELayer
from lvlm_eval.models.moe_llava.recorded import compute, repeated
from lvlm_eval.models.moe_llava.recorded.bench import set_up
from lvlm_eval.models.moe_llava.recorded.fixture import read_fixture
from lvlm_eval.models.moe_llava.recorded.report import compare, difference
from lvlm_eval.placement import Place
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Request, Response

Facts = dict[str, JSON]
GREEDY, DRAWN = Decoding(max_new_tokens=8), Decoding(max_new_tokens=8, temperature=0.7, seed=3)


def fixtures(place: Place, folders: list[str]) -> JSON:
    """For each fixture of this replica: what is not as recorded, and how far logits and ids are
    from those of the whole network."""
    found: Facts = {}
    for name in folders[place.replica :: place.placement.dp]:
        folder = Path(name)
        fixture = read_fixture(folder)
        bench = set_up(fixture, folder, place)
        ours = compute(bench)
        result = compare(fixture, ours, repeated(bench))
        torch.distributed.destroy_process_group()
        if not place.leads:
            continue
        whole = compute(set_up(fixture, folder))
        far = {value: difference(whole[value], ours[value]) for value in whole}
        differing = result["tensors"].items()
        found[folder.name] = {
            "wrong": [name for name, d in differing if d["max_abs_diff"] > d["tolerance"]],
            "logits": max(d for name, d in far.items() if "logits" in name),
            "ids": max(d for name, d in far.items() if name.endswith("ids")),
        }
    return found


def answers(place: Place, folder: str) -> JSON:
    """Whether a model over several processes answers as one by itself, asked in every way."""
    found: Facts = {}
    for name, options in (("plain", {}), ("exact", {"deterministic": True})):
        shared = moe_llava.load(folder, device="cpu", parallel=place, **options)  # type: ignore[arg-type]
        if place.leads:
            whole = moe_llava.load(folder, device="cpu", **options)  # type: ignore[arg-type]
            ours, theirs = (_asked(model, Path(folder)) for model in (shared, whole))
            found |= {f"{name} {way}": ours[way] == theirs[way] for way in ours}
            shared.release()
        else:
            shared.follow()
    return found


def _asked(model: MoELlava, folder: Path) -> dict[str, object]:
    """Texts by how they were asked for."""
    requests = _requests(folder)
    begun = list(islice(model.generate(iter(requests), GREEDY), 1))  # the rest is not wanted
    streaming = model.stream(requests[0], GREEDY)
    pieces, last = [next(streaming)], None
    streaming.close()
    streaming = model.stream(requests[1], GREEDY)
    try:
        while True:
            pieces.append(next(streaming))
    except StopIteration as ended:
        last = ended.value
    weighed = model.weigh(requests[0], [7, 8], [3, 4])
    return {
        "begun": begun[0].finish,
        "greedy": _by_id(model.generate(iter(requests), GREEDY)),
        "drawn": _by_id(model.generate(iter(requests), DRAWN)),
        "streamed": (pieces, last),
        "weighed": [round(rival.logit or 0, 3) for rival in weighed],
    }


def _by_id(responses: object) -> list[Response]:
    assert hasattr(responses, "__iter__")
    return sorted(responses, key=lambda response: response.question_id)


def _requests(folder: Path) -> list[Request]:
    first, second = (Image(folder / name) for name in ("image.png", "image2.png"))
    return [
        Request("one", Prompt.user(first, "What is in this picture?")),
        Request("two", Prompt.user(second, "Describe the image in detail, please. Is it 12?")),
        Request("both", Prompt.user(first, second, "Compare.")),
        Request("broken", Prompt.user(Image(folder / "config.json"), "What?")),
        Request("none", Prompt.user("What is the meaning of the word?")),
    ]


def sent(place: Place, folder: str) -> JSON:
    """Bytes that a rank sends for a forward of 24 tokens, as rings send what it asks for."""
    model = moe_llava.load(folder, device="cpu", parallel=place)
    network, ranks, counted = model.shared.network, place.placement.tp, [0.0]
    reduce, gather = torch.distributed.all_reduce, torch.distributed.all_gather

    def reduced(x: torch.Tensor) -> None:
        counted[0] += 2 * (ranks - 1) / ranks * x.nbytes
        reduce(x)

    def gathered(found: list[torch.Tensor], x: torch.Tensor) -> None:
        counted[0] += (ranks - 1) * x.nbytes
        gather(found, x)

    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "all_reduce", reduced)
        patch.setattr(torch.distributed, "all_gather", gathered)
        network(network.decoder.embed(torch.arange(24)[None]))
    torch.distributed.destroy_process_group()
    return counted[0]


def placed(place: Place, where: list[str]) -> JSON:
    """How far logits of 24 tokens are from the whole network's, experts placed by a file's loads,
    and which of each layer's live here."""
    folder, loads = where
    model = moe_llava.load(
        folder, device="cpu", parallel=place, placement="balanced", from_=loads, routing_stats=True
    )
    shared, whole = model.shared.network, moe_llava.load(folder, device="cpu").engine.network
    with torch.inference_mode():
        ours, theirs = (
            net(net.decoder.embed(torch.arange(24)[None])).logits for net in (shared, whole)
        )
    served = model.take_served()
    torch.distributed.destroy_process_group()
    layers = [module for module in shared.modules() if isinstance(module, MoELayer)]
    here = [
        [n for n, at in enumerate(layer.places.tolist()) if at < len(layer.experts)]
        for layer in layers
        if layer.places is not None
    ]
    total = [sum(counts) for counts in served.values()]
    return {"far": float((ours - theirs).abs().max()), "here": here, "served": total}


def refused(place: Place, folder: str) -> JSON:
    """What is said where a network cannot be cut so."""
    model = moe_llava.load(folder, device="cpu", parallel=place)
    try:
        model.prepare() if place.leads else model.follow()
    except CheckpointError as error:
        torch.distributed.destroy_process_group()
        return str(error)
    return ""


def dying(place: Place, folder: str) -> JSON:
    """How long the leading rank takes to notice, in seconds, that the other one has died in the
    middle of a question, and what it says then."""
    model = moe_llava.load(folder, device="cpu", parallel=place)
    model.prepare() if place.leads else model.shared.wire.hear()
    if not place.leads:
        os._exit(0)
    started = time.monotonic()
    try:
        _by_id(model.generate(iter(_requests(Path(folder))), GREEDY))
    except Incomplete as error:
        return [time.monotonic() - started, str(error)]
    return None


JOBS: dict[str, Callable[..., JSON]] = {
    "fixtures": fixtures,
    "answers": answers,
    "sent": sent,
    "placed": placed,
    "refused": refused,
    "dying": dying,
}
