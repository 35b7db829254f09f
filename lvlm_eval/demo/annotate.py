"""Questions about scenes in the benchmarks' own file formats: pure functions, no files.

The formats are those of VQA v2, GQA 1.2, POPE and MME as their authors publish them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvlm_eval.demo.question import Program, Question, one_of
from lvlm_eval.demo.scene import COLORS, DIGITS, SHAPES, WORDS
from lvlm_eval.schema import JSON

ANNOTATORS = 10
DISSENT = (0.85, 0.1, 0.05)  # how often no, one or two annotators of ten answer otherwise
_SIDES = ("left", "right", "top", "bottom")
# The openings by which VQA v2 sorts questions; the longest that fits is the question's type.
_OPENINGS = (
    "what color is the",
    "what is the color of the",
    "what is the",
    "what is",
    "what number is",
    "what does the",
    "what",
    "which",
    "how many",
    "is there an",
    "is there a",
    "is the",
)
_ENTAILING = ("query", "choose")  # questions whose answer settles the closed ones


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about the image of that id."""

    image_id: str
    question: Question


def coco_name(image_id: str) -> str:
    """The file name of a COCO val2014 image."""
    return f"COCO_val2014_{int(image_id):012d}.jpg"


def vqav2_documents(
    asked: Sequence[Asked], rng: np.random.Generator
) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The questions file and the annotations file of VQA v2."""
    questions: list[JSON] = []
    annotations: list[JSON] = []
    places: defaultdict[str, int] = defaultdict(int)
    for item in asked:
        image_id, question = int(item.image_id), item.question
        question_id = image_id * 1000 + places[item.image_id]
        places[item.image_id] += 1
        ids: dict[str, JSON] = {"image_id": image_id, "question_id": question_id}
        questions.append(ids | {"question": question.text})
        annotations.append(ids | _annotation(question, rng))
    shared: dict[str, JSON] = {
        "info": {"description": "a little drawn world in the VQA v2 layout", "version": "2.0"},
        "license": {"name": "CC0", "url": ""},
        "data_type": "mscoco",
        "data_subtype": "val2014",
    }
    return (
        shared | {"task_type": "Open-Ended", "questions": questions},
        shared | {"annotations": annotations},
    )


def _annotation(question: Question, rng: np.random.Generator) -> dict[str, JSON]:
    """Ten annotators' answers, the true one from at least eight of them."""
    answers: list[JSON] = [
        {
            "answer": answer,
            "answer_confidence": "yes" if answer == question.answer else "maybe",
            "answer_id": place,
        }
        for place, answer in enumerate(annotators(question, rng), 1)
    ]
    return {
        "question_type": question_type(question.text),
        "answer_type": answer_type(question.answer),
        "multiple_choice_answer": question.answer,
        "answers": answers,
    }


def annotators(question: Question, rng: np.random.Generator) -> list[str]:
    """What ten annotators say, in any order: at least eight of them the truth."""
    dissenting = int(rng.choice(len(DISSENT), p=DISSENT))
    given = [question.answer] * (ANNOTATORS - dissenting)
    given += [_other_answer(question, rng) for _ in range(dissenting)]
    return [given[int(place)] for place in rng.permutation(ANNOTATORS)]


def question_type(text: str) -> str:
    """The longest known opening of the question, "none of the above" without one."""
    lowered = text.lower()
    fitting = [opening for opening in _OPENINGS if lowered.startswith(f"{opening} ")]
    return max(fitting, key=len, default="none of the above")


def answer_type(answer: str) -> str:
    if answer in ("yes", "no"):
        return "yes/no"
    return "number" if answer.isdigit() else "other"


def _other_answer(question: Question, rng: np.random.Generator) -> str:
    """Another answer of the same sort."""
    sorts = (("yes", "no"), DIGITS, COLORS, SHAPES, WORDS, _SIDES)
    sort = next(values for values in sorts if question.answer in values)
    return one_of(rng, [value for value in sort if value != question.answer])


def gqa_documents(asked: Sequence[Asked]) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The questions file and the choices file of GQA, both by question id."""
    ids = [f"{200_000_000 + 137 * place}" for place in range(len(asked))]
    related = _related(asked, ids)
    given: defaultdict[str, set[str]] = defaultdict(set)
    for item in asked:
        given[item.question.kind].add(item.question.answer)
    questions: dict[str, JSON] = {}
    choices: dict[str, JSON] = {}
    for question_id, item in zip(ids, asked, strict=True):
        entailed, equivalent = related[question_id]
        ties: dict[str, JSON] = {"entailed": entailed, "equivalent": equivalent}
        questions[question_id] = _gqa_question(item) | ties
        domain = _program(item.question).domain
        likely = sorted(given[item.question.kind] & set(domain))
        choices[question_id] = {"valid": list(domain), "plausible": likely}
    return questions, choices


def _gqa_question(item: Asked) -> dict[str, JSON]:
    """All that GQA's file says of a question by itself."""
    program = _program(item.question)
    return {
        "semantic": [
            {"operation": s.operation, "argument": s.argument, "dependencies": s.dependencies}
            for s in program.steps
        ],
        "question": item.question.text,
        "imageId": item.image_id,
        "isBalanced": True,
        "groups": {"global": program.group, "local": f"{len(program.steps)}-{program.about}"},
        "answer": item.question.answer,
        "semanticStr": _written(program),
        "annotations": {"answer": {}, "question": {}, "fullAnswer": {}},
        "types": {
            "detailed": program.detailed,
            "semantic": program.semantic,
            "structural": program.structural,
        },
        "fullAnswer": program.full_answer,
    }


def _related(asked: Sequence[Asked], ids: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    """For each question the entailed and the equivalent ones, itself among both.

    Whoever knows a fact's value can answer every yes/no and choice about the same fact.
    """
    facts: defaultdict[tuple[str, str], list[tuple[str, Question]]] = defaultdict(list)
    for question_id, item in zip(ids, asked, strict=True):
        facts[item.image_id, _program(item.question).about].append((question_id, item.question))
    related = {}
    for question_id, item in zip(ids, asked, strict=True):
        program = _program(item.question)
        known = facts[item.image_id, program.about]
        settles = program.structural in _ENTAILING
        entailed = [other for other, _ in known if settles or other == question_id]
        equivalent = [other for other, question in known if question.kind == item.question.kind]
        related[question_id] = (entailed, equivalent)
    return related


def _program(question: Question) -> Program:
    assert question.program is not None
    return question.program


def _written(program: Program) -> str:
    """The program as one line, "select: star->query: color [0]"."""
    return "->".join(
        f"{step.operation}: {step.argument}"
        + (f" [{','.join(map(str, step.dependencies))}]" if step.dependencies else "")
        for step in program.steps
    )


def pope_rows(asked: Sequence[Asked]) -> list[Mapping[str, JSON]]:
    """The rows of one split's file, numbered from 1."""
    return [
        {
            "question_id": place,
            "image": coco_name(item.image_id),
            "text": item.question.text,
            "label": item.question.answer,
        }
        for place, item in enumerate(asked, 1)
    ]


def mme_lines(pair: Sequence[Question], ending: str) -> str:
    """An image's text file: two lines of question, tab and answer."""
    return "".join(f"{q.text}{ending}\t{q.answer.capitalize()}\n" for q in pair)
