"""Tab-separated files: what pandas writes is read back, pictures stay where they are."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.images import image_bytes, open_rgb


def png(side: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.effect_noise((side, side), 80).save(buffer, "PNG")
    return buffer.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


def test_a_picture_is_read_from_its_place_when_it_is_wanted(tmp_path: Path) -> None:
    pictures = [png(20), png(30)]
    rows = [
        {"index": str(i), "question": 'What\tis "it"?\nTell.', "image": text(one), "answer": "A"}
        for i, one in enumerate(pictures)
    ]
    read = read_tsv(write(tmp_path / "a.tsv", rows))
    assert [row.text("question") for row in read] == ['What\tis "it"?\nTell.'] * 2
    assert [image_bytes(row.image()) for row in read] == pictures
    assert open_rgb(read[1].image()).size == (30, 30)
    assert [row.image().name for row in read] == ["0", "1"]
    assert [row.origin.rsplit(":", 1)[1] for row in read] == ["2", "4"]


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("end", [True, False])
def test_marks_returns_and_a_missing_last_newline_change_nothing(
    tmp_path: Path, head: bytes, newline: bytes, end: bool
) -> None:
    lines = [b"index\timage\thint", b"7\t" + base64.b64encode(png(40)) + b"\t", b"8\t7\tx"]
    path = tmp_path / "a.tsv"
    path.write_bytes(head + newline.join(lines) + newline * end)
    first, second = read_tsv(path)
    assert (first.get("hint"), second.get("hint")) == (None, "x")
    assert first.image() == second.image()


def test_a_short_cell_names_the_row_that_holds_the_picture(tmp_path: Path) -> None:
    held = png(40)
    rows = [
        {"index": "1000005", "image": "5"},
        {"index": "5", "image": text(held)},
        {"index": "6", "image": ""},
    ]
    rotated, own, none = read_tsv(write(tmp_path / "a.tsv", rows))
    assert rotated.image() == own.image()
    assert image_bytes(rotated.image()) == held
    assert none.images("image") == ()


def test_a_cell_may_list_several_pictures(tmp_path: Path) -> None:
    held = [png(8), png(9)]
    listed = str([text(one) for one in held])
    (row,) = read_tsv(write(tmp_path / "a.tsv", [{"index": "3", "image": listed}]))
    assert [image_bytes(image) for image in row.images("image")] == held
    assert [image.name for image in row.images("image")] == ["3-1", "3-2"]


WORDS = st.text(alphabet="ab \"'\t\n,;\\", max_size=8)


@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5), quote=st.booleans())
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], quote: bool
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.tsv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(
            opened, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL if quote else 0
        )
        writer.writerows([("index", "words", "more"), *((str(i), *r) for i, r in enumerate(rows))])
    read = read_tsv(path)
    assert [(row.get("words") or "", row.get("more") or "") for row in read] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "has no header"),
        ("a\ta\n1\t2\n", r"a\.tsv:1: a column occurs twice"),
        ("index\tq\n1\tx\n2\n", r"a\.tsv:3: 1 cells, but the header has 2"),
        ('index\tq\n1\t"x\n', r"a\.tsv:2: a quote is not closed"),
        ('index\tq\n1\t"x"y\n', r"a\.tsv:2: text after a closing quote"),
        ("index\timage\n1\t9\n", r"a\.tsv:2: 'image' names row '9', which holds no picture"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_tsv(path)


def test_other_encodings_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    with pytest.raises(MissingData, match="no such file"):
        read_tsv(path)
    path.write_bytes("index\tq\n1\tgrün\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.tsv:2: not UTF-8 text \(byte 12\)"):
        read_tsv(path)
