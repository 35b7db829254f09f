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


def stored(image: Pillow.Image, **options: object) -> Pillow.Image:
    """What we read of the picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return open_rgb(Image(data=buffer.getvalue()))


def test_conversion_is_pillows_own_as_in_the_original_scripts() -> None:
    # alpha is dropped and not laid on a ground; 16 bits are cut off at 255 and not scaled
    assert stored(Pillow.new("RGBA", (2, 2), (10, 20, 30, 0))).getpixel((0, 0)) == (10, 20, 30)
    assert stored(Pillow.new("LA", (2, 2), (40, 0))).getpixel((1, 1)) == (40, 40, 40)
    assert stored(Pillow.new("I;16", (2, 2), 4000)).getpixel((0, 0)) == (255, 255, 255)
    assert stored(Pillow.new("I;16", (2, 2), 77)).getpixel((0, 0)) == (77, 77, 77)
    assert stored(Pillow.new("1", (2, 2), 1)).getpixel((0, 0)) == (255, 255, 255)
    palette = Pillow.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    assert stored(palette, transparency=1).getpixel((0, 0)) == (9, 8, 7)


def test_a_turned_photograph_stays_as_it_is_stored() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees to show it upright
    turned = Pillow.new("RGB", (4, 2), (0, 0, 0))
    turned.putpixel((3, 0), (255, 255, 255))
    opened = stored(turned, exif=exif)
    assert opened.size == (4, 2)
    assert opened.getpixel((3, 0)) == (255, 255, 255)


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

    def digests() -> dict[Image, str]:
        seen.clear()
        return check_images(
            [Image(file)], cache=cache, origin=repr, progress=lambda d, t: seen.append((d, t))
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
            [Image(tmp_path / "b.png")],
            cache=None,
            origin=lambda _: "questions:7",
            progress=lambda d, t: None,
        )
