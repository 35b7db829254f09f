"""What processes that are joined by a wire do for the tests: jobs of `processes.launch`."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from lvlm_eval.errors import CheckpointError, Incomplete
from lvlm_eval.launcher import join_replica
from lvlm_eval.placement import Place
from lvlm_eval.schema import JSON, Decoding
from lvlm_eval.wire import Wire, agree, decoding_heard, decoding_said

TENSORS = (
    torch.arange(6).reshape(2, 3).t(),
    torch.tensor([[0.1, -2.0]], dtype=torch.bfloat16),
    torch.tensor([True, False]),
    torch.tensor(3.5, dtype=torch.float64),
    torch.zeros(0, 4, dtype=torch.uint8),
)


def shown(place: Place, argument: JSON) -> JSON:
    """What the second rank has heard and seen, as it tells it; how many tensors were equal."""
    join_replica(place, "cpu")
    wire, decoding = Wire(), Decoding(max_new_tokens=3, temperature=0.5, stop=("\n", "é"))
    if place.leads:
        wire.say(decoding_said(decoding))
        for tensor in TENSORS:
            wire.show(tensor)
        return wire.all_say("first")
    heard = decoding_heard(wire.hear())
    seen = [wire.see() for _ in TENSORS]
    same = [
        torch.equal(one, two) and one.dtype == two.dtype
        for one, two in zip(seen, TENSORS, strict=True)
    ]
    return wire.all_say(f"{heard == decoding} {sum(same)}")


def agreed(place: Place, argument: JSON) -> JSON:
    """What is said where both are well, and where the second one has a problem."""
    join_replica(place, "cpu")
    wire, said = Wire(), []
    for problem in ("", "no weights"):
        try:
            agree(wire, "" if place.leads else problem)
        except CheckpointError as error:
            said.append(str(error))
    return said


def dying(place: Place, argument: JSON) -> JSON:
    """What the first says when it waits for one that has died."""
    join_replica(place, "cpu")
    wire = Wire()
    if not place.leads:
        os._exit(0)
    try:
        wire.hear(1)
    except Incomplete as error:
        return str(error)
    return ""


JOBS: dict[str, Callable[[Place, JSON], JSON]] = {
    "shown": shown,
    "agreed": agreed,
    "dying": dying,
}
