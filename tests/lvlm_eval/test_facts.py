"""Facts of a sample: by type, and loudly where our own code put another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lvlm_eval.facts import number, target_text, text, texts
from lvlm_eval.schema import Image, Prompt, Sample

SAMPLE = Sample(
    "1",
    Prompt.user(Image(data=b"")),
    "yes",
    facts={"answers": ("a", "b"), "steps": 3, "group": "x", "none": None},
)


def test_facts_come_by_their_type() -> None:
    assert texts(SAMPLE, "answers") == ("a", "b")
    assert number(SAMPLE, "steps") == 3
    assert (text(SAMPLE, "group"), text(SAMPLE, "none"), text(SAMPLE, "absent")) == (
        "x",
        None,
        None,
    )
    assert target_text(SAMPLE) == "yes"


@pytest.mark.parametrize(
    ("read", "fact"), [(texts, "group"), (number, "group"), (text, "steps"), (texts, "steps")]
)
def test_a_fact_of_another_type_is_our_own_bug(
    read: Callable[[Sample, str], object], fact: str
) -> None:
    with pytest.raises(AssertionError, match=fact):
        read(SAMPLE, fact)
