"""Baselines: what they answer, and that nothing but the seed and the question decides it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lvlm_eval.abilities import Baseline
from lvlm_eval.errors import UsageError
from lvlm_eval.models import baseline
from lvlm_eval.schema import JSON, Decoding, Prompt, Response, Sample


def samples_of(*targets: JSON) -> list[Sample]:
    return [
        Sample(f"q{number}", Prompt.user(f"question {number}?"), target)
        for number, target in enumerate(targets)
    ]


def answers_of(kind: str, samples: Sequence[Sample], seed: int = 0) -> list[Response]:
    fitted = baseline.load(kind, seed=seed).fit(samples)
    return list(fitted.generate((sample.request for sample in samples), Decoding()))


def test_majority_gives_the_most_frequent_target_to_every_question() -> None:
    answers = answers_of("majority", samples_of("no", "red", "red", "yes", "red", "no"))
    assert [answer.text for answer in answers] == ["red"] * 6
    assert [answer.question_id for answer in answers] == [f"q{n}" for n in range(6)]


def test_of_equally_frequent_targets_the_first_to_occur_is_given() -> None:
    samples = samples_of("two dogs", "yes", "no", "yes", "no")
    assert {answer.text for answer in answers_of("majority", samples)} == {"yes"}


def test_answers_are_finished_and_counted_in_words() -> None:
    (answer,) = answers_of("majority", samples_of("two red dogs"))
    assert (answer.finish, answer.new_tokens, answer.error) == ("stop", 3, "")


def test_a_list_of_acceptable_answers_counts_as_its_first() -> None:
    samples = samples_of(["cat", "kitten"], ["cat"], "kitten", 7)
    assert {answer.text for answer in answers_of("majority", samples)} == {"cat"}


def test_chance_draws_each_distinct_target_about_equally_often() -> None:
    samples = samples_of(*["yes"] * 2700, *["no"] * 200, *["maybe"] * 100)
    counts = Counter(answer.text for answer in answers_of("chance", samples))
    assert set(counts) == {"yes", "no", "maybe"}
    assert all(900 < count < 1100 for count in counts.values())  # 4 deviations of 26


def test_chance_draws_the_letters_that_a_question_offers() -> None:
    two, four = (
        [
            replace(sample, question_id=f"{letters}{i}", facts={"options": dict.fromkeys(letters)})
            for i, sample in enumerate(samples_of(*"A" * 600))
        ]
        for letters in ("AB", "ABCD")
    )
    answers = answers_of("chance", [*two, *four])
    counts = [Counter(answer.text for answer in some) for some in (answers[:600], answers[600:])]
    assert [set(count) for count in counts] == [set("AB"), set("ABCD")]
    assert counts[0]["B"] > 250 > counts[1]["B"]


def test_chance_does_not_depend_on_the_order_of_questions() -> None:
    samples = samples_of(*"abcdefgh" * 5)
    forwards = {answer.question_id: answer.text for answer in answers_of("chance", samples)}
    backwards = {answer.question_id: answer.text for answer in answers_of("chance", samples[::-1])}
    assert forwards == backwards


def test_another_seed_draws_other_answers() -> None:
    samples = samples_of(*"abcdefgh" * 5)
    assert answers_of("chance", samples) != answers_of("chance", samples, seed=1)


def test_only_what_decides_the_answers_is_described() -> None:
    assert baseline.load("majority", seed=4).describe() == {"weights": "none", "kind": "majority"}
    assert baseline.load("majority", seed=4) == baseline.load("majority")
    described = {"weights": "none", "kind": "chance", "seed": "4"}
    assert baseline.load("chance", seed=4).describe() == described


def test_the_engine_can_tell_that_a_baseline_must_be_fitted() -> None:
    assert isinstance(baseline.load("majority"), Baseline)
    assert baseline.load("chance").name == "baseline-chance"


def test_no_checkpoint_is_taken_for_a_baseline() -> None:
    assert not baseline.recognises({"model_type": "baseline", "kind": "majority"})


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'oracle'.*majority, chance"):
        baseline.load("oracle")


@pytest.mark.parametrize("target", [None, [], [None], {"box": [1, 2]}])
def test_a_question_without_an_answer_cannot_be_learnt_from(target: JSON) -> None:
    with pytest.raises(UsageError, match=r"'q1'.*public"):
        baseline.load("majority").fit(samples_of("yes", target))


@pytest.mark.parametrize("kind", baseline.KINDS)
def test_no_questions_at_all_are_an_error(kind: str) -> None:
    with pytest.raises(UsageError, match="there are none"):
        baseline.load(kind).fit([])


def test_a_question_that_was_never_seen_is_refused_and_not_guessed() -> None:
    fitted = baseline.load("majority").fit(samples_of("yes"))
    stranger = Sample("other", Prompt.user("?"), "yes").request
    with pytest.raises(UsageError, match="'other'"):
        list(fitted.generate([stranger], Decoding()))
