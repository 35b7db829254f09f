"""Signs of life."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from lvlm_eval import pulse
from lvlm_eval.pulse import Pulse

from .shared_memory import Memory

MakePulse = Callable[[int], Pulse]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Memory:
    for name, seconds in (("BEAT", 0.02), ("SILENCE", 0.1), ("PATIENCE", 0.3), ("MEET", 1.0)):
        monkeypatch.setattr(pulse, name, seconds)
    return Memory()


@pytest.fixture
def beating(store: Memory) -> Iterator[MakePulse]:
    made = []

    def make(rank: int) -> Pulse:
        one = Pulse(rank, store)
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.stop()


def wait_for(fact: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_what_one_says_the_others_hear(beating: MakePulse) -> None:
    first, second = beating(0), beating(1)
    first.watch([0, 1])
    second.note(done=7)
    wait_for(lambda: 1 in first.signs() and first.signs()[1].done == 7)
    assert first.gone(1) == ""
    second.say(ended=True)
    second.stop()
    time.sleep(0.5)
    assert first.gone(1) == ""  # silent, but it said that it would be


def test_a_failure_is_heard_with_its_reason(beating: MakePulse) -> None:
    first, second = beating(0), beating(1)
    first.watch([1])
    second.say(why="CheckpointError: no weights", code=2)
    wait_for(lambda: first.gone(1))
    assert first.gone(1).endswith("failed: CheckpointError: no weights")


def test_one_that_gives_no_sign_is_dead(beating: MakePulse) -> None:
    first, second = beating(0), beating(1)
    first.watch([1, 2])
    wait_for(lambda: 1 in first.signs())
    second.stop()
    assert first.gone(1) == ""
    wait_for(lambda: first.gone(1))
    assert "has given no sign for" in first.gone(1)
    wait_for(lambda: first.gone(2))
    assert first.gone(2) == "rank 2 has not come within 1 s"


def test_a_process_of_this_machine_that_is_not_there_is_dead_at_once(
    beating: MakePulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE", 60.0)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    first, second = beating(0), beating(1)
    first.watch([1])
    second.say(process=child.pid)
    wait_for(lambda: 1 in first.signs())
    second.stop()
    time.sleep(0.3)
    assert first.gone(1) == ""
    child.kill()  # a zombie, until it is waited for
    wait_for(lambda: first.gone(1))
    assert first.gone(1).endswith("has died")
    child.communicate()
    assert first.gone(1).endswith("has died")


LONELY = """
import time
from lvlm_eval import pulse
from tests.lvlm_eval.shared_memory import Memory
pulse.BEAT, pulse.PATIENCE, pulse.MEET, pulse.GRACE = 0.05, 0.2, 0.2, 0.3
mine = pulse.Pulse(0, Memory())
mine.watch([], partners=[0, 1])
mine.start()
time.sleep(60)
"""


def test_who_waits_for_a_dead_partner_is_ended_in_bounded_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONELY], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 3
    assert "Incomplete: rank 1 has not come within" in done.stderr


def test_a_lost_store_is_remembered(beating: MakePulse, store: Memory) -> None:
    first = beating(0)
    store.close()
    wait_for(lambda: first.lost)
    assert first.lost == "the store is gone"
