"""Which questions are asked together."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.models.hf.grouping import (
    apart,
    grouped,
    picture_key,
    portions,
    windows,
)
from lvlm_eval.schema import Image, Prompt, Request


def request(name: str, *pictures: str) -> Request:
    images = (Image(path=Path(picture)) for picture in pictures)
    return Request(name, Prompt.user(*images, "what?"))


def names(groups: list[list[Request]]) -> list[list[str]]:
    return [[request.question_id for request in group] for group in groups]


def test_questions_on_the_same_pictures_in_the_same_order_are_grouped() -> None:
    asked = [
        request("a1", "a"),
        request("text"),
        request("ab", "a", "b"),
        request("b", "b"),
        request("a2", "a"),
        request("ba", "b", "a"),
        request("ab2", "a", "b"),
    ]
    sharing, rest = grouped(asked)
    assert names(sharing) == [["a1", "a2"], ["ab", "ab2"]]
    assert names(rest) == [["b", "ba"], ["text"]]
    assert names(apart(asked)) == [["a1", "ab", "b", "a2", "ba", "ab2"], ["text"]]


def test_pictures_are_told_apart_by_digest_then_bytes_then_path() -> None:
    assert picture_key(Image(path=Path("x"), digest="d")) == "d"
    assert picture_key(Image(path=Path("x"))) == "x"
    assert picture_key(Image(data=b"1")) == picture_key(Image(data=b"1"))
    assert picture_key(Image(data=b"1")) != picture_key(Image(data=b"2"))


@given(st.lists(st.sampled_from(["", "a", "b", "c"])), st.integers(1, 5))
def test_every_question_is_in_one_group_and_in_one_window(pictures: list[str], size: int) -> None:
    asked = [request(str(n), *filter(None, [name])) for n, name in enumerate(pictures)]
    sharing, rest = grouped(asked)
    found = sorted(r.question_id for group in [*sharing, *rest] for r in group)
    assert found == sorted(r.question_id for r in asked)
    assert [r for window in windows(asked, size) for r in window] == asked
    assert [r for portion in portions(asked, size) for r in portion] == asked
    assert all(len(portion) <= size for portion in portions(asked, size))
