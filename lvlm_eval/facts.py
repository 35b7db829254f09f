"""Typed access to what a sample carries for its scorer.

The task that reads a fact has written it itself, so a wrong type here is our own bug; wrong
files were reported by `data.py` with file and line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvlm_eval.schema import Sample


def texts(sample: Sample, fact: str) -> Sequence[str]:
    """The fact as a list of texts, as it stands in the sample.

    That they are texts is not looked at here, where hundreds of thousands are asked for, but
    in the tests of the tasks.
    """
    value = sample.facts[fact]
    assert isinstance(value, (list, tuple)), f"{fact}: {value!r}"
    return value


def text(sample: Sample, fact: str) -> str | None:
    """The fact as text, None where it is null or absent."""
    value = sample.facts.get(fact)
    assert value is None or isinstance(value, str), f"{fact}: {value!r}"
    return value


def options(sample: Sample) -> Mapping[str, str]:
    """The texts that a multiple-choice question offers, by their letters."""
    value = sample.facts["options"]
    assert isinstance(value, Mapping), f"options: {value!r}"
    return {letter: str(option) for letter, option in value.items()}


def number(sample: Sample, fact: str) -> int:
    """The fact as an integer."""
    value = sample.facts[fact]
    assert isinstance(value, int), f"{fact}: {value!r}"
    return value


def target_texts(sample: Sample) -> list[str]:
    """The target of a sample whose target is several texts."""
    target = sample.target
    assert isinstance(target, Sequence) and not isinstance(target, str), sample.question_id
    assert all(isinstance(text, str) for text in target), f"{sample.question_id}: {target!r}"
    return [str(text) for text in target]


def target_text(sample: Sample) -> str:
    """The target of a sample whose target is text."""
    assert isinstance(sample.target, str), f"{sample.question_id}: {sample.target!r}"
    return sample.target
