"""What identifies a task's prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvlm_eval.questions import read_questions
from lvlm_eval.schema import JSON, Decoding, Image, Prompt, Sample, Scorer, Task
from lvlm_eval.store import digest_of_json

SCORER = Scorer(lambda *_: None, lambda _: {}, lambda _: {}, "accuracy", lambda _: {})  # type: ignore[arg-type]
PROMPT = Prompt.user(Image(data=b"x", digest="d"), "Is it?")


def digests(prompt: Prompt) -> tuple[str, str]:
    """Of the prompts and of the data of a task that asks this one question."""

    def samples(_: Path) -> Iterator[Sample]:
        yield Sample("q", prompt, "yes")

    task = Task("tiny", 1, "Tiny", Decoding(), samples, "own", {"own": SCORER})
    run = read_questions(task, "tiny", Path()).task_run(Decoding())
    return run.prompt_digest, run.data_digest


def test_the_digest_of_a_prompt_is_over_system_turns_and_places_of_pictures() -> None:
    written: JSON = ["", [["user", [{"image": True}, "Is it?"]]]]
    data: JSON = ["q", written, "yes", {}, {}, "q", ["d"]]
    assert digests(PROMPT) == (digest_of_json([written]), digest_of_json([data]))
    assert digests(replace(PROMPT, system="Be kind.")) != digests(PROMPT)


def test_pictures_that_the_original_script_does_not_pad_make_another_prompt() -> None:
    unpadded = replace(PROMPT, padded=False)
    assert digests(Prompt.user(*PROMPT.turns[0].parts, padded=False)) == digests(unpadded)
    assert set(digests(unpadded)).isdisjoint(digests(PROMPT))
    assert unpadded.map_images(lambda _: None).padded is False
