"""Whole prompts in padded batches, nothing shared: for routing that needs each prompt whole.

Under capacity routing the tokens of a forward compete; with sampled second experts a token's
noise is its question's own, so no other question can use what was computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lvlm_eval.schema import Decoding

from ..moe import RoutingKind
from ..network import Network
from ..splice import Spliced
from .runner import Noise, decode, keep, prefill
from .sampler import gumbel, next_tokens
from .sequence import Answer, Question, Step, Stops, failed, read_pictures


@dataclass(frozen=True, slots=True)
class Plain:
    """How batches are asked. sampled: noise on the second expert, seeded by routing_seed."""

    network: Network
    stops: Stops
    routing: RoutingKind
    sampled: bool = False
    routing_seed: int = 0
    max_length: int | None = None

    @torch.inference_mode()
    def steps(self, questions: Sequence[Question], decoding: Decoding) -> Iterator[Step]:
        """Each step's answers of one batch; first those whose pictures cannot be read."""
        pixels, errors = read_pictures(p for question in questions for p in question.pictures)
        for question in questions:
            if (error := question.error(errors)) is not None:
                yield failed(question, error)
        questions = [question for question in questions if question.error(errors) is None]
        if not questions:
            return
        prompts = self._prompts(questions, pixels)
        live = [Answer.begin(question, decoding.seed, self.routing_seed) for question in questions]
        noise = self._noise(live, prompts.valid)
        logits, state = prefill(self.network, prompts, self.routing, noise)
        while live:
            tokens = next_tokens(logits, decoding, [answer.draws for answer in live])
            for answer, token in zip(live, tokens.tolist(), strict=True):
                answer.ids.append(token)
            ended = [answer.finished(self.stops, decoding) for answer in live]
            yield list(zip(live, ended, strict=True))
            if any(ended):
                going = [place for place, finished in enumerate(ended) if finished is None]
                live = [live[place] for place in going]
                rows = torch.tensor(going, dtype=torch.int64, device=tokens.device)
                state, tokens = keep(state, rows), tokens[rows]
            if live:
                noise = self._noise(live, torch.ones(len(live), 1, dtype=torch.bool))
                logits, state = decode(self.network, tokens, state, self.routing, noise)

    def _prompts(self, questions: Sequence[Question], pixels: Mapping[str, Tensor]) -> Spliced:
        """The batch's prompts as vectors, padded on the left; each picture is encoded once."""
        features = {}
        shown = {picture.key for question in questions for picture in question.pictures}
        pixels = {key: pixels[key] for key in pixels if key in shown}
        if pixels:
            encoded = self.network.image_features(torch.stack(list(pixels.values())))
            features = dict(zip(pixels, encoded, strict=True))
        device = self.network.device
        return self.network.join(
            [torch.tensor(question.token_ids, device=device) for question in questions],
            [features[picture.key] for question in questions for picture in question.pictures],
            side="left",
            max_length=self.max_length,
        )

    def _noise(self, live: Sequence[Answer], valid: Tensor) -> Noise:
        """Each sequence's own Gumbel noise, for (B, T) positions of which `valid` are real."""
        if not self.sampled:
            return None
        valid = valid.cpu()
        noise = {}
        for layer, experts in self.network.decoder.moe_layers().items():
            values = torch.zeros(*valid.shape, experts)  # (B, T, E)
            for row, answer in enumerate(live):
                values[row, valid[row]] = gumbel((int(valid[row].sum()), experts), answer.noise)
            noise[layer] = values.flatten(0, 1).to(self.network.device)  # (B * T, E)
        return noise
