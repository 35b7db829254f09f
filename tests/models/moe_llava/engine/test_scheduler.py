"""Who is next: lines by trunk, pictures together, nobody forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvlm_eval.models.moe_llava.engine.prompt import Alphabet
from lvlm_eval.models.moe_llava.engine.scheduler import Waiting
from lvlm_eval.models.moe_llava.engine.sequence import Picture, Question
from lvlm_eval.models.moe_llava.network import Network
from lvlm_eval.models.moe_llava.splice import IMAGE_TOKEN

PIXELS = torch.zeros(3, 12, 12)


def about(picture: int, turn: int, *before: int) -> Question:
    ids = (*before, IMAGE_TOKEN, 5, turn)
    return Question(f"{picture}/{turn}", ids, (Picture(str(picture), PIXELS),))


def served(waiting: Waiting, portion: int = 1000) -> list[list[str]]:
    """The ids of each portion, in order of service."""
    found: list[list[str]] = []
    while (line := waiting.head()) is not None:
        count = min(portion, len(line.waiting))
        found.append([line.waiting.popleft().question.question_id for _ in range(count)])
    return found


def waiting_for(
    network: Network, questions: Sequence[Question], window: int = 100, reuse: bool = True
) -> Waiting:
    return Waiting(questions, Alphabet(network, None), reuse=reuse, window=window)


def test_questions_about_a_picture_meet_however_far_apart(network: Network) -> None:
    questions = [about(picture, turn) for turn in range(3) for picture in range(2)]
    expected = [["0/0", "0/1", "0/2"], ["1/0", "1/1", "1/2"]]
    assert served(waiting_for(network, questions)) == expected


def test_prompts_that_share_nothing_but_a_picture_follow_one_another(network: Network) -> None:
    leading = {(n, turn): 20 + 2 * turn + n for turn in (10, 11) for n in (0, 1)}
    questions = [about(n, turn, first) for (n, turn), first in leading.items()]
    found = served(waiting_for(network, questions))
    assert found == [["0/10"], ["0/11"], ["1/10"], ["1/11"]]
    apart = served(waiting_for(network, questions, reuse=False))
    assert apart == found


def test_a_line_goes_on_with_those_who_come_while_it_waits(network: Network) -> None:
    questions = [about(0, turn) for turn in range(4)] + [about(1, 0), about(0, 4)]
    waiting = waiting_for(network, questions, window=4)
    line = waiting.head()
    assert line is not None
    assert [one.question.question_id for one in line.waiting] == ["0/0", "0/1", "0/2", "0/3"]
    assert served(waiting, 3) == [["0/0", "0/1", "0/2"], ["0/3", "0/4"], ["1/0"]]


def test_those_who_begin_anew_come_first(network: Network) -> None:
    waiting = waiting_for(network, [about(0, 0), about(1, 0), about(1, 1)])
    line = waiting.head()
    assert line is not None
    first = line.waiting.popleft()
    line = waiting.head()
    assert line is not None
    second = line.waiting.popleft()
    waiting.again([first, second])
    assert served(waiting) == [["0/0"], ["1/0"], ["1/1"]]


def test_the_pictures_that_come_next_are_known(network: Network) -> None:
    waiting = waiting_for(network, [about(n, turn) for turn in range(2) for n in range(5)])
    assert waiting.head() is not None
    assert [picture.key for picture in waiting.pictures(3)] == ["0", "1", "2"]
    assert len(waiting.pictures(99)) == 5


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30),
    window=st.integers(1, 12),
    portion=st.integers(1, 5),
)
def test_everybody_is_served_once_and_no_more_than_a_window_waits(
    network: Network, asked: list[tuple[int, int]], window: int, portion: int
) -> None:
    questions = [
        Question(str(n), (IMAGE_TOKEN, *range(length), length), (Picture(str(p), PIXELS),))
        for n, (p, length) in enumerate(asked)
    ]
    taken = 0

    def source() -> Iterator[Question]:
        nonlocal taken
        for question in questions:
            taken += 1
            yield question

    waiting = Waiting(source(), Alphabet(network, None), reuse=True, window=window)
    found: list[int] = []
    while (line := waiting.head()) is not None:
        assert taken - len(found) <= window
        count = min(portion, len(line.waiting))
        found += [int(line.waiting.popleft().question.question_id) for _ in range(count)]
    assert sorted(found) == list(range(len(asked)))


def test_nobody_is_passed_by_for_ever(network: Network) -> None:
    crowd = [about(0, turn % 50) for turn in range(200)]
    crowd[1] = about(1, 0)
    found = served(waiting_for(network, crowd, window=8), portion=1)
    assert ["1/0"] in found[:16]
