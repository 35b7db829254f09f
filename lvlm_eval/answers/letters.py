"""Letters of options out of text, by the exact rule of each published scorer, oddities included.

`options` maps the letters that a question offers to their texts. Where a rule looks at fixed
letters instead, the docstring says which: a letter that is not offered is then read, and wrong.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

Options = Mapping[str, str]

_FIVE = "ABCDE"
_THE_ANSWER_IS = re.compile(r"The answer is ([A-Z]).")


def bare_letter(text: str, options: Options) -> str | None:
    """SEED-Bench's submission: the text as it is must be a letter; "A." and " A" are none."""
    return text if text in options else None


def first_character(text: str, options: Options) -> str | None:
    """lmms-eval on SEED-Bench: the first character, in upper case; "A dog" is A."""
    return text.strip()[:1].upper() or None


def science_letter(text: str, options: Options) -> str | None:
    """LLaVA's `eval_science_qa.py`: a bare letter of A to E, "B. " and what follows, or the one
    "The answer is X" of the text, case and all, with any character but a newline after it.
    """
    if len(text) == 1 and text in _FIVE:
        return text
    if text[:1] and text[0] in _FIVE and text[1:3] == ". ":
        return text[0]
    found = _THE_ANSWER_IS.findall(text)
    return str(found[0]) if len(found) == 1 else None


def science_letter_of_lmms_eval(text: str, options: Options) -> str | None:
    """A lone letter in any case, or an upper-case first letter followed by a period."""
    text = text.strip()
    if len(text) == 1:
        return text.upper()
    return text[0] if len(text) >= 2 and text[0].isupper() and text[1] == "." else None


_NO_MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_ANSWER_IS = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)
_NO_ANSWER = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)


def letter_or_text(text: str, options: Options) -> str | None:
    """VLMEvalKit's `can_infer`: the only letter among the last four words, "answer is X", or the
    only option whose text occurs. "Z" is its word for a refusal.

    Where a letter stands is asked of its first occurrence. Texts of options count only in
    answers no longer than twice all of them together.
    """
    letter = None if _NO_ANSWER in text else _worded_letter(text, options)
    if letter is None and len(text.lower()) <= 2 * sum(map(len, options.values())):
        return _only_text(text, options)
    return letter


def _worded_letter(text: str, options: Options) -> str | None:
    if any(refusal in text for refusal in _REFUSALS):
        return "Z"
    words = text.translate(_NO_MARKS).split()
    present = [letter for letter in options if letter in words]
    if len(present) == 1 and words.index(present[0]) > len(words) - 5:
        return present[0]
    if not present and "Z" in words:
        return "Z"
    said = _ANSWER_IS.search(text)
    return said[1].upper() if said and said[1].upper() in options else None


def _only_text(text: str, options: Options) -> str | None:
    """The letter of the only option whose text occurs, in any case."""
    lowered = text.lower()
    found = [letter for letter, option in options.items() if option.lower() in lowered]
    return found[0] if len(found) == 1 else None


_BEFORE_PERIOD = re.compile(r"\s*([A-Z])\.")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def before_period(text: str) -> str:
    """lmms-eval's filter on AI2D: a capital letter before a period at the start, else the text."""
    found = _BEFORE_PERIOD.match(text)
    return found[1] if found else text


def letter_after_filter(text: str, options: Options) -> str | None:
    """lmms-eval on AI2D: a lone letter is left of the filtered text without ASCII punctuation.

    Blanks are not stripped: "(b)" and "**B**" are B, " B" is nothing.
    """
    left = before_period(text).translate(_NO_PUNCTUATION).upper()
    return left if left in options else None


def letter_at_start(text: str, options: Options) -> str | None:
    """MMStar's `mmstar.py`: the first character, or that after "(", "option ", "the answer is ".

    In any case, so "a dog" is A and "Both" is B.
    """
    start = text.lower().strip().replace("\n", " ")
    opening = next((o for o in ("(", "option ", "the answer is ") if start.startswith(o)), "")
    letter = start[len(opening) : len(opening) + 1].upper()
    return letter if letter in options else None


def letter_of_mmmu(text: str, options: Options) -> str | None:
    """MMMU's `eval_utils.py`: "(X)", else X as a word, else the text of an option; the last one.

    None where the authors' code draws a letter at random.
    """
    return _last_of(_padded(text), options, ("({})", " {} "))


def letter_of_mmmu_in_lmms_eval(text: str, options: Options) -> str | None:
    """lmms-eval's copy: "(X)", else "X ", else "X.", at the end of words too."""
    return _last_of(_padded(text), options, ("({})", "{} ", "{}."))


def _padded(text: str) -> str:
    for mark in ",.!?;:'":
        text = text.strip(mark)
    return f" {text} "


def _last_of(text: str, options: Options, forms: Sequence[str]) -> str | None:
    """The letter of the first of these forms that occurs, else the option that a text of more than
    five words names; of several the one that stands last.

    Where letters without brackets stand is asked of them as words, whichever form they have.
    """
    for form in forms:
        found = [letter for letter in options if form.format(letter) in text]
        if found:
            place = form if form == forms[0] else " {} "
            return max(found, key=lambda letter: text.rfind(place.format(letter)))
    lowered = text.lower()
    named = [a for a, option in options.items() if option.lower() in lowered]
    if len(text.split()) <= 5 or not named:
        return None
    return max(named, key=lambda letter: lowered.rfind(options[letter].lower()))


