"""A model of transformers as a Model: prompts and pictures in, words out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import torch

from lvlm_eval.errors import UsageError
from lvlm_eval.placement import Place
from lvlm_eval.schema import Decoding, Request, Response

from .batches import Batch, Batches, failure
from .grouping import portions
from .opening import Opened
from .prompts import Encoder
from .proof import why_not_shared
from .replica import Leading, follow, open_shared
from .runner import Runner
from .sampling import Answer
from .settings import DTYPES, Settings
from .size import size_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HFModel:
    """A Model. Its weights are read, and sharing is tried, when the first question comes.

    place: this process among those that have the model together; None for one by itself.
    waits: seconds that the model waited, each time, for a batch to be prepared.
    """

    opened: Opened
    settings: Settings
    place: Place | None = None
    waits: list[float] = field(default_factory=list, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.opened.name

    @property
    def stalled_seconds(self) -> float:
        """How long the model waited for pictures and prompts, in all."""
        return sum(self.waits)

    def describe(self) -> dict[str, str]:
        """What decides the answers. reuse: on or off; auto until the weights are read, since the
        weights and all else that is described here decide it."""
        reuse: str = self.settings.reuse
        if "shares" in vars(self):
            reuse = "on" if self.shares else "off"
        return self.opened.describe() | {
            "dtype": self.settings.dtype,
            "device": self.settings.device,
            "attention": self.settings.attention,
            "reuse": reuse,
        }

    def size(self) -> dict[str, int]:
        """Parameters, those that work on a token, and the pictures' side: see size.py."""
        return size_of(self.opened.config, self.opened.weight_files)

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        """Answers batch by batch; the next batch is prepared meanwhile."""
        batches = Batches(self.encoder, self.settings.batch, self.shares, self.opened.config)
        coming = batches.of(requests)
        with ThreadPoolExecutor(1) as ahead:
            following = ahead.submit(next, coming, None)
            while (batch := self._awaited(following)) is not None:
                following = ahead.submit(next, coming, None)
                if isinstance(batch, Response):
                    yield batch
                else:
                    yield from self._answers(batch, decoding)

    def _awaited(self, coming: Future[Batch | Response | None]) -> Batch | Response | None:
        started = time.monotonic()
        batch = coming.result()
        self.waits.append(time.monotonic() - started)
        return batch

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder.of(self.opened.processor, self.opened.template)

    def prepare(self) -> None:
        """Reads weights and tries sharing, which the first answer would wait for."""
        _ = self.runner, self.shares

    def follow(self) -> None:
        """In a process that does not lead its replica: computes along, until `release` there."""
        self.prepare()
        follow(self.runner, self.shared.wire)

    def release(self) -> None:
        """In the leading process: lets the others of its replica go; nothing to do without any."""
        if self.place is not None:
            self.prepare()  # as the others do, whether anything was asked or not
            self.shared.release()

    @cached_property
    def shared(self) -> Leading:
        """The model of the processes that have it together."""
        assert self.place is not None
        return open_shared(self.opened, self.encoder, self.settings, self.place)

    @property
    def asked(self) -> Runner | Leading:
        """The runner to ask: of several processes the one that tells the others."""
        return self.runner if self.place is None else self.shared

    @cached_property
    def runner(self) -> Runner:
        """The model, or this process's part of it, with its weights loaded; takes its time."""
        if self.place is not None:
            return self.shared.runner
        settings = self.settings
        model = self.opened.load(DTYPES[settings.dtype], settings.device, settings.attention)
        return Runner.of(model, self.opened.processor.tokenizer)

    @cached_property
    def shares(self) -> bool:
        """Whether questions on the same pictures share their prefix. UsageError where that was
        asked for but changes answers."""
        if self.settings.reuse == "off":
            return False
        why = self._why_not_shared()
        if why and self.settings.reuse == "on":
            raise UsageError(
                f"{self.name}: reuse=on, but questions on one picture cannot share it: {why}; "
                "leave the option out, and every question gets its picture computed"
            )
        if why:
            _log.info("%s: pictures are computed anew for every question: %s", self.name, why)
        return not why

    def _why_not_shared(self) -> str:
        if self.place is not None:
            return self.shared.why_not_shared(self.encoder)
        return why_not_shared(self.runner, self.encoder)

    def _answers(self, batch: Batch, decoding: Decoding) -> Iterator[Response]:
        """All answers of a batch; one too large for the memory is halved and goes on."""
        try:
            prefix = self.asked.prefill(batch.shared.prefix) if batch.shared else None
        except torch.OutOfMemoryError as error:
            yield from (failure(item.question_id, error) for item in batch.items)
            return
        parts = list(portions(range(len(batch.items)), self.settings.batch))
        while parts:
            part = parts.pop(0)
            names = [batch.items[place].question_id for place in part]
            try:
                inputs = batch.inputs(part, self.runner.pad)
                answers = self.asked.ask(inputs, names, decoding, prefix)
            except torch.OutOfMemoryError as error:
                if len(part) == 1:
                    yield failure(names[0], error)
                    continue
                _log.warning("out of memory with %d questions: halving", len(part))
                parts[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
                continue
            for name, answer in zip(names, answers, strict=True):
                yield self._response(name, answer, decoding)

    def _response(self, question_id: str, answer: Answer, decoding: Decoding) -> Response:
        text = self.runner.text_of(answer.ids, decoding.stop)
        return Response(question_id, text, answer.reason, len(answer.ids))
