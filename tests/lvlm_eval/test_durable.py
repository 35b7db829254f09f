"""Durable files: atomic JSON, appended lines, torn and damaged ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.durable import LineWriter, parse, read_json, read_lines, write_json, write_lines
from lvlm_eval.errors import StoreError
from lvlm_eval.schema import JSON, Response

texts = st.text() | st.sampled_from(["\u2028", "\r", "a\x85b", "\x1e", "\x0b\x0c"])


@given(st.lists(st.dictionaries(st.text(), texts, max_size=3), max_size=8))
def test_lines_come_back_as_they_were_whatever_their_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, JSON]]
) -> None:
    file = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    with LineWriter(file) as writer:
        for row in rows:
            writer.add(row)
    assert [row for _, row in read_lines(file)] == rows
    write_lines(file, rows)
    assert [row for _, row in read_lines(file)] == rows


@given(st.integers(min_value=0, max_value=60))
def test_a_file_cut_anywhere_keeps_its_complete_lines_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    file = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    whole = "".join(json.dumps({"n": n, "text": "é"}) + "\n" for n in range(3)).encode()
    file.write_bytes(whole[:length])
    complete = whole[:length].count(b"\n")
    assert [row["n"] for _, row in read_lines(file)] == list(range(complete))
    with LineWriter(file) as writer:
        writer.add({"n": 99})
    assert [row["n"] for _, row in read_lines(file)] == [*range(complete), 99]


@pytest.mark.parametrize("damage", [b"not json\n", b"[1]\n", b'{"a": \n', b"\xff\xfe\n", b"\n"])
def test_damage_in_the_middle_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"n": 1}\n' + damage + b'{"n": 2}\n')
    with pytest.raises(StoreError, match=r"rows\.jsonl:2: damaged"):
        list(read_lines(file))


def test_a_second_writer_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    code = (
        "import sys; from pathlib import Path; from lvlm_eval.durable import LineWriter\n"
        "from lvlm_eval.errors import StoreError\n"
        "try: LineWriter(Path(sys.argv[1]))\n"
        "except StoreError as error: print(error)"
    )
    with LineWriter(file):
        command = [sys.executable, "-c", code, str(file)]
        second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "another process" in second.stdout


def test_replacing_a_file_leaves_no_other_behind(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    write_json(tmp_path / "a.json", {"x": 2})
    assert read_json(tmp_path / "a.json") == {"x": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_lines_that_cannot_all_be_written_leave_the_file_as_it_was(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"x": 1}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_lines(tmp_path / "a.jsonl", [{"x": 2}, {"x": float("nan")}])
    assert [row for _, row in read_lines(tmp_path / "a.jsonl")] == [{"x": 1}]
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_line_with_a_wrong_field_says_which(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="here:3: damaged: not a Response: finish"):
        parse(Response, {"question_id": "1", "text": "", "finish": "odd"}, "here:3")
    with pytest.raises(StoreError, match="extra"):
        parse(Response, {"question_id": "1", "text": "", "finish": "stop", "extra": 1}, "here:3")
