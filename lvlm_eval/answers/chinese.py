"""CMMMU's rules: letters, true or false, and filled blanks out of Chinese answers.

From the authors' evaluation, slips included. Where it draws at random, None is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lvlm_eval.answers.candidates import Candidate
from lvlm_eval.answers.letters import Options

_MARKS = ",.!?;:'"
_TRIVIAL = frozenset(":,.!?;'")
_BLANK_CUES = (
    *("是", "为", "所以", "等于", "方案", "选择", "正确答案", "因此", "最后", "答案", "结果"),
)
_TRUTH_CUES = ("是", "为", "所以", "判断", "陈述", "说法", "表达", "答案", "结果")
_TRUE = ("正确", "对", "准确", "肯定", "对的")
_FALSE = ("不对", "错误", "不正确", "不准确", "不合适", "否定", "错的", "错")
_UNCLEAR = ("对错", "是否正确", "否正确", "或者", "是否", "正确性", "对不")
_NUMBERS = (
    re.compile(r"-?\d{1,3}(?:，\d{3})+"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+)(?![eE][+-]?\d+)(?!，\d)"),
)


def most_frequent_letters(text: str, options: Options) -> str | None:
    """The letters that occur most, together, for several may be right: "(A)", else A inside any
    word, else the options' texts.
    """
    for mark in _MARKS:
        text = text.strip(mark)
    for form in ("({})", "{}"):
        counts = {letter: text.count(form.format(letter)) for letter in options}
        if any(counts.values()):
            break
    else:
        counts = {letter: text.count(option) for letter, option in options.items()}
    most = max(counts.values(), default=0)
    return "".join(letter for letter in options if counts[letter] == most) if most else None


def true_or_false(text: str) -> str | None:
    """对 or 错, by which one's words more of the answer's tails have.

    A tail that has words of both is right, so 不正确, which has 正确 in it, is so too.
    """
    tails = [tail for tail in set(_tails(text, _TRUTH_CUES, ())) if not _has(tail, _UNCLEAR)]
    right = sum(_has(tail, _TRUE) for tail in tails)
    wrong = sum(_has(tail, _FALSE) and not _has(tail, _TRUE) for tail in tails)
    return None if right == wrong else "对" if right > wrong else "错"


def _has(text: str, words: Sequence[str]) -> bool:
    return any(word in text for word in words)


def blank_candidates(text: str, answer: str) -> list[Candidate]:
    """The tails after cue words, or the whole text, and all numbers in them, normalised."""
    tails = _tails(text, _BLANK_CUES, ("=",))
    numbers = [n for tail in tails for pattern in _NUMBERS for n in pattern.findall(tail)]
    return [one for found in (*tails, *numbers) for one in blank_normalised(found, answer)]


def blank_normalised(text: str, answer: str) -> list[Candidate]:
    """A number to two decimals, or the text, unless it is much longer than the answer."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        longer = len(text) > len(answer) + 20 or _latin(text) > _latin(answer) + 2
        return [] if longer else [text]


def _latin(text: str) -> int:
    return sum(character.isascii() and character.isalpha() for character in text)


def _tails(text: str, cues: Sequence[str], last: Sequence[str]) -> list[str]:
    """What follows the last of a cue in each sentence or line, the shortest of all cues'.

    last: cues that count in the last sentence only. An empty tail is replaced by the next cue's.
    """
    text = text.strip("。").strip()
    sentences = re.split(r"。|\n", text)
    found = []
    for number, sentence in enumerate(sentences, start=1):
        tail = ""
        for cue in (*cues, *(last if number == len(sentences) else ())):
            if cue in sentence:
                other = sentence.rpartition(cue)[2].strip()
                tail = other if not tail or len(other) < len(tail) else tail
        if tail and tail not in _TRIVIAL:
            found.append(tail)
    return found or [text]
