"""One model of transformers over the processes of a replica: the first is asked, the others do
what it does.

The first one makes batches, reads pictures and encodes. Before each call of the model it tells
the others what is called and shows them its inputs; they call the same and throw the answers
away. What is drawn depends on seed and question alone, and which token each answer takes the
first one tells: so all calls end at the same step.
B answers, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor
from transformers import DynamicCache

from lvlm_eval.errors import EvalError, UsageError
from lvlm_eval.launcher import join_replica
from lvlm_eval.placement import Place
from lvlm_eval.schema import JSON, Decoding
from lvlm_eval.wire import (
    Wire,
    agree,
    decoding_heard,
    decoding_said,
    partners,
    too_much,
)

from .cutting import check_can_be_cut, check_was_cut
from .opening import Opened
from .prompts import Encoder, Inputs
from .proof import why_not_run, why_not_shared
from .runner import Runner
from .sampling import Answer
from .settings import DTYPES, Settings


@dataclass(frozen=True, slots=True)
class Leading:
    """The runner of the first rank, asked like any other."""

    runner: Runner
    wire: Wire

    def prefill(self, prefix: Inputs) -> DynamicCache:
        """What `Runner.prefill` gives."""
        _tell(self.wire, ["prefill"], prefix)
        return _prefill(self.runner, prefix)

    def ask(
        self,
        inputs: Inputs,
        question_ids: Sequence[str],
        decoding: Decoding,
        behind: DynamicCache | None = None,
    ) -> list[Answer]:
        """What `Runner.ask` gives; `behind` is what `prefill` gave last."""
        shared = behind is not None
        _tell(self.wire, ["ask", list(question_ids), decoding_said(decoding), shared], inputs)
        return _ask(self.runner, inputs, question_ids, decoding, behind)

    def why_not_shared(self, encoder: Encoder) -> str:
        """The same reason in all ranks, each of which has tried it; "" where none has one."""
        with _computing(1):
            why = why_not_shared(self.runner, encoder)
        return next(filter(None, self.wire.all_say(why)), "")

    def release(self) -> None:
        """Lets the other ranks go; what they had together is over."""
        self.wire.say(["end"])
        torch.distributed.destroy_process_group()


def follow(runner: Runner, wire: Wire) -> None:
    """In the other ranks: the runner does what the first one's does, until that lets go."""
    prefix: DynamicCache | None = None
    while True:
        order = wire.hear()
        assert isinstance(order, list)
        kind, *how = order
        if kind == "end":
            torch.distributed.destroy_process_group()
            return
        inputs = _shown(wire)
        if kind == "prefill":
            prefix = None  # the first rank's is gone as well: there may be no room for two
            prefix = _prefill(runner, inputs)
            continue
        names, decoding, shared = how
        assert isinstance(names, list)
        prefix = prefix if shared else None
        _ask(runner, inputs, list(map(str, names)), decoding_heard(decoding), prefix)


def open_shared(opened: Opened, encoder: Encoder, settings: Settings, place: Place) -> Leading:
    """The rank's part, loaded; all ranks of the replica call it.

    What one of them cannot do is a CheckpointError in all.
    """
    join_replica(place, settings.device)
    wire, runner, problem = Wire(), None, ""
    try:
        runner = _load(opened, settings, place.placement.tp)
    except EvalError as error:
        problem = str(error)
    agree(wire, problem)
    assert runner is not None
    with _computing(1):
        why = why_not_run(runner, encoder)
    agree(wire, why and f"{opened.folder}: cut over processes, {opened.architecture} fails: {why}")
    return Leading(runner, wire)


def _load(opened: Opened, settings: Settings, ranks: int) -> Runner:
    check_can_be_cut(opened.empty(), ranks)
    if settings.device == "cpu" and torch.cuda.is_available():
        raise UsageError(
            "transformers cuts a model over GPUs where it sees any: give --device cpu for all "
            'models of the command, or CUDA_VISIBLE_DEVICES=""'
        )
    dtype, attention = DTYPES[settings.dtype], settings.attention
    model = opened.load(dtype, settings.device, attention, ranks)
    check_was_cut(model)
    return Runner.of(model, opened.processor.tokenizer, tokens_of_the_first)


def tokens_of_the_first(ids: Tensor, logits: Tensor) -> Tensor:
    """A logits processor that leaves the token that the first rank takes, (B, V): 0 for it and
    -inf for all others. Unlike machines round unlike, so two ranks might disagree."""
    tokens = logits.argmax(dim=-1, keepdim=True)  # (B, 1)
    torch.distributed.broadcast(tokens, 0)
    return torch.full_like(logits, -torch.inf).scatter(-1, tokens, 0.0)


def _prefill(runner: Runner, prefix: Inputs) -> DynamicCache:
    with _computing(1):
        return runner.prefill(prefix)


def _ask(
    runner: Runner,
    inputs: Inputs,
    question_ids: Sequence[str],
    decoding: Decoding,
    behind: DynamicCache | None,
) -> list[Answer]:
    with _computing(len(question_ids)):
        return runner.ask(inputs, question_ids, decoding, behind)


def _tell(wire: Wire, order: list[JSON], inputs: Inputs) -> None:
    wire.say(order)
    wire.say(list(inputs))
    for tensor in inputs.values():
        wire.show(tensor)


def _shown(wire: Wire) -> Inputs:
    names = wire.hear()
    assert isinstance(names, list)
    return {str(name): wire.see() for name in names}


@contextmanager
def _computing(count: int) -> Iterator[None]:
    """Incomplete where the memory ends with so many questions, or another rank is gone."""
    try:
        with partners():
            yield
    except torch.OutOfMemoryError as error:
        advice = f"batch={count // 2}" if count > 1 else "a larger tp"
        raise too_much(count, advice, error) from error
