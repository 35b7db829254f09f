from __future__ import annotations

from io import BytesIO

import numpy as np
import PIL.Image

from lvlm_eval.demo.draw import SIDE, jpeg, picture
from lvlm_eval.demo.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS
from lvlm_eval.demo.scene import DIGITS, SHAPES, SUMS, WORDS, Scene, Sign, Thing


def test_a_picture_is_a_jpeg_of_64_by_64_pixels() -> None:
    with PIL.Image.open(BytesIO(jpeg(Scene(())))) as opened:
        assert (opened.format, opened.size, opened.mode) == ("JPEG", (SIDE, SIDE), "RGB")


def test_equal_scenes_give_equal_bytes() -> None:
    scene = Scene((Thing("heart", "red", "small", 1, 2),), Sign("cat", 3, 0))
    assert jpeg(scene) == jpeg(scene)


def test_a_thing_is_drawn_in_its_cell_and_colour_and_nowhere_else() -> None:
    empty = np.asarray(picture(Scene((), backdrop=120))).astype(int)
    drawn = np.asarray(picture(Scene((Thing("circle", "red", "large", 2, 1),), backdrop=120)))
    changed = np.argwhere((drawn.astype(int) != empty).any(axis=-1))
    assert changed.min(axis=0).tolist() >= [32, 16]
    assert changed.max(axis=0).tolist() <= [47, 31]
    assert drawn[40, 24].tolist() == [225, 35, 35]


def test_every_shape_size_and_sign_looks_different() -> None:
    scenes = [Scene((Thing(s, "red", z, 1, 1),)) for s in SHAPES for z in ("small", "large")]
    scenes += [Scene((), Sign(text, 1, 1)) for text in (*WORDS, *DIGITS, *SUMS)]
    assert len({picture(scene).tobytes() for scene in scenes}) == len(scenes)


def test_all_glyphs_have_the_same_size_and_differ() -> None:
    assert {len(rows) for rows in GLYPHS.values()} == {GLYPH_HEIGHT}
    assert {len(row) for rows in GLYPHS.values() for row in rows} == {GLYPH_WIDTH}
    assert len(set(GLYPHS.values())) == len(GLYPHS)
