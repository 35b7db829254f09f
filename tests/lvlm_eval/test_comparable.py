"""What may and what may not stand in one column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvlm_eval.comparable import Asked, check_comparable
from lvlm_eval.errors import NotComparable
from lvlm_eval.schema import Decoding, Run, TaskRun

RUN = Run("demo", "moe_llava", {"dtype": "float32"}, "aa11")
TASK_RUN = TaskRun("pope", 1, "d0", "i0", "p0", Decoding(max_new_tokens=128), 300)


def test_other_weights_settings_and_modes_are_what_is_compared() -> None:
    other = replace(RUN, model="b", weights="bb22", settings={"dtype": "bfloat16"}, mode="blind")
    check_comparable("pope", [Asked("a", RUN, TASK_RUN), Asked("b", other, TASK_RUN)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "task version is 1 for the one and 2 for the other"),
        ({"data_digest": "d1"}, "data digest is d0 for the one and d1"),
        ({"prompt_digest": "p1"}, "prompt digest is p0 for the one and p1"),
        ({"image_digest": "i1"}, "image digest is i0 for the one and i1"),
        ({"decoding": Decoding(max_new_tokens=16)}, "decoding max_new_tokens is 128 .* and 16"),
        ({"decoding": Decoding(stop=("\n",))}, r"decoding stop is \(\) for the one"),
    ],
)
def test_questions_asked_otherwise_are_refused_and_named(
    change: dict[str, object], message: str
) -> None:
    other = replace(TASK_RUN, **change)  # type: ignore[arg-type]
    with pytest.raises(NotComparable, match=rf"pope: first and second .*{message}"):
        check_comparable("pope", [Asked("first", RUN, TASK_RUN), Asked("second", RUN, other)])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(RUN, judge="gpt"), "judge is none for the one and gpt"),
        (replace(RUN, protocol="vlmevalkit"), "protocol is default for the one and vlmevalkit"),
    ],
)
def test_answers_marked_otherwise_are_refused_and_named(other: Run, message: str) -> None:
    with pytest.raises(NotComparable, match=message):
        check_comparable("pope", [Asked("a", RUN, TASK_RUN), Asked("b", other, TASK_RUN)])


def test_images_that_one_run_never_read_are_no_difference() -> None:
    unread = replace(TASK_RUN, image_digest="")
    check_comparable("pope", [Asked("a", RUN, unread), Asked("b", RUN, TASK_RUN)])


def test_two_that_differ_are_found_behind_one_that_read_no_images() -> None:
    digests = ("", "i0", "i1")
    results = [Asked(d or "none", RUN, replace(TASK_RUN, image_digest=d)) for d in digests]
    with pytest.raises(NotComparable, match="i0 and i1 are not comparable: image digest"):
        check_comparable("pope", results)
