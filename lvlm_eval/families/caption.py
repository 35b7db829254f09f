"""Captions against references, as COCO's evaluation marks them: BLEU, METEOR, ROUGE-L, CIDEr-D.

All captions of a task are measured at once (`measured`): the words of all come from one Java
process, METEOR's alignments from another, and CIDEr asks of the images marked in how many of them a
run of words occurs. What is measured goes among the sample's facts, where every scorer finds it.
SPICE is not computed: its models are no part of the package that has its code.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lvlm_eval import facts
from lvlm_eval.captions.java import align, tokenise
from lvlm_eval.captions.meteor import meteor
from lvlm_eval.captions.ngrams import bleu, bleu_counts, cider, count
from lvlm_eval.captions.rouge import rouge_l
from lvlm_eval.metrics import add_up, or_none, ratio
from lvlm_eval.schema import (
    JSON,
    Answered,
    Metrics,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
)  # fmt: skip

PROMPT = "Provide a one-sentence caption for the provided image."
FIGURES = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr")
UNAVAILABLE = "SPICE"
MOST_CIDER = 1000.0  # ten times a cosine, in percent
ALL = "all"  # the set of images that is the whole of those marked


def measured(pairs: Sequence[Answered], axis: str | None = None) -> list[Answered]:
    """The pairs with their captions' sums and CIDEr among the samples' facts.

    axis: a breakdown whose rows are marked each on its own as well, with a CIDEr of their own.
    """
    if not pairs:
        return []
    references = [facts.target_texts(sample) for sample, _ in pairs]
    captions, several = _words([response.text for _, response in pairs], references)
    sums = _sums(captions, several)
    rare = _ciders(captions, several, [_sets(sample, axis) for sample, _ in pairs])
    return [
        (replace(s, facts={**s.facts, "words": words, "sums": own, "cider": values}), r)
        for (s, r), words, own, values in zip(pairs, captions, sums, rare, strict=True)
    ]


def _words(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Captions and references, tokenised together."""
    words = iter(tokenise([*captions, *(text for several in references for text in several)]))
    own = [next(words) for _ in captions]
    return own, [[next(words) for _ in several] for several in references]


def _sums(captions: Sequence[str], several: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    """Of each caption what adds up over captions: BLEU's counts, METEOR's statistics, ROUGE-L."""
    counts = {name: row.tolist() for name, row in bleu_counts(count(captions, several)).items()}
    aligned = align(list(zip(captions, several, strict=True)))
    return [
        {name: row[place] for name, row in counts.items()}
        | {f"meteor_{name}": value for name, value in aligned[place].items()}
        | {"captions": 1.0, "rouge": rouge_l(captions[place], several[place])}
        for place in range(len(captions))
    ]


def _sets(sample: Sample, axis: str | None) -> tuple[str, ...]:
    return (ALL, sample.groups[axis]) if axis else (ALL,)


def _ciders(
    captions: Sequence[str], several: Sequence[Sequence[str]], sets: Sequence[Sequence[str]]
) -> list[dict[str, float]]:
    """Of each caption its CIDEr in every set of images that it belongs to."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, names in enumerate(sets):
        for name in names:
            members[name].append(place)
    found: list[dict[str, float]] = [{} for _ in captions]
    for name, places in members.items():
        values = cider(count([captions[p] for p in places], [several[p] for p in places]))
        for place, value in zip(places, values.tolist(), strict=True):
            found[place][name] = value
    return found


def score_in(among: str) -> Scorer:
    """The metrics over one set of images: all, or the row of a breakdown by its name."""

    def score(sample: Sample, response: Response) -> Score:
        """Of a pair that `measured` has been through."""
        ciders, sums = sample.facts["cider"], sample.facts["sums"]
        assert isinstance(ciders, Mapping) and isinstance(sums, Mapping)
        words = facts.text(sample, "words")
        if among not in ciders:
            return Score({}, words, read="of another set")
        values = {**sums, "cider": ciders[among]}
        return Score({name: _number(v) for name, v in values.items()}, words, "PTB tokenizer")

    def official(records: Sequence[Record]) -> dict[str, JSON]:
        chosen = [record for record in records if record.score.values]
        return {
            "metrics": _plain(finish(tally(chosen))),
            "per_item": {r.sample.question_id: _plain(finish(r.score.values)) for r in chosen},
            "tokenised_predictions": {r.sample.question_id: [r.score.answer] for r in chosen},
        }

    return Scorer(score, tally, finish, "CIDEr", official, scale=100.0, best=MOST_CIDER)


def tally(records: Sequence[Record]) -> Tally:
    return add_up(record.score.values for record in records)


def finish(sums: Tally) -> dict[str, float]:
    """Of summed counts; of CIDEr and ROUGE-L the mean over captions. NaN of no captions."""
    captions = sums.get("captions", 0.0)
    if not captions:
        return dict.fromkeys((*FIGURES, UNAVAILABLE), math.nan)
    prefix = "meteor_"
    statistics = {k.removeprefix(prefix): v for k, v in sums.items() if k.startswith(prefix)}
    return {
        **bleu(sums),
        "METEOR": meteor(statistics),
        "ROUGE_L": ratio(sums["rouge"], captions),
        "CIDEr": ratio(sums["cider"], captions),
        UNAVAILABLE: math.nan,
    }


def _plain(metrics: Metrics) -> dict[str, JSON]:
    return {name: or_none(metrics[name]) for name in FIGURES}


def _number(value: JSON) -> float:
    assert isinstance(value, (int, float))
    return float(value)
