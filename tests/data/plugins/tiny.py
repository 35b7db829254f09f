"""A benchmark of a few yes/no questions on small pictures, for tests of the engine."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lvlm_eval.data import inside, read_jsonl, require
from lvlm_eval.schema import (
    JSON,
    Decoding,
    Image,
    Prompt,
    Record,
    Response,
    Sample,
    Score,
    Scorer,
    Task,
)


def samples(root: Path) -> Iterator[Sample]:
    for row in read_jsonl(require(root, "tiny", "tiny/questions.jsonl")):
        image = Image(inside(root, f"tiny/images/{row.text('image')}", row.origin))
        yield Sample(
            question_id=row.identifier("id"),
            prompt=Prompt.user(image, row.text("text")),
            target=row.text("label"),
            cluster=row.text("image"),
            origin=row.origin,
        )


def score(sample: Sample, response: Response) -> Score:
    """The whole answer must be the label."""
    read = response.text if response.text in ("yes", "no") else None
    return Score({"correct": float(read == sample.target)}, read)


def tally(records: Sequence[Record]) -> Counter[str]:
    right = sum(int(record.score.values["correct"]) for record in records)
    return Counter({"right": right, "asked": len(records)})


def finish(sums: Mapping[str, float]) -> dict[str, float]:
    return {"accuracy": 100 * sums["right"] / sums["asked"]}


def official(records: Sequence[Record]) -> dict[str, JSON]:
    return {"metrics": {"accuracy": finish(tally(records))["accuracy"]}}


TASK = Task(
    name="tiny",
    version=1,
    title="Tiny questions",
    decoding=Decoding(max_new_tokens=4),
    samples=samples,
    primary="exact",
    variants={"exact": Scorer(score, tally, finish, "accuracy", official)},
    shown=("accuracy",),
)
