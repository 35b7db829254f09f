"""A model of transformers and the two ways to ask it: whole prompts, or behind a shared prefix.

B questions, T tokens of the longest prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import transformers
from torch import Tensor
from transformers import Cache, DynamicCache, GenerationConfig
from transformers.cache_utils import DynamicLayer

from lvlm_eval.schema import Decoding

from .prompts import Inputs
from .sampling import Answer, Draws, Ends

Watcher = Callable[[Tensor, Tensor], Tensor]  # ids (B, T) and logits (B, V) to logits


@dataclass(frozen=True, slots=True)
class Runner:
    """A loaded model. eos: ids that end an answer; pad: stands where nothing is looked at.

    last: a logits processor behind all others.
    """

    model: transformers.PreTrainedModel
    tokenizer: transformers.PreTrainedTokenizerBase
    eos: frozenset[int]
    pad: int
    last: Watcher | None = None

    @classmethod
    def of(
        cls,
        model: transformers.PreTrainedModel,
        tokenizer: transformers.PreTrainedTokenizerBase,
        last: Watcher | None = None,
    ) -> Runner:
        """The runner of a model, whose own sampling settings are put out of force.

        Of generation_config.json only the ends of answers count: temperature, penalties and all
        else would otherwise be mixed into what the benchmark asks for.
        """
        ends = model.generation_config.eos_token_id
        if ends is None:
            ends = tokenizer.eos_token_id
        eos = frozenset([ends] if isinstance(ends, int) else ends or [])
        model.generation_config = GenerationConfig()
        pad = tokenizer.pad_token_id
        own = copy.deepcopy(tokenizer)  # the encoder's is busy in another thread
        return cls(model, own, eos, min(eos, default=0) if pad is None else pad, last)

    def prefill(self, prefix: Inputs) -> DynamicCache:
        """The keys and values of a prefix, its pictures included.

        `generate` does it, so that the model prepares its positions as it always does.
        """
        settings = GenerationConfig(
            max_new_tokens=1, do_sample=False, pad_token_id=self.pad, return_dict_in_generate=True
        )
        inputs = self._moved(prefix)
        return self.model.generate(**inputs, generation_config=settings).past_key_values

    def ask(
        self,
        inputs: Inputs,
        question_ids: Sequence[str],
        decoding: Decoding,
        behind: DynamicCache | None = None,
        watch: Watcher | None = None,
    ) -> list[Answer]:
        """The answers to whole prompts (B, T), padded on the left.

        behind: the cache of what all of them begin with; then they are padded after it, and their
        pictures are left out.
        """
        settings = GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            do_sample=False,  # what is drawn is drawn by Draws
            eos_token_id=sorted(self.eos) or None,
            pad_token_id=self.pad,
        )
        ends = Ends(inputs["input_ids"].shape[1], self.eos, decoding, self._raw_text)
        draws = Draws.of(decoding, question_ids) if decoding.temperature else None
        self.model.generate(
            **self._moved(inputs),
            **({} if behind is None else {"past_key_values": _repeated(behind, len(question_ids))}),
            generation_config=settings,
            logits_processor=[one for one in (watch, draws, self.last) if one is not None],
            stopping_criteria=[ends],
        )
        return [ends.answers[row] for row in range(len(question_ids))]

    def text_of(self, ids: Sequence[int], stop: Sequence[str] = ()) -> str:
        """An answer's text, stripped, up to the first of the stop strings."""
        text = self._raw_text(ids)
        places = [text.find(end) for end in stop if end in text]
        return text[: min(places, default=len(text))].strip()

    def _raw_text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _moved(self, inputs: Inputs) -> dict[str, Tensor]:
        """On the model's device, pixels in its number type."""
        device, dtype = self.model.device, self.model.dtype
        return {
            name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
            for name, value in inputs.items()
        }


def can_be_shared(cache: Cache) -> bool:
    """Whether a cache holds plain keys and values of every position, and nothing else.

    A window that slides counts the padding between prefix and rest; a recurrent state has no
    positions at all.
    """
    return type(cache) is DynamicCache and all(type(part) is DynamicLayer for part in cache.layers)


def _repeated(prefix: DynamicCache, times: int) -> DynamicCache:
    """A copy for so many questions, which may write into it."""
    past = copy.deepcopy(prefix)
    past.batch_repeat_interleave(times)
    return past
