"""What is asked at each turn, and what of it is remembered."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.conversation import Conversation, answer
from lvlm_eval.schema import Decoding, Image, Prompt, Request, Response, Turn

CAT, DOG = Image(data=b"cat"), Image(data=b"dog")


def test_a_question_brings_all_that_was_said_and_its_pictures_first() -> None:
    start = Conversation(system="Be brief.").showing(CAT)
    first = start.asking("What?")
    assert first == Request("turn 1", Prompt((Turn("user", (CAT, "What?")),), "Be brief."))
    second = start.answered(first, "A cat.").showing(DOG).asking("And this?")
    assert second.question_id == "turn 2"
    assert second.prompt == Prompt(
        (
            Turn("user", (CAT, "What?")),
            Turn("assistant", ("A cat.",)),
            Turn("user", (DOG, "And this?")),
        ),
        "Be brief.",
    )


def test_asking_changes_nothing_so_a_failed_question_is_forgotten() -> None:
    conversation = Conversation().showing(CAT)
    assert conversation.asking("One?") == conversation.asking("One?")
    assert conversation.waiting == (CAT,)


def test_anew_forgets_the_words_and_keeps_every_picture() -> None:
    conversation = Conversation(system="S").showing(CAT)
    conversation = conversation.answered(conversation.asking("What?"), "A cat.").showing(DOG)
    assert conversation.anew() == Conversation((), (CAT, DOG), "S")
    assert conversation.anew().anew() == conversation.anew()


@given(st.lists(st.text()))
def test_every_turn_has_a_question_id_of_its_own(questions: list[str]) -> None:
    conversation, seen = Conversation(), list[str]()
    for question in questions:
        request = conversation.asking(question)
        seen.append(request.question_id)
        conversation = conversation.answered(request, "yes")
    assert len(set(seen)) == len(questions)
    assert len(conversation.turns) == 2 * len(questions)


@dataclass(frozen=True)
class Plain:
    """A model that cannot stream."""

    text: str
    name: str = "plain"

    def describe(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Iterable[Request], decoding: Decoding) -> Iterator[Response]:
        for request in requests:
            yield Response(request.question_id, self.text, "stop", 3)


def test_a_model_that_cannot_stream_answers_in_one_piece() -> None:
    request = Conversation().asking("What?")
    assert list(answer(Plain("all at once"), request, Decoding())) == ["all at once"]
    assert list(answer(Plain(""), request, Decoding())) == []
