"""MME's files: the release folder, LLaVA's question file or both, else a copy of the Hub's.

The release has a text file per image, two lines `question<tab>answer`, next to the image or in
questions_answers_YN/ beside images/. LLaVA's file repeats an image's name for its two questions
and words them for a one-word answer; the two are joined by the question's text, as in LLaVA's
converter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lvlm_eval.data import Row, inside, locate, read_jsonl, read_text
from lvlm_eval.errors import DataError
from lvlm_eval.families.splits import Source
from lvlm_eval.prompts import SHORT_ANSWER
from lvlm_eval.schema import Image, Prompt, Sample

from .hub import HUB, read_copy

PERCEPTION = (
    "existence", "count", "position", "color", "posters",
    "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = (
    "commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning",
)  # fmt: skip
CATEGORIES = PERCEPTION + COGNITION

_RELEASE = "MME_Benchmark_release_version"
_RELEASES = (f"mme/{_RELEASE}", f"MME/{_RELEASE}")
_LLAVA_FILES = ("mme/llava_mme.jsonl", "MME/llava_mme.jsonl")
_INSTRUCTION = "Please answer yes or no."


@dataclass(frozen=True, slots=True)
class Question:
    """A line of a release file: which image (without ending), which line, what it says."""

    category: str
    stem: str
    line: int
    text: str
    answer: str
    origin: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What LLaVA's file makes of a question: image file, its own id, and the prompt."""

    image: str
    question_id: str
    prompt: str


def read_samples(root: Path) -> Iterator[Sample]:
    """The questions of the categories that are there, in the order of the paper's table.

    Question ids are `<category>/<image file>#<line>`. With LLaVA's file alone the targets are
    None and lines are counted in its order.
    """
    llava = locate(root, *_LLAVA_FILES)
    release = locate(root, *_RELEASES)
    if release is None and llava is not None:
        yield from _unanswered(llava, root)
        return
    if release is None and Source(_RELEASES, HUB).find(root, "mme") is None:
        yield from _copied(root)
        return
    assert release is not None
    questions = {category: list(_questions(release, category)) for category in CATEGORIES}
    wordings = _wordings(llava, questions) if llava else {}
    for category in CATEGORIES:
        images = release / category / "images"
        folder = images if images.is_dir() else release / category
        names = _image_names(folder)
        for question in questions[category]:
            yield _sample(question, wordings.get(question) or _wording(question, names), folder)


def _copied(root: Path) -> list[Sample]:
    """The Hub's rows in the release's order, worded like it."""
    found = (s for s in read_copy(root) if s.groups["category"] in CATEGORIES)
    worded = (
        replace(s, prompt=Prompt.user(*s.prompt.images, _reworded(s.prompt.text))) for s in found
    )
    return sorted(worded, key=_release_order)


def _release_order(sample: Sample) -> tuple[int, str, str]:
    category, line = sample.groups["category"], sample.question_id.rpartition("#")[2]
    return CATEGORIES.index(category), _stem(Path(sample.cluster).name) + ".txt", line


def _questions(release: Path, category: str) -> Iterator[Question]:
    """A category's questions by image name; none if the folder is not there."""
    folder = release / category
    split = folder / "questions_answers_YN"
    for path in sorted((split if split.is_dir() else folder).glob("*.txt")):
        lines = [line for line in read_text(path).split("\n") if line.strip()]
        if len(lines) != 2:
            raise DataError(f"{path}: must have two questions, one a line, has {len(lines)}")
        for number, line in enumerate(lines, start=1):
            yield _question(category, path, number, line)


def _question(category: str, path: Path, number: int, line: str) -> Question:
    fields = line.strip().split("\t")
    answer = fields[-1].lower()
    if len(fields) != 2 or answer not in ("yes", "no"):
        raise DataError(f"{path}:{number}: must be a question, a tab and Yes or No, got {line!r}")
    return Question(category, _stem(path.name), number, fields[0], answer, f"{path}:{number}")


