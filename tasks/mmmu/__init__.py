"""MMMU: college-level questions of thirty subjects, with up to seven pictures each.

Yue et al. 2023, arXiv 2311.16502. Data: the Hub's MMMU/MMMU or lmms-lab/MMMU. Where the authors'
code finds no option's letter it draws one at random; here such an answer gets what that gives on
average, one over the number of options, so that a score does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from lvlm_eval import facts
from lvlm_eval.answers.letters import letter_of_mmmu
from lvlm_eval.data import unique
from lvlm_eval.families.counting import ACCURACY
from lvlm_eval.families.splits import Source, first_there
from lvlm_eval.schema import Decoding, Sample, Task, Upload

from .files import DOMAINS, read_samples, table
from .marks import AXES, OFFICIAL, WITHOUT_DRAWS
from .variants import FOREIGN


def _read(split: str, root: Path) -> Iterator[Sample]:
    return unique(read_samples(root, split))


def entry(sample: Sample, text: str) -> Mapping[str, int | str]:
    """What the server takes: the letter that is read, an open answer as it is.

    The server draws no letter where none is read; such an answer, as it is, is marked as wrong.
    """
    options = facts.options(sample)
    letter = letter_of_mmmu(text, options) if options else None
    return {"id": sample.question_id, "answer": letter or text}


_SPLITS = {"val": "validation", "dev": "dev", "test": "test"}
_READERS: Mapping[str, Callable[[Path], Iterator[Sample]]] = {
    f"mmmu_{name}": partial(_read, split) for name, split in _SPLITS.items()
}
_SOURCES = {
    f"mmmu_{name}": Source((f"mmmu/{split}", f"mmmu/{split}.json"), table(split))
    for name, split in _SPLITS.items()
}

TASK = Task(
    name="mmmu",
    version=1,
    title="MMMU (accuracy)",
    decoding=Decoding(max_new_tokens=128),
    samples=first_there("mmmu", _SOURCES, _READERS),
    primary="official",
    variants={"official": OFFICIAL, **FOREIGN},
    assurance="certified",
    licence="Apache-2.0",
    shown=(WITHOUT_DRAWS, *(f"domain/{domain}" for domain in DOMAINS)),
    expected=(ACCURACY, *(f"{axis}/{row}" for axis in AXES[:1] for row in DOMAINS)),
    upload=Upload("mapping", entry, "id", "answer"),
)
SPLITS: Mapping[str, Task] = {
    name: replace(
        TASK, name=name, title=f"MMMU, {name.removeprefix('mmmu_')} (accuracy)", samples=read
    )
    for name, read in _READERS.items()
}
