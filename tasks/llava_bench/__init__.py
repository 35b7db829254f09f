"""LLaVA-Bench (in the wild): open answers beside GPT-4's, both marked from 1 to 10 by a judge.

Liu et al. 2023, arXiv 2304.08485. The figure is the model's mean mark over the reference's. LLaVA's
judge is gpt-4-0314, MoE-LLaVA's script asks gpt-3.5-turbo: figures of the two are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_rows, require, unique
from lvlm_eval.data_hub import HubTable, locate_hub, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.judging import replies_to
from lvlm_eval.metrics import means, or_none, ratio, tally_values
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Image,
    Metrics,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Tally,
    Task,
)  # fmt: skip

from .judge import judge, scores

CATEGORIES = ("conv", "detail", "complex")
UNREAD = -1.0  # the script's mark for both where it cannot read the judge's reply
SIDES = ("reference", "model")
_HUB = HubTable(
    repositories=("lmms-lab/llava-bench-in-the-wild", "lmms-lab-encoder/llava-bench-in-the-wild"),
    split="train",
    columns=("question_id", "question", "category", "gpt_answer", "caption"),
)
_FOLDERS = ("llava_bench", "llava-bench-in-the-wild")


def samples(root: Path) -> Iterator[Sample]:
    """The questions with GPT-4's answers and the descriptions that it and the judge read."""
    if locate(root, *_places("questions.jsonl")) is None and locate_hub(root, "llava_bench", _HUB):
        return unique(
            _sample(row, row.image(), row.text("gpt_answer"), row.text("caption"))
            for row in read_hub(root, "llava_bench", _HUB)
        )
    return unique(_of_files(root))


def _places(name: str) -> list[str]:
    return [f"{folder}/{name}" for folder in _FOLDERS]


def _of_files(root: Path) -> Iterator[Sample]:
    """LLaVA's three files, joined by question and by image."""

    def path(name: str) -> Path:
        return require(root, "llava_bench", *_places(name))

    contexts = {row.text("image"): row for row in read_rows(path("context.jsonl"))}
    answers = {row.identifier("question_id"): row for row in read_rows(path("answers_gpt4.jsonl"))}
    images = image_folder(root, *_places("images"))
    for row in read_rows(path("questions.jsonl")):
        question_id, name = row.identifier("question_id"), row.text("image")
        if question_id not in answers or name not in contexts:
            file = "answers_gpt4.jsonl" if question_id not in answers else "context.jsonl"
            raise DataError(f"{row.origin}: {file} has nothing on question {question_id} ({name})")
        picture = Image(inside(images, name, row.origin))
        answer = answers[question_id].text("text")
        yield _sample(row, picture, answer, _caption(contexts[name]))


def _sample(row: Row, picture: Image, answer: str, context: str) -> Sample:
    if row.text("category") not in CATEGORIES:
        raise DataError(f"{row.origin}: 'category' must be one of {', '.join(CATEGORIES)}")
    question = row.text("text") if "text" in row.values else row.text("question")
    return Sample(
        question_id=row.identifier("question_id"),
        # model_vqa hands pictures to the tower's processor as they are
        prompt=Prompt.user(picture, question, padded=False),
        target=answer,
        facts={"context": context},
        groups={"category": f"llava_bench_{row.text('category')}"},
        cluster=picture.name,
        origin=row.origin,
    )


def _caption(row: Row) -> str:
    """The description, its lines joined where the file has several."""
    several = isinstance(row.get("caption"), list)
    return "\n".join(row.texts("caption")) if several else row.text("caption")


def score(sample: Sample, response: Response) -> Score:
    """The judge's two marks, both -1 where its reply cannot be read."""
    said = [reply for run in replies_to(sample) for reply in run]
    found = scores(said[0]) if said else None
    values = dict(zip(SIDES, found or (UNREAD, UNREAD), strict=True))
    return Score(values, f"{values['model']:g}" if found else None, read="judge's first line")


def tally(records: Sequence[Record]) -> Tally:
    """Sums of both sides' marks, of all questions and by category."""
    return tally_values(
        (f"{row}/{side}", record.score.values[side])
        for record in records
        for row in ("all", record.sample.groups["category"])
        for side in SIDES
    )


def tally_read(records: Sequence[Record]) -> Tally:
    """The same without the replies that could not be read."""
    return tally([record for record in records if record.score.answer is not None])


def finish(sums: Tally) -> dict[str, float]:
    """`<row>/relative` in percent, and both mean marks times ten."""
    found = means(sums)
    rows = dict.fromkeys(name.partition("/")[0] for name in found)
    metrics = {}
    for row in rows:
        reference, model = (found[f"{row}/{side}"] for side in SIDES)
        metrics[f"{row}/relative"] = ratio(model, reference) * 100
        metrics |= {f"{row}/reference": reference * 10, f"{row}/model": model * 10}
    return metrics


def official(records: Sequence[Record]) -> dict[str, JSON]:
    return {
        "metrics": _table(finish(tally(records))),
        "per_item": {r.sample.question_id: [r.score.values[s] for s in SIDES] for r in records},
        "reviews_categories": {r.sample.question_id: r.sample.groups["category"] for r in records},
    }


def official_read(records: Sequence[Record]) -> dict[str, JSON]:
    """As its option -i prints it, with the questions left out."""
    unread = [r.sample.question_id for r in records if r.score.answer is None]
    ignored: list[JSON] = [int(name) if name.isdecimal() else name for name in unread]
    return {"metrics": _table(finish(tally_read(records))), "ignored": ignored}


def _table(metrics: Metrics) -> dict[str, JSON]:
    rows: dict[str, dict[str, JSON]] = {}
    for name, value in metrics.items():
        row, _, figure = name.partition("/")
        rows.setdefault(row, {})[figure] = or_none(round(value, 1))
    return dict(rows)


MARKED = Scorer(score, tally, finish, "all/relative", official)
VARIANTS: Mapping[str, Scorer] = {
    "official_summarize": MARKED,
    "official_summarize_ignoring_unparsed": replace(
        MARKED,
        tally=tally_read,
        official=official_read,
        why="leaves out the replies that could not be read in place of counting -1 for both",
    ),
}

TASK = Task(
    name="llava_bench",
    version=1,
    title="LLaVA-Bench (in the wild): open answers, marked by a judge (share of GPT-4's mark)",
    decoding=Decoding(max_new_tokens=1024),
    samples=samples,
    primary="official_summarize",
    variants=VARIANTS,
    assurance="certified",
    licence="Apache-2.0 (questions); images of several sources",
    shown=tuple(f"llava_bench_{category}/relative" for category in CATEGORIES),
    expected=("all/relative", *(f"llava_bench_{name}/relative" for name in CATEGORIES)),
    judge=judge,
)
