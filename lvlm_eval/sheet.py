"""One sheet of texts and numbers as an Excel file, and back: what a server wants and no more.

A workbook is a zip of XML parts (ECMA-376); texts stand in their cells, so there is no shared
table, no style and no formula.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape

Value = int | str

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = "xl/worksheets/sheet1.xml"
_MADE = (1980, 1, 1, 0, 0, 0)  # the zip's date, so that equal rows make equal files

_PARTS: Mapping[str, str] = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPES}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
# What XML 1.0 cannot hold; a model may well say it.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_sheet(rows: Sequence[Mapping[str, Value]]) -> bytes:
    """The workbook's bytes: a line of column names, then a line a row, all with one set of keys."""
    columns = list(rows[0])
    lines: list[Sequence[Value]] = [columns]
    lines += [[row[column] for column in columns] for row in rows]
    cells = "".join(f"<row>{''.join(map(_cell, line))}</row>" for line in lines)
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        for name, content in {**_PARTS, _SHEET: sheet}.items():
            part = zipfile.ZipInfo(name, _MADE)
            part.compress_type = zipfile.ZIP_DEFLATED
            book.writestr(part, _HEAD + content)
    return buffer.getvalue()


def read_sheet(content: bytes) -> list[dict[str, Value]]:
    """The rows of a workbook that `write_sheet` made."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        root = ElementTree.fromstring(book.read(_SHEET))  # noqa: S314  (made by ourselves)
    head, *lines = ([_value(cell) for cell in row] for row in root.iter(f"{{{_MAIN}}}row"))
    return [dict(zip(map(str, head), line, strict=True)) for line in lines]


def _cell(value: Value) -> str:
    if isinstance(value, int):
        return f"<c><v>{value}</v></c>"
    text = escape(_FORBIDDEN.sub("\ufffd", value), {"\r": "&#13;"})
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _value(cell: ElementTree.Element) -> Value:
    number = cell.find(f"{{{_MAIN}}}v")
    if number is not None:
        return int(number.text or "")
    text = cell.find(f"{{{_MAIN}}}is/{{{_MAIN}}}t")
    return (text.text if text is not None else None) or ""
