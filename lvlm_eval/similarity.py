"""How near an answer is to an accepted one: edit distance, five per cent of a number, containment.

Each rule is the exact rule of one published scorer, oddities included; all give 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ANLS_THRESHOLD = 0.5
RELAXED_TOLERANCE = 0.05


def edit_distance(first: str, second: str) -> int:
    """Levenshtein's: the least number of insertions, deletions and substitutions."""
    short, long = sorted((first, second), key=len)
    row = list(range(len(short) + 1))
    for i, character in enumerate(long, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(short, start=1):
            cost = before if character == other else 1 + min(before, row[j], row[j - 1])
            before, row[j] = row[j], cost
    return row[-1]


def anls(text: str, accepted: Sequence[str]) -> float:
    """The RRC server's normalised similarity to the nearest accepted answer, 0 below one half.

    Case and runs of white space do not count, yet the distance is divided by the longer of the
    texts as they came, upper-cased (which can lengthen them). Biten et al. 2019, arXiv
    1905.13648, equation 1.
    """
    compared = _collapsed(text)
    return _best(
        _similarity(compared, _collapsed(answer), max(len(text.upper()), len(answer.upper())))
        for answer in accepted
    )


def anls_of_stripped(text: str, accepted: Sequence[str]) -> float:
    """As `anls`, without collapsing white space, divided by the processed lengths.

    The rule of M4C's ST-VQA evaluator.
    """
    compared = text.lower().strip()
    answers = (answer.lower().strip() for answer in accepted)
    return _best(_similarity(compared, a, max(len(compared), len(a))) for a in answers)


def mp_docvqa_anls(text: str, accepted: Sequence[str]) -> float:
    """As `anls_of_stripped`, but nothing, and the word none, are worth 0 whatever is accepted."""
    return 0.0 if text.strip().lower() in ("", "none") else anls_of_stripped(text, accepted)


def mp_docvqa_accuracy(text: str, accepted: Sequence[str]) -> float:
    """1 where the text is an accepted answer but for case and outer white space; none never is."""
    compared = text.lower().strip()
    answers = {answer.lower().strip() for answer in accepted}
    return float(compared != "none" and compared in answers)


def relaxed_match(prediction: str, target: str) -> bool:
    """Right within five per cent of a target that is a number other than 0, else to the letter.

    Methani et al. 2020 (PlotQA), arXiv 1909.00997, section 5.1, as pix2struct has it: the
    target `0` accepts only itself, `1,250` is no number, and case does not count.
    """
    found, wanted = number_or_none(prediction), number_or_none(target)
    if found is None or not wanted:
        return prediction.lower() == target.lower()
    return abs(found - wanted) / abs(wanted) <= RELAXED_TOLERANCE


def number_or_none(text: str) -> float | None:
    """What Python reads as a number; a text that ends in per cent signs is divided by 100."""
    percent = text.endswith("%")
    try:
        return float(text.rstrip("%")) / 100 if percent else float(text)
    except ValueError:
        return None


def _collapsed(text: str) -> str:
    return " ".join(text.strip().lower().split())


def _similarity(text: str, answer: str, length: int) -> float:
    """1 less the distance as a share of the length; two empty texts are equal.

    The distance is at least the difference in length: where that alone takes the similarity
    below the threshold, no distance is computed.
    """
    if not length:
        return 1.0
    if 1 - abs(len(text) - len(answer)) / length < ANLS_THRESHOLD:
        return 0.0
    return 1 - edit_distance(text, answer) / length


def _best(similarities: Iterable[float]) -> float:
    best = max(similarities)
    return best if best >= ANLS_THRESHOLD else 0.0
