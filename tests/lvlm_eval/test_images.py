"""Pictures: what decodes, what is refused, what is remembered."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image as Pillow

from lvlm_eval.errors import ImageError
from lvlm_eval.images import DigestCache, check_images, digest_of, open_rgb
from lvlm_eval.schema import Image


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Pillow.effect_noise(size, 80).convert(mode).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "P"), ("PNG", "RGBA"), ("PNG", "L"), ("JPEG", "CMYK"), ("GIF", "L")]
)
def test_every_mode_becomes_rgb(kind: str, mode: str) -> None:
    opened = open_rgb(Image(data=picture(kind, mode)))
    assert (opened.mode, opened.size) == ("RGB", (40, 30))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(kind: str, kept: float) -> None:
    whole = picture(kind)
    with pytest.raises(ImageError, match=r"damaged or truncated|is not an image"):
        digest_of(Image(data=whole[: int(kept * len(whole))]))


def test_a_png_whose_last_chunk_is_cut_is_refused() -> None:
    with pytest.raises(ImageError, match="damaged or truncated"):
        digest_of(Image(data=picture("PNG")[:-6]))


def test_what_is_no_image_is_called_so(tmp_path: Path) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n")
    with pytest.raises(ImageError, match=r"cat\.jpg: is not an image"):
        open_rgb(Image(file))
    with pytest.raises(ImageError, match=r"dog\.jpg: no such image"):
        open_rgb(Image(tmp_path / "dog.jpg"))


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    data = picture("PNG", size=(40, 30))
    assert open_rgb(Image(data=data), pixel_limit=1200).size == (40, 30)
    with pytest.raises(ImageError, match="40x30 is over the limit of 1199 pixels"):
        open_rgb(Image(data=data), pixel_limit=1199)


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(picture("PNG"))
    cache = DigestCache(tmp_path / "cache" / "images.sqlite")
    seen: list[tuple[int, int]] = []

    def digests() -> dict[Path, str]:
        seen.clear()
        return check_images(
            [file], cache=cache, origin=str, progress=lambda d, t: seen.append((d, t))
        )

    first = digests()
    assert seen == [(1, 1)]
    assert digests() == first
    assert seen == []
    file.write_bytes(picture("PNG", size=(9, 9)))
    os.utime(file, ns=(1, 1))
    assert digests() != first


def test_an_error_names_who_asks_for_the_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"b\.png: no such image.*asked for by questions:7"):
        check_images(
            [tmp_path / "b.png"],
            cache=None,
            origin=lambda _: "questions:7",
            progress=lambda d, t: None,
        )
