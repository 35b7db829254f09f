"""A sheet comes back as it was; equal rows make equal files; other readers can read it."""

import zipfile
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from lvlm_eval.sheet import read_sheet, write_sheet

TEXTS = st.text(alphabet="ab<>&\"'\n\r\t 红👍=", max_size=8)


@given(rows=st.lists(st.fixed_dictionaries({"index": st.integers(), "say": TEXTS}), min_size=1))
def test_rows_come_back_as_they_were(rows: list[dict[str, int | str]]) -> None:
    assert read_sheet(write_sheet(rows)) == rows
    assert write_sheet(rows) == write_sheet(rows)


def test_what_xml_cannot_hold_is_replaced() -> None:
    assert read_sheet(write_sheet([{"say": "a\x00b\x1b"}])) == [{"say": "a\ufffdb\ufffd"}]


def test_the_file_has_the_parts_of_a_workbook() -> None:
    with zipfile.ZipFile(BytesIO(write_sheet([{"index": 1}]))) as book:
        assert book.testzip() is None
        assert {"[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"} <= set(book.namelist())
