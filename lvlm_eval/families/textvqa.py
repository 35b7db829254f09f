"""TextVQA's files: questions about text in pictures, ten answers each, and the tokens that an OCR
system read there.

Question ids are the annotation file's. LLaVA's question and answer files call a question by its
picture's id, which repeats: there the picture's id and the question together name it, as in
the authors' evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.answers.phrases import VLMEVALKIT
from lvlm_eval.data import (
    Row,
    image_folder,
    inside,
    locate,
    read_array,
    read_jsonl,
    require,
    unique,
)
from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.errors import DataError
from lvlm_eval.families.short_answer import by_m4c, mean_scorer, normalised
from lvlm_eval.families.splits import Read, Source
from lvlm_eval.families.vqa_files import most_given
from lvlm_eval.metrics import means, per_item, tally_correct
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Record, Sample, Scorer, Task

HUB = HubTable(
    repositories=("lmms-lab/textvqa", "lmms-lab-encoder/textvqa"),
    split="validation",
    columns=("image_id", "question_id", "question", "answers", "ocr_tokens"),
)
SOURCE = Source(("textvqa/TextVQA_0.5.1_val.json",), HUB)
LLAVA = "textvqa/llava_textvqa_val_v051_ocr.jsonl"
ROSETTA = "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json"
TOKENS = "Reference OCR token: "

Ask = Callable[[Row], str]  # a row's question as it is asked


def samples_plain(root: Path) -> Iterator[Sample]:
    """The questions of val without OCR tokens."""
    return _samples(root, "textvqa_plain", lambda row: row.text("question") + SHORT_ANSWER)


def samples_with_tokens(root: Path) -> Iterator[Sample]:
    """The questions of val with OCR tokens, as LLaVA's file has them.

    Without that file the tokens are the Hub's, or those of the authors' OCR file; a picture
    without any is asked about without that line.
    """
    llava = locate(root, LLAVA)
    return _samples(root, "textvqa", _llava_texts(llava) if llava else _with_tokens(root))


def _samples(root: Path, task: str, ask: Ask) -> Iterator[Sample]:
    path = SOURCE.find(root, task)
    if path is None:
        rows = read_hub(root, task, HUB, "textvqa")
        return unique(_sample(row, row.image(), ask) for row in rows)
    images = image_folder(root, "textvqa/train_images", "textvqa/train_val_images/train_images")
    return unique(_sample(row, _image(images, row), ask) for row in read_array(path, "data"))


def _image(images: Path, row: Row) -> Image:
    return Image(inside(images, f"{row.identifier('image_id')}.jpg", row.origin))


def _sample(row: Row, image: Image, ask: Ask) -> Sample:
    image_id, answers = row.identifier("image_id"), row.texts("answers")
    if not answers:
        raise DataError(f"{row.origin}: 'answers' is empty; nothing can be marked against it")
    return Sample(
        question_id=row.identifier("question_id"),
        prompt=Prompt.user(image, ask(row)),
        target=most_given(tuple(answers)),
        facts={"answers": answers},
        cluster=image_id,
        aliases=(f"{image_id}\n{row.text('question').lower()}", image_id),
        origin=row.origin,
    )


def _with_tokens(root: Path) -> Ask:
    """Questions followed by the tokens that the row has, or the authors' OCR file by picture."""
    tokens = {} if SOURCE.find(root, "textvqa") is None else _rosetta(root)

    def ask(row: Row) -> str:
        own = row.texts("ocr_tokens") if "ocr_tokens" in row.values else None
        found = tokens.get(row.identifier("image_id"), []) if own is None else own
        line = "\n" + TOKENS + ", ".join(found) if found else ""
        return row.text("question") + line + SHORT_ANSWER

    return ask


def _rosetta(root: Path) -> dict[str, list[str]]:
    """The OCR tokens of each picture; MissingData names LLaVA's file too, which has them."""
    path = require(root, "textvqa", LLAVA, ROSETTA)
    return {row.identifier("image_id"): row.texts("ocr_tokens") for row in read_array(path, "data")}


def _llava_texts(path: Path) -> Ask:
    """Questions as LLaVA's file has them, tokens and instruction included."""
    texts = {
        (row.identifier("question_id"), question_in(row.text("text")).lower()): row.text("text")
        for row in read_jsonl(path)
    }

    def ask(row: Row) -> str:
        key = row.identifier("image_id"), row.text("question").lower()
        if key not in texts:
            raise DataError(
                f"{row.origin}: {path} has no line for picture {key[0]} with the question "
                f"{row.text('question')!r}; take the two files of one edition"
            )
        return texts[key]

    return ask


def question_in(text: str) -> str:
    """The question of a line of LLaVA's file: its first line that is not the tokens'."""
    lines = text.split("\n")
    return next((line for line in lines if not line.startswith(TOKENS.strip())), text)


def official(records: Sequence[Record]) -> dict[str, JSON]:
    """As LLaVA's and MoE-LLaVA's script has it, with the line that it prints."""
    share = means(tally_correct(records))["correct"]
    metrics: dict[str, JSON] = {"accuracy": share, "printed": f"Accuracy: {100 * share:.2f}%"}
    return {"metrics": metrics, "per_item": per_item(records)}


M4C = mean_scorer(by_m4c, "phrase", "exact_match", why="the same rule")
VARIANTS: Mapping[str, Scorer] = {
    "moe_llava": replace(M4C, official=official, why=""),
    "mmf_pythia": mean_scorer(by_m4c, "phrase", "accuracy", items=False, why="the same rule"),
    "lmms_eval": M4C,
    "vlmevalkit": mean_scorer(
        normalised(VLMEVALKIT),
        "phrase",
        "Overall",
        unit=100.0,
        why="commas, question marks and 's are left to the evaluator; another rule for periods",
    ),
}


def textvqa_task(name: str, title: str, samples: Read) -> Task:
    """One of the two tasks: the same questions and marking, asked differently."""
    return Task(
        name=name,
        version=1,
        title=title,
        decoding=Decoding(max_new_tokens=128),
        samples=samples,
        primary="moe_llava",
        variants=VARIANTS,
        assurance="certified",
        hub=(HUB.place,),
        licence="CC BY 4.0",
        expected=("correct",),
    )
