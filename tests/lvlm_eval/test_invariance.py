"""What counts as a flip, where two answers part, and which settings are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.errors import TooFewAnswers
from lvlm_eval.invariance import (
    REFERENCE,
    Axes,
    Flip,
    Outcome,
    Quiz,
    Setting,
    ask_all,
    check_reference,
    flips,
    parting,
    settings_of,
    weighed,
)
from lvlm_eval.schema import Decoding, Prompt, Request, Response
from lvlm_eval.tracing import Rival, Traced

ALL = ("device", "batch", "batch_tokens", "reuse")
REQUESTS = tuple(Request(str(n), Prompt.user("?")) for n in range(9))
QUIZZES = [
    Quiz("one", REQUESTS, Decoding(max_new_tokens=3)),
    Quiz("two", REQUESTS[:4], Decoding(max_new_tokens=5)),
]


@dataclass(frozen=True)
class Echo:
    """Answers with the question's id and its place in the call, noting what it was asked."""

    name: str = "echo"
    calls: list[tuple[str, ...]] = field(default_factory=list)
    silent: str = ""

    def describe(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        names = tuple(request.question_id for request in requests)
        self.calls.append(names)
        for name in names:
            if name != self.silent:
                yield Response(name, f"{name} {decoding.max_new_tokens}", "stop", 1)


@dataclass(frozen=True)
class Scale(Echo):
    """Weighs a token by its id."""

    def trace(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Traced]:
        return (Traced(response, (5, 6)) for response in self.generate(requests, decoding))

    def weigh(
        self, request: Request, so_far: Sequence[int], rivals: Sequence[int]
    ) -> tuple[Rival, ...]:
        assert tuple(so_far) == (4, 4)
        return tuple(Rival(f"<{token}>", token / 8) for token in rivals)


def traced(text: str, *ids: int, finish: str = "stop") -> Traced:
    return Traced(Response("q", text, finish, len(ids)), ids)  # type: ignore[arg-type]


def outcome(*answers: Traced) -> Outcome:
    keyed = {("t", str(place)): answer for place, answer in enumerate(answers)}
    return Outcome(REFERENCE, keyed, 1.0)


def test_the_reference_asks_each_question_in_a_call_of_its_own() -> None:
    model = Echo()
    asked = ask_all(model, QUIZZES, REFERENCE)
    assert model.calls == [(str(n),) for n in (*range(9), *range(4))]
    assert asked.answers["one", "3"].response.text == "3 3"
    assert asked.answers["two", "3"].response.text == "3 5"
    assert len(asked.answers) == 13


def test_a_seeded_order_holds_every_question_and_is_its_seeds_own() -> None:
    model = Echo()
    for seed in (1, 1, 2):
        ask_all(model, QUIZZES[:1], Setting("", order=seed))
    ask_all(model, QUIZZES[:1], Setting(""))
    first, again, other, plain = model.calls
    assert first == again
    assert plain == tuple(str(n) for n in range(9))
    assert len({first, other, plain}) == 3
    assert sorted(first) == sorted(other) == sorted(plain)


def test_tokens_are_kept_where_the_model_shows_them() -> None:
    assert ask_all(Scale(), QUIZZES, REFERENCE).answers["two", "1"].token_ids == (5, 6)
    assert ask_all(Echo(), QUIZZES, REFERENCE).answers["two", "1"].token_ids == ()


def test_progress_counts_every_answer() -> None:
    counted: list[int] = []
    ask_all(Echo(), QUIZZES, REFERENCE, counted.append)
    assert sum(counted) == 13


def test_an_answer_that_never_came_is_named() -> None:
    with pytest.raises(TooFewAnswers, match="one '7' was not asked or has no answer"):
        ask_all(Echo(silent="7"), QUIZZES, Setting("together"))


def test_answers_differ_by_text_end_count_or_tokens() -> None:
    same = traced("yes", 1, 2)
    others = [
        same,
        traced("no", 1, 2),
        traced("yes", 1, 2, finish="length"),
        traced("yes", 1, 2, 3),
        traced("yes", 9, 2),
        Traced(Response("q", "", "error", error="OutOfMemoryError: no")),
    ]
    found = flips(outcome(*[same] * len(others)), outcome(*others))
    assert [flip.key[1] for flip in found] == ["1", "2", "3", "4", "5"]
    assert [flip.place for flip in found] == [None, None, None, 0, None]


@given(st.lists(st.integers(0, 3)), st.integers(0, 3), st.integers(0, 3), st.lists(st.integers()))
def test_answers_part_where_their_first_tokens_end(
    common: list[int], one: int, other: int, rest: list[int]
) -> None:
    place = parting(traced("", *common, one, *rest), traced("", *common, other, *rest))
    assert place == (None if one == other else len(common))


def test_the_margin_is_the_references_token_over_the_other() -> None:
    flip = Flip(("t", "0"), traced("a", 4, 4, 9, 1), traced("b", 4, 4, 3), 2)
    found = weighed(flip, Scale(), REQUESTS[0])
    assert found.rivals == (Rival("<9>", 9 / 8), Rival("<3>", 3 / 8))
    assert found.margin == 0.75
    assert weighed(flip, Echo(), REQUESTS[0]).margin is None
    assert Flip(("t", "0"), traced("a"), traced("b"), None).margin is None


def test_a_reference_that_failed_stops_the_comparison() -> None:
    failed = Traced(Response("q", "", "error", error="ImageError: gone"))
    with pytest.raises(TooFewAnswers, match=r"1 of 2 questions failed.*ImageError: gone"):
        check_reference(outcome(traced("yes"), failed))
    check_reference(outcome(traced("")))


def test_every_option_that_there_is_is_tried() -> None:
    settings, missing = settings_of(ALL, Axes((1, 6), (100,), orders=1))
    assert missing == []
    assert [(s.name, dict(s.options), s.order) for s in settings] == [
        ("batch 1", {"batch": "1"}, None),
        ("batch 6", {"batch": "6"}, None),
        ("batch 6, order 1", {"batch": "6"}, 1),
        ("batch 6, 100 tokens", {"batch": "6", "batch_tokens": "100"}, None),
        ("batch 6, reuse off", {"batch": "6", "reuse": "off"}, None),
    ]
    assert not any(setting.alone for setting in settings)


def test_what_cannot_be_tried_is_said() -> None:
    settings, missing = settings_of((), Axes(orders=2))
    assert [setting.name for setting in settings] == [
        "all at once",
        "all at once, order 1",
        "all at once, order 2",
    ]
    assert [line.split("`")[1] for line in missing] == ["batch", "batch_tokens", "reuse"]