def _sample(question: Question, wording: Wording, folder: Path) -> Sample:
    base = f"{question.category}/{wording.image}"
    return Sample(
        question_id=f"{base}#{question.line}",
        prompt=Prompt.user(Image(inside(folder, wording.image)), wording.prompt),
        target=question.answer,
        groups={"category": question.category},
        cluster=base,
        aliases=_aliases(base, wording.question_id, question.line),
        origin=question.origin,
    )


def _aliases(base: str, llava_id: str, line: int) -> tuple[str, ...]:
    """LLaVA's id where it is not the plain `<category>/<file>`, alone and with the line."""
    return () if llava_id == base else (llava_id, f"{llava_id}#{line}")


def _image_names(folder: Path) -> dict[str, str]:
    """The image files that lie in a folder, by stem; none if it is not there."""
    names = sorted(path.name for path in folder.glob("*.*") if path.suffix != ".txt")
    return {_stem(name): name for name in reversed(names)}


def _wording(question: Question, names: Mapping[str, str]) -> Wording:
    """A question in LLaVA's manner, without its file: one instruction in place of the other.

    Where the image does not lie there either, its name has the ending that the release gives.
    """
    ending = "png" if question.category in COGNITION else "jpg"
    name = names.get(question.stem, f"{question.stem}.{ending}")
    return Wording(name, f"{question.category}/{name}", _reworded(question.text))


def _reworded(question: str) -> str:
    return question.replace(_INSTRUCTION, "").strip() + SHORT_ANSWER


def _wordings(path: Path, questions: Mapping[str, list[Question]]) -> dict[Question, Wording]:
    """LLaVA's wording of each question; an error where it asks what the release does not.

    Rows of a category that the release folder lacks are passed over.
    """
    by_text = {(q.category, q.stem, q.text): q for some in questions.values() for q in some}
    wordings: dict[Question, Wording] = {}
    for row in read_jsonl(path):
        category, name = _category_and_name(row)
        if not questions.get(category):
            continue
        question = _asked(row, category, _stem(name), by_text)
        if question in wordings:
            raise DataError(f"{row.origin}: asks {question.text!r} of {name} a second time")
        wordings[question] = Wording(name, row.identifier("question_id"), row.text("text"))
    return wordings


def _asked(
    row: Row, category: str, stem: str, by_text: Mapping[tuple[str, str, str], Question]
) -> Question:
    """The release's question that LLaVA's row stands for, found as its converter finds it."""
    bare = row.text("text").replace(SHORT_ANSWER.strip(), "").strip()
    spellings = [f"{bare} {_INSTRUCTION}", f"{bare}  {_INSTRUCTION}"]
    if _INSTRUCTION in bare:
        spellings = [bare]
    for spelling in spellings:
        if (category, stem, spelling) in by_text:
            return by_text[category, stem, spelling]
    raise DataError(
        f"{row.origin}: the release has no question {bare!r} on {category}/{stem}; "
        "take LLaVA's file and the release folder from one edition"
    )


def _unanswered(path: Path, root: Path) -> Iterator[Sample]:
    """LLaVA's questions without the release: an image's first is line 1, its second line 2."""
    images = inside(root, _RELEASES[0])
    seen: dict[str, int] = {}
    for row in read_jsonl(path):
        category, name = _category_and_name(row)
        base = f"{category}/{name}"
        number = seen[base] = seen.get(base, 0) + 1
        image = Image(inside(images, row.text("image"), row.origin))
        yield Sample(
            question_id=f"{base}#{number}",
            prompt=Prompt.user(image, row.text("text")),
            target=None,
            groups={"category": category},
            cluster=base,
            aliases=_aliases(base, row.identifier("question_id"), number),
            origin=row.origin,
        )


def _category_and_name(row: Row) -> tuple[str, str]:
    """Category and file of `<category>/<file>` or `<category>/images/<file>`."""
    image = row.text("image")
    inside(Path(), image, row.origin)
    parts = image.split("/")
    if len(parts) < 2:
        raise DataError(f"{row.origin}: 'image' must be <category>/<file>, got {image!r}")
    return parts[0], parts[-1]


def _stem(name: str) -> str:
    """The name up to its first dot, by which LLaVA's converter finds the text file."""
    return name.partition(".")[0]
