"""Splits of the Hub written out as JSON, and options inside a question's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvlm_eval.certify import write_data
from lvlm_eval.data_hub import HubTable
from lvlm_eval.data_row import Row
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.families.hub_split import options_in, picture, split_rows

TABLE = HubTable(("org/set",), "val", ("a",))


@pytest.mark.parametrize("name", ["val", "val.json", "val.jsonl"])
def test_a_split_may_be_written_out(tmp_path: Path, name: str) -> None:
    write_data({f"t/{name}": [{"a": 1}, {"a": 2}]}, tmp_path)
    assert [row.integer("a") for row in split_rows(tmp_path, "t", TABLE)] == [1, 2]


def test_without_any_the_hubs_copy_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "t/val").mkdir(parents=True)  # a folder of that name is no file
    with pytest.raises(MissingData, match=r"t: no data: put a copy of the Hub's data set org/set"):
        list(split_rows(tmp_path, "t", TABLE))


def test_pictures_of_such_rows_lie_in_a_folder(tmp_path: Path) -> None:
    assert picture(Row({}, "f:1"), tmp_path, "t", "7").path == tmp_path / "t/images/7.png"
    named = picture(Row({"image": "x/y.jpg"}, "f:1"), tmp_path, "t", "7")
    assert (named.path, named.name) == (tmp_path / "t/images/x/y.jpg", "7")
    with pytest.raises(DataError, match=r"f:1: path .*leaves"):
        picture(Row({"image": "../y.jpg"}, "f:1"), tmp_path, "t", "7")


def test_options_stand_a_line_each() -> None:
    assert options_in("Which?\nA. a cat \nB) dog\n(C) A. cow\nAnswer now.") == {
        "A": "a cat",
        "B": "dog",
        "C": "A. cow",
    }
    assert options_in("What is A. Smith?") == {}
