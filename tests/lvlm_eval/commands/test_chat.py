"""The chat as it is used: piped, for machines, on a terminal, under a launcher."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from lvlm_eval.cli import main

ROOT = Path(__file__).parents[3]
PLUGINS = ROOT / "tests" / "data" / "plugins"
TALKER = ("--plugin", str(PLUGINS / "talker.py"))
DEMO = ("demo", "--image", str(ROOT / "docs" / "scene.jpg"), "--device", "cpu")

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(call: Say, monkeypatch: pytest.MonkeyPatch) -> Say:
    """The chat with these arguments and this standard input: exit code, output, errors."""
    monkeypatch.delenv("RANK", raising=False)

    def run(*arguments: str, lines: str | bytes) -> tuple[int, str, str]:
        data = lines.encode() if isinstance(lines, str) else lines
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        return call("chat", *arguments)

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Two pictures of different sizes in bytes, the second with a blank in its name."""
    files = [tmp_path / "one.png", tmp_path / "the other.png"]
    Image.new("RGB", (8, 8)).save(files[0])
    Image.effect_noise((16, 16), 50).save(files[1])
    return [str(file) for file in files]


def test_each_question_is_asked_with_what_was_said_and_only_answers_are_printed(say: Say) -> None:
    code, out, err = say("talker:t", *TALKER, lines="Hello?\n\n   \nWhy?\n")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "U: Hello? | [turn 1, 0.2, 0]"
    assert second == f"U: Hello? | A: {first} | U: Why? | [turn 2, 0.2, 0]"


def test_pictures_come_with_the_next_question_once(say: Say, pictures: list[str]) -> None:
    one, other = (Path(file).stat().st_size for file in pictures)
    lines = f"What?\n/image '{pictures[1]}'\nAnd?\n/reset\nBoth?\n/reset {pictures[0]}\nOne?\n"
    code, out, err = say("talker:t", *TALKER, "--image", pictures[0], lines=lines)
    assert (code, err) == (0, "")
    what, both_turns, both, last = out.splitlines()
    assert what.startswith(f"U: P{one} What? |")
    assert f"| U: P{other} And? | [turn 2" in both_turns
    assert both.startswith(f"U: P{one} P{other} Both? | [turn 1,")
    assert last.startswith(f"U: P{one} One? | [turn 1,")


def test_options_and_the_system_prompt_reach_the_model(say: Say) -> None:
    options = ("--system", "Be brief.", "--temperature", "0", "--seed", "7")
    code, out, _ = say("talker:t", *TALKER, *options, lines="A?\n/system\nB?\n/system C.\nD?")
    assert code == 0
    first, second, third = out.splitlines()
    assert first == "Be brief. | U: A? | [turn 1, 0.0, 7]"
    assert second.startswith("U: A? |")
    assert third.startswith("C. | U: A? |")


