"""MoE-LLaVA as a Model: words and pictures in, words out. The engine below sees ids and pixels."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

from lvlm_eval.placement import Place
from lvlm_eval.schema import Decoding, Request, Response
from lvlm_eval.tracing import Rival, Traced

from .ahead import Ahead, Stall
from .chat import TEMPLATES, ChatFormat, check_marks, conversation_of
from .checkpoint import Checkpoint, open_checkpoint
from .counts import size_of
from .deterministic import make_deterministic
from .engine.engine import Engine
from .engine.sequence import Finished, Question
from .network import Network
from .parallel.opening import open_shared
from .parallel.replica import Leading, follow
from .pictures import READERS, ImageSettings, PictureReader
from .preprocess import Processor, read_processor
from .served import Served
from .settings import DTYPES, Settings
from .stream import text_pieces
from .tokenizer import Tokenizer, read_tokenizer
from .unchanged import check_unchanged

AS_CONFIGURED = ImageSettings()


def open_model(
    checkpoint: str,
    towers: str,
    settings: Settings,
    images: ImageSettings = AS_CONFIGURED,
    base: str = "",
    place: Place | None = None,
) -> MoELlava:
    """The model, opened: configuration and digest are read, weights not yet."""
    opened = open_checkpoint(checkpoint, towers, base)
    if settings.measured:
        settings.measured.check_fits(opened.config.moe)
    if images.select_feature != "auto":
        config = replace(opened.config, select_feature=images.select_feature)
        opened = replace(opened, config=config)
    return MoELlava(opened, settings, images, place)


@dataclass(frozen=True)
class MoELlava:
    """A Model. Tokenizer, preprocessing and weights are read when they are first needed.

    place: this process among those that have the model together; None for one by itself.
    served: what each expert serves, where that is counted.
    """

    checkpoint: Checkpoint
    settings: Settings
    images: ImageSettings = AS_CONFIGURED
    place: Place | None = None
    stall: Stall = field(default_factory=Stall)
    served: Served = field(default_factory=Served)

    @property
    def stalled_seconds(self) -> float:
        """How long answers waited for pictures, since the model was opened."""
        return self.stall.seconds

    @property
    def name(self) -> str:
        return self.checkpoint.name

    def describe(self) -> dict[str, str]:
        revision = self.checkpoint.revision
        described = {
            "weights": self.checkpoint.digest,
            **({"revision": revision} if revision else {}),
            "dtype": self.settings.dtype,
            "device": self.settings.device,
            "routing": self.settings.routing,
            "conversation": self.conversation,
        }
        if self.settings.routing == "sampled":
            described["routing_seed"] = str(self.settings.routing_seed)
        if self.settings.quant != "none":
            described["quant"] = self.settings.quant
        if self.settings.deterministic:
            described["deterministic"] = "true"
        return described | self.images.describe()

    def size(self) -> dict[str, int]:
        """Parameters, those that work on a token, and the pictures' side: see counts.py."""
        return size_of(self.checkpoint.network_config(self.tokenizer.size))

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        """Answers as they end; pictures are read while the engine works."""
        for traced in self.trace(requests, decoding):
            yield traced.response

    def trace(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Traced]:
        """The answers that `generate` gives, with the ids of their tokens."""
        reader = self.pictures  # what is wrong with the tower's files shows before weights are read
        with ThreadPoolExecutor(READERS) as threads:
            ahead = Ahead(reader, threads, self.stall)
            for finished in self.engine.run(self._questions(requests, ahead), decoding):
                yield Traced(self._response(finished, decoding), finished.new_token_ids)

    def _questions(self, requests: Iterable[Request], ahead: Ahead) -> Iterator[Question]:
        """Questions whose pictures are read when the engine is about to want them."""
        for request in requests:
            pictures = (ahead.picture(image, request.prompt) for image in request.prompt.images)
            ids = self.chat.encode(request.prompt)
            yield Question(request.question_id, tuple(ids), tuple(pictures))

    def weigh(
        self, request: Request, so_far: Sequence[int], rivals: Sequence[int]
    ) -> tuple[Rival, ...]:
        """The rivals as next tokens, by one forward over prompt and answer so far.

        Their logits are known under argmax routing alone: elsewhere what is drawn or dropped
        depends on how the forward is cut.
        """
        texts = [self.tokenizer.decode([token], skip_special=False) for token in rivals]
        questions, _ = self.encode([request])
        if self.settings.routing != "argmax" or not questions:
            return tuple(Rival(text, None) for text in texts)
        logits = self.engine.next_logits(questions[0], so_far)  # (V,)
        return tuple(
            Rival(text, float(logits[token])) for text, token in zip(texts, rivals, strict=True)
        )

    def prepare(self) -> None:
        """Reads tokenizer, preprocessing and weights, which the first answer would wait for."""
        _ = self.processor, self.engine

    def stream(self, request: Request, decoding: Decoding) -> Generator[str, None, Response]:
        """One answer's text as it comes; returns the Response that `generate` would give."""
        questions, failed = self.encode([request])
        if failed:
            return failed[0]
        ids = self.engine.stream(questions[0], decoding)
        ends = (self.chat.stop, *decoding.stop)
        finished = yield from text_pieces(
            ids, lambda so_far: self.chat.decode(so_far, decoding.stop), ends
        )
        return self._response(finished, decoding)

    def encode(self, requests: Sequence[Request]) -> tuple[list[Question], list[Response]]:
        """Questions for the engine, and responses for those whose picture cannot be read."""
        questions, failed = [], []
        read = self.pictures.read([request.prompt for request in requests])
        for request, pictures in zip(requests, read, strict=True):
            if isinstance(pictures, str):
                failed.append(Response(request.question_id, "", "error", error=pictures))
                continue
            ids = self.chat.encode(request.prompt)
            questions.append(Question(request.question_id, tuple(ids), tuple(pictures)))
        return questions, failed

    def _response(self, finished: Finished, decoding: Decoding) -> Response:
        ids = finished.new_token_ids
        if finished.reason == "error":
            return Response(finished.question_id, "", "error", error=finished.error)
        stamps, mapped = self.checkpoint.stamps, self.engine.network.mapped
        check_unchanged({file: stamp for file, stamp in stamps.items() if file in mapped})
        text = self.chat.decode(ids, decoding.stop)
        return Response(finished.question_id, text, finished.reason, len(ids))

    @cached_property
    def chat(self) -> ChatFormat:
        start_end = self.checkpoint.config.inputs.start_end
        if start_end:
            check_marks(self.tokenizer, self.checkpoint.folder)
        return ChatFormat(TEMPLATES[self.conversation], self.tokenizer, start_end)

    @cached_property
    def conversation(self) -> str:
        """The name of the template: the one asked for, or the checkpoint's own."""
        family = self.checkpoint.config.family
        if self.settings.conversation or not family.conversations:
            return self.settings.conversation or family.conversation
        return conversation_of(family, self.tokenizer)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return read_tokenizer(self.checkpoint.language_folder)

    @cached_property
    def pictures(self) -> PictureReader:
        return PictureReader(self.processor, self.images.preprocess)

    @cached_property
    def processor(self) -> Processor | None:
        """The tower's preprocessing; None for a model without a tower."""
        fields = self.checkpoint.processor_fields()
        if fields is None:
            return None
        processor = read_processor(fields, self.checkpoint.config.inputs.aspect_ratio)
        vision = self.checkpoint.network_config(self.tokenizer.size).vision
        if vision is not None:
            processor.check_fits(vision.image_size, fields.origin)
        return processor

    def take_served(self) -> dict[int, list[int]]:
        """What each expert served, by layer, since that was last taken; empty if not counted."""
        return self.served.take()

    def follow(self) -> None:
        """In a process that does not lead its replica: computes along, until `release` there."""
        follow(self.shared.engine, self.shared.wire)

    def release(self) -> None:
        """In the leading process: lets the others of its replica go; nothing to do without any."""
        if self.place is not None:
            self.shared.release()

    @cached_property
    def engine(self) -> Engine | Leading:
        """The engine with the weights loaded, which takes its time."""
        if self.place is not None:
            return self.shared
        settings = self.settings
        network = self.checkpoint.load(
            self.tokenizer.size, DTYPES[settings.dtype], settings.device, settings.quant
        )
        if settings.deterministic:
            make_deterministic(network)
        else:
            network.group_experts()
        return self._engine(network, settings.batch_tokens)

    @cached_property
    def shared(self) -> Leading:
        """The engine of one of the processes that have the model together."""
        assert self.place is not None
        opened = open_shared(self.checkpoint, self.tokenizer.size, self.settings, self.place)
        engine = self._engine(opened.network, opened.budget)
        return Leading(replace(engine, retreats=False), opened.wire)

    def _engine(self, network: Network, budget: int) -> Engine:
        settings = self.settings
        if settings.counts and (self.place is None or self.place.leads):
            self.served.watch(network)
        return Engine(
            network,
            self.chat.stops,
            settings.routing,
            self.checkpoint.config.inputs.max_length,
            settings.routing_seed,
            budget=budget,
            reuse=settings.reuse,
            batch=settings.batch,
        )
