"""MMVP: pairs of pictures that CLIP takes for the same, one question on both, other answers.

Tong et al. 2024, arXiv 2401.06209. Data: the authors' Questions.csv and `MMVP Images/<n>.jpg`.
A pair counts if both answers are right; the authors ask a judge for that, here a letter is read.
Four answers of the first edition (99, 100, 279, 280) are swapped in corrected ones: a log line
says which it is.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lvlm_eval.answers.letters import lenient_letter
from lvlm_eval.data import image_folder, inside, read_text, require, unique
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError
from lvlm_eval.families.choice import Marking, lettered, listed, offered, score
from lvlm_eval.families.counting import Counting, counted
from lvlm_eval.prompts import OPTION_LETTER
from lvlm_eval.schema import Decoding, Image, Prompt, Sample, Task

FILE = "mmvp/Questions.csv"
CORRECTED = {"99": "B", "100": "A", "279": "B", "280": "A"}
_OPTION = re.compile(r"\([a-z]\)\s*([^(]+?)\s*(?=\([a-z]\)|\Z)")

logger = logging.getLogger(__name__)


def samples(root: Path) -> Iterator[Sample]:
    """The questions in their file's order; two that follow each other are a pair."""
    path = require(root, "mmvp", FILE)
    folder = image_folder(root, "mmvp/MMVP Images", "mmvp/images")
    found = list(unique(_sample(row, folder) for row in _rows(path)))
    differing = [s.question_id for s in found if CORRECTED.get(s.question_id, s.target) != s.target]
    if len(found) > len(CORRECTED):
        edition = "first edition" if differing else "corrected edition"
        logger.info("mmvp: the answers are those of the %s", edition)
    return iter(found)


def _rows(path: Path) -> Iterator[Row]:
    """The table's rows; its first column, an index from 1, is misspelt in the authors' file."""
    reader = csv.reader(io.StringIO(read_text(path)))
    header = next(reader, [])
    if header[1:] != ["Question", "Options", "Correct Answer"]:
        raise DataError(
            f"{path}:1: the columns must be an index, Question, Options, Correct Answer; "
            f"got {', '.join(header)}"
        )
    for cells in reader:
        if len(cells) != len(header):
            raise DataError(f"{path}:{reader.line_num}: {len(cells)} cells, must be {len(header)}")
        names = ("index", "question", "options", "answer")
        yield Row(dict(zip(names, cells, strict=True)), f"{path}:{reader.line_num}")


def _sample(row: Row, folder: Path) -> Sample:
    index = row.text("index")
    if not index.isdecimal():
        raise DataError(f"{row.origin}: the index must be a number, got {index!r}")
    options = lettered(_OPTION.findall(row.text("options")))
    text = row.text("question") + listed(options) + OPTION_LETTER
    pair = str((int(index) + 1) // 2)
    return Sample(
        question_id=index,
        prompt=Prompt.user(Image(inside(folder, f"{index}.jpg", row.origin)), text),
        target=offered(row.text("answer").strip("() ").upper(), options, row.origin),
        facts={"options": options, "pair": pair},
        cluster=pair,
        origin=row.origin,
    )


_MARKING = Marking(lenient_letter, "a patient reader")
TASK = Task(
    name="mmvp",
    version=1,
    title="MMVP: pairs that CLIP cannot tell apart (share of pairs)",
    decoding=Decoding(max_new_tokens=128),
    samples=samples,
    primary="letter",
    variants={
        "letter": counted(partial(score, _MARKING), Counting(together="pair", headline="together"))
    },
    licence="MIT, unverified",
    shown=("accuracy",),
    expected=("together", "accuracy"),
)