def test_what_goes_wrong_is_one_line_and_the_chat_goes_on(say: Say, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    wrong = f"/image {tmp_path}/gone.png\n/image {tmp_path}/broken.png\n/image\n/nope\nfail\n"
    lines = wrong.encode() + b"caf\xe9\n" + b"/quit is fine\nGood\n"
    code, out, err = say("talker:t", *TALKER, lines=b"Good?\n" + lines)
    assert code == 5
    assert out == "U: Good? | [turn 1, 0.2, 0]\n"
    said = err.splitlines()
    assert len(said) == 7
    assert "gone.png: no such image" in said[0]
    assert "broken.png: is not an image" in said[1]
    assert "/image needs a FILE" in said[2]
    assert "no command /nope; there are /image, /reset, /system, /help, /quit" in said[3]
    assert "no answer: ValueError: told to" in said[4]
    assert "not UTF-8: 'caf\\udce9'" in said[5]
    assert "6 of 8 lines went wrong" in said[6]


def test_a_failed_question_leaves_no_trace(say: Say, pictures: list[str]) -> None:
    _, out, _ = say("talker:t", *TALKER, "--image", pictures[0], lines="fail\nGood?\n")
    assert out == f"U: P{Path(pictures[0]).stat().st_size} Good? | [turn 1, 0.2, 0]\n"


def test_a_blank_before_it_makes_a_command_a_question(say: Say) -> None:
    assert say("talker:t", *TALKER, lines=" /quit?\n")[1].startswith("U: /quit? |")


def test_json_is_one_object_a_turn(say: Say) -> None:
    options = ("--json", "--max-new-tokens", "8")
    code, out, _ = say("talker:t", *TALKER, *options, lines="Où?\nfail\nWhy?\n/quit\nNo.\n")
    turns = [json.loads(line) for line in out.splitlines()]
    assert code == 5
    assert turns.pop()["error"] == "TooFewAnswers"  # the command's own last word
    fields = {"question", "answer", "finish", "new_tokens", "seconds"}
    assert set(turns[0]) == set(turns[2]) == fields
    assert turns[1]["error"] == "ValueError: told to"
    assert [turn["question"] for turn in turns] == ["Où?", "fail", "Why?"]
    assert [turn["finish"] for turn in turns] == ["stop", "error", "length"]
    assert [turn["new_tokens"] for turn in turns] == [7, 0, 8]
    assert turns[2]["answer"] == "U: Où? | A: U: Où? | [turn"
    assert all(turn["seconds"] >= 0 for turn in turns)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("talker:t,missing=weights.bin", *TALKER), "weights.bin: no such file"),
        (("talker:t", *TALKER, "--image", "gone.png"), "gone.png: no such image"),
        (("talker:t", *TALKER, "--temperature", "-1"), "temperature must not be negative"),
        (("talker:t", *TALKER, "--top-p", "0"), "top_p must be in (0, 1]"),
        (("talker:t", *TALKER, "--dtype", "bfloat16"), "talker has no dtype"),
        (("baseline:majority",), "without looking: it cannot chat"),
        (("some/model-of-nobody",), "lvlm-eval fetch some/model-of-nobody"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_question(
    say: Say, arguments: Sequence[str], message: str
) -> None:
    code, out, err = say(*arguments, lines="Hello?\n")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_without_input_it_says_so(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = say("talker:t", *TALKER, lines="")
    assert (code, "standard input is empty" in err) == (2, True)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SystemExit) as end:
        main(["chat", "talker:t", *TALKER])
    assert end.value.code == 2


def launched(monkeypatch: pytest.MonkeyPatch, rank: str) -> None:
    """As deepspeed does it, in a process of two."""
    variables = {"RANK": rank, "WORLD_SIZE": "2", "LOCAL_RANK": rank, "CROSS_RANK": "0"}
    for name, value in (variables | {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}).items():
        monkeypatch.setenv(name, value)


def test_ranks_but_the_first_end_at_once_and_quietly(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(monkeypatch, "1")
    # nothing is opened: the model does not exist
    with pytest.raises(SystemExit) as end:
        main(["--local_rank=1", "chat", "no/such/model"])
    assert end.value.code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--local_rank=0", "chat", "talker:t", *TALKER),
        ("--local-rank", "0", "chat", "talker:t", *TALKER),
        ("chat", "--local_rank=0", "talker:t", *TALKER),
        ("chat", "talker:t", *TALKER, "--local-rank", "0"),
    ],
)
def test_the_local_rank_of_a_launcher_is_accepted_wherever_it_stands(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Hello?\n")))
    launched(monkeypatch, "0")
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert capsys.readouterr().out == "U: Hello? | [turn 1, 0.2, 0]\n"


def test_other_commands_refuse_a_local_rank(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--local_rank=0", "ls", "models"])
    assert end.value.code == 2
    assert "under a launcher only `run` and `chat` work" in capsys.readouterr().err


def test_the_demo_answers_and_the_same_seed_says_the_same(say: Say) -> None:
    lines = "What is in the picture?\n/reset\nWhat color is the diamond?\nIs it large?\n"
    options = ("--temperature", "2", "--max-new-tokens", "12")
    code, first, _ = say(*DEMO, *options, lines=lines)
    assert code == 0
    assert say(*DEMO, *options, lines=lines)[1] == first
    assert say(*DEMO, *options, "--seed", "1", lines=lines)[1] != first
    description, color, _ = say(*DEMO, lines=lines)[1].splitlines()
    assert description == "a small green diamond, a large yellow circle, a large green square"
    assert color == "green"


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        own, other = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
        self.program = subprocess.Popen(
            [sys.executable, "-m", "lvlm_eval", *arguments],
            stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True,
            preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(other)
        self.own, self.seen = own, ""

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """What appears up to and with this text."""
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.own], [], [], 0.05)[0]:
                self.seen += os.read(self.own, 4096).decode()
        before, found, self.seen = self.seen.partition(text)
        assert found, f"no {text!r} in {before!r}"
        return before + found

    def type(self, keys: str) -> None:
        os.write(self.own, keys.encode())

    def close(self) -> int:
        """The exit code; Ctrl-D again for whoever was not yet listening; who stays is ended."""
        try:
            for _ in range(20):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return self.program.wait(1)
                self.type("\x04")
            return self.program.wait(1)
        finally:
            self.program.kill()
            os.close(self.own)


def _take_terminal() -> None:
    """Make standard input the terminal that rules the new session, so that Ctrl-C comes from it.

    Who starts the tests in the background may have Ctrl-C ignored, and that is handed down.
    """
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_on_a_terminal_ctrl_c_stops_an_answer_and_the_chat_goes_on() -> None:
    terminal = Terminal("chat", "talker:t,seconds=0.06", *TALKER)
    try:
        greeting = terminal.wait_for("> ")
        assert "/help shows the commands" in greeting
        # so long an answer that a busy machine, too, stops it before its end
        terminal.type("one two" + " and more" * 25 + "\n")
        terminal.wait_for("U: one two")
        terminal.type("\x03")
        assert "turn 1" not in terminal.wait_for("(stopped)")
        terminal.wait_for("> ")
        terminal.type("half a line")
        terminal.wait_for("half a line")
        time.sleep(0.2)  # a signal just before Python waits for keys shows with the next key alone
        terminal.type("\x03")
        terminal.wait_for("Ctrl-D ends the chat")
        terminal.type("again\n")
        terminal.wait_for("| A: U: one two")  # what was said before the stop is remembered
        terminal.type("\x03")
        terminal.wait_for("(stopped)")
        terminal.wait_for("> ")
        terminal.type("\x04")
    finally:
        code = terminal.close()
    assert code == 0


@pytest.mark.slow
def test_under_torchrun_one_of_two_processes_talks() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--standalone", "-m", "lvlm_eval", "chat", "talker:t", *TALKER),
        ],
        input="Hello?\nWhy?\n",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert done.stdout.startswith("U: Hello? | [turn 1, 0.2, 0]\n")
