"""Reading benchmark files: what comes back, and that errors name file, line and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvlm_eval.data import (
    Row,
    image_folder,
    inside,
    locate,
    read_array,
    read_jsonl,
    read_mapping,
    read_rows,
    read_text,
    require,
    unique,
)
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.schema import JSON, Image, Prompt, Sample

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)
LAYOUTS = st.sampled_from([None, 0, 1, 3])


def written(folder: Path, text: str) -> Path:
    path = folder / "file.json"
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=40)
@given(rows=ROWS, indent=LAYOUTS)
def test_a_list_is_read_as_json_reads_it_with_the_line_of_each_object(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, JSON]], indent: int | None
) -> None:
    text = json.dumps(rows, indent=indent)
    path = written(tmp_path_factory.mktemp("list"), text)
    found = list(read_array(path))
    assert [row.values for row in found] == rows
    for row in found:
        line = text.split("\n")[int(row.origin.rpartition(":")[2]) - 1]
        assert "{" in line


@pytest.mark.parametrize("indent", [None, 1])
def test_what_only_the_standard_reader_takes_is_read_too(
    tmp_path: Path, indent: int | None
) -> None:
    rows = [{"half a pair": "\ud800", "deep": json.loads("[" * 300 + "]" * 300)}]
    path = written(tmp_path, json.dumps({"rows": rows}, indent=indent))
    assert [row.values for row in read_array(path, "rows")] == rows
    path.write_text(json.dumps(rows[0]) + "\n")
    assert [row.values for row in read_jsonl(path)] == rows


@settings(max_examples=40)
@given(rows=ROWS, before=st.dictionaries(st.text(), VALUES, max_size=3), indent=LAYOUTS)
def test_a_list_under_a_key_is_read_wherever_the_key_stands(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, JSON]],
    before: dict[str, JSON],
    indent: int | None,
) -> None:
    before.pop("questions", None)
    document = before | {"questions": rows, "z": 0}
    path = written(tmp_path_factory.mktemp("key"), json.dumps(document, indent=indent))
    assert [row.values for row in read_array(path, "questions")] == rows


@settings(max_examples=40)
@given(
    entries=st.dictionaries(st.text(), st.dictionaries(st.text(), VALUES, max_size=2), max_size=4),
    indent=LAYOUTS,
)
def test_a_mapping_is_read_as_json_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[str, dict[str, JSON]],
    indent: int | None,
) -> None:
    path = written(tmp_path_factory.mktemp("map"), json.dumps(entries, indent=indent))
    assert [(key, row.values) for key, row in read_mapping(path)] == list(entries.items())


@settings(max_examples=40)
@given(rows=ROWS)
def test_json_lines_and_a_json_list_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, JSON]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    lines = written(folder, "".join(json.dumps(row) + "\n" for row in rows))
    assert [row.values for row in read_rows(lines)] == rows
    assert [row.values for row in read_rows(written(folder, json.dumps(rows)))] == rows


def test_json_lines_may_have_blank_lines_a_byte_order_mark_and_dos_line_ends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": "\\u2028"}')
    rows = list(read_jsonl(path))
    assert [row.values for row in rows] == [{"a": 1}, {"a": "\u2028"}]
    assert [row.origin for row in rows] == [f"{path}:1", f"{path}:3"]


Reader = Callable[[Path], Iterator[object]]


def questions(path: Path) -> Iterator[object]:
    return read_array(path, "questions")


@pytest.mark.parametrize(
    ("read", "text", "complaint"),
    [
        (read_jsonl, '{"a": 1}\n{"a": }', ":2: not JSON: Expecting value"),
        (read_jsonl, '{"a": 1}\n[2]', r":2: must be an object, got \[2\]"),
        (read_jsonl, '{"a": 1} {"a": 2}', ":1: not JSON: Extra data"),
        (read_array, '{"a": 1}', ":1: the document must be a list"),
        (read_array, "", ":1: the document must be a list"),
        (read_array, '[{"a": 1},\n{"a": 1]', ":2: not JSON"),
        (read_array, '[{"a": 1}\n{"a": 2}]', ":2: not JSON: expected ','"),
        (read_array, '[{"a": 1},\n]', ":2: not JSON: a comma before ']'"),
        (read_array, '[{"a": 1}', ":1: not JSON: expected ','"),
        (read_array, '[{"a": 1}]\n[]', ":2: not JSON: text after the end"),
        (read_array, '[{"a": 1},\n7]', ":2: must be an object, got 7"),
        (read_array, "[" * 100_000, ":1: not JSON: .*recursion"),
        (read_array, '[\n{"a": ' + "1" * 5000 + "}]", ":2: not JSON: .*limit"),
        (questions, '{"a": [],\n "b": 1}', ":1: the object has no 'questions'"),
        (questions, '{"a": [],\n "questions": 1}', ":2: 'questions' must be a list"),
        (questions, '{"questions": [{}, ', ":1: not JSON"),
        (questions, "[]", ":1: not JSON: expected '{'"),
        (read_mapping, '{"a": {},\n"a": {}}', ":2: id 'a' occurs twice"),
        (read_mapping, '{"a": 1}', ":1: must be an object, got 1"),
        (read_mapping, '{"a": {},\n1: {}}', ":2: not JSON: expected a key"),
        (read_mapping, '{"a": {}\n} x', ":2: not JSON: text after the end"),
        (read_mapping, '{"a" {}}', ":1: not JSON: expected ':'"),
    ],
)
def test_a_broken_file_is_named_with_the_line(
    tmp_path: Path, read: Reader, text: str, complaint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=complaint) as caught:
        list(read(path))
    assert str(caught.value).startswith(f"{path}:")


def test_what_is_not_text_is_an_error_that_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DataError, match=r"rows.jsonl: not UTF-8 text \(byte 7\)"):
        read_text(path)
    with pytest.raises(MissingData, match=r"nothing.json: no such file"):
        read_text(tmp_path / "nothing.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)


ROW = Row({"text": "a", "n": 3, "flag": True, "list": ["a", {"b": 1}], "row": {"b": 2}}, "f:7")


def test_a_row_gives_its_fields_by_type() -> None:
    assert (ROW.text("text"), ROW.integer("n"), ROW.get("text"), ROW.get("none")) == (
        "a", 3, "a", None,
    )  # fmt: skip
    assert (ROW.identifier("n"), ROW.identifier("text")) == ("3", "a")
    assert ROW.row("row").integer("b") == 2
    assert Row({"list": ["a", "b"]}, "f:7").texts("list") == ["a", "b"]
    assert [row.values for row in Row({"list": [{}, {"c": 1}]}, "f").rows("list")] == [{}, {"c": 1}]


@pytest.mark.parametrize(
    ("get", "complaint"),
    [
        (lambda: ROW.text("n"), "'n' must be text, got 3"),
        (lambda: ROW.text("absent"), "'absent' is missing"),
        (lambda: ROW.integer("flag"), "'flag' must be an integer, got true"),
        (lambda: ROW.integer("text"), "'text' must be an integer"),
        (lambda: ROW.identifier("flag"), "'flag' must be an id"),
        (lambda: Row({"id": ""}, "f:7").identifier("id"), "'id' must be an id"),
        (lambda: ROW.items("text"), "'text' must be a list"),
        (lambda: ROW.texts("list"), "'list' must be a list of texts"),
        (lambda: ROW.row("n"), "'n' must be an object"),
        (lambda: ROW.rows("list"), r"'list\[0\]' must be an object, got \"a\""),
    ],
)
def test_a_field_of_another_type_is_named(get: Callable[[], object], complaint: str) -> None:
    with pytest.raises(DataError, match=f"^f:7: {complaint}"):
        get()


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(DataError) as caught:
        Row({"a": "x" * 1000}, "f:1").integer("a")
    assert len(str(caught.value)) < 100


def test_the_first_place_that_exists_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    assert locate(tmp_path, "a", "b", "c") == tmp_path / "b"
    assert locate(tmp_path, "a") is None
    assert image_folder(tmp_path, "a", "c") == tmp_path / "c"
    assert image_folder(tmp_path, "a", "d") == tmp_path / "a"


def test_a_missing_file_names_every_place_looked_at(tmp_path: Path) -> None:
    with pytest.raises(MissingData) as caught:
        require(tmp_path, "pope", "pope/a.json", "pope/coco/a.json")
    assert f"pope: no data: put the benchmark's file at {tmp_path}/pope/a.json or" in str(
        caught.value
    )
    assert f"{tmp_path}/pope/coco/a.json" in str(caught.value)


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/etc/passwd", "a\0b", ".."])
def test_a_path_out_of_the_data_root_is_refused(path: str) -> None:
    with pytest.raises(DataError, match=r"^f:3: path .* leaves the data root root"):
        inside(Path("root"), path, "f:3")


def test_a_path_under_the_data_root_is_taken_as_it_is() -> None:
    assert inside(Path("root"), "a/..b/c.jpg") == Path("root/a/..b/c.jpg")


def test_a_repeated_question_id_names_both_places() -> None:
    def sample(question_id: str, origin: str) -> Sample:
        return Sample(question_id, Prompt.user(Image(Path("a"))), "yes", origin=origin)

    fine = [sample("1", "f:1"), sample("2", "f:2")]
    assert list(unique(fine)) == fine
    with pytest.raises(DataError, match=r"^f:9: id '1' occurs twice, first at f:1"):
        list(unique([*fine, sample("1", "f:9")]))


@pytest.mark.parametrize("written", ["['a', 2]", ["a", 2]])
def test_a_list_may_be_written_as_the_text_of_one(written: str | list[str | int]) -> None:
    assert Row({"options": written}, "file:1").listing("options") == ["a", 2]


@pytest.mark.parametrize("written", ["a cat", "print('x')", "{'a': 1}", "[" * 100_000, "[1, 2"])
def test_what_is_no_list_is_named_by_row_and_key_and_never_run(written: str) -> None:
    with pytest.raises(DataError, match="file:1: 'options' must be a list, got"):
        Row({"options": written}, "file:1").listing("options")
