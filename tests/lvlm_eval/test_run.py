"""Marking: what is taken off an answer before it is read, and what is counted beside the score."""

from pathlib import Path

from lvlm_eval.plugins import load_task
from lvlm_eval.questions import Questions
from lvlm_eval.run import mark
from lvlm_eval.schema import Image, Prompt, Response, Sample

PICTURE = Image(Path("a.jpg"))


def test_reasoning_is_taken_off_once_and_refusals_are_counted() -> None:
    texts = {
        "0": "<think>It is not there. no</think>yes",
        "1": "I'm sorry, I cannot see that. yes",
        "2": "<think>yes, or",
        "3": "yes",
    }
    samples = tuple(
        Sample(key, Prompt.user(PICTURE, "?"), "yes", groups={"split": "random"}, cluster=key)
        for key in texts
    )
    questions = Questions(load_task("pope"), "pope", samples, "", "")
    responses = {key: Response(key, text, "stop") for key, text in texts.items()}
    lines, summary = mark(questions, samples, responses)
    found = list(lines)
    assert [line["answer"] for line in found] == ["yes", "yes", "yes", "yes"]
    assert [line["read"] for line in found] == [
        "first sentence, behind its reasoning", "first sentence",
        "first sentence, behind its reasoning", "first sentence",
    ]  # fmt: skip
    assert [line["refused"] for line in found] == [False, True, False, False]
    assert (summary.refused, summary.traced, summary.n) == (1, 2, 4)
    assert responses["0"].text.startswith("<think>")
