"""What commands print."""

from __future__ import annotations

from lvlm_eval.commands.output import printable


def test_no_control_character_reaches_the_terminal_but_line_breaks_and_tabs() -> None:
    assert (
        printable("a\tb\n\x1b[2J\x07c\x9b31m\x7f\r")
        == "a\tb\n\ufffd[2J\ufffdc\ufffd31m\ufffd\ufffd"
    )
    assert printable("日本語 é 🙂") == "日本語 é 🙂"
