"""Continuous batching: as answers end others are admitted, as many as the budget takes.

What questions share is computed once: each picture, and the common beginning of prompts. Each
step is one forward of what is new: whole suffixes of those just admitted, one token of the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lvlm_eval.batching import common, piles, portion
from lvlm_eval.schema import Decoding
from lvlm_eval.wire import too_much

from ..network import Network
from .block import Block
from .features import Features
from .footprint import Footprint
from .packed import step
from .pool import Pool
from .prompt import Alphabet, Encoded, embed
from .sampler import next_tokens
from .scheduler import Line, Waiting
from .sequence import Answer, Question, Shown, Step, Stops, failed
from .trunk import Prompt, Stem, Trunk, prefill
from .varlen import serves
from .wave import Wanted, prefill_all

_log = logging.getLogger(__name__)
_AHEAD = 32  # pictures of prompts to come that are read meanwhile
_TOGETHER = 8192  # positions of trunks in one forward, whose memory is kept until all are gone
_WORTH = 4  # a stem is copied where it is at least such a part of a trunk: each is many launches


@dataclass(frozen=True, slots=True)
class Limits:
    """budget: cached positions, and what is computed in their measure. places: sequences at once.
    window: questions looked at. reuse: whether prompts share what they have in common.
    max_length: of prompts. retreats: whether less is done at once where the memory ends."""

    budget: int
    places: int
    window: int
    reuse: bool
    max_length: int | None
    retreats: bool = True


@dataclass(slots=True)
class _Live:
    """A block with its answers; questions: to begin anew if the memory ends."""

    block: Block
    answers: list[Answer]
    questions: list[Encoded]


@dataclass(slots=True)
class _Admitted:
    """Who is to become live. need: positions that this takes."""

    line: Line
    chosen: list[Encoded]
    need: int


class Continuous:
    """One run of the engine: a state machine over the live blocks."""

    def __init__(self, network: Network, stops: Stops, decoding: Decoding, limits: Limits) -> None:
        self._network, self._stops, self._decoding = network, stops, decoding
        self._limits = limits
        self._alphabet = Alphabet(network, limits.max_length)
        self._live: list[_Live] = []
        self._admitted: list[_Admitted] = []
        self._kept: Trunk | None = None
        self._pool = Pool(network) if serves(network) else None
        self._footprint = Footprint.of(network)
        self._features = Features(network, self._footprint.pictures(limits.budget))

    def steps(self, questions: Iterable[Question]) -> Iterator[Step]:
        """Each step's answers; those that end free their places for others."""
        limits = self._limits
        waiting = Waiting(questions, self._alphabet, reuse=limits.reuse, window=limits.window)
        tokens = torch.empty(0, dtype=torch.int64, device=self._network.device)
        while True:
            self._admit(waiting)
            if not self._live and not self._admitted:
                return
            try:
                features, errors = self._see(waiting)
                yield from self._dismiss(errors)
                tokens, made = self._step(tokens, features)
            except torch.OutOfMemoryError as error:
                yield self._retreat(waiting, error)
                tokens = tokens[:0]
                continue
            yield made
            tokens = self._leave(tokens, made)

    @property
    def _trunks(self) -> list[Trunk]:
        """Those of the live blocks, and the one whose line still waits."""
        held = [live.block.trunk for live in self._live] + ([self._kept] if self._kept else [])
        return list({id(trunk): trunk for trunk in held}.values())

    @property
    def _used(self) -> int:
        """Positions that are taken: cached, with what answers may still come to, and computed."""
        own = sum(len(live.block) * live.block.limit for live in self._live)
        trunks = dict(trunk.memory for trunk in self._trunks)
        decoded = self._footprint.computing(sum(len(live.block) for live in self._live))
        return own + sum(trunks.values()) + decoded

    def _each(self, suffix: int) -> int:
        """What a question takes that is admitted with so many positions to itself."""
        return suffix + self._decoding.max_new_tokens + self._footprint.computing(suffix)

    def _admit(self, waiting: Waiting) -> None:
        """Chooses who is next: as many as fit, in their order."""
        limits = self._limits
        free = self._footprint.left(limits.budget) - self._used
        places = limits.places - sum(len(live.block) for live in self._live)
        while places > 0 and (line := waiting.head()) is not None:
            idle = not self._live and not self._admitted
            trunk = line.length if line.trunk is None else 0
            suffixes = line.suffixes()
            count = portion(suffixes, self._each, trunk, free, places)
            few = count < min(len(suffixes), max(1, limits.places // 4))
            if not idle and (count == 0 or (few and trunk)):
                return  # rather wait than compute a trunk for few, or go over the budget
            count = max(count, 1)
            chosen = [line.waiting.popleft() for _ in range(count)]
            need = trunk + count * self._each(max(suffixes[:count]))
            self._admitted.append(_Admitted(line, chosen, need))
            free -= need
            places -= count
            if line.waiting:
                return

    def _see(self, waiting: Waiting) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The vectors of the pictures that those admitted need, and what is wrong with others.

        Before it waits for any, whoever reads pictures hears which will be wanted next.
        """
        wanted: dict[str, Shown] = {}
        for admitted in self._admitted:
            start = len(admitted.line.symbols) if admitted.line.trunk else 0
            for one in admitted.chosen:
                keys = {key for key, _ in self._alphabet.pictures(one.symbols[start:])}
                wanted |= {p.key: p for p in one.question.pictures if p.key in keys}
        if self._admitted:
            for picture in (*wanted.values(), *waiting.pictures(_AHEAD)):
                picture.begin()
        return self._features.encode(wanted)

    def _dismiss(self, errors: Mapping[str, str]) -> Iterator[Step]:
        """Tells those admitted whose pictures cannot be read."""
        for admitted in self._admitted if errors else ():
            for one in list(admitted.chosen):
                error = one.question.error(errors)
                if error is not None:
                    admitted.chosen.remove(one)
                    yield failed(one.question, error)
        self._admitted = [admitted for admitted in self._admitted if admitted.chosen]

    def _step(self, tokens: Tensor, features: Mapping[str, Tensor]) -> tuple[Tensor, Step]:
        """The next token (B,) of all live sequences, and their answers with it."""
        old = [self._network.decoder.embed(tokens)] if len(tokens) else []
        fresh = [self._begin(features)] if self._admitted else []
        if not self._live:
            return tokens, []
        embeds = torch.cat([*old, *fresh])  # (N, D)
        logits = step(self._network, [live.block for live in self._live], embeds, self._pool)
        answers = [answer for live in self._live for answer in live.answers]
        tokens = next_tokens(logits, self._decoding, [answer.draws for answer in answers])
        made: Step = []
        for answer, token in zip(answers, tokens.tolist(), strict=True):
            answer.ids.append(token)
            made.append((answer, answer.finished(self._stops, self._decoding)))
        return tokens, made

    def _leave(self, tokens: Tensor, made: Step) -> Tensor:
        """The tokens of those that go on; the others' memory is given back."""
        going = [place for place, (_, finished) in enumerate(made) if finished is None]
        start, stay = 0, set(going)
        for live in self._live:
            count = len(live.answers)
            rows = [n for n in range(count) if start + n in stay]
            start += count
            if 0 < len(rows) < count:
                live.block.keep(rows)
            live.answers = [live.answers[row] for row in rows]
            live.questions = [live.questions[row] for row in rows]
        self._live = [live for live in self._live if live.answers]
        for live in self._live:
            live.block.advance()
        if len(going) == len(made):
            return tokens
        return tokens[torch.tensor(going, dtype=torch.int64, device=tokens.device)]

    def _begin(self, features: Mapping[str, Tensor]) -> Tensor:
        """Makes those admitted live; the vectors of their suffixes (N, D)."""
        network, new = self._network, self._decoding.max_new_tokens
        if self._pool:
            self._prefill_all(features)
        pieces, before = [], [live.block for live in self._live]
        while self._admitted:
            line, chosen = self._admitted[0].line, self._admitted[0].chosen
            if line.trunk is None:
                line.trunk = self._prefill(line, chosen[0], features)
            suffixes = [one.length - line.trunk.length for one in chosen]
            scores = self._footprint.scores(self._limits.budget)
            block = Block(line.trunk, suffixes, new, network.decoder.config, scores)
            answers = [Answer.begin(one.question, self._decoding.seed) for one in chosen]
            self._live.append(_Live(block, answers, chosen))
            pieces += [(one.symbols[len(line.symbols) :], one.scaled) for one in chosen]
            self._kept = line.trunk if line.waiting else None
            del self._admitted[0]
        if self._pool:
            self._pool.admit([live.block for live in self._live[len(before) :]], before)
        return embed(network, self._alphabet, pieces, features)

    def _prefill(self, line: Line, first: Encoded, features: Mapping[str, Tensor]) -> Trunk:
        """The line's trunk, beginning with what a trunk that is there has in common with it."""
        stem, most = self._stem(line, first)
        piece = (line.symbols[most:], first.scaled)
        embeds = embed(self._network, self._alphabet, [piece], features)
        prompt = Prompt(line.symbols, first.length, self._piece(first.ends[len(line.symbols)]))
        return prefill(self._network, prompt, embeds, stem)

    def _prefill_all(self, features: Mapping[str, Tensor]) -> None:
        """Computes trunks of the lines admitted, as many at once as there is room for.

        Those too long for that, and those of which nothing is left to compute, are `_prefill`'s.
        """
        wanting = [(a.line, a.chosen[0]) for a in self._admitted if a.line.trunk is None]
        lengths = [first.ends[len(line.symbols)] for line, first in wanting]
        most = min(_TOGETHER, self._piece(sum(lengths)))
        for pile in piles(lengths, most):
            wanted, pieces = [], []
            for place in pile:
                line, first = wanting[place]
                stem, shared = self._stem(line, first)
                if stem is None or stem.length * _WORTH < lengths[place]:
                    stem, shared = None, 0
                wanted.append(Wanted(line.symbols, lengths[place], first.length, stem))
                pieces.append((line.symbols[shared:], first.scaled))
            embeds = embed(self._network, self._alphabet, pieces, features)
            if len(embeds):
                trunks = prefill_all(self._network, wanted, embeds)
                for place, trunk in zip(pile, trunks, strict=True):
                    wanting[place][0].trunk = trunk

    def _stem(self, line: Line, first: Encoded) -> tuple[Stem | None, int]:
        """What of a trunk that is there the line's begins with, and how many symbols that are."""
        stem, most = None, 0
        for trunk in self._trunks:
            shared = common(trunk.symbols, line.symbols)
            if first.ends[shared] > first.ends[most]:
                stem, most = Stem(trunk, first.ends[shared]), shared
        return stem, most

    def _piece(self, kept: int) -> int:
        """How many tokens can be computed at once beside so many positions that will be kept."""
        return self._footprint.piece(self._footprint.left(self._limits.budget) - self._used - kept)

    def _retreat(self, waiting: Waiting, error: torch.OutOfMemoryError) -> Step:
        """Begins anew with half of what was there; a question alone has failed."""
        flying = [one for live in self._live for one in live.questions]
        flying += [one for admitted in self._admitted for one in admitted.chosen]
        if not self._limits.retreats:
            advice = f"batch_tokens={max(1, self._limits.budget // 2)}"
            raise too_much(len(flying), advice, error) from error
        used = self._used + sum(admitted.need for admitted in self._admitted)
        self._live, self._admitted, self._kept = [], [], None
        self._features.forget()
        self._pool = Pool(self._network) if self._pool else None
        if len(flying) == 1:
            waiting.again([])
            return failed(flying[0].question, f"OutOfMemoryError: {error}")
        _log.warning("out of memory with %d questions: halving", len(flying))
        places, budget = max(1, len(flying) // 2), max(1, used // 2)
        self._limits = replace(self._limits, places=places, budget=budget)
        waiting.again(flying)
        return []
