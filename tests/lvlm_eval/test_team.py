"""What the processes of a launch agree on and tell each other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lvlm_eval import pulse
from lvlm_eval.errors import Incomplete, UsageError
from lvlm_eval.team import Team, difference

from .shared_memory import Memory, team_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Team, Team]]:
    monkeypatch.setattr(pulse, "BEAT", 0.02)
    store = Memory()
    teams = team_of(0, 2, store), team_of(1, 2, store)
    yield teams
    for team in teams:
        team.pulse.stop()


def test_what_one_puts_the_others_hear(pair: tuple[Team, Team]) -> None:
    first, second = pair
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(second.hear, "work")
        first.put("work", {"ids": ["ü", 1, None]})
        assert waiting.result() == {"ids": ["ü", 1, None]}


def test_nobody_waits_for_one_that_has_failed(pair: tuple[Team, Team]) -> None:
    first, second = pair
    first.pulse.say(why="DataError: no file", code=2)
    with pytest.raises(Incomplete, match=r"rank 0 .* failed: DataError: no file"):
        second.hear("work")


def test_each_number_is_taken_once(pair: tuple[Team, Team]) -> None:
    assert sorted(team.take() for team in (*pair, *pair)) == [0, 1, 2, 3]


def test_the_first_knows_how_much_all_have_done(pair: tuple[Team, Team]) -> None:
    first, second = pair
    first.advance(2)
    second.advance(3)
    second.advance(4)
    second.pulse.say(ended=True)
    assert first.end([0, 1], lambda: None) == {}
    assert first.done() == 9


def test_those_that_did_not_end_well_are_named(pair: tuple[Team, Team]) -> None:
    first, second = pair
    second.pulse.say(why="CheckpointError: no weights", code=2)
    (why,) = first.end([1], lambda: None).values()
    assert why.endswith("CheckpointError: no weights")


def test_all_end_where_two_are_not_alike(pair: tuple[Team, Team]) -> None:
    alike = {"host": "a", "torch": "torch 2.13.0"}
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(Team.agree, pair, (alike, alike)))
    assert told == [None, None]
    texts = difference([alike, alike, {"host": "b", "torch": "torch 2.12.0"}])
    assert texts.startswith("rank 2 on b has torch 2.12.0, rank 0 on a has torch 2.13.0")


def test_the_difference_is_an_error_in_every_process(pair: tuple[Team, Team]) -> None:
    abouts = ({"host": "a", "gpu": "a GPU"}, {"host": "b", "gpu": "no GPU"})
    with ThreadPoolExecutor(2) as threads:
        outcomes = [
            threads.submit(team.agree, about) for team, about in zip(pair, abouts, strict=False)
        ]
    for outcome in outcomes:
        assert isinstance(outcome.exception(), UsageError)
        assert "rank 1 on b has no GPU" in str(outcome.exception())
