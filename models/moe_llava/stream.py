"""An answer as it grows: from ids, one at a time, to pieces of text that nothing takes back.

A token may be part of a character, the clean-up of some tokenizers draws words together, and an
end or stop string must not be shown before it is whole. What later ids may still change is
therefore held back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from .engine.sequence import Finished

# Clean-up rules begin at a blank and reach this far even where one rule makes room for another
# (" n ' t" to "n't").
_REACH = 6


def text_pieces(
    ids: Generator[int, None, Finished],
    text_of: Callable[[Sequence[int]], str],
    ends: Sequence[str],
) -> Generator[str, None, Finished]:
    """What there is to show after each id, where there is more; returns what `ids` returns.

    text_of: the whole answer's text, stripped, without its end. ends: strings that it leaves
    out. The pieces joined are `text_of` of the finished answer.
    """
    shown, so_far = "", list[int]()
    while True:
        try:
            so_far.append(next(ids))
        except StopIteration as end:
            finished: Finished = end.value
            break
        text = settled(text_of(so_far), ends)
        if len(text) > len(shown):
            yield text[len(shown) :]
            shown = text
    whole = text_of(finished.new_token_ids)
    if finished.reason != "error" and len(whole) > len(shown):
        yield whole[len(shown) :]
    return finished


def settled(text: str, ends: Sequence[str]) -> str:
    """The beginning of an unfinished answer's text that stays as it is, whatever follows."""
    text = text.rstrip("\ufffd")  # bytes of a character that is not whole yet
    cut = min((len(text) - _overlap(text, end) for end in ends), default=len(text))
    near = max(0, len(text) - _REACH)
    blank = next((at for at in range(near, cut) if text[at].isspace()), cut)
    return text[:blank].rstrip()


def _overlap(text: str, end: str) -> int:
    """How many of the text's last characters are the first of `end`."""
    lengths = range(min(len(text), len(end)), 0, -1)
    return next((length for length in lengths if text.endswith(end[:length])), 0)
