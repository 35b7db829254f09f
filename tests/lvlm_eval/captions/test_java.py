"""The tokenizer's words. METEOR, which takes seconds to start, is tried by the tasks' vectors."""

import pytest

from lvlm_eval.captions.java import tokenise
from lvlm_eval.errors import EvalError


def test_words_are_small_and_without_marks_but_brackets_stay() -> None:
    captions = [
        "A (red) dog's “bone”\nisn't, here...",
        "",
        "well-known café & 狗; \r\u2028 it—was 'so'!",
    ]
    assert tokenise(captions) == [
        "a -lrb- red -rrb- dog 's bone is n't here",
        "",
        "well-known café & 狗 it was so",
    ]
    assert tokenise([]) == []


def test_a_tool_that_fails_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvlm_eval.captions.java._TOKENIZER", ("-cp", "nowhere.jar", "NoClass"))
    with pytest.raises(EvalError, match=r"for 1 captions, exit code 1: .*NoClass"):
        tokenise(["a"])
