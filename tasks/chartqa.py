"""ChartQA: questions on charts, half of them by people, half made from the charts' captions.

Masry et al. 2022, arXiv 2203.10244. Data: test_human.json and test_augmented.json of the
authors, charts in png/. Marked by relaxed accuracy as pix2struct has it: five per cent of a
number is near enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from lvlm_eval.data import Row, image_folder, inside, locate, read_array, unique
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.families.relaxed import relaxed_scorers
from lvlm_eval.families.splits import Source
from lvlm_eval.prompts import CHART_ANSWER
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task

HUB = HubTable(
    repositories=("lmms-lab/ChartQA", "lmms-lab-encoder/ChartQA"),
    split="test",
    columns=("type", "question", "answer"),
)
FILES = {"human": "chartqa/test_human.json", "augmented": "chartqa/test_augmented.json"}
SOURCE = Source(tuple(FILES.values()), HUB)


def samples(root: Path) -> Iterator[Sample]:
    """The questions of both halves of test, numbered in each as the authors' files have them."""
    if SOURCE.find(root, "chartqa") is None:
        return unique(_samples(_hub(root)))
    return unique(_samples(_files(root)))


def _files(root: Path) -> Iterator[tuple[str, Row, Image, str, str]]:
    images = image_folder(root, "chartqa/png", "chartqa/test/png")
    for half, place in FILES.items():
        path = locate(root, place)
        for row in read_array(path) if path else ():
            image = Image(inside(images, row.text("imgname"), row.origin))
            yield half, row, image, row.text("query"), row.text("label")


def _hub(root: Path) -> Iterator[tuple[str, Row, Image, str, str]]:
    for row in read_hub(root, "chartqa", HUB):
        half = row.text("type").removesuffix("_test")
        yield half, row, row.image(), row.text("question"), row.text("answer")


def _samples(found: Iterable[tuple[str, Row, Image, str, str]]) -> Iterator[Sample]:
    count: Counter[str] = Counter()
    for half, row, image, question, target in found:
        count[half] += 1
        yield Sample(
            question_id=f"{half}/{count[half]}",
            prompt=Prompt.user(image, question + CHART_ANSWER),
            target=target,
            facts={"answers": [target]},
            groups={"split": half},
            cluster=image.name,
            aliases=(Path(image.name).stem,),
            origin=row.origin,
        )


TASK = Task(
    name="chartqa",
    version=1,
    title="ChartQA test (relaxed accuracy)",
    decoding=Decoding(max_new_tokens=16),
    samples=samples,
    primary="pix2struct",
    variants=relaxed_scorers("split"),
    assurance="certified",
    hub=(HUB.place,),
    licence="GPL-3.0",
    shown=("split/human", "split/augmented", "average_of_two"),
    expected=("accuracy", "split/human", "split/augmented"),
)
