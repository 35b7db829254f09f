"""Captioning metrics, ours beside pycocoevalcap's: `python bench/captions.py [IMAGES]`.

Generated captions, five references an image, the same tokens to both. The Java tools, which both
sides need, are timed apart and once: there is nothing of ours in them but the calls.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from lvlm_eval.captions.java import align, tokenise
from lvlm_eval.captions.ngrams import bleu, bleu_counts, cider, count
from lvlm_eval.captions.rouge import rouge_l

REFERENCES = 5
VOCABULARY = [f"word{number}" for number in range(8000)]
WEIGHTS = list(accumulate(1 / (rank + 3) for rank in range(len(VOCABULARY))))  # Zipf's


def generate(images: int) -> tuple[list[str], list[list[str]]]:
    """Captions and their references; half of the captions are a reference with a word more."""
    rng = random.Random(0)

    def one() -> str:
        return " ".join(rng.choices(VOCABULARY, cum_weights=WEIGHTS, k=rng.randint(8, 15)))

    references = [[one() for _ in range(REFERENCES)] for _ in range(images)]
    return [one() if rng.random() < 0.5 else f"{r[0]} word7" for r in references], references


def ours(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    counts = count(captions, references)
    sums = {name: float(row.sum()) for name, row in bleu_counts(counts).items()}
    rouge = [rouge_l(*pair) for pair in zip(captions, references, strict=True)]
    return [*bleu(sums).values(), sum(rouge) / len(rouge), float(cider(counts).mean())]


def theirs(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    known = dict(enumerate(references)), {n: [text] for n, text in enumerate(captions)}
    four, _ = Bleu(4).compute_score(*known, verbose=0)
    return [*four, *(float(metric.compute_score(*known)[0]) for metric in (Rouge(), Cider()))]


def timed(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    started = time.perf_counter()
    figures = work()
    return time.perf_counter() - started, figures


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    captions, references = generate(images)
    own_seconds, own = timed(lambda: ours(captions, references))
    seconds, figures = timed(lambda: theirs(captions, references))
    gap = max(abs(a - b) for a, b in zip(own, figures, strict=True))
    print(f"{images} images, {REFERENCES} references: BLEU, ROUGE-L and CIDEr")
    print(f"pycocoevalcap {seconds:.2f} s, ours {own_seconds:.2f} s: {seconds / own_seconds:.1f}x")
    print(f"largest difference of a figure {gap:.1e}")
    texts = [*captions, *(text for several in references for text in several)]
    started = time.perf_counter()
    tokenise(texts)
    print(f"PTB tokenizer, {len(texts)} captions: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    align(list(zip(captions, references, strict=True)))
    print(f"METEOR, {len(captions)} captions: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