# What may stand around a letter, in the order of trying.
_AROUND = (
    ("", "."), ("", ","), ("", ":"), ("", ")"), ("", ")."), ("(", ")"), ("(", ")."),
    (":", ""), (":", ","), (":", "."), (":", ")"), (":", ")."),
)  # fmt: skip


def letter_in_marks(text: str, options: Options) -> str | None:
    """lmms-eval's `MMBench_Evaluator.can_infer`, then its ranked letter: the only letter of A to E
    that is a word, the only one inside the same marks, the only option whose text occurs.

    In a text of more than three words with an "A" among them no bare letter counts.
    """
    text = text.strip()
    words = text.split()
    bare = [letter for letter in _FIVE if letter in words]
    if _NO_ANSWER not in text:
        if len(bare) == 1 and not ("A" in words and len(words) > 3):
            return bare[0]
        for before, after in _AROUND:
            marked = [letter for letter in _FIVE if before + letter + after in words]
            if len(marked) == 1:
                return marked[0]
    return _only_text(text, options) or ranked_letter(text, list(options))


# After the first of each of these a letter counts, however far; the languages are lmms-eval's.
_QUALITIES = {
    "answer": ("", "correct ", "best "),
    "option": ("correct ", "best "),
    "choice": ("", "correct "),
}
_PHRASES = (
    *(f"{the}{q}{n} is" for the in ("", "the ") for n, found in _QUALITIES.items() for q in found),
    *("my answer is", "my choice is", "i choose", "i select", "i pick"),
    *("옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),
)
_FORMS = {"({})": 6, "{}.": 5, "{}:": 4, "{})": 3, "{} ": 2}  # by rank
_START, _END, _PHRASE, _ANYWHERE = 10, 9, 7, 0


def ranked_letter(text: str, letters: Iterable[str]) -> str | None:
    """lmms-eval's `extract_mcq_answer`: of all places where a letter stands the best form wins, of
    equals the last.

    Best is a letter at the start, so "A good question; the answer is C." is A; then one at the
    end, one after a phrase such as "answer is", "(X)", "X.", "X:", "X)", "X " and, if there is
    nothing else, a letter anywhere, even inside a word.
    """
    core = text.strip()
    for mark in ",.!?;:'\"":
        core = core.strip(mark)
    found = [place for letter in letters for place in _places(f" {core} ", letter)]
    return max(found)[2] if found else None


def _places(text: str, letter: str) -> list[tuple[int, int, str]]:
    """Rank, position and the letter, of each form in which it occurs."""
    found = [(rank, text.rfind(form.format(letter))) for form, rank in _FORMS.items()]
    lowered = text.lower()
    ends = (lowered.find(phrase) + len(phrase) for phrase in _PHRASES if phrase in lowered)
    found += [(_PHRASE, text.find(letter, end)) for end in ends]
    if re.match(rf"\s*[(\[]?{letter}\b", text):
        found.append((_START, 0))
    if re.search(rf"\b{letter}\W*\Z", text):
        found.append((_END, len(text)))
    found.append((_ANYWHERE, text.rfind(letter)))
    return [(rank, position, letter) for rank, position in found if position >= 0]


def lenient_letter(text: str, options: Options) -> str | None:
    """What a patient reader takes for the answer; stands beside strict rules, never for them.

    Full-width letters and punctuation, bold and brackets do not matter. Then in this order: a
    lone letter in any case; the last "answer is X"; a letter set off by a mark at the start; the
    only capital letter that stands alone; the only option whose text occurs.
    """
    plain = re.sub(r"[*_`$]|\\boxed|</?answer>", "", unicodedata.normalize("NFKC", text)).strip()
    lone = plain.strip(" ()[]{}<>.,:;!?。、'\"").upper()
    if lone in options:
        return lone
    for pattern in (_SAID, _SAID_LAST, _AT_START):
        found = [m[1].upper() for m in pattern.finditer(plain) if m[1].upper() in options]
        if found:
            return found[-1]
    standing = {m[1] for m in _ALONE.finditer(plain) if m[1] in options}
    return standing.pop() if len(standing) == 1 else _only_text(plain, options)


_NO_ARTICLE = r"(?!(?<=A)\s+(?!or\b|and\b)[a-z])"  # "A dog" speaks of a dog
_SAID = re.compile(
    r"(?:(?i:answer|option|choice)(?i:\s+is|\s*:)?|(?:答案|选项?)(?:是|为|:)?)[\s(\[{]*"
    r"([A-Z])(?![A-Za-z])" + _NO_ARTICLE
)
_SAID_LAST = re.compile(r"(?i:answer|option|choice)(?i:\s+is|\s*:)?[\s(\[{]+([a-z])[)\]}.!]*\Z")
_AT_START = re.compile(r"\A[(\[{]*([A-Z])(?:[)\]}.:,;。、]|\s*[-\n])")
_ALONE = re.compile(r"(?<![A-Za-z0-9'])([A-Z])(?![A-Za-z0-9'])" + _NO_ARTICLE)
