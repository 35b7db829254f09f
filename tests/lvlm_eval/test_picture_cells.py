"""Pictures inside data files: read, checked, digested and remembered like files of their own."""

import base64
import hashlib
from pathlib import Path

import pytest

from lvlm_eval.data_tsv import read_tsv
from lvlm_eval.errors import ImageError
from lvlm_eval.images import DigestCache, check_images, digest_of
from lvlm_eval.questions import read_images, read_questions
from lvlm_eval.schema import Base64Cell, Decoding, Image, ParquetCell, Prompt, Sample, Task

from .test_images import picture


def table(path: Path, *pictures: bytes) -> Path:
    cells = [base64.b64encode(one).decode() for one in pictures]
    lines = ["index\timage", *(f"{i}\t{cell}" for i, cell in enumerate(cells))]
    path.write_text("\n".join(lines))
    return path


def test_an_embedded_picture_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = picture("PNG")
    (row,) = read_tsv(table(tmp_path / "a.tsv", data))
    assert digest_of(row.image()) == hashlib.sha256(data).hexdigest()


def test_each_picture_of_a_file_is_checked_and_remembered_by_itself(tmp_path: Path) -> None:
    pictures = [picture("PNG"), picture("JPEG")]
    images = [row.image() for row in read_tsv(table(tmp_path / "a.tsv", *pictures))]
    cache = DigestCache(tmp_path / "cache.sqlite")
    seen: list[int] = []

    def check() -> dict[Image, str]:
        seen.clear()
        return check_images(
            images, cache=cache, origin=repr, progress=lambda done, total: seen.append(done)
        )

    first = check()
    assert list(first.values()) == [hashlib.sha256(one).hexdigest() for one in pictures]
    assert seen == [1, 2]
    assert check() == first
    assert seen == []


def test_a_cell_without_a_picture_is_an_error_that_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("index\timage\n1\t" + "A" * 70 + "!\n")
    with pytest.raises(ImageError, match=r"a\.tsv, byte 14: holds no picture: not base64"):
        digest_of(read_tsv(path)[0].image())
    path.write_text("index\timage\n1\t" + "A" * 72 + "\n")
    with pytest.raises(ImageError, match=r"a\.tsv, byte 14: is not an image"):
        digest_of(read_tsv(path)[0].image())
    with pytest.raises(ImageError, match=r"no\.parquet: no such image"):
        digest_of(Image(tmp_path / "no.parquet", cell=ParquetCell("image", 0), name="x"))
    with pytest.raises(ImageError, match=r"a\.tsv, row 1, column image"):
        digest_of(Image(path, cell=ParquetCell("image", 0), name="x"))


def test_questions_take_embedded_pictures_like_files(tmp_path: Path) -> None:
    same = picture("PNG")
    rows = read_tsv(table(tmp_path / "a.tsv", same, picture("GIF", "L"), same))
    samples = [
        Sample(str(i), Prompt.user(row.image(), "?"), None, origin=row.origin)
        for i, row in enumerate(rows)
    ]
    task = Task("t", 1, "t", Decoding(), lambda _: iter(samples), "v", {"v": None})  # type: ignore[dict-item]
    questions = read_questions(task, "t", tmp_path)
    checked = read_images(questions, None, lambda done, total: None)
    digests = [sample.prompt.images[0].digest for sample in checked.samples]
    assert digests[0] == digests[2] == hashlib.sha256(same).hexdigest() != digests[1]


def test_an_embedded_picture_needs_its_file_and_a_name() -> None:
    with pytest.raises(ValueError, match="name of its own"):
        Image(Path("a.tsv"), cell=Base64Cell(0, 1))
    with pytest.raises(ValueError, match="name of its own"):
        Image(data=b"x", cell=Base64Cell(0, 1), name="x")
