"""Whether sharing a prefix changes a model's answers, shown on the model itself.

transformers' models differ in how they count positions and what they keep beside keys and values,
so no rule over their names could say it. Two made-up pictures with questions of unequal length are
asked both ways: one by one as whole prompts, and behind a shared prefix.
"""

from __future__ import annotations

import PIL.Image
import torch
from jinja2 import TemplateError

from lvlm_eval.errors import first_line
from lvlm_eval.schema import Decoding, Image, Prompt, Request

from .prompts import Encoder, Item
from .runner import Runner, can_be_shared
from .sampling import Answer, FirstLogits
from .sharing import share

_DECODING = Decoding(max_new_tokens=4)
# Of unlike shapes: where positions count a picture by its longer side, one kept from the first
# picture does not fit the second.
_SIZES = ((240, 240), (450, 150))
_QUESTIONS = ("What is this?", "Is there a red square in the picture? Answer yes or no.")
# Of the largest logit: what rounding may do when the same sums are made in another order. Random
# models that may share were seen to differ by 2e-6, 0.0015 and 0.012; one that may not by 0.1.
_TOLERANCES = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}
# What the models of transformers raise for inputs that they do not foresee.
_UNFORESEEN = (ValueError, TypeError, RuntimeError, IndexError, KeyError, AttributeError)


def why_not_shared(runner: Runner, encoder: Encoder) -> str:
    """The reason why questions may not share a prefix, in a few words; "" where they may."""
    try:
        return next((why for size in _SIZES if (why := _differs(runner, encoder, size))), "")
    except torch.OutOfMemoryError:
        raise
    except (*_UNFORESEEN, TemplateError) as error:
        return f"{type(error).__name__}: {first_line(error)}"


def why_not_run(runner: Runner, encoder: Encoder) -> str:
    """What the model fails with when it is asked a made-up question; "" where it answers.

    A template that does not take the question says nothing of the model.
    """
    try:
        inputs = encoder.encode(_items(encoder, _SIZES[0])[:1])
    except (ValueError, TemplateError):
        return ""
    try:
        runner.ask(inputs, ["made up"], _DECODING)
    except torch.OutOfMemoryError:
        raise
    except _UNFORESEEN as error:
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


def _differs(runner: Runner, encoder: Encoder, size: tuple[int, int]) -> str:
    items = _items(encoder, size)
    sharing, alone = share(encoder, items, runner.model.config)
    if alone or len(sharing) != 1:
        return "its prompts differ before the picture ends"
    shared = sharing[0]
    prefix = runner.prefill(shared.prefix)
    if not can_be_shared(prefix):
        return f"its cache ({type(prefix).__name__}) is more than keys and values of all positions"
    if prefix.get_seq_length() != shared.length:
        return f"its cache holds {prefix.get_seq_length()} of {shared.length} positions"
    first = FirstLogits()
    inputs = shared.inputs(range(len(items)), runner.pad)
    names = [item.question_id for item in shared.items]
    answers = runner.ask(inputs, names, _DECODING, behind=prefix, watch=first)
    whole = [_whole(runner, encoder, item) for item in items]
    reference = torch.cat([logits for _, logits in whole])
    allowed = _TOLERANCES[runner.model.dtype] * float(reference.abs().max())
    difference = float((first.seen[0] - reference).abs().max())
    if not difference <= allowed:  # also where one of them is not a number
        return f"logits differ by {difference:.2g}, more than {allowed:.2g}"
    return "" if answers == [answer for answer, _ in whole] else "answers differ"


def _whole(runner: Runner, encoder: Encoder, item: Item) -> tuple[Answer, torch.Tensor]:
    """The answer to one whole prompt and its first logits (1, V)."""
    first = FirstLogits()
    (answer,) = runner.ask(encoder.encode([item]), [item.question_id], _DECODING, watch=first)
    return answer, first.seen[0]


def _items(encoder: Encoder, size: tuple[int, int]) -> list[Item]:
    picture = _picture(size)
    shown = Image(data=b"made up")  # stands in the prompt; the picture itself is given beside it
    prompts = [Prompt.user(shown, question) for question in _QUESTIONS]
    return [
        encoder.item(Request(f"{size}/{place}", prompt), [picture])
        for place, prompt in enumerate(prompts)
    ]


def _picture(size: tuple[int, int]) -> PIL.Image.Image:
    """Colours that run across the picture, with a red square in it."""
    shades = [PIL.Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90, 180)]
    picture = PIL.Image.merge("RGB", shades)
    picture.paste((220, 20, 30), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    return picture
